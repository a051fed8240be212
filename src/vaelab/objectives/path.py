"""The path derivative of log q, without the score function."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.contract import Latent


def log_q_along_the_path(latent: Latent) -> Float[Tensor, "S B"]:
    """log q(code | x), whose gradient reaches the posterior through the code alone.

    It leaves out the score function, which has mean zero (Roeder, Wu and Duvenaud 2017).
    """
    code = latent.code.detach().requires_grad_()
    with torch.enable_grad():
        log_q = latent.q.log_prob(code)
        (slope,) = torch.autograd.grad(log_q.sum(), code, retain_graph=True)
    return log_q.detach() + (slope * (latent.code - latent.code.detach())).flatten(2).sum(-1)
