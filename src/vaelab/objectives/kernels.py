"""Kernels by which sets of points are compared."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Gt

from vaelab.errors import UserError
from vaelab.spec import Spec, any_of

if TYPE_CHECKING:
    from torch import Tensor

_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class KernelSpec(Spec, room=True):
    """Base of the kernels: positive definite functions of the distance between two points."""

    @abstractmethod
    def __call__(self, squared: Tensor, dimensions: int) -> Tensor:
        """k(u, v) from the squared distances of points with this many dimensions, elementwise."""


class _Scaled(KernelSpec):
    """A sum of one kernel at several scales, in units of 2 D, the mean squared distance of two draws of N(0, I)."""

    scales: tuple[Annotated[float, Gt(0)], ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.scales:
            raise UserError(f"{type(self).__name__}.scales is empty, but needs at least one scale, such as (1.0,)")

    def __call__(self, squared: Tensor, dimensions: int) -> Tensor:
        """k(u, v), the sum over scales."""
        relative = squared / (2 * dimensions)
        first, *others = (self.at(relative / scale) for scale in self.scales)
        return sum(others, first)

    @abstractmethod
    def at(self, relative: Tensor) -> Tensor:
        """The kernel of squared distances in units of its scale."""


@dataclass(frozen=True)
class Rbf(_Scaled):
    """Radial basis functions, k(u, v) = sum_s exp(-|u - v|^2 / (2 D s)) in D dimensions."""

    scales: tuple[Annotated[float, Gt(0)], ...] = _SCALES
    """s, in units of 2 D, the mean squared distance of two draws of N(0, I)."""

    def at(self, relative: Tensor) -> Tensor:
        """exp(-r)."""
        return (-relative).exp()


@dataclass(frozen=True)
class InverseMultiquadratic(_Scaled):
    """Inverse multiquadratics, k(u, v) = sum_s C / (C + |u - v|^2), C = 2 D s in D dimensions.

    Its tails are heavier than those of radial basis functions, so that distant outliers are pulled in: Tolstikhin et
    al. (2018), section 4, summed over scales as in the authors' code.
    """

    scales: tuple[Annotated[float, Gt(0)], ...] = _SCALES
    """s, in units of 2 D, the mean squared distance of two draws of N(0, I)."""

    def at(self, relative: Tensor) -> Tensor:
        """1 / (1 + r)."""
        return 1 / (1 + relative)


AnyKernel = Annotated[KernelSpec, any_of(KernelSpec)]
