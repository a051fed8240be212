"""The base class of prior specs."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from vaelab.spec import Spec

if TYPE_CHECKING:
    from vaelab.contract import Prior
from vaelab.sizes import EUCLIDEAN, PriorSizes, Space


class PriorSpec(Spec, room=True):
    """Base of the prior specs.

    By default a prior is over real vectors, fits models with and without a condition, and its draws carry no gradient.
    """

    discrete: ClassVar[bool] = False
    """Whether it is over the codes of a codebook, instead of real vectors."""
    space: ClassVar[Space] = EUCLIDEAN
    """Where its latents lie; densities refer to the volume of that space."""
    needs_condition: ClassVar[bool] = False
    """Whether it fits conditional models only."""
    independent_codes: ClassVar[bool] = False
    """Whether its codes are independent, so that the KL of categorical codes is exact."""
    reparameterised: ClassVar[bool] = False
    """Whether draws from it carry gradients to its weights."""
    learned: ClassVar[bool] = True
    """Whether it has weights."""
    of_posteriors: ClassVar[bool] = False
    """Whether it is made of the model's posteriors, which then need a density."""
    exact: ClassVar[bool] = True
    """Whether `log_prob` is log p(code) in evaluation mode, instead of an estimate of it."""
    weighable: ClassVar[bool] = True
    """Whether exp(`log_prob`) is p(code) in training mode, or has that mean, so that draws have importance weights."""

    fitted_at_once: ClassVar[bool] = False
    """Whether `Prior.fit` is all that fits it to a trained model, without gradient steps."""

    def exact_over(self, latent: int) -> bool:
        """`exact`, for so many dimensions of z."""
        return self.exact

    @abstractmethod
    def build(self, sizes: PriorSizes) -> Prior:
        """Build the prior, a `vaelab.contract.Prior` with fresh weights, over `sizes.latent` dimensions or codes."""
