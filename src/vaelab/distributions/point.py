"""The point: the posterior of a deterministic encoder over real vectors."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, register_kl


class Point(Distribution):
    """q(z) = delta(z - point): all mass at one real vector. It has no density, so `log_prob` is refused.

    Its entropy, minus infinity, is the same for every point. What stands as its KL to p leaves the entropy out,

        KL = -log p(point)

    as the KL of a `PointMass` over codes does, whose entropy is zero. It is no divergence: it is negative where p has a
    density above one.

    Args:
        point: the vector of each image, (B, D).
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}
    has_rsample = True

    def __init__(self, point: Float[Tensor, "*B D"]) -> None:
        self.point = point
        super().__init__(torch.Size(point.shape[:-1]), torch.Size(point.shape[-1:]), validate_args=False)

    @property
    def mean(self) -> Float[Tensor, "*B D"]:
        """The point."""
        return self.point

    @property
    def variance(self) -> Float[Tensor, "*B D"]:
        """Zero in every dimension."""
        return torch.zeros_like(self.point)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Point:
        """The same point, expanded to a larger batch."""
        return Point(self.point.expand(torch.Size((*batch_shape, *self.event_shape))))

    def rsample(self, sample_shape: Any = ()) -> Float[Tensor, "*S B D"]:
        """The point, repeated to the sample shape; gradients reach it."""
        return self.point.expand(torch.Size((*sample_shape, *self.point.shape)))

    def log_prob(self, value: Tensor) -> NoReturn:
        """Refused: a point in a space of real vectors has no density.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("a point has no density")


@register_kl(Point, Distribution)  # type: ignore[untyped-decorator]
def _point_to_any(q: Point, p: Distribution) -> Tensor:
    """-log p(point), the entropy of the point left out."""
    kl: Tensor = -p.log_prob(q.point)
    return kl
