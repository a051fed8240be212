"""The hierarchical model: its draws, held groups and the KL of its groups."""

from __future__ import annotations

import math

import pytest
import torch

from vaelab import Depthwise, Elbo, Ladder, UserError
from vaelab.data import ImageFormat
from vaelab.distributions import diagonal_normal
from vaelab.models.ladder import LadderModel
from vaelab.schedules import Progress

GREY = ImageFormat(1, 28, 28, ("a", "b"))


@pytest.fixture
def model() -> LadderModel:
    torch.manual_seed(0)
    return Ladder(groups=(1, 2), width=8, latent=2).build(GREY)


def far_from_prior(model: LadderModel) -> LadderModel:
    """The same model with posteriors far from their priors."""
    for group in model.groups:
        group.residual.weight.data.mul_(30)
    return model


def test_groups_have_their_resolutions(model: LadderModel) -> None:
    assert model.extents == [(7, 7), (14, 14), (28, 28)]
    assert model.widths == (2 * 49, 2 * 196, 2 * 196)
    odd = Ladder(groups=(1, 0, 1), width=8).build(ImageFormat(3, 33, 17))
    assert odd.extents == [(5, 3), (9, 5), (17, 9), (33, 17)]
    assert odd.widths == (4 * 15, 4 * 17 * 9)
    assert odd.generate(2).shape == (2, 3, 33, 17)


def test_a_group_that_ignores_the_image_has_zero_kl(model: LadderModel) -> None:
    """With the residual parameterisation, shift 0 and stretch 1 make the posterior equal to any prior."""
    for group in model.groups:
        group.residual.weight.data.zero_()
    trace = model(torch.rand(3, 1, 28, 28))
    assert trace.kl.abs().max() == 0
    assert far_from_prior(model)(torch.rand(3, 1, 28, 28)).kl.abs().max() == 0
    model.groups[1].residual.bias.data.fill_(0.1)
    kl = model(torch.rand(3, 1, 28, 28)).kl
    assert (kl[1] > 1).all()
    assert (kl[[0, 2]] == 0).all()


def test_the_kl_of_a_residual_normal_follows_from_its_moments(model: LadderModel) -> None:
    """q = N(mean + scale shift, (scale stretch)^2): its KL from shift and stretch is that of the two normals."""
    trace = far_from_prior(model).double()(torch.rand(3, 1, 28, 28, dtype=torch.float64), None, 2)
    for latent in trace.latents:
        q, p = (diagonal_normal(d.mean, d.stddev) for d in (latent.q, latent.p))
        torch.testing.assert_close(latent.kl(), torch.distributions.kl_divergence(q, p))


def test_exact_kl_matches_sampled_kl(model: LadderModel) -> None:
    """The KL of a group is exact given the draws above it; the log ratio averages to it over many draws."""
    with torch.no_grad():
        trace = far_from_prior(model)(torch.rand(2, 1, 28, 28), None, 400)
        ratio = torch.stack([latent.log_ratio() for latent in trace.latents])
    assert (trace.kl > 0.1).all()
    difference = (ratio - trace.kl).sum(0)
    error = 4 * difference.std(0) / math.sqrt(len(difference))
    assert (difference.mean(0).abs() < error).all()


def test_samples_and_images_do_not_affect_each_other() -> None:
    torch.manual_seed(0)
    model = far_from_prior(Ladder(groups=(1, 1), width=8, latent=2, conditional=True).build(GREY))
    x, y = torch.rand(2, 1, 28, 28), torch.tensor([0, 1])
    trace = model(x, y, 3)
    for sample in range(3):
        z = torch.cat([latent.z[sample] for latent in trace.latents], 1)
        torch.testing.assert_close(trace.p.mean[sample], model.decode(z, y).mean)
    # The posterior of an image does not depend on the rest of the batch.
    torch.testing.assert_close(model.encode(x, y).mean[1:], model.encode(x[1:], y[1:]).mean)


def test_lower_groups_depend_on_draws_above(model: LadderModel) -> None:
    trace = far_from_prior(model)(torch.rand(1, 1, 28, 28), None, 2)
    top, below = trace.latents[0].q.mean, trace.latents[1].q.mean
    torch.testing.assert_close(top[0], top[1])
    assert (below[0] - below[1]).abs().max() > 1e-3


def test_given_top_latents_are_held_and_the_rest_is_drawn(model: LadderModel) -> None:
    far_from_prior(model)
    for group in model.groups:
        group.project.weight.data.mul_(20)
    x = torch.rand(1, 1, 28, 28)
    top = model.encode(x).mean[:, : model.widths[0]].repeat(200, 1)
    held, free = model.generate(200, given=top), model.generate(200)
    assert held.var(0).sum() > 0
    assert held.var(0).sum() < free.var(0).sum()
    z = model._draw(200, None, top, 1.0)
    assert torch.equal(z[:, : model.widths[0]], top)
    assert (z[:, model.widths[0] :].std(0) > 0.1).all()
    means = model.encode(x).mean
    torch.testing.assert_close(model.generate(1, given=means), model.decode(means).mean)
    cold = model.generate(2, given=top[:2], temperature=0.0)
    torch.testing.assert_close(cold[0], cold[1])
    with pytest.raises(UserError, match=r"given has 99 dimensions, but the first groups of latents have 98, 490, 882"):
        model.generate(1, given=torch.zeros(1, 99))


@pytest.mark.parametrize("cell", [None, Depthwise()], ids=["bottleneck", "depthwise"])
def test_bf16_is_stable(cell: Depthwise | None) -> None:
    """Thirty steps at a high learning rate in bf16: densities stay in float32 and the loss falls as in fp32."""
    spec = Ladder(groups=(2, 2), width=8) if cell is None else Ladder(groups=(2, 2), width=8, cell=cell)
    torch.manual_seed(1)
    x = (torch.rand(6, 1, 28, 28) < torch.linspace(0, 1, 28)).float()
    ends = {}
    for bf16 in (False, True):
        torch.manual_seed(2)
        model = spec.build(GREY)
        optimiser = torch.optim.Adam(model.parameters(), 3e-3)
        for step in range(30):
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                trace = model(x)
            assert trace.total.dtype == torch.float32
            loss = Elbo()(trace, Progress(1, step, 30, 1))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        ends[bf16] = loss.item()
        assert math.isfinite(ends[bf16])
    assert ends[True] == pytest.approx(ends[False], rel=0.1)
    assert ends[False] < 450
