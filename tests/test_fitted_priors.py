"""Priors fitted to the latents of a trained model, and what they gain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture
from torch.testing import assert_close

import vaelab as vl
from vaelab.sizes import PriorSizes
from vaelab.testing import check_spec

from .conftest import Cli

PLANE = PriorSizes((1, 8, 8), 2, 0, None)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> vl.Run:
    """A VAE of the digits in two dimensions, on binary pixels, of which there is an exact log p(x)."""
    experiment = vl.preset("vae", data="digits", network=vl.Mlp(hidden=(64,)), epochs=5, batch_size=64)
    experiment = replace(experiment, binarisation=vl.Threshold())
    return vl.train(experiment, tmp_path_factory.mktemp("plane") / "run", show=False)


def evidence(run: vl.Run) -> float:
    """The mean of log p(x) over 100 test images, nats."""
    x = torch.from_numpy(run.load_data().split("test").images[:100] > 127).float()
    return float(vl.exact_evidence(run.model, x).log_p.mean())


def skewed(n: int = 3000) -> np.ndarray:
    """Points of two correlated Gaussians."""
    rng = np.random.default_rng(0)
    one = rng.multivariate_normal([2, 1], [[1.0, 0.9], [0.9, 1.0]], n // 3)
    return np.concatenate([one, rng.multivariate_normal([-2, 0], [[0.5, -0.3], [-0.3, 0.4]], n - n // 3)])


@pytest.mark.parametrize("full", [False, True])
def test_a_mixture_is_fitted_by_expectation_maximisation(full: bool) -> None:
    """It is the density that scikit-learn finds from the same start."""
    codes, prior = skewed(), vl.Mixture(components=2, full=full).build(PLANE).double()
    torch.manual_seed(3)
    em = GaussianMixture(2, covariance_type="full" if full else "diag", random_state=int(torch.randint(2**31, ())))
    expected = em.fit(codes).score_samples(codes)
    torch.manual_seed(3)
    prior.fit(torch.from_numpy(codes), None)
    log_p = prior().log_prob(torch.from_numpy(codes)).detach()
    assert_close(log_p, torch.from_numpy(expected), atol=1e-4, rtol=0)
    # Of two correlated clusters, diagonal covariances miss the mutual information within each.
    truth = np.logaddexp(
        multivariate_normal([2, 1], [[1.0, 0.9], [0.9, 1.0]]).logpdf(codes) - np.log(3),
        multivariate_normal([-2, 0], [[0.5, -0.3], [-0.3, 0.4]]).logpdf(codes) + np.log(2 / 3),
    ).mean()
    assert abs(float(log_p.mean()) - truth) < 0.01 if full else float(log_p.mean()) < truth - 0.3


def test_a_mixture_of_full_covariances_keeps_the_contract() -> None:
    assert "every parameter learns" in check_spec(vl.Mixture(components=3, full=True)).passed


def test_a_mixture_is_as_before_unless_asked_otherwise() -> None:
    """Names of weights, and the random numbers that the start takes."""
    torch.manual_seed(0)
    prior = vl.Mixture(components=3).build(PLANE)
    torch.manual_seed(0)
    assert torch.equal(prior.state_dict()["means"], torch.randn(3, 2))
    assert list(prior.state_dict()) == ["logits", "means", "raw_scales"]


def test_more_components_than_codes_are_refused() -> None:
    with pytest.raises(vl.UserError, match=r"Mixture.components is 10, but must be at most the 4 codes"):
        vl.Mixture().build(PLANE).fit(torch.randn(4, 2), None)


def test_a_fitted_mixture_raises_log_p_of_test_images(plane: vl.Run, tmp_path: Path) -> None:
    """The gap between the aggregate posterior and N(0, I) is closed for test images; the rest of the model stays."""
    fitted = vl.fit_prior(plane, vl.Mixture(components=10, full=True), tmp_path / "fitted", epochs=1, show=False)
    before, after = plane.rows[-1], fitted.rows[-1]
    assert after["test_reconstruction"] == pytest.approx(before["test_reconstruction"], rel=1e-3)
    gain = before["test_kl"] - after["test_kl"]
    assert gain > 0.1
    assert evidence(fitted) - evidence(plane) == pytest.approx(gain, abs=0.5 * gain)
    weights = fitted.model.state_dict()
    assert all(torch.equal(weight, weights[name]) for name, weight in plane.model.state_dict().items())
    again = vl.fit_prior(plane.folder, vl.Mixture(components=10, full=True), tmp_path / "again", epochs=1, show=False)
    assert all(torch.equal(weight, weights[name]) for name, weight in again.model.state_dict().items())


@pytest.mark.parametrize(
    ("preset", "prior"),
    [
        ("vae", vl.Flow(transforms=1, hidden=(8,))),
        ("cvae", vl.Mixture(components=3, full=True)),
        ("cvae", vl.Flow(transforms=1, hidden=(8,))),
        ("cvae", vl.ConditionalNormal()),
        ("vq-vae", None),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_prior_is_fitted_from_python(preset: str, prior: Any, tmp_path: Path) -> None:
    """To models with and without a condition, and to codes."""
    noise = np.random.default_rng(0).integers(0, 255, (200, 8, 8), np.uint8)
    data = vl.as_data(noise, np.arange(200) % 3)
    changes = {} if preset == "vq-vae" else {"network": vl.Mlp(hidden=(16,))}
    experiment = vl.preset(preset, epochs=1, batch_size=50, **changes)
    run = vl.train(experiment, tmp_path / "run", data=data, show=False)
    fitted = vl.fit_prior(run, prior, tmp_path / "fitted", epochs=1, show=False)
    assert fitted.experiment.model.prior == (vl.AutoregressiveCodes() if prior is None else prior)
    assert fitted.rows[-1]["test_kl"] < run.rows[-1]["test_kl"] + 1
    assert np.isfinite(fitted.rows[-1]["test_total"])


def test_priors_that_do_not_fit_a_model_are_refused(plane: vl.Run, cli: Cli, tmp_path: Path) -> None:
    with pytest.raises(vl.UserError, match="prior is UniformCodes, over integers, but posterior is Gaussian"):
        vl.fit_prior(plane, vl.UniformCodes(), tmp_path / "codes")
    with pytest.raises(vl.UserError, match="the model's prior has nothing to learn"):
        vl.fit_prior(plane, vl.StandardNormal(), tmp_path / "normal")
    done = cli("fit-prior", str(plane.folder), "--out", "full", "--epochs", "1", "prior:mixture", "--prior.full")
    assert "1 epochs; test set" in done.stdout
    assert vl.open_run(tmp_path / "full").experiment.model.prior == vl.Mixture(full=True)
