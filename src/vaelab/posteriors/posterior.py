"""The base class of posterior specs."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from vaelab.sizes import EUCLIDEAN, Space
from vaelab.spec import Spec
from vaelab.traits import Trait

if TYPE_CHECKING:
    from vaelab.contract import Network, Posterior


class PosteriorSpec(Spec, room=True):
    """Base of the posterior specs.

    By default a posterior is over real vectors, and its moments have no closed form.
    """

    discrete: ClassVar[bool] = False
    """Whether it is over the codes of a codebook, instead of real vectors."""
    space: ClassVar[Space] = EUCLIDEAN
    """Where its latents lie; densities refer to the volume of that space."""
    reparameterised: ClassVar[bool] = True
    """Draws carry gradients to the encoder, if need be straight through; otherwise only objectives with a score
    function train it."""
    has_density: ClassVar[bool] = True
    """q(code | x) has a density or a mass, so draws have importance weights and the total is a bound."""
    kl_is: ClassVar[str] = "KL"
    """What stands as the KL in tables, for posteriors without a density, which have none."""
    random: ClassVar[bool] = True
    """Codes are drawn at random; a quantiser finds one code per image, which has no score function to learn by."""
    relaxed: ClassVar[bool] = False
    """It is over codes, but in training the decoder reads a continuous relaxation of them; the KL must be exact then,
    and there are no importance weights."""
    traits: ClassVar[frozenset[Trait]] = frozenset()
    """Properties that objectives and figures may require; `Trait.real_codes` follows from `discrete` and `space`."""

    @abstractmethod
    def build(self, network: Network, latent: int) -> Posterior:
        """Build the posterior, a `vaelab.contract.Posterior` with fresh weights, of `latent` numbers per position."""
