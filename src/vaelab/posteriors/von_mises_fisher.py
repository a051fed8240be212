"""The von Mises-Fisher posterior."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.functional import normalize, softplus

from vaelab.contract import Network, Posterior
from vaelab.distributions import as_float32, no_autocast
from vaelab.distributions.sphere import VonMisesFisher
from vaelab.errors import UserError

# So that kappa is never zero, in units of the dimensions.
_LEAST = 1e-4


class VonMisesFisherPosterior(Posterior):
    """A distribution of unit vectors about a direction, both computed by linear layers on the features h.

    q(z | x) = C exp(kappa(h) mu(h) . z): Davidson et al. (2018), section 3. kappa is D times a softplus, since the
    share of a draw along mu depends on kappa / D: a fresh posterior is equally informative in every dimension.

    Args:
        network: the network that computes h.
        latent: dimensions of z per position; the sphere is of all positions together.

    Raises:
        UserError: z has one dimension.
    """

    def __init__(self, network: Network, latent: int) -> None:
        super().__init__()
        self.dimensions = network.positions * latent
        if self.dimensions < 2:
            raise UserError(
                f"latent is {latent}, but VonMisesFisher needs unit vectors of at least 2 numbers",
                python="raise latent",
                flags="raise --latent",
            )
        self.direction = network.head(latent)
        self.concentration = nn.Linear(network.features, 1)

    def distribution(self, h: Float[Tensor, "B F"]) -> Distribution:
        """q(z | x), of batch shape (B,)."""
        with no_autocast(h):
            h = as_float32(h)
            kappa = self.dimensions * (softplus(self.concentration(h).squeeze(-1)) + _LEAST)
            return VonMisesFisher(normalize(self.direction(h), dim=-1), kappa)
