"""A check that densities stay finite for extreme inputs. If they do not, that is a caveat, not a fault."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import torch

from vaelab.contract import Latent, Likelihood, Posterior, Prior
from vaelab.data import ImageFormat
from vaelab.likelihoods import LikelihoodSpec
from vaelab.models.built import built
from vaelab.networks import Mlp
from vaelab.posteriors import PosteriorSpec
from vaelab.sizes import PriorSizes, Sizes
from vaelab.spec import Spec
from vaelab.testing.faults import example, formats_of
from vaelab.testing.spaces import known

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
        name, finite = "log q(z | x) or its KL", _far_posterior(spec)
    elif isinstance(spec, LikelihoodSpec):
        name, finite = "log p(x | z)", _far_likelihood(spec)
    else:
        return ""
    if finite:
        return ""
    return (
        f"{type(spec).__name__}: {name} is not finite for inputs 10,000 times as large as at the start; "
        "bound its log variances with vaelab.scale_of"
    )


def _far_posterior(spec: PosteriorSpec) -> bool:
    network = Mlp(hidden=(8,)).build(Sizes(_IMAGE, 3, 0, 1))
    posterior: Any = built(spec, Posterior, network, 3)
    with torch.no_grad(), suppress(ValueError):  # a distribution may refuse a scale of 0 or infinity
        draw = posterior(_FAR * torch.randn(16, network.features), 2)
        p = built(known(spec.space, spec).prior, Prior, PriorSizes(_IMAGE, 3, 0, None))(None)
        latent = Latent(draw.q, draw.code, draw.z, draw.penalty, p=p)
        weighs = not spec.has_density or bool(latent.log_ratio().isfinite().all())
        return weighs and bool(latent.kl().isfinite().all())
    return False


def _far_likelihood(spec: LikelihoodSpec) -> bool:
    format = formats_of(spec.check)[0]
    likelihood: Any = built(spec, Likelihood, format, method="build_for")
    with torch.no_grad(), suppress(ValueError):
        theta = _FAR * torch.randn(16, likelihood.outputs(format.shape[0]), *format.shape[1:])
        x = example(format, 16)
        return bool(likelihood(theta).log_prob(x.round() if isinstance(format, ImageFormat) else x).isfinite().all())
    return False
