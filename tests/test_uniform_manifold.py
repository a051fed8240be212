"""The uniform distribution on the manifold of latents: its normaliser, its draws and its place in a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal
from torch.testing import assert_close

import vaelab as vl
from vaelab.cli.fit_prior import FitPrior
from vaelab.experiment import fitting_a_prior
from vaelab.sizes import PriorSizes


def fitted(means: Tensor, scales: Tensor, **settings: Any) -> Any:
    """The prior for posteriors with these means and deviations, or factors of covariances."""
    torch.manual_seed(0)
    spec = vl.UniformManifold(**({"components": len(means), "transitions": 5} | settings))
    prior: Any = spec.build(PriorSizes((1, 4, 4), means.shape[1], 0, None)).double()
    full = scales.ndim == 3
    q = MultivariateNormal(means, scale_tril=scales) if full else Independent(Normal(means, scales), 1)
    # In two batches.
    for rows in (slice(0, 2), slice(2, None)):
        prior.see(part_of(q, rows))
    prior.fit(torch.cat([q.sample() for _ in range(20)]), None)
    return prior


def part_of(q: Any, rows: slice) -> Any:
    if isinstance(q, MultivariateNormal):
        return MultivariateNormal(q.mean[rows], scale_tril=q.scale_tril[rows])
    return Independent(Normal(q.mean[rows], q.stddev[rows]), 1)


MEANS = torch.tensor([[0.0, 0.0], [0.6, 0.2], [-2.0, 1.0], [1.5, -1.5]], dtype=torch.float64)
SCALES = torch.tensor([[0.5, 0.2], [0.3, 0.6], [0.4, 0.4], [0.2, 0.7]], dtype=torch.float64)
FACTORS = torch.diag_embed(SCALES) + torch.tensor([[0.0, 0.0], [0.3, 0.0]], dtype=torch.float64)


def on_a_grid(p: Any, reach: float = 9.0, points: int = 500) -> tuple[Tensor, Tensor]:
    line = torch.linspace(-reach, reach, points, dtype=torch.float64)
    z = torch.cartesian_prod(line, line)
    return z, p.log_prob(z).exp() * (line[1] - line[0]) ** 2


@pytest.mark.parametrize("scales", [SCALES, FACTORS], ids=["diagonal", "full"])
def test_it_integrates_to_one_and_is_proportional_to_the_volume_element(scales: Tensor) -> None:
    prior = fitted(MEANS, scales)
    z, mass = on_a_grid(prior())
    assert float(mass.sum()) == pytest.approx(1, abs=2e-4)
    assert_close(prior.mean, mass @ z, atol=1e-3, rtol=0)
    # log Z of terms that overlap and differ.
    assert prior.log_normaliser > 0.01

    terms: Any = 0
    for weight, centre, factor in zip(prior.weights, prior.means, prior.scales, strict=True):
        precision = torch.linalg.inv(factor @ factor.mT)
        away = z[::5000] - centre
        kernel = (-torch.einsum("ni,ij,nj->n", away, precision, away) / 2).exp()
        terms = terms + weight * kernel[:, None, None] * precision
    difference = prior().log_prob(z[::5000]) - terms.det().log() / 2
    assert_close(difference, difference[:1].expand_as(difference))


def test_equal_posteriors_in_the_plane_give_their_mixture() -> None:
    """By Minkowski's inequality for determinants, which is an equality for matrices that are proportional."""
    prior = fitted(MEANS, torch.full_like(MEANS, 0.4), spread=1.5, floor=1e-6)
    mixture = MixtureSameFamily(
        Categorical(logits=torch.zeros(4).double()), Independent(Normal(MEANS, torch.tensor(0.6).double()), 1)
    )
    z = mixture.sample((200,))
    assert float(prior.log_normaliser) == pytest.approx(0, abs=1e-4)
    assert_close(prior().log_prob(z), mixture.log_prob(z), atol=1e-3, rtol=0)


@pytest.mark.parametrize("transitions", [1, 10])
def test_draws_follow_the_density_of_the_grid(transitions: int) -> None:
    prior = fitted(MEANS, SCALES, transitions=transitions)
    z, mass = on_a_grid(prior(), points=300)
    drawn = prior.draw(4000, None, None, 1.0)

    def features(of: Tensor) -> Tensor:
        x, y = of.unbind(-1)
        return torch.stack([x, y, x * x, x * y, y * y, (2 * x).sin() * (2 * y).cos()], -1)

    found = features(drawn)
    assert ((found.mean(0) - mass @ features(z)).abs() < 4 * found.std(0) / 4000**0.5).all()


def test_groups_that_chains_do_not_pass_between_have_their_shares() -> None:
    """Two posteriors that cross have more than twice the volume of one that lies apart."""
    means = torch.tensor([[0.0, 0.0], [0.0, 0.0], [5.0, 5.0]], dtype=torch.float64)
    scales = torch.tensor([[0.15, 0.8], [0.8, 0.15], [0.4, 0.4]], dtype=torch.float64)
    prior = fitted(means, scales, transitions=1)
    z, mass = on_a_grid(prior())
    apart, expected = prior.draw(3000, None, None, 1.0).sum(1) > 7, float(mass[z.sum(1) > 7].sum())
    assert expected < 0.28
    assert float(apart.double().mean()) == pytest.approx(expected, abs=4 * (0.2 / 3000) ** 0.5)


def test_transitions_leave_the_density_as_it_is_and_move_the_draws() -> None:
    """From starts that are wrong: many transitions mend what the resampling does not see."""
    p = fitted(MEANS[:2], SCALES[:2], floor=0.2, transitions=40)()
    z, mass = on_a_grid(p, points=300)
    ends = p._chains(torch.full((2000, 2), 0.3, dtype=torch.float64))
    assert_close(ends.mean(0), mass @ z, atol=0.1, rtol=0)
    assert_close(ends.square().mean(0), mass @ z.square(), atol=0.1, rtol=0.15)


def test_the_normaliser_in_more_dimensions_is_estimated() -> None:
    """Two posteriors in three dimensions, of which a sum over a grid is affordable; and none that meet in ten."""
    means = torch.tensor([[0.0, 0.0, 0.0], [0.5, 0.3, 0.0], [0.2, -0.4, 0.5]], dtype=torch.float64)
    prior = fitted(means, torch.full_like(means, 0.5) + torch.eye(3).double() / 4)
    line = torch.linspace(-6, 6, 81, dtype=torch.float64)
    mass = prior().log_prob(torch.cartesian_prod(line, line, line)).exp().sum() * (line[1] - line[0]) ** 3
    assert float(mass) == pytest.approx(1, abs=0.02)
    assert prior.log_normaliser > 0.2
    apart = fitted(20 * torch.eye(10).double()[:4], torch.full((4, 10), 0.3).double(), floor=1e-40)
    assert float(apart.log_normaliser) == pytest.approx(0, abs=1e-3)
    assert vl.UniformManifold().exact_over(2)
    assert not vl.UniformManifold().exact_over(3)


def test_few_images_stand_several_times() -> None:
    once, again = fitted(MEANS, SCALES), fitted(MEANS, SCALES, components=10)
    z = torch.randn(50, 2, dtype=torch.float64)
    assert_close(again().log_prob(z), once().log_prob(z), atol=1e-3, rtol=0)


def test_what_rests_on_a_few_draws_is_refused() -> None:
    torch.manual_seed(0)
    means = 0.1 * torch.randn(100, 30, dtype=torch.float64)
    with pytest.raises(vl.UserError, match="draws carry the normaliser"):
        fitted(means, 0.2 * torch.randn_like(means).exp())


def test_it_is_fitted_to_a_run(tmp_path: Path) -> None:
    settings: Any = {"data": "digits", "network": vl.Mlp(hidden=(16,)), "epochs": 1}
    experiment = replace(vl.preset("vae", **settings), binarisation=vl.Threshold())
    experiment = replace(experiment, training=replace(experiment.training, precision="fp32"))
    run = vl.train(experiment, tmp_path / "run", show=False)
    new = vl.fit_prior(run, vl.UniformManifold(components=40), tmp_path / "new", show=False)
    model: Any = new.model
    assert len(new.rows) == 1
    for name, weight in run.model.state_dict().items():
        assert torch.equal(model.state_dict()[name], weight)
    data = run.load_data()
    means = run.model.encode(torch.from_numpy(data.split("train").images > 127).float()).mean
    distance = torch.cdist(model.prior.means[:-1], means).amin(1)
    assert distance.max() < 1e-3
    assert model.generate(5).shape == (5, 1, 28, 28)
    loaded: Any = vl.open_run(tmp_path / "new").model
    assert torch.equal(loaded.prior.log_normaliser, model.prior.log_normaliser)
    x = torch.from_numpy(data.split("test").images[:3] > 127).float()
    assert vl.exact_evidence(loaded, x, max_points=20_000).log_p.isfinite().all()

    # The words of a command line name the prior after the defaults were made.
    default = FitPrior(experiment=fitting_a_prior(run.experiment, str(run.folder)))
    for words, epochs in (([], 10), (["prior:uniform-manifold"], 1), (["--epochs", "3", "prior:uniform-manifold"], 3)):
        chosen = FitPrior.parse("vaelab fit-prior run", ["--out", "x", *words], default)
        assert chosen.experiment.training.epochs == epochs
    assert replace(chosen.experiment.training, epochs=1) == new.experiment.training


def test_a_posterior_without_a_variance_is_refused() -> None:
    model: Any = vl.VAE(posterior=vl.FlowPosterior(hidden=(8,)), network=vl.Mlp(hidden=(8,))).build(
        vl.ImageFormat(1, 4, 4)
    )
    prior: Any = vl.UniformManifold().build(PriorSizes((1, 4, 4), 2, 0, None))
    with pytest.raises(vl.UserError, match="whose variance is not known"):
        prior.see(model.posterior_of(torch.rand(2, 1, 4, 4)))
