"""The transformation that an ordinary differential equation defines, with the exact change of density."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Transform, constraints

Velocity = Callable[[Tensor, float], Tensor]
"""dz/dt as a function of points z, (*S, D), and the time t; row by row."""


class OdeTransform(Transform):
    r"""From z at the first time to the end of dz/dt = v(z, t) at the last, by Runge-Kutta steps of order four.

    log |det dz_end/dz| = \int div v(z(t), t) dt: Chen, Rubanova, Bettencourt and Duvenaud (2018), theorem 1.
    The divergence is exact, by D derivatives in forward mode, so a density costs D + 1 times as much as a draw. Steps
    are fixed, so that a row's result does not depend on the rest of its batch; the error falls with their fourth power.

    Args:
        velocity: v.
        times: from the first to the last, whose differences are the steps.
    """

    domain = constraints.real_vector
    codomain = constraints.real_vector
    bijective = True

    def __init__(self, velocity: Velocity, times: Sequence[float]) -> None:
        super().__init__()
        self.velocity, self.times = velocity, tuple(times)

    def call_and_ladj(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The end point, (*S, D), and the log determinant, (*S,)."""
        dimensions = x.shape[-1]

        def both(state: Tensor, t: float) -> Tensor:
            v, divergence = velocity_and_divergence(self.velocity, state[..., :dimensions], t)
            return torch.cat([v, divergence[..., None]], -1)

        end = integrate(both, torch.cat([x, torch.zeros_like(x[..., :1])], -1), self.times)
        return end[..., :dimensions], end[..., dimensions]

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The log determinant, (*S,)."""
        return self.call_and_ladj(x)[1]

    def _call(self, x: Tensor) -> Tensor:
        return integrate(self.velocity, x, self.times)

    def _inverse(self, y: Tensor) -> Tensor:
        return integrate(self.velocity, y, self.times[::-1])


def integrate(f: Velocity, x: Tensor, times: Sequence[float]) -> Tensor:
    """The solution of dx/dt = f(x, t) at the last time, by the classical Runge-Kutta method.

    >>> float(integrate(lambda x, t: x, torch.ones(1), [0.0, 0.5, 1.0]))
    2.7173...
    """
    for start, stop in pairwise(times):
        step, middle = stop - start, (start + stop) / 2
        first = f(x, start)
        second = f(x + step / 2 * first, middle)
        third = f(x + step / 2 * second, middle)
        fourth = f(x + step * third, stop)
        x = x + step / 6 * (first + 2 * second + 2 * third + fourth)
    return x


def velocity_and_divergence(f: Velocity, x: Tensor, t: float) -> tuple[Tensor, Tensor]:
    """f(x, t), (*S, D), and its divergence, the sum of the derivatives of each dimension by itself, (*S,)."""

    def along(direction: Tensor) -> Any:
        moved: Any = torch.func.jvp(lambda z: f(z, t), (x,), (direction.expand_as(x),))
        return moved[0], (moved[1] * direction).sum(-1)

    values, slopes = torch.func.vmap(along)(torch.eye(x.shape[-1], dtype=x.dtype, device=x.device))
    return values[0], slopes.sum(0)
