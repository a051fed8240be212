"""Images from a NumPy archive."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaelab.data.images import ImageData, as_attributes, held_out
from vaelab.errors import UserError


def load_npz(path: Path) -> ImageData:
    """Arrays `images` (uint8, (N, H, W), (N, C, H, W) or (N, H, W, C)) and, optionally, `labels` (N,) with
    `classes` and `attributes` (N, A) with `attribute_names`; `test_images`, `test_labels` and
    `test_attributes` for a test split of the file's own.

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
    labels = [_integers(path, array) for array in _of_each(path, arrays, "labels")]
    attributes = [_numbers(path, array) for array in _of_each(path, arrays, "attributes")]
    for name, both in (("images", parts), ("attributes", attributes)):
        if len({part.shape[1:] for part in both}) > 1:
            shapes = " and ".join(str(part.shape[1:]) for part in both)
            raise UserError(f"{path}: `{name}` and `test_{name}` have shapes {shapes}; bring them to one")
    together = np.concatenate(labels) if labels else None
    described = np.concatenate(attributes) if attributes else None
    data = ImageData(
        f"npz:{path}",
        np.concatenate(parts),
        together,
        () if together is None else _classes(path, together, arrays.get("classes")),
        attributes=described,
        attribute_names=() if described is None else _names(path, described, arrays.get("attribute_names")),
    )
    if len(parts) == 1:
        return held_out(data)
    train = len(parts[0])
    return replace(data, splits={"train": range(train), "test": range(train, len(data))})


def _of_each(path: Path, arrays: dict[str, NDArray[Any]], name: str) -> list[NDArray[Any]]:
    """What the file says of `images` and, where it has them, of `test_images`; nothing where it says nothing."""
    told = [key for key in (name, f"test_{name}") if key in arrays]
    due = [name, f"test_{name}"] if "test_images" in arrays else [name]
    if told and told != due:
        raise UserError(f"{path} has {name} for only one of `images` and `test_images`; give both or none")
    return [arrays[key] for key in told]


def _numbers(path: Path, attributes: NDArray[Any]) -> NDArray[np.float32]:
    if attributes.dtype.kind not in "iufb" or attributes.ndim != 2:
        raise UserError(
            f"{path}: attributes are {attributes.dtype} of shape {attributes.shape}, "
            "but must be numbers of shape (N, A), one row an image"
        )
    return as_attributes(attributes)


def _names(path: Path, attributes: NDArray[np.float32], names: NDArray[Any] | None) -> tuple[str, ...]:
    if names is None:
        return tuple(f"attribute {column}" for column in range(attributes.shape[1]))
    if names.ndim != 1:
        raise UserError(f"{path}: attribute_names have shape {names.shape}, but must be (A,), one name a column")
    return tuple(str(name) for name in names)


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
