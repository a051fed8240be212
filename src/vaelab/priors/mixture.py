"""The mixture-of-Gaussians prior."""

from __future__ import annotations

from math import inf

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, MixtureSameFamily
from torch.nn.functional import softplus

from vaelab.contract import Infer, Prior
from vaelab.distributions import bounded, diagonal_normal


class MixturePrior(Prior):
    r"""A mixture of K diagonal Gaussians with learned weights, means and scales.

    p(z) = sum_k w_k N(z; m_k, diag(s_k^2)): the baseline "MoG" of Tomczak and Welling (2018), section 4. Means start
    at draws from N(0, I), so that components differ; weights start equal and scales at 1. The KL to it has no closed
    form and is sampled. Scales are bounded from below, see `bounded`.

    Args:
        components: K, number of Gaussians.
        latent: D, dimensions of z.
    """

    def __init__(self, components: int, latent: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(components))
        self.means = nn.Parameter(torch.randn(components, latent))
        # softplus(0.5413...) = 1
        self.raw_scales = nn.Parameter(torch.full((components, latent), 1.0).expm1().log())

    def forward(self, c: Float[Tensor, "B K"] | None = None, infer: Infer | None = None) -> Distribution:
        """The mixture, of batch shape ()."""
        # softplus(a) is about exp(a) for negative a, thus 2 a the log variance.
        scales = softplus(bounded(2 * self.raw_scales, high=inf) / 2)
        return MixtureSameFamily(
            Categorical(logits=self.logits, validate_args=False),
            diagonal_normal(self.means, scales),
            validate_args=False,
        )
