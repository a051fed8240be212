"""Likelihoods p(x | z) of pictures.

Adding one is a dataclass here and a file with the module it builds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Gt
from pydantic import Field

from vaelab.piece import Piece, Tag

if TYPE_CHECKING:
    from vaelab.likelihoods.likelihood import Likelihood as LikelihoodModule


@dataclass(frozen=True)
class Bernoulli(Piece):
    """Independent binary pixels, p = sigmoid(theta(z)); on grey pixels a cross-entropy, not a likelihood."""

    kind: Tag[Literal["bernoulli"]] = field(default="bernoulli", repr=False, kw_only=True)

    def build(self) -> LikelihoodModule:
        """The likelihood."""
        from vaelab.likelihoods.bernoulli import BernoulliLikelihood

        return BernoulliLikelihood()


@dataclass(frozen=True)
class GaussianPixels(Piece):
    """p(x | z) = N(x; theta(z), sigma^2 I), one fixed sigma, on the scale where white is 1."""

    sigma: Annotated[float, Gt(0)] = 0.1
    kind: Tag[Literal["gaussian-pixels"]] = field(default="gaussian-pixels", repr=False, kw_only=True)

    def build(self) -> LikelihoodModule:
        """The likelihood."""
        from vaelab.likelihoods.gaussian import GaussianLikelihood

        return GaussianLikelihood(self.sigma)


Likelihood = Annotated[Bernoulli | GaussianPixels, Field(discriminator="kind")]

__all__ = ["Bernoulli", "GaussianPixels", "Likelihood"]
