"""dSprites: white shapes drawn from five factors."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from vaelab.data.data import as_attributes
from vaelab.data.images import ImageData
from vaelab.data.sample import BLOCK, choose_rows, gather_rows
from vaelab.data.sources import Stored
from vaelab.data.store import Download, FileSet, corrupt, errors_as_corrupt

# The address is that of disentanglement_lib, https://github.com/google-research/disentanglement_lib,
# bin/dlib_download_data, with the owner's present name. No checksum of the .npz is published.
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


@dataclass(frozen=True)
class DSprites(Stored):
    """737,280 shapes of Matthey et al. (2017), 64 x 64, black and white, and their factors."""

    licence: ClassVar[str] = "Apache 2.0"

    limit: Annotated[int, Ge(2)] | None = None
    """Take only this many images, always the same random ones."""

    def files(self) -> FileSet:
        """The archive."""
        return FILES

    def read(self, directory: Path) -> ImageData:
        """The images and the factors that they were drawn from.

        The shape is the label; scale in [0.5, 1], orientation in [0, 2 pi], x and y in [0, 1] are the attributes. A
        tenth of the rows is the test split. All images take 3 GB; with a limit, only the chosen ones are kept in
        memory. The file's array `metadata` is pickled, so it is not read.

        Raises:
            DataNotFound: the file is missing.
            UserError: it is corrupt.
        """
        path = FILES.path(directory, NAME)
        with errors_as_corrupt(path):
            with np.load(path, allow_pickle=False) as arrays:
                values, classes = arrays["latents_values"], arrays["latents_classes"]
            rows = len(values)
            if values.shape != (rows, 6) or classes.shape != (rows, 6):
                raise corrupt(path, f"its latents have shapes {values.shape} and {classes.shape}, not (N, 6)")
            order, train = choose_rows("dsprites", rows, self.limit)
            images = gather_rows(_blocks(path, rows), order, rows)
        return ImageData(
            "dsprites",
            images[:, None],
            classes[order, 1].astype(np.int64),
            SHAPES,
            {"train": range(train), "test": range(train, len(order))},
            attributes=as_attributes(values[order, 2:]),
            attribute_names=FACTORS,
        )


def _blocks(path: Path, rows: int) -> Iterator[NDArray[np.uint8]]:
    """The images as 0 and 255, in blocks of rows: `np.load` would decompress all of them at once."""
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
        # Reading to the end of the member makes zipfile compare the archive's own checksum.
        file.read(1)
