"""Pictures from a NumPy archive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaelab.data.images import ImageData, held_out
from vaelab.errors import UserError


def load_npz(path: Path) -> ImageData:
    """Arrays `images` (uint8, (N, H, W), (N, C, H, W) or (N, H, W, C)) and, optionally, `labels` (N,) and
    `classes`; `test_images` and `test_labels` for a test split of the file's own.

    The archive is read without unpickling.

    Raises:
        UserError: the file is absent, is no such archive or its arrays do not fit together.
    """
    if not path.is_file():
        raise UserError(f"data file {str(path)!r} does not exist; name a .npz file with an array `images`")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except Exception as error:  # a damaged archive fails in as many ways as zip, zlib and NumPy have
        raise UserError(
            f"{path} cannot be read as a .npz archive of plain arrays ({type(error).__name__}); "
            "write it with np.savez(path, images=...)"
        ) from None
    if "images" not in arrays:
        raise UserError(f"{path} has no array `images`; it has: {', '.join(arrays) or 'nothing'}")

    parts = [_channels_first(path, arrays[key]) for key in ("images", "test_images") if key in arrays]
    labels = [_integers(path, arrays[key]) for key in ("labels", "test_labels") if key in arrays]
    if labels and len(labels) != len(parts):
        raise UserError(f"{path} has labels for only one of `images` and `test_images`; give both or none")
    if len({part.shape[1:] for part in parts}) > 1:
        shapes = " and ".join(str(part.shape[1:]) for part in parts)
        raise UserError(f"{path}: `images` and `test_images` have shapes {shapes}; bring them to one")
    images, together = np.concatenate(parts), np.concatenate(labels) if labels else None
    classes: tuple[str, ...] = ()
    if together is not None:
        classes = _classes(path, together, arrays.get("classes"))
    name = f"npz:{path}"
    if len(parts) == 1:
        return held_out(name, images, together, classes)
    train = len(parts[0])
    splits = {"train": range(train), "test": range(train, len(images))}
    return ImageData(name, images, together, classes, splits)


def _integers(path: Path, labels: NDArray[Any]) -> NDArray[np.int64]:
    if labels.dtype.kind not in "iu":
        raise UserError(f"{path}: labels are {labels.dtype}, but must be integers that number the classes from 0")
    if labels.ndim != 1 or len(labels) == 0:
        raise UserError(f"{path}: labels have shape {labels.shape}, but must be (N,), one label an image")
    return labels.astype(np.int64)


def _classes(path: Path, labels: NDArray[np.int64], names: NDArray[Any] | None) -> tuple[str, ...]:
    if names is not None:
        if names.ndim != 1:
            raise UserError(f"{path}: classes have shape {names.shape}, but must be (K,), one name a class")
        return tuple(str(name) for name in names)
    if labels.max() >= 10_000:
        raise UserError(f"{path}: labels go up to {labels.max()}; number the classes from 0, or name them in `classes`")
    return tuple(str(number) for number in range(int(labels.max()) + 1))


def _channels_first(path: Path, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if images.dtype != np.uint8:
        raise UserError(f"{path}: images are {images.dtype}, but must be uint8 in 0 to 255")
    if images.ndim == 3:
        return images[:, None]
    if images.ndim != 4:
        raise UserError(
            f"{path}: images have shape {images.shape}, but must be (N, H, W), (N, C, H, W) or (N, H, W, C)"
        )
    if images.shape[1] in (1, 3):
        return images
    if images.shape[-1] in (1, 3):
        return np.moveaxis(images, -1, 1)
    raise UserError(f"{path}: images have shape {images.shape}, in which no axis is of one channel or three")
