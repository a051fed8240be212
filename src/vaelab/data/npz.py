"""Images from a NumPy archive."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaelab.data.data import as_attributes, held_out
from vaelab.data.images import ImageData
from vaelab.data.sources import SourceSpec
from vaelab.errors import UserError

# The arrays that are read; others are left alone.
_READ = (
    *("images", "labels", "attributes", "test_images", "test_labels", "test_attributes"),
    *("classes", "attribute_names"),
)


@dataclass(frozen=True)
class Npz(SourceSpec):
    """A NumPy archive with an array `images` (uint8) and, optionally, `labels` or `attributes`."""

    path: str

    def load(self, directory: Path | None = None) -> ImageData:
        """The arrays of the archive, read without unpickling.

        They are `images`, uint8, (N, H, W), (N, C, H, W) or (N, H, W, C), and, optionally, `labels` (N,) with
        `classes`, and `attributes` (N, A) with `attribute_names`; `test_images`, `test_labels` and `test_attributes`
        are the test split, by default a fifth of the rows, always the same.

        Raises:
            UserError: the file does not exist or is not such an archive, or its arrays do not fit together.
        """
        path = Path(self.path)
        arrays = _arrays(path)
        parts = [_channels_first(path, arrays[key]) for key in ("images", "test_images") if key in arrays]
        labels = [_integers(path, array) for array in _of_each(path, arrays, "labels")]
        attributes = [_numbers(path, array) for array in _of_each(path, arrays, "attributes")]
        for name, both in (("images", parts), ("attributes", attributes)):
            if len({part.shape[1:] for part in both}) > 1:
                shapes = " and ".join(str(part.shape[1:]) for part in both)
                raise UserError(f"{path}: `{name}` and `test_{name}` have shapes {shapes}; bring them to one shape")
        all_labels = np.concatenate(labels) if labels else None
        all_attributes = np.concatenate(attributes) if attributes else None
        data = ImageData(
            f"npz:{path}",
            np.concatenate(parts),
            all_labels,
            () if all_labels is None else _classes(path, all_labels, arrays.get("classes")),
            attributes=all_attributes,
            attribute_names=()
            if all_attributes is None
            else _names(path, all_attributes, arrays.get("attribute_names")),
        )
        if len(parts) == 1:
            return held_out(data)
        train = len(parts[0])
        return replace(data, splits={"train": range(train), "test": range(train, len(data))})


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of the archive by name."""
    if not path.is_file():
        raise UserError(f"data file {str(path)!r} does not exist; name a .npz file with an array `images`")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except Exception as error:  # zip, zlib and NumPy raise many kinds of errors on a damaged archive
        raise UserError(
            f"{path} cannot be read as a .npz archive of plain arrays ({type(error).__name__}); "
            "write it with np.savez(path, images=...)"
        ) from None
    if "images" not in arrays:
        raise UserError(
            f"{path} has no array `images`, but has: {', '.join(arrays) or 'nothing'}; "
            "write it with np.savez(path, images=...)"
        )
    # NumPy gives a member without the header of an array as bytes.
    for name in _READ:
        if isinstance(arrays.get(name), bytes):
            raise UserError(f"{path}: `{name}` is no array; write it with np.savez(path, {name}=...)")
    return arrays


def _of_each(path: Path, arrays: dict[str, NDArray[Any]], name: str) -> list[NDArray[Any]]:
    """The array of this name for `images` and, if the file has them, for `test_images`; none if it has neither.

    Raises:
        UserError: there is one for only one of the two.
    """
    present = [key for key in (name, f"test_{name}") if key in arrays]
    needed = [name, f"test_{name}"] if "test_images" in arrays else [name]
    if present and present != needed:
        raise UserError(f"{path} has {name} for only one of `images` and `test_images`; give both or none")
    return [arrays[key] for key in present]


def _numbers(path: Path, attributes: NDArray[Any]) -> NDArray[np.float32]:
    if attributes.dtype.kind not in "iufb" or attributes.ndim != 2:
        raise UserError(
            f"{path}: attributes are {attributes.dtype} of shape {attributes.shape}, "
            "but must be numbers of shape (N, A), one row per image"
        )
    return as_attributes(attributes)


def _names(path: Path, attributes: NDArray[np.float32], names: NDArray[Any] | None) -> tuple[str, ...]:
    if names is None:
        return tuple(f"attribute {column}" for column in range(attributes.shape[1]))
    if names.ndim != 1:
        raise UserError(f"{path}: attribute_names have shape {names.shape}, but must be (A,), one name per column")
    return tuple(str(name) for name in names)


def _integers(path: Path, labels: NDArray[Any]) -> NDArray[np.int64]:
    if labels.dtype.kind not in "iu":
        raise UserError(f"{path}: labels are {labels.dtype}, but must be integers; number the classes from 0")
    if labels.ndim != 1 or len(labels) == 0:
        raise UserError(f"{path}: labels have shape {labels.shape}, but must be (N,), one label per image")
    return labels.astype(np.int64)


def _classes(path: Path, labels: NDArray[np.int64], names: NDArray[Any] | None) -> tuple[str, ...]:
    if names is not None:
        if names.ndim != 1:
            raise UserError(f"{path}: classes have shape {names.shape}, but must be (K,), one name per class")
        return tuple(str(name) for name in names)
    if labels.max() >= 10_000:
        raise UserError(f"{path}: labels go up to {labels.max()}; number the classes from 0, or name them in `classes`")
    return tuple(str(number) for number in range(int(labels.max()) + 1))


def _channels_first(path: Path, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if images.dtype != np.uint8:
        raise UserError(f"{path}: images are {images.dtype}, but must be uint8 in 0 to 255; convert them")
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
    raise UserError(f"{path}: images have shape {images.shape}, but must have one channel or three, as axis 1 or last")
