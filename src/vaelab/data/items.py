"""The items of a data set or a column of a table, one image at a time."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vaelab.data.decoding import MAX_PIXELS, eight_bits, own_limit, room_for
from vaelab.errors import UserError, reason

if TYPE_CHECKING:
    from PIL.Image import Image

_IMAGE, _LABEL = ("image", "img", "pixel_values"), ("label", "labels", "target")


def is_dataset(x: Any) -> bool:
    """Whether x is read item by item: a map-style data set, a column of images, or a list of such images.

    >>> is_dataset(np.zeros((3, 8, 8))), is_dataset([b"..."])
    (False, True)
    """
    if isinstance(x, np.ndarray):
        return bool(x.dtype == object)
    if hasattr(x, "detach"):
        return False
    if isinstance(x, Mapping):
        return False
    if isinstance(x, list | tuple):
        first = x[0] if len(x) else 0
        # (image, label), unless it is a row of numbers.
        first = first[0] if isinstance(first, tuple) and len(first) == 2 else first
        return not isinstance(first, list | tuple | int | float)
    return hasattr(x, "__getitem__") and hasattr(x, "__len__")


def items_of(x: Any) -> tuple[list[Any], list[Any] | None]:
    """The images and, if every item has one, the labels.

    Raises:
        UserError: an item is neither an image nor (image, label), or only some have labels.
    """
    if hasattr(x, "to_pylist"):  # a column of Arrow
        rows = x.to_pylist()
    elif hasattr(x, "to_numpy"):  # a column of pandas
        rows = list(x.to_numpy())
    else:
        try:
            rows = [x[index] for index in range(len(x))]
        except Exception as error:
            what = type(x).__name__
            raise UserError(f"x is {what}, whose items cannot be read by number ({reason(error)})") from error
    pairs = [_pair(row, index) for index, row in enumerate(rows)]
    labelled = [label is not None for _, label in pairs]
    if any(labelled) and not all(labelled):
        raise UserError(f"item {labelled.index(False)} of x has no label, but others have; label all or none")
    labels = [_plain(label) for _, label in pairs] if pairs and all(labelled) else None
    return [image for image, _ in pairs], labels


def _pair(item: Any, index: int) -> tuple[Any, Any]:
    """The image and the label of an item."""
    if isinstance(item, Mapping) and not {"bytes", "path"} >= set(item):
        image = next((item[key] for key in _IMAGE if key in item), None)
        if image is None:
            raise UserError(f"item {index} of x has the keys {', '.join(map(str, item))}, but none of them is `image`")
        return image, next((item[key] for key in _LABEL if key in item), None)
    if isinstance(item, tuple | list) and len(item) == 2 and getattr(item[0], "ndim", 2) != 1:
        return item[0], item[1]
    if isinstance(item, tuple) and len(item) == 1:
        return item[0], None
    if isinstance(item, tuple):
        raise UserError(f"item {index} of x has {len(item)} parts, but must be an image or (image, label)")
    return item, None


def _plain(label: Any) -> Any:
    """A label as a number or text of Python."""
    return label.tolist() if hasattr(label, "tolist") else label


def _grey_or_rgb(image: Image) -> Image:
    grey = image.mode in ("1", "L") or image.mode.startswith("I")
    return eight_bits(image).convert("L" if grey else "RGB")


def pixels_of_item(item: Any, name: str) -> NDArray[Any]:
    """One image as an array: from a tensor, an array, a PIL image, or the bytes of an image file.

    Raises:
        UserError: it is none of these.
    """
    if isinstance(item, Mapping):  # a struct of Arrow, as the data sets of the Hub have it
        item = item.get("bytes")
    if hasattr(item, "detach"):
        item = item.detach().cpu().numpy()
    if isinstance(item, bytes | bytearray):
        from PIL import Image, UnidentifiedImageError

        try:
            with own_limit(), Image.open(io.BytesIO(item)) as opened, room_for(opened, MAX_PIXELS, name):
                item = _grey_or_rgb(opened)
        except UserError:
            raise
        except (UnidentifiedImageError, OSError, ValueError) as error:
            raise UserError(f"{name} cannot be decoded ({error}); leave it out") from None
    elif hasattr(item, "convert") and hasattr(item, "mode"):  # a PIL image
        if item.mode in ("I", "F"):
            raise UserError(f"{name} has pixels of 32 bits (PIL's mode {item.mode}); give an array in [0, 1] instead")
        item = _grey_or_rgb(item)
    try:
        pixels = np.asarray(item)
    except ValueError:
        pixels = np.asarray(None)
    if pixels.ndim not in (2, 3) or pixels.dtype.kind not in "iufb":
        raise UserError(
            f"{name} is {type(item).__name__}, but must be an array or a tensor of 2 or 3 dimensions, a PIL image or "
            "the bytes of an image file"
        )
    return pixels
