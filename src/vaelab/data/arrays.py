"""Images that a user brings: arrays, tensors, data sets and columns of tables, as one `ImageData`."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vaelab.data.conditions import condition_fields, listed
from vaelab.data.data import held_out
from vaelab.data.images import ImageData
from vaelab.data.items import is_dataset, items_of, pixels_of_item
from vaelab.errors import UserError, brief

Channels = Literal["first", "last"]

# Floats that came from bytes are off by float32's rounding at most; anything more is detail that 8 bits lose.
_ROUNDING = 1e-3


def as_data(
    x: Any,
    y: Any = None,
    *,
    test: float | tuple[Any, Any] | Any = 0.2,
    channels: Channels | None = None,
    classes: Sequence[str] = (),
    attribute_names: Sequence[str] = (),
    name: str = "in memory",
) -> ImageData:
    """A user's images and labels as `ImageData`, with a training and a test split.

    Args:
        x: images: uint8 in 0 to 255, float in [0, 1] or bool, (N, H, W), (N, C, H, W) or (N, H, W, C), as an array, a
            tensor or a list; a map-style data set whose items are an image or (image, label); or a column of a table
            (pandas, Arrow) that holds images, encoded or not. Floats are stored in 256 levels.
        y: labels, integers that number the classes from 0 or text, (N,); or attributes, floats, (N, A).
        test: the share of images held out, drawn with a fixed seed; or the test split itself, as (x, y), as a data set
            or as images.
        channels: "first" or "last", if the shape leaves it open.
        classes: names of the classes, in the order of their numbers.
        attribute_names: one name per attribute.
        name: the name of the data set in titles and records.

    Raises:
        UserError: an ambiguous shape, values outside their range, NaN, items of different shapes, or labels of mixed
            types or another number.

    >>> stripes = np.zeros((10, 8, 8), np.uint8)
    >>> as_data(stripes, ["plain"] * 5 + ["striped"] * 5, name="stripes")
    ImageData stripes: 10 images of 1 x 8 x 8, 2 classes, train 8, test 2
    """
    if isinstance(x, ImageData):
        if y is not None:
            raise UserError("x is ImageData, which has labels of its own; leave y out")
        return x if {"train", "test"} <= set(x.splits) else held_out(x)
    images, conditions = _images(x, y, channels)
    if isinstance(test, int | float) and not isinstance(test, bool):
        if not 0 < test < 1:
            raise UserError(f"test is {test}, but must be a share between 0 and 1, or the images of the test split")
        return held_out(ImageData(name, images, **condition_fields(conditions, classes, attribute_names)), test)

    held = _of_split(test, channels)
    if held[0].shape[1:] != images.shape[1:]:
        raise UserError(
            f"test has images of shape {held[0].shape[1:]}, but those of x have {images.shape[1:]}; give both alike"
        )
    if (held[1] is None) != (conditions is None):
        raise UserError("labels are given for only one of x and test; give them for both or for none")
    together = None if conditions is None else _concatenated(conditions, held[1])
    data = ImageData(name, np.concatenate([images, held[0]]), **condition_fields(together, classes, attribute_names))
    rows = len(images)
    return replace(data, splits={"train": range(rows), "test": range(rows, len(data))})


def _of_split(test: Any, channels: Channels | None) -> tuple[NDArray[np.uint8], Any]:
    """Images and conditions of a test split."""
    if isinstance(test, ImageData):
        if test.labels is None:
            return test.images, test.attributes
        # The names of numbered classes are their numbers.
        numbered = all(name == str(number) for number, name in enumerate(test.classes))
        return test.images, test.labels if numbered else [test.classes[label] for label in test.labels]
    if isinstance(test, tuple) and len(test) == 2:
        return _images(test[0], test[1], channels)
    return _images(test, None, channels)


def _concatenated(first: Any, second: Any) -> Any:
    return [*listed(first), *listed(second)]


def _images(x: Any, y: Any, channels: Channels | None) -> tuple[NDArray[np.uint8], Any]:
    """The images as bytes, (N, C, H, W), and their labels or attributes."""
    if is_dataset(x):
        items, labels = items_of(x)
        if y is not None and labels is not None:
            raise UserError("y is given, but the items of x have labels of their own; leave y out")
        return _stacked(items, channels), labels if y is None else y
    return channels_first(_array(x), channels), y


def _stacked(items: Iterable[Any], channels: Channels | None) -> NDArray[np.uint8]:
    """Images one by one as one array."""
    rows: list[NDArray[Any]] = []
    for index, item in enumerate(items):
        pixels = pixels_of_item(item, f"image {index}")
        if rows and (pixels.shape, pixels.dtype) != (rows[0].shape, rows[0].dtype):
            raise UserError(
                f"image {index} is {pixels.dtype} of shape {pixels.shape}, but image 0 is {rows[0].dtype} of shape "
                f"{rows[0].shape}; bring all images to one shape and type"
            )
        rows.append(pixels)
    if not rows:
        raise UserError("x has no images; at least two are needed, one of them for the test split")
    return channels_first(np.stack(rows), channels)


def _array(x: Any) -> NDArray[Any]:
    """A tensor, an array or a list as an array."""
    if hasattr(x, "detach"):  # a tensor, on any device; NumPy has no bfloat16
        x = x.detach().cpu()
        x = (x.float() if x.is_floating_point() else x).numpy()
    try:
        array = np.asarray(x)
    except ValueError:
        raise UserError("x is a list of images of different shapes; bring all images to one shape") from None
    if array.ndim == 0 or array.dtype == object:
        raise UserError(
            f"x is {brief(x)}, but must be images: an array, a tensor, a map-style data set or a column of a table"
        )
    return array


def channels_first(x: NDArray[Any], channels: Channels | None = None, name: str = "x") -> NDArray[np.uint8]:
    """Images of any usual layout and type as uint8, (N, C, H, W).

    >>> channels_first(np.zeros((5, 8, 8, 3), np.uint8)).shape
    (5, 3, 8, 8)

    Raises:
        UserError: the layout is ambiguous or none of images, or values lie outside their range.
    """
    if x.ndim not in (3, 4) or 0 in x.shape:
        remedy = "; for the rows of a table use vaelab.as_table" if x.ndim == 2 else ""
        raise UserError(
            f"{name} has shape {x.shape}, but images must be (N, H, W), (N, C, H, W) or (N, H, W, C), none of them 0"
            f"{remedy}"
        )
    if channels not in (None, "first", "last"):
        raise UserError(f'channels is {channels!r}, but must be "first" or "last"')
    if x.ndim == 4 and channels is None:
        first, last = x.shape[1] in (1, 3), x.shape[-1] in (1, 3)
        if first and last:
            raise UserError(f'{name} has shape {x.shape}, whose channels may be first or last; say channels="first"')
        if not first and not last:
            raise UserError(
                f"{name} has shape {x.shape}, in which neither axis 1 nor the last is 1 or 3 channels; say "
                'channels="first" or channels="last"'
            )
        channels = "last" if last else "first"
    return _bytes(x[:, None] if x.ndim == 3 else np.moveaxis(x, -1, 1) if channels == "last" else x, name)


def _bytes(x: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Pixels as uint8."""
    if x.dtype == np.uint8:
        return _not_binary(np.ascontiguousarray(x), name)
    if x.dtype == bool:
        return x.astype(np.uint8) * np.uint8(255)
    if x.dtype.kind not in "iuf":
        raise UserError(f"{name} is {x.dtype}, but images must be uint8 in 0 to 255 or floats in [0, 1]")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise UserError(f"{name} has values that are NaN or infinite; leave such images out or fill the values in")
    low, high = float(x.min()), float(x.max())
    if x.dtype.kind in "iu":
        if low < 0 or high > 255:
            raise UserError(f"{name} runs from {low:g} to {high:g}, but integer pixels must be from 0 to 255")
        return _not_binary(x.astype(np.uint8), name)
    if low < 0 or high > 1:
        remedy = "divide it by 255, or give uint8" if low >= 0 else "scale it to [0, 1]"
        raise UserError(f"{name} runs from {low:g} to {high:g}, but floating-point pixels must be in [0, 1]; {remedy}")
    levels = x.astype(np.float64) * 255
    rounded = np.rint(levels)
    if np.abs(levels - rounded).max() > _ROUNDING:
        warnings.warn(f"{name} has more than 256 levels; images are stored in 8 bits, so it is rounded", stacklevel=3)
    return rounded.astype(np.uint8)


def _not_binary(x: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """Integer pixels, unless they are 0 and 1, which would be almost black."""
    if x.max() == 1:
        raise UserError(f"{name} holds the integers 0 and 1, but white is 255; give bool, or multiply by 255")
    return x
