"""Posteriors q(z | x).

Adding one is a dataclass here, a file with the module it builds and its name in the union `Posterior`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from vaelab.piece import Piece, Tag

if TYPE_CHECKING:
    from vaelab.posteriors.posterior import Posterior as PosteriorModule


@dataclass(frozen=True)
class Gaussian(Piece):
    """q(z | x) = N(z; mu(x), diag(sigma(x)^2)) (Kingma and Welling 2014, equation 9)."""

    kind: Tag[Literal["gaussian"]] = field(default="gaussian", repr=False, kw_only=True)

    def build(self, features: int, latent: int) -> PosteriorModule:
        """The posterior over `latent` dimensions, read from `features` numbers."""
        from vaelab.posteriors.gaussian import GaussianPosterior

        return GaussianPosterior(features, latent)


# A union of one: the second posterior makes it `Annotated[Gaussian | ..., Field(discriminator="kind")]`.
Posterior = Gaussian

__all__ = ["Gaussian", "Posterior"]
