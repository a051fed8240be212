"""Priors p(z), conditional on a label where they use it.

Adding one is a dataclass here and a file with the module it builds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge
from pydantic import Field

from vaelab.piece import Piece, Tag

if TYPE_CHECKING:
    from vaelab.priors.prior import Prior as PriorModule


@dataclass(frozen=True)
class StandardNormal(Piece):
    """p(z) = N(0, I), without parameters (Kingma and Welling 2014)."""

    kind: Tag[Literal["standard-normal"]] = field(default="standard-normal", repr=False, kw_only=True)

    def build(self, latent: int) -> PriorModule:
        """The prior over `latent` dimensions."""
        from vaelab.priors.standard_normal import StandardNormalPrior

        return StandardNormalPrior(latent)


@dataclass(frozen=True)
class Mixture(Piece):
    """A mixture of Gaussians, p(z) = sum_k w_k N(z; m_k, diag(s_k^2)), all learned (Tomczak and Welling 2018)."""

    components: Annotated[int, Ge(1)] = 10
    kind: Tag[Literal["mixture"]] = field(default="mixture", repr=False, kw_only=True)

    def build(self, latent: int) -> PriorModule:
        """The prior over `latent` dimensions, with fresh weights."""
        from vaelab.priors.mixture import MixturePrior

        return MixturePrior(self.components, latent)


Prior = Annotated[StandardNormal | Mixture, Field(discriminator="kind")]

__all__ = ["Mixture", "Prior", "StandardNormal"]
