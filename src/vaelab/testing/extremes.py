"""Whether a posterior or a likelihood stays finite far from its start: a caveat of a part, not a fault."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vaelab.contract import Latent, Likelihood, Posterior, Sizes
from vaelab.distributions import diagonal_normal
from vaelab.likelihoods import LikelihoodSpec
from vaelab.models.model import built
from vaelab.networks import Mlp
from vaelab.posteriors import PosteriorSpec
from vaelab.spec import Spec

_FAR = 1e4
_IMAGE = (1, 4, 4)


def caveat(spec: Spec) -> str:
    """What happens to the densities of a part whose input is 10,000 times as large as at the start.

    A density that ends in infinity or NaN there is not wrong, and most published code has it, so the part keeps the
    contract. But a single unit that diverges then ends a training, which bounded log variances do not (`scale_of`).

    Returns:
        A line for a posterior or a likelihood that is not finite, otherwise an empty text.
    """
    if isinstance(spec, PosteriorSpec) and not spec.discrete:
        scores, name = _far_posterior(spec), "log q(z | x) or its KL"
    elif isinstance(spec, LikelihoodSpec):
        scores, name = _far_likelihood(spec), "log p(x | z)"
    else:
        return ""
    if all(bool(score.isfinite().all()) for score in scores):
        return ""
    return (
        f"{type(spec).__name__}: {name} is not finite for inputs 10,000 times as large as at the start; "
        "bound its log variances with vaelab.scale_of"
    )


def _far_posterior(spec: PosteriorSpec) -> list[Tensor]:
    network = Mlp(hidden=(8,)).build(Sizes(_IMAGE, 3, 0, 1))
    posterior: Any = built(spec, Posterior, network, 3)
    with torch.no_grad():
        draw = posterior(_FAR * torch.randn(16, network.features), 2)
        p = diagonal_normal(torch.zeros(3), torch.ones(3))
        latent = Latent(draw.q, draw.code, draw.z, draw.penalty, p=p)
        return [latent.log_ratio(), latent.kl()]


def _far_likelihood(spec: LikelihoodSpec) -> list[Tensor]:
    likelihood: Any = built(spec, Likelihood, _IMAGE)
    with torch.no_grad():
        theta = _FAR * torch.randn(16, likelihood.outputs(_IMAGE[0]), *_IMAGE[1:])
        score: Tensor = likelihood(theta).log_prob(torch.rand(16, *_IMAGE).round())
        return [score]
