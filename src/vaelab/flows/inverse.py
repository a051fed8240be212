"""Flows that are made of transformations, and their inverses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Transform
from torch.distributions.constraints import real_vector
from zuko.distributions import DiagNormal
from zuko.flows import Flow, LazyTransform, UnconditionalDistribution

from vaelab.flows import FlowSizes


def stacked(transform: Callable[[], LazyTransform], sizes: FlowSizes) -> Flow:
    """A flow of fresh transformations, from z to standard normal noise."""
    zeros, ones = torch.zeros(sizes.width), torch.ones(sizes.width)
    base = UnconditionalDistribution(DiagNormal, loc=zeros, scale=ones, buffer=True)
    return Flow([transform() for _ in range(sizes.transforms)], base)


def inverse(flow: Flow) -> Flow:
    """The flow whose transformations lead from noise to z where those of the given one lead from z to noise."""
    return Flow(flow.transform.inv, flow.base)


class Remembered(Transform):
    """A transformation f, from z to noise, that remembers the last z that it drew, its noise and its log-determinant.

    A draw is then scored without inverting what made it, which for some transformations takes D passes, and without the
    rounding of an inversion.

    Args:
        transform: f, one of zuko's transformations or a composition of them.
    """

    domain = real_vector
    codomain = real_vector
    bijective = True

    def __init__(self, transform: Any) -> None:
        super().__init__()
        self.transform = transform
        self.last: tuple[Tensor, Tensor, Tensor] | None = None

    def _inverse(self, noise: Tensor) -> Tensor:
        z: Tensor
        z, log_determinant = self.transform.inv.call_and_ladj(noise)
        self.last = z, noise, -log_determinant
        return z

    def _call(self, z: Tensor) -> Tensor:
        noise: Tensor = self.call_and_ladj(z)[0]
        return noise

    def log_abs_det_jacobian(self, z: Tensor, noise: Tensor) -> Tensor:
        """log |det df/dz|, (*B)."""
        return self.call_and_ladj(z)[1]

    def call_and_ladj(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The noise f(z), and log |det df/dz|."""
        if self.last is not None and self.last[0] is z:
            return self.last[1:]
        noise, log_determinant = self.transform.call_and_ladj(z)
        return noise, log_determinant
