"""Shapes3D: a solid in a room, rendered from six factors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge

from vaelab.data.data import as_attributes
from vaelab.data.images import ImageData
from vaelab.data.sample import BLOCK, choose_rows, gather_rows
from vaelab.data.sources import Stored
from vaelab.data.store import Download, FileSet, corrupt, errors_as_corrupt
from vaelab.errors import UserError

# The address lies in the bucket that the set's README names; it and the sha256 are those of TensorFlow Datasets,
# https://github.com/tensorflow/datasets, tensorflow_datasets/url_checksums/shapes3d.txt.
FILES = FileSet(
    title="Shapes3D",
    kind="shapes3d",
    names=("3dshapes.h5",),
    page="https://github.com/google-deepmind/3d-shapes",
    downloads=(
        Download(
            "3dshapes.h5",
            ("https://storage.googleapis.com/3d-shapes/",),
            "sha256:0a0f6ed98baff276a50f3a081a7434d788da63cb135a98189b2a5b5769be1785",
        ),
    ),
)
FACTORS = ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")


@dataclass(frozen=True)
class Shapes3D(Stored):
    """480,000 rendered rooms of Burgess and Kim (2018), 64 x 64, RGB, and their six factors."""

    licence: ClassVar[str] = "Apache 2.0"
    kind: ClassVar[str] = "shapes3d"

    limit: Annotated[int, Ge(2)] | None = None
    """Take only this many images, always the same random ones."""

    def files(self) -> FileSet:
        """The file."""
        return FILES

    def read(self, directory: Path) -> ImageData:
        """The images and the factors that they were rendered from.

        The attributes are the three hues and the scale in [0, 1], the shape's number from 0 to 3, and the orientation
        in degrees from -30 to 30. A tenth of the rows is the test split. All images take 6 GB; with a limit, only the
        chosen ones are kept in memory.

        Raises:
            DataNotFound: the file is missing.
            UserError: it is corrupt, or h5py is not installed.
        """
        path = FILES.path(directory, FILES.names[0])
        try:
            import h5py  # type: ignore[import-untyped,unused-ignore]
        except ImportError:
            raise UserError(
                "data is 'shapes3d', which is read with h5py; install it: pip install 'vaelab[hdf5]'"
            ) from None
        with errors_as_corrupt(path), h5py.File(path, "r") as file:
            stored, labels = file["images"], np.asarray(file["labels"])
            rows = len(labels)
            if stored.dtype != np.uint8 or stored.shape[0] != rows or stored.shape[3:] != (3,):
                raise corrupt(
                    path, f"images are {stored.dtype} of shape {stored.shape}, not uint8 of ({rows}, H, W, 3)"
                )
            if labels.shape != (rows, len(FACTORS)):
                raise corrupt(path, f"labels have shape {labels.shape}, not (N, {len(FACTORS)})")
            order, train = choose_rows("shapes3d", rows, self.limit)
            blocks = (np.moveaxis(stored[start : start + BLOCK], -1, 1) for start in range(0, rows, BLOCK))
            images = gather_rows(blocks, order, rows)
        return ImageData(
            "shapes3d",
            images,
            splits={"train": range(train), "test": range(train, len(order))},
            attributes=as_attributes(labels[order]),
            attribute_names=FACTORS,
        )
