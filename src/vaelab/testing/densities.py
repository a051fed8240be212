"""The contract of posteriors and priors: distributions that integrate to one and follow the seed."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Independent

from vaelab.contract import Posterior, Prior
from vaelab.data import ImageFormat
from vaelab.distributions import PointMass
from vaelab.distributions.gaussians import Gaussians
from vaelab.models import VAE
from vaelab.models.built import built
from vaelab.networks import Mlp
from vaelab.posteriors import PosteriorSpec
from vaelab.priors import PriorSpec, UniformCodes
from vaelab.sizes import EUCLIDEAN, CodeSpace, PriorSizes
from vaelab.testing.faults import every_parameter_learns, has_shape, one, require, same_for_a_seed
from vaelab.testing.spaces import known
from vaelab.traits import Trait

_FORMAT = ImageFormat(1, 4, 4, ("a", "b"))
_BATCH, _DRAWS, _MANY = 4, 3, 20_000
# How far the integral of a density that is estimated may be from one.
_ESTIMATED = 0.1


def check_posterior(spec: PosteriorSpec) -> list[str]:
    """q(code | x) is a distribution, its draws follow the seed, and its traits are true."""
    model: Any = _model(spec, UniformCodes() if spec.discrete else known(spec.space, spec).prior, latent=3)
    x = torch.rand(_BATCH, 1, 4, 4)
    posterior, h = built(spec, Posterior, model.network, 3), model.network.encode(x, None)
    require((posterior.code_space is not None) == spec.discrete, spec, "`discrete` and its module's code_space differ")
    q = posterior.distribution(h)
    require(tuple(q.batch_shape) == (_BATCH,), spec, f"q has batch shape {tuple(q.batch_shape)}, not {(_BATCH,)}")
    draw = posterior(h, _DRAWS)
    has_shape(spec, "z", draw.z, (_DRAWS, _BATCH, 3))
    if spec.has_density:
        has_shape(spec, "log q(code)", draw.q.log_prob(draw.code), (_DRAWS, _BATCH))
    has_shape(spec, "the mean of q", q.mean, (_BATCH, 3))
    posterior.eval()  # in training a codebook moves

    def drawn() -> Tensor:
        z: Tensor = posterior(h, _DRAWS).z.detach()
        return z

    # Whether draws of a posterior without a density vary is its own matter.
    same_for_a_seed(spec, drawn, "forward", varies=spec.has_density and not isinstance(q, PointMass))
    passed = ["shapes", "draws follow the seed"]
    if spec.discrete:
        _normalised_over_codes(spec, posterior.code_space, q)
    elif spec.has_density:
        _normalised(spec, x)
    if spec.has_density:
        passed.append("integrates to one")
    if Trait.known_moments in spec.traits:
        _moments_are_true(spec, q)
        passed.append("moments agree with draws")
    if Trait.independent_dimensions in spec.traits:
        require(isinstance(q, Independent), spec, "says that its dimensions are independent; return an Independent")
    if Trait.gaussian_posterior in spec.traits:
        Gaussians.of(q)
    trace = model(x, None, _DRAWS)
    every_parameter_learns(spec, [model.posterior], trace.cost().mean())
    return [*passed, "every parameter learns"]


def _normalised(spec: PosteriorSpec, x: Tensor) -> None:
    over = known(spec.space, spec)
    model: Any = _model(spec, over.prior, over.grid.latent)
    q = model.encode(x[:1])
    total = over.grid.integral(lambda z: q.log_prob(z[:, None])[:, 0])
    require(one(total), spec, f"q(z | x) integrates to {total:.3g} over z, not to one")


def _normalised_over_codes(spec: PosteriorSpec, space: CodeSpace, q: Any) -> None:
    if space.size**space.slots > _MANY:
        return
    codes = torch.tensor(list(itertools.product(range(space.size), repeat=space.slots)))
    total = float(q.log_prob(codes[:, None].expand(-1, _BATCH, -1)).detach().exp().sum(0)[0])
    require(one(total, 1e-4), spec, f"q(code | x) adds up to {total:.3g} over all codes, not to one")


def _moments_are_true(spec: PosteriorSpec, q: Any) -> None:
    draws = q.sample((_MANY,)).double()
    error = 6 * q.stddev.double() / _MANY**0.5
    require(bool(((draws.mean(0) - q.mean).abs() <= error).all()), spec, "the mean of q is not the mean of its draws")
    ratio = draws.std(0) / q.stddev.double()
    require(bool(((ratio - 1).abs() < 0.1).all()), spec, "the deviation of q is not that of its draws")


def check_prior(spec: PriorSpec) -> list[str]:
    """p(code) is a distribution, its draws follow the seed, and its parameters learn.

    In evaluation mode; the loss is that of training mode, in which `log_prob` may be a bound.
    """
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
    """The checks of a prior over a space, in its fewest dimensions and in two."""
    y, over = None if c is None else torch.arange(_BATCH) % 2, known(spec.space, spec)
    least: Any = _model(over.posterior, spec, over.grid.latent, conditional=c is not None)
    p = least.eval().prior_of(None if y is None else y[:1], 1)
    total = over.grid.integral(lambda z: p.log_prob(z[:, None] if p.batch_shape else z).flatten())
    tolerance = 0.01 if spec.exact else _ESTIMATED
    require(one(total, tolerance), spec, f"p(z) integrates to {total:.3g} over z, not to one")

    model: Any = _model(over.posterior, spec, latent=2, conditional=c is not None)
    p = model.eval().prior_of(y, _BATCH)
    require(tuple(p.batch_shape) in ((), (_BATCH,)), spec, f"p has batch shape {tuple(p.batch_shape)}")
    z = (
        over.grid.points[torch.randint(len(over.grid.points), (_DRAWS, _BATCH, 2 // over.grid.latent))]
        .flatten(2)
        .float()
    )
    z = torch.randn(_DRAWS, _BATCH, 2) if spec.space == EUCLIDEAN else z
    has_shape(spec, "log p(z)", p.log_prob(z), (_DRAWS, _BATCH))

    def draw(temperature: float = 1.0) -> Tensor:
        drawn: Tensor = model.prior.draw(_BATCH, c, model._infer, temperature).detach()
        return drawn

    has_shape(spec, "draw(n, ...)", draw(), (_BATCH, 2))
    same_for_a_seed(spec, draw, "draw")
    same_for_a_seed(spec, lambda: draw(0.0), "draw at temperature 0", varies=False)
    if spec.reparameterised:
        require(p.has_rsample, spec, "says that it is reparameterised, but its distribution has no rsample")
    learns = [model.prior] if any(True for _ in model.prior.parameters()) else []
    learned = model.train().prior_of(y, _BATCH)
    return -learned.log_prob(z).mean(), learns


def _model(posterior: PosteriorSpec, prior: PriorSpec, latent: int, conditional: bool = False) -> Any:
    spec = VAE(latent, conditional, Mlp(hidden=(8,)), posterior, prior)
    return spec.build(_FORMAT)
