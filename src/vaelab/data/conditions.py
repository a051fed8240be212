"""Labels and attributes that a user brings, as the fields of `Data`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaelab.data.data import as_attributes
from vaelab.errors import UserError, brief


def condition_fields(y: Any, classes: Sequence[str] = (), attribute_names: Sequence[str] = ()) -> dict[str, Any]:
    """`labels` and `classes`, or `attributes` and `attribute_names`, of `Data`; none of them for None.

    Args:
        y: labels, integers that number the classes from 0 or text, (N,); or attributes, floats, (N, A).
        classes: names of the classes, in the order of their numbers.
        attribute_names: one name per attribute.

    Raises:
        UserError: labels of mixed types, a label that `classes` does not name, or rows of different lengths.
    """
    if y is None:
        return {}
    values = _conditions(y)
    if isinstance(classes, str) or not all(isinstance(each, str) for each in classes) or len({*classes}) < len(classes):
        raise UserError(f"classes is {brief(classes)}, but must be a list of different names")
    if values.ndim == 2:
        names = tuple(attribute_names) or tuple(f"attribute {column}" for column in range(values.shape[1]))
        return {"attributes": as_attributes(values), "attribute_names": names}
    if values.dtype.kind in "US":
        known = tuple(classes) or tuple(np.unique(values).tolist())
        unknown = set(values.tolist()) - set(known)
        if unknown:
            raise UserError(f"y has the label {min(unknown)!r}, which classes does not name; add it")
        return {"labels": np.array([known.index(label) for label in values], np.int64), "classes": known}
    return {"labels": values.astype(np.int64), "classes": tuple(classes) or class_names(values, "y")}


def class_names(labels: NDArray[Any], where: str) -> tuple[str, ...]:
    """The numbers of the classes as their names.

    Raises:
        UserError: labels that number no classes.
    """
    low, high = (int(labels.min()), int(labels.max())) if len(labels) else (0, 0)
    if low < 0 or high >= 10_000:
        raise UserError(f"{where} runs from {low} to {high}; number the classes from 0, or give the labels as text")
    return tuple(str(number) for number in range(high + 1))


def _conditions(y: Any) -> NDArray[Any]:
    """Labels, integers or text, (N,), or attributes, floats, (N, A).

    Raises:
        UserError: values of mixed types, or of a type that is neither.
    """
    if hasattr(y, "detach"):
        y = y.detach().cpu().numpy()
    elif hasattr(y, "to_pylist"):  # a column of Arrow
        y = y.to_pylist()
    if not hasattr(y, "__iter__"):
        raise UserError(f"y is {brief(y)}, but must be one label or row of attributes per image")
    each = listed(y)
    kinds = {_kind(value) for value in each}
    if len(kinds) > 1:
        raise UserError(f"y has labels of mixed types, {' and '.join(sorted(kinds))}; give all of one type")
    try:
        values = np.asarray(each)
    except ValueError:
        raise UserError("y has rows of different lengths; give one row of attributes per image") from None
    if values.ndim == 2 and values.dtype.kind in "iufb":
        return values
    if values.ndim != 1 or values.dtype.kind not in "iuUSb":
        raise UserError(
            f"y is {values.dtype} of shape {values.shape}, but must be labels, integers or text of shape (N,), or "
            "attributes, floats of shape (N, A)"
        )
    return values


def _kind(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "bool"
    if isinstance(value, int | np.integer):
        return "int"
    return type(value).__name__


def listed(values: Any) -> list[Any]:
    """The values of an array, a tensor or an iterable as a list."""
    return list(values.tolist() if hasattr(values, "tolist") else values)
