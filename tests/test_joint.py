"""The model with a continuous and a discrete latent: exact sums over codes and quadrature over z are the oracle."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.testing import assert_close

from vaelab import (
    VAE,
    Codebook,
    Constant,
    Experiment,
    Gaussian,
    GumbelSoftmax,
    Joint,
    JointCapacity,
    Mlp,
    Progress,
    ResNet,
    UserError,
    importance_bound,
)
from vaelab.data import ImageFormat

IMAGES = ImageFormat(1, 8, 8)
START = Progress(1, 0, 1, 1)


def built(**settings: Any) -> Any:
    torch.manual_seed(0)
    model: Any = Joint(**settings).build(IMAGES).double().eval()
    for parameter in model.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return model


def test_the_evidence_is_an_integral_over_z_and_a_sum_over_codes() -> None:
    model = built(latent=1, code_latent=3, network=Mlp(hidden=(8,)), codes=GumbelSoftmax(3))
    x = torch.rand(3, *IMAGES.shape).round().double()
    line = torch.linspace(-8, 8, 801).double()
    with torch.no_grad():
        terms = []
        for code in range(3):
            vectors = model.posteriors[1].read(torch.full((len(line), 1), code))
            p = model.decode(torch.cat([line[:, None], vectors], 1))
            log_joint = torch.stack([p.log_prob(image) for image in x]) + Normal(0.0, 1.0).log_prob(line)
            terms.append(log_joint.logsumexp(1) + math.log(float(line[1] - line[0])) - math.log(3))
        found = importance_bound(model, x, samples=4000, seed=0)
    assert_close(found.log_p, torch.stack(terms).logsumexp(0), atol=0.03, rtol=0)


@pytest.mark.parametrize("train", [False, True])
def test_each_latent_has_its_own_kl_and_both_are_decoded(train: bool) -> None:
    """With a map of latents, the network reads both latents of a position side by side."""
    network = ResNet(channels=(4, 4), spatial=True)
    model = built(latent=2, code_latent=3, network=network, codes=GumbelSoftmax(3, 2)).train(train)
    positions = model.network.positions
    trace = model(torch.rand(5, *IMAGES.shape).double(), None, 2)
    z, c = trace.latents
    assert model.widths == (2 * positions, 3 * positions) == (z.z.shape[-1], c.z.shape[-1])
    assert_close(trace.p.mean[1], model.decode(torch.cat([z.z[1], c.z[1]], 1)).mean)
    by_position = torch.cat([z.z[1].unflatten(1, (-1, 2)), c.z[1].unflatten(1, (-1, 3))], 2).flatten(1)
    assert_close(trace.p.mean[1], model.likelihood(model.network.decode(by_position, None)).mean)

    of_z = kl_divergence(Normal(z.q.mean, z.q.stddev), Normal(0.0, 1.0)).sum(-1)
    of_codes = 2 * positions * math.log(3) - z.q.mean.new_zeros(5) + (c.q.probs * c.q.logits).sum((1, 2))
    assert_close(trace.kl, torch.stack([of_z, of_codes])[:, None].expand(2, 2, 5))
    loss = JointCapacity(gamma=7.0, capacity=Constant(3.0), code_capacity=Constant(0.5))(trace, START)
    expected = trace.reconstruction.mean() + 7 * (of_z.mean() - 3).abs() + 7 * (of_codes.mean() - 0.5).abs()
    assert_close(loss, expected)


def test_a_held_latent_stays_and_the_codes_are_drawn() -> None:
    model = built(latent=2, code_latent=3, network=Mlp(hidden=(8,)), codes=GumbelSoftmax(3, learned=False))
    held = torch.randn(1, 2).double().expand(60, -1)
    drawn = model.generate(60, given=held).flatten(1).unique(dim=0)
    expected = model.decode(torch.cat([held[:3], torch.eye(3).double()], 1)).mean.flatten(1).detach()
    assert len(drawn) == 3
    assert torch.cdist(drawn, expected).amin(1).max() < 1e-9
    q = model.encode(torch.rand(4, *IMAGES.shape))
    assert q.mean.shape == (4, 5)
    assert_close(q.mean[:, 2:].sum(1), torch.ones(4).double())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Joint(posterior=Codebook()).check(IMAGES), "Joint.posterior is Codebook, which is not over real"),
        (lambda: Joint(codes=Gaussian()).check(IMAGES), "Joint.codes is Gaussian, which is not over integers"),
        (
            lambda: Experiment(model=VAE(), objective=JointCapacity()).check(IMAGES),
            "objective is JointCapacity, which needs a latent of real numbers beside one of codes",
        ),
        (lambda: built(network=Mlp()).generate(1, given=torch.zeros(1, 3)), "given has 3 dimensions, but the cont"),
    ],
)
def test_what_does_not_fit_is_refused(make: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        make()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
