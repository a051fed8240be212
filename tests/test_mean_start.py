"""A decoder that begins at the mean training image, whatever the network and the likelihood."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import vaelab as vl
from vaelab.models.files import weights_digest
from vaelab.training.folder import RunFolder

# Left half dark with single bright pixels, right half bright, and two pixels that are always black and always white.
RNG = np.random.default_rng(0)
SHARE = np.repeat(np.linspace(0.05, 0.9, 8)[None], 8, 0)
X = (RNG.random((300, 1, 8, 8)) < SHARE).astype(np.uint8) * np.uint8(255)
X[:, 0, 0, 0], X[:, 0, 7, 7] = 0, 255
MEAN = torch.from_numpy(vl.as_data(X).split("train").images).double().mean(0).float() / 255
HALF_A_LEVEL = 0.5 / 255


def experiment(**parts: Any) -> vl.Experiment:
    """One epoch with all images, whose untrained model is saved."""
    model = replace(vl.VAE(latent=2, network=vl.Mlp(hidden=(16,))), **parts)
    training = vl.Training(epochs=1, batch_size=150, validation=0, snapshot_every=1, start_at_mean=True)
    return vl.Experiment(model=model, training=training)


def untrained(changed: vl.Experiment, folder: Path) -> Any:
    vl.train(changed, folder, data=X, show=False)
    return vl.load(RunFolder(folder).snapshot(0))


def images(model: Any) -> Tensor:
    torch.manual_seed(1)
    found: Tensor = model.decode(torch.randn(20, sum(model.widths))).mean
    return found


@pytest.mark.parametrize(
    "likelihood",
    [vl.Bernoulli(), vl.ContinuousBernoulli(), vl.GaussianPixels(), vl.LearnedGaussian(), vl.Laplace(), vl.Beta()],
    ids=lambda spec: type(spec).__name__,
)
def test_the_first_images_are_nearly_the_mean_image(likelihood: Any, tmp_path: Path) -> None:
    """Exactly so without the last layer's weight, and nearly with it, for any z."""
    model = untrained(experiment(likelihood=likelihood), tmp_path / "run")
    away = (images(model) - MEAN).abs().mean()
    assert away < 0.6 * (images(model.spec.build(model.format)) - MEAN).abs().mean()
    with torch.no_grad():
        model.last_layer.zero_()
    assert (images(model) - MEAN).abs().max() <= HALF_A_LEVEL + 1e-4


def colours(model: Any) -> Tensor:
    return MEAN.mean((1, 2), keepdim=True).expand_as(MEAN)


@pytest.mark.parametrize(
    "spec",
    [
        vl.VAE(2, network=vl.Conv(channels=(4,))),
        vl.VAE(2, network=vl.ResNet(channels=(4,), spatial=True), likelihood=vl.Beta()),
        vl.Ladder((1, 1), latent=2, width=8, likelihood=vl.Laplace()),
    ],
    ids=["Conv", "ResNet", "Ladder"],
)
def test_a_convolution_begins_at_the_mean_colour(spec: Any, tmp_path: Path) -> None:
    model = untrained(replace(experiment(), model=spec), tmp_path / "run")
    with torch.no_grad():
        model.last_layer.zero_()
    assert (images(model) - colours(model)).abs().max() <= HALF_A_LEVEL + 1e-4


def test_a_bias_is_found_beside_a_weight_of_spectral_norm_one(tmp_path: Path) -> None:
    model = untrained(experiment(network=vl.Spectral(network=vl.Mlp(hidden=(16,)))), tmp_path / "run")
    torch.testing.assert_close(model.likelihood(model.last_bias.view(1, 8, 8)).mean, MEAN, atol=HALF_A_LEVEL, rtol=0)


def test_nothing_but_that_bias_differs_and_a_start_or_a_resumed_run_keeps_its_weights(tmp_path: Path) -> None:
    with_mean = untrained(experiment(), tmp_path / "with")
    plain = experiment()
    without = untrained(replace(plain, training=replace(plain.training, start_at_mean=False)), tmp_path / "without")
    assert not torch.equal(with_mean.last_bias, without.last_bias)
    with torch.no_grad():
        without.last_bias.copy_(with_mean.last_bias)
    assert weights_digest(with_mean) == weights_digest(without)

    run = tmp_path / "with"
    again = untrained(replace(experiment(), start=str(run)), tmp_path / "again")
    assert weights_digest(again) == weights_digest(vl.load(run))
    longer = vl.resume(run, epochs=2, data=X, show=False)
    training = replace(plain.training, epochs=2)
    whole = vl.train(replace(plain, training=training), tmp_path / "whole", data=X, show=False)
    assert weights_digest(longer.model) == weights_digest(whole.model)


def test_a_missing_value_does_not_count_in_the_mean_of_a_column(tmp_path: Path) -> None:
    rows = np.stack([np.array([1.0, 3.0, np.nan, 5.0, 9.0, 9.5] * 10), np.linspace(0, 1, 60)], 1)
    data = vl.as_table(rows, mask="nan")
    training = vl.Training(epochs=1, validation=0, snapshot_every=1, start_at_mean=True)
    spec = vl.VAE(1, network=vl.Mlp(hidden=(4,)), likelihood=vl.LearnedGaussian())
    vl.train(vl.Experiment(model=spec, training=training), tmp_path / "run", data=data, show=False)
    model: Any = vl.load(RunFolder(tmp_path / "run").snapshot(0))
    stored, to_x = data.split("train").stored(vl.Grey())
    x = to_x(torch.from_numpy(stored))
    torch.testing.assert_close(model.last_bias, x.nanmean(0), atol=1e-6, rtol=0)


def test_what_has_no_theta_of_a_mean_or_no_bias_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(vl.UserError, match="start_at_mean is on, but likelihood is DiscretisedLogistic"):
        vl.train(experiment(likelihood=vl.DiscretisedLogistic()), tmp_path / "run", data=X)
    plain = vl.Modules(nn.Sequential(nn.Flatten(), nn.Linear(64, 8)), nn.Linear(2, 64, bias=False))
    with pytest.raises(vl.UserError, match=r"start_at_mean is on, but the last layer of VAE .* has no bias"):
        vl.train(experiment(network=plain), tmp_path / "run", data=X)
    assert not (tmp_path / "run" / "experiment.json").exists()
