"""The normalising-flow prior."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from zuko.flows import Flow

from vaelab.contract import Infer, Prior
from vaelab.distributions import no_autocast
from vaelab.distributions.flow import FlowDistribution


class FlowPrior(Prior):
    """A stack of invertible transformations f, such as autoregressive splines.

    p(z) = N(f(z); 0, I) |det df/dz|: Rezende and Mohamed (2015), equation 5.

    Args:
        flow: the transformations, which a spec of `vaelab.flows` builds.
    """

    def __init__(self, flow: Flow) -> None:
        super().__init__()
        self.flow = flow

    def forward(self, c: Float[Tensor, "B K"] | None = None, infer: Infer | None = None) -> FlowDistribution:
        """The flow's distribution, of batch shape () or, given a condition, (B,)."""
        with no_autocast(c):
            flow = self.flow(c)
        return FlowDistribution(flow.transform, flow.base)

    def draw(self, n: int, c: Float[Tensor, "N K"] | None, infer: Infer | None, temperature: float) -> Tensor:
        """`n` latents from the base scaled by the temperature (Kingma and Dhariwal 2018, section 6)."""
        return self.forward(c, infer).expand((n,)).draw(temperature)
