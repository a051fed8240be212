"""`NeighbourEmbedding` against root finding, a loop and the gradient of t-SNE; its memory; what it refuses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from torch import Tensor

from vaelab import (
    VAE,
    Codebook,
    Column,
    Elbo,
    Experiment,
    ImageFormat,
    Iwae,
    Linear,
    Mlp,
    NeighbourEmbedding,
    TableFormat,
    UniformCodes,
    UserError,
)
from vaelab.contract import Trace
from vaelab.models.vae import VAEModel
from vaelab.objectives.neighbours_loss import affinities, neighbour_divergence
from vaelab.schedules import Progress

FORMAT = ImageFormat(1, 3, 4)
TABLE = TableFormat((Column("length"),))
PROGRESS = Progress(epoch=1, step=0, steps=4, epochs=2)


def vae(**settings: Any) -> VAEModel:
    torch.manual_seed(0)
    return VAE(2, network=Mlp(hidden=(6,)), **settings).build(FORMAT).double()


def images(n: int, seed: int = 1) -> Tensor:
    return torch.rand(n, 1, 3, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    return (a[:, None] - b).square().sum(-1)


def others(n: int, m: int | None = None) -> Tensor:
    return ~torch.eye(n, m or n, dtype=torch.bool)


def loss_of(spec: NeighbourEmbedding) -> Any:
    return spec.build_for(2, FORMAT)


def test_affinities_are_those_of_a_root_finder() -> None:
    """Van der Maaten and Hinton (2008), equation 1, with the width of each image found by scipy."""
    points = images(20).flatten(1) * torch.logspace(-1, 1, 20, dtype=torch.float64)[:, None]
    distances = squared_distances(points, points)
    found = affinities(distances, others(20), perplexity=5.0).numpy()
    for i, row in enumerate(distances.numpy()):
        excess = np.delete(row, i) - np.delete(row, i).min()

        def p(log_precision: float, excess: Any = excess) -> Any:
            weights = np.exp(-excess * math.exp(log_precision))
            return weights / weights.sum()

        def too_wide(log_precision: float, p: Any = p) -> float:
            weights = p(log_precision)
            return float(-(weights * np.log(np.maximum(weights, 1e-300))).sum() - math.log(5))

        log_precision = brentq(too_wide, -9 - math.log(excess.mean()), 18 - math.log(excess.mean()))
        np.testing.assert_allclose(np.delete(found[i], i), p(log_precision), atol=1e-6)
        assert found[i, i] == 0


def test_few_candidates_get_a_perplexity_of_a_third_of_them() -> None:
    points = images(7).flatten(1)
    p = affinities(squared_distances(points, points), others(7), perplexity=50.0)
    torch.testing.assert_close((-torch.xlogy(p, p).sum(1)).exp(), torch.full((7,), 2.0).double(), rtol=1e-5, atol=0)


def test_the_gradient_is_that_of_sne_with_a_student_t() -> None:
    """dKL_i / dm_i = 2 sum_j (p_i(j) - q_i(j)) (m_i - m_j) / (1 + |m_i - m_j|^2), where the m_j are fixed."""
    x, fixed = images(9).flatten(1), torch.randn(9, 2, dtype=torch.float64)
    means = fixed.clone().requires_grad_()
    between, apart = squared_distances(x, x), others(9)
    divergence = neighbour_divergence(between, squared_distances(means, fixed), apart, 2.5)
    divergence.sum().backward()
    p = affinities(between, apart, 2.5)
    for i in range(9):
        kernel = 1 / (1 + squared_distances(fixed[i : i + 1], fixed)[0])
        kernel = torch.where(apart[i], kernel, 0)
        q = kernel / kernel.sum()
        slope = 2 * ((p[i] - q) * kernel) @ (fixed[i] - fixed)
        torch.testing.assert_close(means.grad[i], slope)  # type: ignore[index]
        kept = apart[i]
        torch.testing.assert_close(divergence[i].detach(), (p[i] * (p[i] / q).log())[kept].sum())


def test_the_memory_holds_the_last_images_with_the_means_of_their_own_step() -> None:
    spec = NeighbourEmbedding(weight=2.0, perplexity=3.0, scale=0.5, memory=7)
    loss, model = loss_of(spec).double(), vae()
    batches = [images(5, seed) for seed in (1, 2, 3)]
    past: list[tuple[Tensor, Tensor]] = []
    for x in batches:
        torch.manual_seed(3)
        trace: Trace = model(x, None, 1)
        means = trace.latents[0].q.mean
        seen = torch.cat([x.flatten(1), *(old for old, _ in past)])[:12]
        codes = torch.cat([means, *(old for _, old in past)])[:12]
        expected = neighbour_divergence(
            squared_distances(x.flatten(1), seen),
            squared_distances(means, codes) / 0.25,
            others(5, len(seen)),
            3.0,
        )
        value = loss(trace, PROGRESS)
        torch.testing.assert_close(value, Elbo()(trace, PROGRESS) + 2 * expected.mean())
        past.insert(0, (x.flatten(1), means.detach()))
        with torch.no_grad():
            # The memory keeps what it was given.
            next(model.posterior.mean.parameters()).add_(0.1)


def test_a_restored_memory_goes_on_as_it_would_have() -> None:
    spec, model = NeighbourEmbedding(perplexity=2.0, memory=8), vae()
    one, two = loss_of(spec).double(), loss_of(spec).double()
    one(model(images(5), None, 1), PROGRESS)
    two.load_state_dict(one.state_dict())
    trace = model(images(5, 2), None, 1)
    assert two(trace, PROGRESS).equal(one(trace, PROGRESS))


def test_images_of_a_conditional_model_are_neighbours_within_their_label() -> None:
    y = torch.tensor([0, 0, 0, 1, 1, 1, 2])
    classes = ImageFormat(1, 3, 4, ("a", "b", "c"))
    torch.manual_seed(0)
    model = VAE(2, network=Mlp(hidden=(6,)), conditional=True).build(classes).double()
    spec, x = NeighbourEmbedding(perplexity=1.5), images(7)
    trace = model(x, y, 1)
    value = spec.build_for(2, classes).double()(trace, PROGRESS)
    pixels, means = x.flatten(1), trace.latents[0].q.mean
    each = [
        neighbour_divergence(
            squared_distances(pixels[rows], pixels[rows]),
            squared_distances(means[rows], means[rows]) / 0.04,
            others(3),
            1.5,
        ).sum()
        for rows in (slice(0, 3), slice(3, 6))
    ]
    torch.testing.assert_close(value, Elbo()(trace, PROGRESS) + 20 * sum(each) / 7)
    # The last image has no neighbours, and still a finite gradient.
    value.backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in model.parameters())
    # A model without a condition does not see labels.
    plain = vae()
    one, two = (loss_of(spec).double()(seeded(plain, x, labels), PROGRESS) for labels in (None, y))
    assert one.equal(two)


def seeded(model: VAEModel, x: Tensor, y: Tensor | None) -> Trace:
    torch.manual_seed(5)
    trace: Trace = model(x, y, 1)
    return trace


def test_no_divergence_and_no_memory_at_a_weight_of_zero() -> None:
    falling = Linear(epochs=1, start=20.0, stop=0.0, smooth=True)
    loss, trace = loss_of(NeighbourEmbedding(weight=falling)).double(), vae()(images(5), None, 1)
    late = Progress(epoch=2, step=0, steps=4, epochs=2)
    assert loss(trace, late).equal(Elbo()(trace, late))
    assert not loss.filled.any()
    assert loss(trace, PROGRESS) > Elbo()(trace, PROGRESS)


def test_beta_and_draws_are_those_of_the_base() -> None:
    spec = NeighbourEmbedding(Elbo(beta=Linear(epochs=4), samples=3))
    assert (spec.samples, spec.beta(PROGRESS)) == (3, 0.25)
    assert NeighbourEmbedding(Iwae(samples=5)).samples == 5


def test_what_it_refuses() -> None:
    with pytest.raises(UserError, match=r"NeighbourEmbedding\.perplexity is 1, but must be > 1"):
        NeighbourEmbedding(perplexity=1)
    with pytest.raises(UserError, match=r"NeighbourEmbedding\.scale is 0, but must be > 0"):
        NeighbourEmbedding(scale=0)
    model = VAE(network=Mlp(), posterior=Codebook(), prior=UniformCodes())
    with pytest.raises(UserError, match="objective is NeighbourEmbedding, which needs a posterior whose mean"):
        Experiment(model=model, objective=NeighbourEmbedding()).check(FORMAT)
    with pytest.raises(UserError, match="objective is NeighbourEmbedding, which compares images"):
        NeighbourEmbedding().check(VAE().traits, "VAE", TABLE)
