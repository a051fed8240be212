"""Flows: densities, draws and inverses of every transformation, in posteriors and priors."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close
from zuko.flows import NSF

from vaelab import VAE, Flow, FlowPosterior, Iaf, Maf, Mlp, Planar, Radial, Spline
from vaelab.data import ImageFormat
from vaelab.flows import FlowSizes, TransformSpec
from vaelab.flows.planar import PlanarTransform
from vaelab.flows.radial import RadialTransform
from vaelab.sizes import PriorSizes, Sizes
from vaelab.spec import members

EVERY: list[Any] = [transform() for transform in members(TransformSpec, own=True)]
OTHERS = [transform for transform in EVERY if transform != Spline()]


def name(part: Any) -> str:
    return type(part).__name__


def posterior_of(transform: Any, latent: int = 2) -> tuple[Any, Tensor]:
    """A posterior of a small network with perturbed weights, and the features of three images."""
    torch.manual_seed(0)
    network = Mlp(hidden=(6,)).build(Sizes((1, 4, 4), latent, 0, 1))
    posterior = FlowPosterior(3, (8,), 4, transform).build(network, latent)
    for parameter in posterior.parameters():
        parameter.data.add_(0.3 * torch.randn_like(parameter))
    return posterior.double(), torch.randn(3, 6, dtype=torch.float64)


def prior_of(transform: Any, latent: int = 2) -> Any:
    torch.manual_seed(0)
    return Flow(3, (8,), transform).build(PriorSizes((1, 4, 4), latent, 0, None)).double()


@pytest.mark.parametrize("transform", OTHERS, ids=name)
@pytest.mark.parametrize("of", ["posterior", "prior"])
def test_a_flow_integrates_to_one_and_its_draws_follow_it(transform: Any, of: str) -> None:
    if of == "posterior":
        posterior, h = posterior_of(transform)
        p = posterior.distribution(h[:1])
    else:
        p = prior_of(transform)().expand((1,))
    line = torch.linspace(-12, 12, 500, dtype=torch.float64)
    points = torch.cartesian_prod(line, line)
    with torch.no_grad():
        mass = p.log_prob(points[:, None])[:, 0].exp() * (line[1] - line[0]) ** 2
        drawn = p.rsample((20_000,))[:, 0]
    assert_close(mass.sum(), torch.ones((), dtype=torch.float64), atol=1e-3, rtol=0)

    def moments(z: Tensor) -> Tensor:
        x, y = z.unbind(-1)
        return torch.stack([x, y, x * x, y * y, x * y, (2 * x).sin() * (2 * y).cos()], -1)

    error = moments(drawn).std(0) / math.sqrt(len(drawn))
    assert ((moments(drawn).mean(0) - mass @ moments(points)).abs() < 4 * error).all()


@pytest.mark.parametrize("transform", OTHERS, ids=name)
def test_a_remembered_draw_has_the_score_of_any_other_point(transform: Any) -> None:
    """The values, and the gradients for weights and features, through the draw and through the density."""
    posterior, h = posterior_of(transform, latent=3)
    h.requires_grad_()
    weights = [h, *posterior.parameters()]
    draw = posterior(h, 5)
    quick, slow = draw.q.log_prob(draw.z), posterior.distribution(h).log_prob(draw.z)
    assert draw.q.transform.last[0] is draw.z
    assert_close(quick, slow, atol=1e-9, rtol=1e-7)
    ours, theirs = (
        torch.autograd.grad(scores.square().sum(), weights, retain_graph=True, materialize_grads=True)
        for scores in (quick, slow)
    )
    assert_close(ours, theirs, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("transform", EVERY, ids=name)
def test_float32_inverts_a_flow(transform: Any) -> None:
    posterior, h = posterior_of(transform, latent=4)
    f = posterior.float().distribution(h.float()).transform
    noise = torch.randn(50, 3, 4)
    assert_close(f(f.inv(noise).clone()), noise, atol=2e-3, rtol=0)


def test_autoregressive_flows_are_quick_in_opposite_directions() -> None:
    """With the same weights one is the inverse of the other, and each depends on earlier dimensions alone."""
    flows = {}
    for transform in (Maf(), Iaf()):
        torch.manual_seed(0)
        flows[name(transform)] = transform.build(FlowSizes(4, 0, 1, (8,), False)).double()(None).transform
    z = torch.randn(6, 4, dtype=torch.float64)
    assert_close(flows["Iaf"](flows["Maf"](z)), z)
    for f in (flows["Maf"], flows["Iaf"].inv):
        slope = torch.autograd.functional.jacobian(f, z[0])
        assert_close(slope, slope.tril())
        assert slope.tril(-1).abs().max() > 0


def test_a_planar_flow_is_the_published_one_and_stays_invertible() -> None:
    """g(z) = z + u tanh(w . z + b), unless w . u is below -1, where u is moved along w alone."""
    torch.manual_seed(0)
    w, u, z = torch.randn(3, 40, 3, dtype=torch.float64)
    b = torch.randn(40, 1, dtype=torch.float64)
    g = PlanarTransform(w, 4 * u, b)
    assert (g.k > -1).all()
    assert_close(g.k, (g.w * g.u).sum(-1, keepdim=True))
    plain = ((w * u).sum(-1) >= 0)[:, None]
    assert plain.any()
    assert_close(torch.where(plain, g(z), 0.0), torch.where(plain, z + 4 * u * ((w * z).sum(-1, True) + b).tanh(), 0.0))
    moved = g.u - 4 * u
    assert_close(moved, w * (moved * w).sum(-1, keepdim=True) / w.square().sum(-1, keepdim=True))
    assert_close(g.inv(g(z)), z, atol=1e-8, rtol=0)


def test_a_radial_flow_is_the_published_one_and_stays_invertible() -> None:
    """g(z) = z + beta (z - m) / (alpha + r), beta down to -0.999 alpha, also at the centre."""
    torch.manual_seed(0)
    z, m = torch.randn(2, 40, 3, dtype=torch.float64)
    alpha, ratio = torch.rand(2, 40, 1, dtype=torch.float64) + 0.1
    for sign in (4.0, -0.9):
        g, r = RadialTransform(m, alpha, sign * ratio), (z - m).norm(dim=-1, keepdim=True)
        assert_close(g(z), z + sign * ratio * alpha * (z - m) / (alpha + r))
        assert_close(g.inv(g(z)), z, atol=1e-9, rtol=0)
    centre = m.clone().requires_grad_()
    tight = RadialTransform(m, alpha, torch.full_like(ratio, -0.999))
    value, log_determinant = tight.call_and_ladj(centre)
    (value.sum() + log_determinant.sum() + tight.inv(centre).sum()).backward()
    assert_close(value, m)
    assert centre.grad is not None
    assert centre.grad.isfinite().all()


@pytest.mark.parametrize("transform", [Planar(), Radial()], ids=name)
def test_parameters_of_any_size_give_finite_numbers_and_gradients(transform: Any) -> None:
    for size in (0.0, 1e-20, 1e-3, 1e3):
        flow = transform.build(FlowSizes(3, 0, 2, (), True))
        for parameter in flow.parameters():
            parameter.data.mul_(size)
        p = flow(None)
        log_p = p.log_prob(torch.randn(20, 3))
        (log_p.sum() + p.transform.inv(torch.randn(20, 3)).sum()).backward()
        assert log_p.isfinite().all()
        assert all(parameter.grad.isfinite().all() for parameter in flow.parameters())


@pytest.mark.parametrize("transform", OTHERS, ids=name)
def test_a_flow_fits_what_no_normal_does(transform: Any) -> None:
    """A banana y = x^2 / 2 + noise; the entropy of the best normal is that of its covariance."""
    torch.manual_seed(0)
    x = torch.randn(2000)
    z = torch.stack([x, x.square() / 2 + 0.3 * torch.randn(2000) - 0.5], -1)
    best_normal = (torch.linalg.slogdet(z.T.cov()).logabsdet / 2 + math.log(2 * math.pi * math.e)).item()
    prior = Flow(4, (16,), transform).build(PriorSizes((1, 4, 4), 2, 0, None))
    optimiser = torch.optim.Adam(prior.parameters(), lr=0.02)
    for _ in range(150):
        optimiser.zero_grad()
        loss = -prior().log_prob(z[torch.randint(2000, (500,))]).mean()
        loss.backward()
        optimiser.step()
    assert loss.item() < best_normal - 0.1


def test_the_default_flows_have_the_weights_of_the_flows_before_there_was_a_choice() -> None:
    torch.manual_seed(0)
    prior = Flow(2, (8,)).build(PriorSizes((1, 4, 4), 3, 2, None))
    torch.manual_seed(0)
    before = {f"flow.{key}": value for key, value in NSF(3, 2, transforms=2, hidden_features=(8,)).state_dict().items()}
    assert_close(dict(prior.state_dict()), before, atol=0, rtol=0)

    torch.manual_seed(0)
    posterior = (
        VAE(3, network=Mlp(hidden=(6,)), posterior=FlowPosterior(2, (8,), 4)).build(ImageFormat(1, 4, 4)).posterior
    )
    torch.manual_seed(0)
    network = Mlp(hidden=(6,)).build(Sizes((1, 4, 4), 3, 0, 1))
    heads = [network.head(3), network.head(3), torch.nn.Linear(6, 4)]
    flow = NSF(3, 4, transforms=2, hidden_features=(8,), passes=2)
    assert list(posterior.state_dict()) == [
        *(f"{part}.{key}" for part in ("mean", "log_variance", "context") for key in ("weight", "bias")),
        *(f"flow.{key}" for key in flow.state_dict()),
    ]
    before = [value for part in (*heads, flow) for value in part.state_dict().values()]
    assert_close(list(posterior.state_dict().values()), before, atol=0, rtol=0)
