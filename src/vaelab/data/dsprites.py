"""dSprites: white shapes that five factors determine."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vaelab.data.images import ImageData, as_attributes
from vaelab.data.sample import BLOCK, choose, gather
from vaelab.data.store import Download, FileSet, corrupt
from vaelab.errors import UserError

# The address is that of disentanglement_lib, https://github.com/google-research/disentanglement_lib,
# bin/dlib_download_data, with the owner's name of today. No checksum of the .npz is published.
NAME = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
FILES = FileSet(
    title="dSprites",
    kind="dsprites",
    names=(NAME,),
    page="https://github.com/google-deepmind/dsprites-dataset",
    downloads=(Download(NAME, ("https://github.com/google-deepmind/dsprites-dataset/raw/master/",)),),
)
SHAPES = ("square", "ellipse", "heart")
FACTORS = ("scale", "orientation", "x", "y")


def load_dsprites(directory: Path, limit: int | None = None) -> ImageData:
    """737,280 white shapes on black (Matthey et al. 2017), 64 x 64, and the factors that they were drawn from.

    The shape is the label; scale in [0.5, 1], orientation in [0, 2 pi], x and y in [0, 1] are the attributes. A
    tenth of the rows is the test split. All images take 3 GB; with a limit the others are not held in memory.
    The file's array `metadata` is pickled; it is not read.

    Args:
        directory: the folder of data sets.
        limit: take this many, always the same random ones, instead of all.

    Raises:
        UserError: the file is missing or corrupt.
    """
    path = FILES.path(directory, NAME)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            values, classes = arrays["latents_values"], arrays["latents_classes"]
        rows = len(values)
        if values.shape != (rows, 6) or classes.shape != (rows, 6):
            raise corrupt(path, f"its latents have shapes {values.shape} and {classes.shape}, not (N, 6)")
        order, train = choose("dsprites", rows, limit)
        images = gather(_images(path, rows), order, rows)
    except UserError:
        raise
    except Exception as error:  # a damaged archive fails in as many ways as zip, zlib and NumPy have
        raise corrupt(path, f"{type(error).__name__}: {error}") from None
    return ImageData(
        "dsprites",
        images[:, None],
        classes[order, 1].astype(np.int64),
        SHAPES,
        {"train": range(train), "test": range(train, len(order))},
        attributes=as_attributes(values[order, 2:]),
        attribute_names=FACTORS,
    )


def _images(path: Path, rows: int) -> Iterator[NDArray[np.uint8]]:
    """The images as 0 and 255, some at a time: NumPy itself would unpack all of them at once."""
    with zipfile.ZipFile(path) as archive, archive.open("imgs.npy") as file:
        version = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, kind = header(file)
        if kind != np.uint8 or fortran or len(shape) != 3 or shape[0] != rows:
            raise corrupt(path, f"imgs are {kind} of shape {shape}, not uint8 of shape ({rows}, H, W)")
        size = math.prod(shape[1:])
        for start in range(0, rows, BLOCK):
            count = min(BLOCK, rows - start)
            block = np.frombuffer(file.read(count * size), np.uint8).reshape(count, *shape[1:])
            if block.max() > 1:
                raise corrupt(path, f"imgs go up to {block.max()}, not to 1")
            yield block * np.uint8(255)
        # At the end of the member the archive's own checksum is compared.
        file.read(1)
