"""Whether data is such as a model was trained on."""

from __future__ import annotations

from vaelab.data.data import Data, DataFormat
from vaelab.data.images import ImageFormat
from vaelab.errors import UserError


def check_suited(data: Data, wanted: DataFormat, conditional: bool) -> None:
    """Refuse data that a model does not take.

    Args:
        data: images, or rows of a table.
        wanted: the format that the model was built for.
        conditional: whether the model needs labels or attributes.

    Raises:
        UserError: another shape, or, for a conditional model, another number of classes or attributes.
    """
    if type(data.format) is not type(wanted):
        raise UserError(f"data has {data.format.noun}, but the model takes {wanted.noun}; give {wanted.noun}")
    if isinstance(data.format, ImageFormat) and data.format.shape != wanted.shape:
        raise UserError(
            f"data has images of shape {data.format.shape}, but the model takes {wanted.shape}; give images like those "
            "that it was trained on"
        )
    given = _conditions(data.format) if data.condition is not None else "no labels"
    if conditional and given != _conditions(wanted):
        raise UserError(
            f"data has {given}, but the model is conditional on {_conditions(wanted)}; give images like those that it "
            "was trained on"
        )


def _conditions(format: DataFormat) -> str:
    return f"{len(format.classes)} classes" if format.classes else f"{len(format.attributes)} attributes"
