"""The contract of posteriors, priors and likelihoods: distributions that integrate to one and follow the seed."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Independent

from vaelab.contract import Likelihood, Posterior, Prior
from vaelab.data.images import ImageFormat
from vaelab.likelihoods import LikelihoodSpec
from vaelab.models import VAE
from vaelab.models.model import built
from vaelab.networks import Mlp
from vaelab.posteriors import Gaussian, PosteriorSpec
from vaelab.priors import PriorSpec, StandardNormal, UniformCodes
from vaelab.sizes import CodeSpace, PriorSizes
from vaelab.spec import Trait
from vaelab.testing.faults import every_parameter_learns, has_shape, integral, one, require, same_for_a_seed

_FORMAT = ImageFormat(1, 4, 4, ("a", "b"))
_BATCH, _DRAWS, _MANY = 4, 3, 20_000
_REACH = 60.0


def check_posterior(spec: PosteriorSpec) -> list[str]:
    """q(code | x) is a distribution, its draws follow the seed, and its traits are true."""
    model: Any = _model(spec, UniformCodes() if spec.discrete else StandardNormal(), latent=3)
    x = torch.rand(_BATCH, 1, 4, 4)
    posterior, h = built(spec, Posterior, model.network, 3), model.network.encode(x, None)
    require((posterior.code_space is not None) == spec.discrete, spec, "`discrete` and its module's code_space differ")
    q = posterior.distribution(h)
    require(tuple(q.batch_shape) == (_BATCH,), spec, f"q has batch shape {tuple(q.batch_shape)}, not {(_BATCH,)}")
    draw = posterior(h, _DRAWS)
    has_shape(spec, "z", draw.z, (_DRAWS, _BATCH, 3))
    has_shape(spec, "log q(code)", draw.q.log_prob(draw.code), (_DRAWS, _BATCH))
    has_shape(spec, "the mean of q", q.mean, (_BATCH, 3))
    posterior.eval()  # in training a codebook moves

    def drawn() -> Tensor:
        z: Tensor = posterior(h, _DRAWS).z.detach()
        return z

    same_for_a_seed(spec, drawn, "forward", varies=not spec.discrete)
    passed = ["shapes", "draws follow the seed"]
    if not spec.discrete:
        _normalised_in_one_dimension(spec, x)
        passed.append("integrates to one")
    if Trait.known_moments in spec.traits:
        _moments_are_true(spec, q)
        passed.append("moments agree with draws")
    if Trait.independent_dimensions in spec.traits:
        require(isinstance(q, Independent), spec, "says that its dimensions are independent; return an Independent")
    trace = model(x, None, _DRAWS)
    every_parameter_learns(spec, [model.posterior], trace.cost().mean())
    return [*passed, "every parameter learns"]


def _normalised_in_one_dimension(spec: PosteriorSpec, x: Tensor) -> None:
    network = Mlp(hidden=(8,))
    model: Any = VAE(1, network=network, posterior=spec).build(_FORMAT)
    q = model.encode(x[:1])
    total = integral(lambda z: q.log_prob(z[:, None, None])[:, 0], -_REACH, _REACH)
    require(one(total), spec, f"q(z | x) integrates to {total:.3g} over z, not to one")


def _moments_are_true(spec: PosteriorSpec, q: Any) -> None:
    draws = q.sample((_MANY,)).double()
    error = 6 * q.stddev.double() / _MANY**0.5
    require(bool(((draws.mean(0) - q.mean).abs() <= error).all()), spec, "the mean of q is not the mean of its draws")
    ratio = draws.std(0) / q.stddev.double()
    require(bool(((ratio - 1).abs() < 0.1).all()), spec, "the deviation of q is not that of its draws")


def check_prior(spec: PriorSpec) -> list[str]:
    """p(code) is a distribution, its draws follow the seed, and its parameters learn."""
    condition = len(_FORMAT.classes) if spec.needs_condition else 0
    c = torch.eye(2)[torch.arange(_BATCH) % 2] if condition else None
    if spec.discrete:
        space = CodeSpace(2, 3)
        prior: Any = built(spec, Prior, PriorSizes(_FORMAT.shape, 2, condition, space))
        codes = torch.tensor(list(itertools.product(range(space.size), repeat=space.slots)))
        p = prior(None if c is None else c[:1])
        log_p = p.log_prob(codes[:, None] if p.batch_shape else codes).reshape(len(codes), -1)[:, 0]
        total = float(log_p.detach().exp().sum())
        require(one(total, 1e-4), spec, f"p(code) adds up to {total:.3g} over all codes, not to one")
        drawn = prior.draw(_BATCH, c, None, 1.0)
        has_shape(spec, "draw(n, ...)", drawn, (_BATCH, space.slots))
        require(bool(((drawn >= 0) & (drawn < space.size)).all()), spec, "draws codes outside the code space")
        same_for_a_seed(spec, lambda: prior.draw(64, None if c is None else c[:1].expand(64, -1), None, 1.0), "draw")
        loss = -log_p.sum()
        learns = [prior] if any(True for _ in prior.parameters()) else []
    else:
        loss, learns = _real_prior(spec, c)
    if learns:
        every_parameter_learns(spec, learns, loss)
    return ["integrates to one", "draws follow the seed", *(["every parameter learns"] if learns else [])]


def _real_prior(spec: PriorSpec, c: Tensor | None) -> tuple[Tensor, list[Any]]:
    """The checks of a prior over real vectors, in one dimension and in two."""
    y = None if c is None else torch.arange(_BATCH) % 2
    line: Any = _model(Gaussian(), spec, latent=1, conditional=c is not None)
    p = line.prior_of(None if y is None else y[:1], 1)
    total = integral(lambda z: p.log_prob(z.reshape(-1, *(1 for _ in p.batch_shape), 1)).flatten(), -_REACH, _REACH)
    require(one(total), spec, f"p(z) integrates to {total:.3g} over z, not to one")

    model: Any = _model(Gaussian(), spec, latent=2, conditional=c is not None)
    p = model.prior_of(y, _BATCH)
    require(tuple(p.batch_shape) in ((), (_BATCH,)), spec, f"p has batch shape {tuple(p.batch_shape)}")
    has_shape(spec, "log p(z)", p.log_prob(torch.randn(_DRAWS, _BATCH, 2)), (_DRAWS, _BATCH))

    def draw(temperature: float = 1.0) -> Tensor:
        drawn: Tensor = model.prior.draw(_BATCH, c, model._infer, temperature).detach()
        return drawn

    has_shape(spec, "draw(n, ...)", draw(), (_BATCH, 2))
    same_for_a_seed(spec, draw, "draw")
    same_for_a_seed(spec, lambda: draw(0.0), "draw at temperature 0", varies=False)
    if spec.reparameterised:
        require(p.has_rsample, spec, "says that it is reparameterised, but its distribution has no rsample")
    learns = [model.prior] if any(True for _ in model.prior.parameters()) else []
    return -p.log_prob(torch.randn(_DRAWS, _BATCH, 2)).mean(), learns


def check_likelihood(spec: LikelihoodSpec) -> list[str]:
    """p(x | z) sums or integrates to one for one pixel, and scores an image as the sum over its pixels."""
    image = (2, 3, 5)
    likelihood: Any = built(spec, Likelihood, image)
    channels = likelihood.outputs(image[0])
    theta = torch.randn(_DRAWS, _BATCH, channels, *image[1:], requires_grad=True)
    binary = bool(likelihood.binary)
    x = torch.rand(_BATCH, *image).round() if binary else (torch.rand(_BATCH, *image) * 255).round() / 255
    p = likelihood(theta)
    has_shape(spec, "log p(x | z)", p.log_prob(x), (_DRAWS, _BATCH))
    has_shape(spec, "the mean of p(x | z)", p.mean, (_DRAWS, _BATCH, *image))
    require(likelihood.score_name(True) != "", spec, "score_name is empty")
    loss = -p.log_prob(x).mean()
    every_parameter_learns(spec, [likelihood], loss + 0 * theta.sum())
    require(theta.grad is not None and bool(theta.grad.isfinite().all()), spec, "theta gets no finite gradient")

    # In training a variance may be that of the batch; pairs are scored by a model that is trained.
    flat = likelihood.eval()(theta[:, 0].detach())
    pairs = likelihood.pairwise_log_prob(flat, x)
    has_shape(spec, "pairwise_log_prob", pairs, (_DRAWS, _BATCH))
    close = torch.allclose(pairs, torch.stack([flat.log_prob(each) for each in x], 1), atol=1e-2, rtol=1e-4)
    require(close, spec, "pairwise_log_prob differs from log_prob, pair by pair")
    _one_pixel(spec)
    return ["shapes", "sums or integrates to one", "pairs agree", "every parameter learns"]


def _one_pixel(spec: LikelihoodSpec) -> None:
    likelihood: Any = built(spec, Likelihood, (1, 1, 1)).eval()
    theta = 0.7 * torch.ones(1, likelihood.outputs(1), 1, 1)
    p = likelihood(theta)

    def log_p(x: Tensor) -> Tensor:
        scores: Tensor = torch.cat([p.log_prob(part.reshape(-1, 1, 1, 1)).flatten() for part in x.split(5000)])
        return scores

    with torch.no_grad():
        if likelihood.binary:
            total = float(log_p(torch.tensor([0.0, 1.0])).exp().sum())
        elif likelihood.discrete(False):
            total = float(log_p(torch.arange(256) / 255).exp().sum())
        else:
            # A density of pixels in [0, 1], or one of the whole axis.
            totals = integral(log_p, 0, 1), integral(log_p, -_REACH, _REACH, 200_001)
            total = next((part for part in totals if one(part)), totals[1])
    require(one(total), spec, f"p(x | z) adds up to {total:.3g} over the values of a pixel, not to one")


def _model(posterior: PosteriorSpec, prior: PriorSpec, latent: int, conditional: bool = False) -> Any:
    spec = VAE(latent, conditional, Mlp(hidden=(8,)), posterior, prior)
    return spec.build(_FORMAT)
