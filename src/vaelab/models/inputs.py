"""The input of models: images, latents and labels as a user gives them, made tensors and checked."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import one_hot

from vaelab.contract import Likelihood
from vaelab.data import DataFormat, TableFormat
from vaelab.errors import UserError, brief


class Inputs(nn.Module):
    """Base of the models: tensors, arrays and lists become tensors on its device and in its precision, or are refused.

    Training passes tensors, whose shapes alone are checked; what a user gives is checked value by value.
    """

    spec: Any
    format: DataFormat
    likelihood: Likelihood

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next(self.parameters()).device

    @property
    @abstractmethod
    def widths(self) -> tuple[int, ...]:
        """Dimensions of each latent, in the order in which they are drawn."""

    def _images(self, x: Any) -> Float[Tensor, "B ..."]:
        """x as a user gives it, as a tensor, its values checked."""
        x = self._tensor(x, "x")
        return self._checked(x.to(next(self.parameters()).dtype) if x.dtype == torch.bool else x, values=True)

    def _latent(self, z: Any) -> Float[Tensor, "N D"]:
        """z as a user gives it, as a tensor of this model's dimensions."""
        z = self._tensor(z, "z")
        if z.ndim != 2 or z.is_complex():
            raise UserError(f"z is {z.dtype} of shape {tuple(z.shape)}, but must be real numbers of shape (N, D)")
        if z.shape[1] != sum(self.widths):
            raise UserError(f"z has {z.shape[1]} dimensions, but the model's latent has {sum(self.widths)}")
        real: Tensor = z.to(next(self.parameters()).dtype)
        return real

    def _tensor(self, values: Any, name: str) -> Tensor:
        """Convert an array or a list to a tensor on the model's device, real numbers to the model's precision."""
        if isinstance(values, np.ndarray) and not values.flags.writeable:
            values = values.copy()  # torch warns of memory that must not be written to
        try:
            tensor = torch.as_tensor(values, device=self.device)
        except (TypeError, ValueError, RuntimeError):
            raise UserError(f"{name} is {brief(values)}, which is not an array of numbers") from None
        return tensor.to(next(self.parameters()).dtype) if tensor.is_floating_point() else tensor

    def _checked(self, x: Tensor, values: bool = False) -> Tensor:
        """Check images; `values` also checks the pixels, which synchronises the device and is off in training."""
        if tuple(x.shape[1:]) != self.format.shape:
            raise UserError(
                f"x has {self.format.noun} of shape {tuple(x.shape[1:])}, but the model takes {self.format.shape}; "
                "resize or reshape them"
            )
        if not x.is_floating_point():
            raise UserError(f"x is {x.dtype}, but must be real numbers in [0, 1]; divide bytes by 255")
        if values and isinstance(self.format, TableFormat):
            allowed = ~x.isinf() if self.format.missing else x.isfinite()
            if not bool(allowed.all()):
                raise UserError(
                    "x has values that are NaN or infinite, but the model was trained on rows without missing values; "
                    "fill them in or leave such rows out"
                )
            return x
        if values and not bool(x.isfinite().all()):
            raise UserError("x has pixels that are NaN or infinite; leave such images out")
        if values and not self.likelihood.unbounded and x.numel() and not bool(((x >= 0) & (x <= 1)).all()):
            raise UserError(
                f"x has pixels from {float(x.min()):g} to {float(x.max()):g}, but they must be in [0, 1]; scale them"
            )
        return x

    def _completed(self, y: Tensor | int | None, n: int) -> Tensor | None:
        """Labels for n images: a single label is repeated, and missing ones are drawn uniformly."""
        if isinstance(y, int) or (isinstance(y, Tensor) and y.ndim == 0):
            y = torch.full((n,), int(y), device=self.device)
        if not self.spec.conditional or not self.format.classes:
            return y
        drawn = torch.randint(len(self.format.classes), (n,), device=self.device)
        if y is None or y.shape != drawn.shape:
            return drawn if y is None else y  # refused below
        return torch.where(y == -1, drawn, y)

    def _labels(self, y: Any) -> Tensor | None:
        """Check labels given by a user; training skips this check, which synchronises the device."""
        if y is None:
            return None
        given = self._tensor(y, "y")
        classes = len(self.format.classes)
        if self.spec.conditional and classes and given.is_floating_point():
            raise UserError(f"y is {given.dtype}, but must be labels, integers from 0 to {classes - 1}")
        known = not (self.spec.conditional and classes) or bool(((given >= -1) & (given < classes)).all())
        if not known:
            raise UserError(
                f"y has labels from {int(given.min())} to {int(given.max())}, but classes go from 0 to {classes - 1}"
            )
        return given

    def _condition(self, y: Tensor | None, n: int | torch.SymInt) -> Float[Tensor, "B K"] | None:
        """Labels as one-hot vectors, or attributes; None for a model that is not conditional."""
        if not self.spec.conditional:
            return None
        classes, attributes = self.format.classes, self.format.attributes
        name = "label" if classes else f"row of {len(attributes)} attributes"
        if y is None:
            raise UserError(f"y is None, but the model is conditional; give a {name} for each image")
        shape = (n,) if classes else (n, len(attributes))
        if tuple(y.shape) != shape:
            raise UserError(f"y has shape {tuple(y.shape)}, but must be {shape}: one {name} per image")
        dtype = next(self.parameters()).dtype
        if not classes:
            return y.to(dtype)
        return one_hot(y.long().clamp(min=0), len(classes)).to(dtype) * (y >= 0)[:, None]


def check_request(n: Any, temperature: Any) -> None:
    """Check how many images are wanted, and how widely drawn.

    Raises:
        UserError: n < 1 or temperature < 0.
    """
    if not isinstance(n, int) or n < 1:
        raise UserError(f"n is {n!r}, but must be an integer >= 1")
    if not (isinstance(temperature, int | float) and 0 <= temperature < math.inf):
        raise UserError(f"temperature is {temperature!r}, but must be a number >= 0")
