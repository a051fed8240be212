"""Densities at fixed codes, for objectives whose gradient takes no path through the draws."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from vaelab.contract import Trace


def log_densities_at_fixed_codes(trace: Trace) -> tuple[Float[Tensor, "S B"], Float[Tensor, "S B"]]:
    """log p(x, z) and log q(z | x) at the draws, which count as constants, nats.

    The first has a gradient for the generative model alone, the second for the posterior alone. Draws that carry a
    gradient are decoded once more, without it.
    """
    (latent,) = trace.latents
    code = latent.code.detach()
    fixed = trace.at(code) if latent.z.requires_grad else trace
    return latent.p.log_prob(code) - fixed.reconstruction, latent.q.log_prob(code)
