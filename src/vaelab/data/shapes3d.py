"""Shapes3D: a solid in a room, which six factors determine."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vaelab.data.images import ImageData, as_attributes
from vaelab.data.sample import BLOCK, choose, gather
from vaelab.data.store import Download, FileSet, corrupt
from vaelab.errors import UserError

# The address lies in the bucket that the set's README names; it and the sha256 are those of TensorFlow Datasets,
# https://github.com/tensorflow/datasets, tensorflow_datasets/url_checksums/shapes3d.txt.
NAME = "3dshapes.h5"
FILES = FileSet(
    title="Shapes3D",
    kind="shapes3d",
    names=(NAME,),
    page="https://github.com/google-deepmind/3d-shapes",
    downloads=(
        Download(
            NAME,
            ("https://storage.googleapis.com/3d-shapes/",),
            "sha256:0a0f6ed98baff276a50f3a081a7434d788da63cb135a98189b2a5b5769be1785",
        ),
    ),
)
FACTORS = ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")


def load_shapes3d(directory: Path, limit: int | None = None) -> ImageData:
    """480,000 rendered rooms (Burgess and Kim 2018), 64 x 64, RGB, and the factors that they were rendered from.

    The attributes are the three hues and the scale in [0, 1], the shape's number from 0 to 3, and the orientation
    in degrees from -30 to 30. A tenth of the rows is the test split. All images take 6 GB; with a limit the
    others are not held in memory.

    Args:
        directory: the folder of data sets.
        limit: take this many, always the same random ones, instead of all.

    Raises:
        UserError: the file is missing or corrupt, or h5py is not installed.
    """
    path = FILES.path(directory, NAME)
    try:
        import h5py  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        raise UserError("data is 'shapes3d', which is read with h5py; install it: pip install 'vaelab[hdf5]'") from None
    try:
        with h5py.File(path, "r") as file:
            stored, labels = file["images"], np.asarray(file["labels"])
            rows = len(labels)
            if stored.dtype != np.uint8 or stored.shape[0] != rows or stored.shape[3:] != (3,):
                raise corrupt(
                    path, f"images are {stored.dtype} of shape {stored.shape}, not uint8 of ({rows}, H, W, 3)"
                )
            if labels.shape != (rows, len(FACTORS)):
                raise corrupt(path, f"labels have shape {labels.shape}, not (N, {len(FACTORS)})")
            order, train = choose("shapes3d", rows, limit)
            blocks = (np.moveaxis(stored[start : start + BLOCK], -1, 1) for start in range(0, rows, BLOCK))
            images = gather(blocks, order, rows)
    except UserError:
        raise
    except Exception as error:  # a damaged file fails in as many ways as HDF5 has
        raise corrupt(path, f"{type(error).__name__}: {error}") from None
    return ImageData(
        "shapes3d",
        images,
        splits={"train": range(train), "test": range(train, len(order))},
        attributes=as_attributes(labels[order]),
        attribute_names=FACTORS,
    )
