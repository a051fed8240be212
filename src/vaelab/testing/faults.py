"""What every check is written in: one-line faults, seeds, gradients, integrals."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from vaelab.codec import decode, encode
from vaelab.data import Column, DataFormat, ImageFormat, TableFormat
from vaelab.errors import UserError
from vaelab.spec import Spec, classes_in

FORMATS = (
    ImageFormat(1, 8, 8, ("a", "b", "c")),
    ImageFormat(3, 5, 7, ("a", "b")),
    ImageFormat(2, 9, 6, (), ("size", "angle")),
)
"""Image formats that every part must take: grey and colour, even and odd, labels and attributes."""

_COLOURS = Column("colour", "categorical", categories=("blue", "green", "red"))
_VISITS = Column("visits", "count", mean=2.0)
_SIZE = Column("size", "ordinal", categories=("small", "medium", "large"))
TABLES = (
    TableFormat((Column("length"), Column("width")), False, ("a", "b")),
    TableFormat((Column("old", "binary", categories=("0", "1")), Column("new", "binary", categories=("0", "1")))),
    TableFormat(
        (_COLOURS, Column("length"), _VISITS, Column("old", "binary", categories=("no", "yes")), _SIZE),
        True,
        ("a", "b"),
    ),
    TableFormat((_VISITS, Column("calls", "count", mean=400.0)), False, ("a", "b")),
    TableFormat((_SIZE, Column("grade", "ordinal", categories=("1", "2", "3", "4")))),
)
"""Formats of tables, for parts that take them: columns of one type, and of all types with missing values."""


Parameters = list[tuple[str, nn.Parameter]]


def example(format: DataFormat, n: int) -> Tensor:
    """n rows of x, (n, *shape), drawn at random; of a table whose values may be missing, one in four is."""
    if not isinstance(format, TableFormat):
        return torch.rand(n, *format.shape)
    values = [_values(column, n) for column in format.columns]
    x = torch.from_numpy(format.encode(torch.cat(values, 1).numpy()))
    if format.missing:
        for number, (_, where) in enumerate(format.slices()):
            x[number % n :: 4, where] = torch.nan
    return x


def _values(column: Column, n: int) -> Tensor:
    """n values of a column, (n, 1), drawn at random; some counts are zero, some are large."""
    if column.type == "real":
        return torch.randn(n, 1)
    if column.type == "count":
        return torch.poisson(column.mean * torch.randn(n, 1).exp()) * torch.randint(2, (n, 1))
    return torch.randint(max(2, column.width), (n, 1)).float()


def formats_of(check: Callable[[Any], None]) -> list[DataFormat]:
    """The formats that `check` does not refuse."""
    taken: list[DataFormat] = []
    for format in (*FORMATS, *TABLES):
        try:
            check(format)
        except UserError:
            continue
        taken.append(format)
    return taken


def require(holds: bool, spec: Spec, fault: str) -> None:
    """Raise a fault unless a condition holds.

    Raises:
        UserError: it does not; the message names the spec and the fault.
    """
    if not holds:
        raise UserError(f"{type(spec).__name__}: {fault}")


def survives_json(spec: Any) -> None:
    """The spec is the same after it was written to JSON and read back."""
    text = json.dumps(encode(spec))
    again = decode(spec.room or type(spec), json.loads(text), type(spec).__name__, classes_in(spec))
    require(type(again) is type(spec) and again == spec, spec, f"does not survive JSON: it came back as {again!r}")
    require(hash(again) == hash(spec), spec, "equal specs have different hashes; make it a frozen dataclass")


def same_for_a_seed(spec: Spec, draw: Callable[[], Tensor], name: str, varies: bool = True) -> None:
    """Two draws with one seed are equal, and draws with two seeds differ."""
    torch.manual_seed(1)
    first = draw()
    torch.manual_seed(1)
    again = draw()
    require(torch.equal(first, again), spec, f"{name} ignores the seed: draw with torch's global generator alone")
    if varies:
        torch.manual_seed(2)
        require(not torch.equal(first, draw()), spec, f"{name} is the same for every seed")


def every_parameter_learns(spec: Spec, modules: Iterable[nn.Module], loss: Tensor) -> None:
    """The gradient of the loss reaches every parameter that is trained, and is finite."""
    each_learns(spec, trained(modules), loss)


def trained(modules: Iterable[nn.Module]) -> Parameters:
    """The parameters of modules that are trained, with their names."""
    return [each for module in modules for each in module.named_parameters() if each[1].requires_grad]


def each_learns(spec: Spec, parameters: Parameters, loss: Tensor, again: bool = False) -> None:
    """The gradient of the loss reaches each parameter, and is finite.

    Args:
        spec: named in faults.
        parameters: without gradients before and after.
        loss: a scalar.
        again: keep what the loss was computed from, for another loss of it.

    Raises:
        UserError: a fault.
    """
    require(bool(loss.isfinite()), spec, f"gives a loss of {float(loss.detach())}, which is not finite")
    loss.backward(retain_graph=again)
    gradients = [parameter.grad for _, parameter in parameters if parameter.grad is not None]
    # One look at all of them is enough if nothing is wrong.
    sizes = torch.stack(torch._foreach_norm(gradients, 1)) if gradients else torch.zeros(0)
    if len(gradients) < len(parameters) or not bool((sizes.isfinite() & (sizes > 0)).all()):
        for name, parameter in parameters:
            _learns(spec, name, parameter.grad)
    for _, parameter in parameters:
        parameter.grad = None


def _learns(spec: Spec, name: str, gradient: Tensor | None) -> None:
    """A parameter has a gradient that is finite and not zero."""
    require(gradient is not None, spec, f"the parameter {name} gets no gradient; use it or remove it")
    assert gradient is not None
    require(bool(gradient.isfinite().all()), spec, f"the gradient of {name} is not finite")
    require(bool(gradient.abs().sum() > 0), spec, f"the gradient of {name} is zero everywhere")


def has_shape(spec: Spec, name: str, values: Any, shape: tuple[int, ...]) -> None:
    """A tensor of this shape, without NaN."""
    require(isinstance(values, Tensor), spec, f"{name} is {type(values).__name__}, but must be a tensor")
    require(tuple(values.shape) == shape, spec, f"{name} has shape {tuple(values.shape)}, but must be {shape}")
    require(not bool(values.isnan().any()), spec, f"{name} has values that are NaN")


def integral(log_density: Callable[[Tensor], Tensor], low: float, high: float, points: int = 20_001) -> float:
    """The integral of exp(log_density) by the trapezoidal rule.

    >>> integral(lambda x: -x.square() / 2 - math.log(2 * math.pi) / 2, -20, 20)
    1.0
    """
    x = torch.linspace(low, high, points, dtype=torch.float64)
    with torch.no_grad():
        density = log_density(x.float()).double().exp()
    # A density may be defined on a part of the axis alone.
    density = torch.where(density.isfinite(), density, 0.0)
    return round(float(torch.trapezoid(density, x)), 6)


def one(total: float, tolerance: float = 0.01) -> bool:
    """Whether a total of probability is one."""
    return math.isfinite(total) and abs(total - 1) <= tolerance
