"""The two-stage prior: its estimate of a density against quadrature and closed forms."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal
from torch.nn.functional import one_hot
from torch.testing import assert_close

import vaelab as vl
from vaelab.sizes import PriorSizes


def built(dimensions: int, condition: int = 0, **settings: Any) -> Any:
    """A second stage in double precision, with other weights than at the start."""
    torch.manual_seed(0)
    spec = vl.TwoStage(**({"hidden": (8,)} | settings))
    prior: Any = spec.build(PriorSizes((1, 4, 4), dimensions, condition, None)).double()
    for parameter in prior.parameters():
        parameter.data.add_(0.2 * torch.randn_like(parameter))
    prior.fit(torch.tensor([[1.0] * dimensions, [4.0] * dimensions]), None)
    return prior.requires_grad_(False)


def by_quadrature(prior: Any, z: Tensor, c: Tensor | None) -> Tensor:
    """log p(z) in one dimension, by the trapezoidal rule over u."""
    u = torch.linspace(-9, 9, 4001, dtype=torch.float64)[:, None]
    given = None if c is None else c.expand(len(u), -1)
    mean = u + prior.decoder(u if given is None else torch.cat([u, given], -1))
    p = Normal(prior.shift + prior.scale * mean, prior.scale * (prior.log_variance / 2).exp())
    return torch.stack(
        [torch.trapezoid((p.log_prob(x) + Normal(0, 1).log_prob(u)).exp()[:, 0], u[:, 0]) for x in z]
    ).log()


@pytest.mark.parametrize("conditional", [False, True])
def test_the_estimate_has_no_bias(conditional: bool) -> None:
    """The mean of exp(log_prob) over draws is p(z), and that of log_prob lies below log p(z)."""
    prior = built(1, 2 * conditional)
    z = torch.tensor([[-1.0], [1.5], [4.0]], dtype=torch.float64)
    c = one_hot(torch.tensor([1]), 2).double() if conditional else None
    expected = by_quadrature(prior, z, c)
    estimates = prior.train()(c).log_prob(z.repeat_interleave(40_000, 0)[:, None]).view(3, -1)
    ratio = (estimates - expected[:, None]).exp()
    assert ((ratio.mean(1) - 1).abs() < 4.5 * ratio.std(1) / 200).all()
    assert (estimates.mean(1) < expected).all()
    # More points come closer, and are the same in every call.
    near = built(1, 2 * conditional, draws=4096).eval()(c)
    assert_close(near.log_prob(z[:, None]).flatten(), expected, atol=0.02, rtol=0)
    assert torch.equal(near.log_prob(z[:, None]), near.log_prob(z[:, None]))


def test_a_linear_second_stage_has_a_closed_form() -> None:
    """With the true posterior as encoder the weights are constant: one draw gives the exact density."""
    prior = built(2, hidden=(), draws=64)
    slope, offset, variance = torch.tensor([0.8, 2.0]).double(), torch.tensor([0.3, -1.0]).double(), 0.3
    prior.log_variance.fill_(math.log(variance))
    prior.decoder[0].weight.copy_((slope - 1).diag())
    prior.decoder[0].bias.copy_(offset)
    precision = 1 + slope.square() / variance
    gain = slope / variance / precision
    prior.encoder[0].weight.copy_(torch.cat([(gain - 1).diag(), torch.zeros(2, 2)]))
    prior.encoder[0].bias.copy_(torch.cat([-gain * offset, -precision.log()]))
    covariance = prior.scale.square() * (slope.square() + variance)
    known = MultivariateNormal(prior.shift + prior.scale * offset, covariance.diag())
    z = 3 * torch.randn(20, 2, dtype=torch.float64)
    for p in (prior.train()(), prior.eval()()):
        assert_close(p.log_prob(z), known.log_prob(z))
    drawn = prior().rsample((40_000,))
    assert_close(drawn.mean(0), known.mean, atol=0.1, rtol=0)
    assert_close(drawn.T.cov(), known.covariance_matrix, atol=0.2, rtol=0.03)
    assert_close(prior().mean, known.mean, atol=0.5, rtol=0)


def test_a_trained_second_stage_has_the_density_of_its_data() -> None:
    """Two clusters, of which a normal distribution misses that there is nothing between them."""
    torch.manual_seed(0)
    side = torch.randint(2, (4000, 1)).float() * 2 - 1
    data = 0.3 * torch.randn(4000, 2) + side * torch.tensor([1.5, 0.0])
    prior: Any = vl.TwoStage(hidden=(64, 64), draws=32).build(PriorSizes((1, 4, 4), 2, 0, None))
    prior.fit(data, None)
    optimiser = torch.optim.Adam(prior.parameters(), 3e-3)
    for _ in range(400):
        optimiser.zero_grad()
        (-prior.train()().log_prob(data[torch.randint(4000, (128,))]).mean()).backward()
        optimiser.step()
    with torch.no_grad():
        normal = MultivariateNormal(data.mean(0), data.T.cov()).log_prob(data).mean()
        bound, evaluated = prior.train()().log_prob(data).mean(), prior.eval()().log_prob(data).mean()
        drawn = prior.draw(4000, None, None, 1.0)
    assert normal + 0.15 < bound < evaluated - 0.05
    # A normal distribution has 0.31 of its mass between -0.6 and 0.6.
    assert (drawn[:, 0].abs() < 0.6).float().mean() < 0.22
    assert_close(drawn.std(0), data.std(0), atol=0, rtol=0.15)


def test_log_p_is_never_called_exact() -> None:
    model = vl.VAE(prior=vl.TwoStage(hidden=(8,), draws=4), network=vl.Mlp(hidden=(8,))).build(vl.ImageFormat(1, 4, 4))
    x = torch.rand(3, 1, 4, 4).round()
    with pytest.raises(vl.UserError, match=r"whose log p\(z\) is an estimate, so log p\(x\) cannot be exact"):
        vl.exact_evidence(model, x)
    assert vl.importance_bound(model, x, samples=8).log_p.isfinite().all()
