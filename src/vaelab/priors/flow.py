"""The normalising-flow prior."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from zuko.flows import NSF

from vaelab.contract import Infer, Prior
from vaelab.distributions import no_autocast
from vaelab.distributions.flow import FlowDistribution


class FlowPrior(Prior):
    """A stack of autoregressive monotonic rational-quadratic splines.

    p(z) = N(f(z); 0, I) |det df/dz|: Rezende and Mohamed (2015), equation 5, with the transformations of Durkan et
    al. (2019), section 3. Splines cover [-5, 5] in each dimension; outside, f is the identity.

    Args:
        latent: D, dimensions of z.
        condition: K, dimensions of the condition; 0 for none.
        transforms: number of transformations.
        hidden: widths of each transformation's network.
    """

    def __init__(self, latent: int, condition: int, transforms: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.flow = NSF(latent, condition, transforms=transforms, hidden_features=hidden)

    def forward(self, c: Float[Tensor, "B K"] | None = None, infer: Infer | None = None) -> FlowDistribution:
        """The flow's distribution, of batch shape () or, given a condition, (B,)."""
        with no_autocast(c):
            flow = self.flow(c)
        return FlowDistribution(flow.transform, flow.base)

    def draw(self, n: int, c: Float[Tensor, "N K"] | None, infer: Infer | None, temperature: float) -> Tensor:
        """`n` latents from the base scaled by the temperature (Kingma and Dhariwal 2018, section 6)."""
        return self.forward(c, infer).expand((n,)).draw(temperature)
