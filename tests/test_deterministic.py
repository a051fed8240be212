"""Autoencoders whose encoder gives a point: what is measured, and what is refused, without a density of z."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.autograd.functional import jacobian
from torch.distributions import MultivariateNormal, kl_divergence

import vaelab as vl
from vaelab.distributions import Point, diagonal_normal, label_mixture
from vaelab.metrics.evidence import annealed_bound
from vaelab.metrics.evidence.starts import from_prior
from vaelab.metrics.rate import elbo_parts
from vaelab.testing import check_spec

PIXELS = vl.ImageFormat(1, 4, 4, ("a", "b"))


def autoencoder(latent: int = 2, **parts: Any) -> Any:
    """A small autoencoder with normal pixels."""
    settings = {"network": vl.Mlp(hidden=()), "likelihood": vl.GaussianPixels()} | parts
    return vl.VAE(latent, posterior=vl.Deterministic(), **settings)


def test_a_deterministic_posterior_keeps_the_contract() -> None:
    assert check_spec(vl.Deterministic()).passed[1:] == ("shapes", "draws follow the seed", "every parameter learns")


def test_what_stands_as_the_kl_is_minus_the_log_density_of_the_prior() -> None:
    """-log p(z), with gradients to z, for any prior, also one that has a normal matched to it."""
    z = torch.randn(5, 2, dtype=torch.float64, requires_grad=True)
    p = diagonal_normal(torch.ones(2).double(), torch.full((2,), 0.5).double())
    kl = kl_divergence(Point(z), p)
    byhand = (2 * (z - 1).square()).sum(1) + math.log(2 * math.pi) + 2 * math.log(0.5)
    torch.testing.assert_close(kl, byhand)
    (slope,) = torch.autograd.grad(kl.sum(), z)
    torch.testing.assert_close(slope, 4 * (z - 1))
    normals = diagonal_normal(torch.tensor([[-1.0], [1.0]]), torch.ones(2, 1))
    mixture = label_mixture(normals, torch.full((1, 2), 0.5))
    draw = torch.zeros(3, 1, 1)
    latent = vl.Latent(Point(torch.zeros(1, 1)), draw, draw, p=mixture)
    torch.testing.assert_close(latent.kl(), -mixture.log_prob(draw))
    with pytest.raises(NotImplementedError, match="no density"):
        latent.log_ratio()


def test_the_exact_evidence_needs_no_density_of_the_encoder() -> None:
    """Probabilistic PCA with a deterministic encoder: log p(x) by quadrature is that of the normal marginal."""
    torch.manual_seed(0)
    model = autoencoder().build(PIXELS).double()
    with torch.no_grad():
        weight, bias = model.network.decoder[0].weight.mul_(0.5), model.network.decoder[0].bias
    scale = float(model.likelihood(torch.zeros(1, 1, 4, 4)).stddev.flatten()[0])
    covariance = weight @ weight.T + scale**2 * torch.eye(16).double()
    x = torch.rand(3, 1, 4, 4).double()
    expected = MultivariateNormal(bias, covariance).log_prob(x.flatten(1))
    torch.testing.assert_close(vl.exact_evidence(model, x).log_p.double(), expected, atol=2e-3, rtol=0)
    # Annealing may start at the prior, which needs no density of the encoder either.
    annealed = annealed_bound(model, x, start=from_prior, temperatures=40, chains=8)
    torch.testing.assert_close(annealed.log_p.double(), expected, atol=1.5, rtol=0)


@pytest.mark.parametrize(
    "measure",
    [
        vl.importance_bound,
        annealed_bound,
        lambda model, x: vl.inference_gaps(model, x, torch.zeros(len(x))),
    ],
)
def test_what_needs_a_density_of_z_is_refused(measure: Any) -> None:
    model = autoencoder().build(PIXELS)
    with pytest.raises(vl.UserError, match="whose posterior has no density, so draws have no importance weights"):
        measure(model, torch.rand(2, 1, 4, 4))


@pytest.mark.parametrize("objective", [vl.Iwae(samples=2), vl.Dreg(samples=2), vl.DipI(), vl.TotalCorrelation()])
def test_objectives_that_need_a_density_are_refused(objective: Any) -> None:
    with pytest.raises(vl.UserError, match=f"objective is {type(objective).__name__}"):
        vl.Experiment(model=autoencoder(), objective=objective).check(PIXELS)


def test_a_prior_made_of_posteriors_is_refused() -> None:
    with pytest.raises(vl.UserError, match="prior is Vamp, made of the model's posteriors"):
        autoencoder(prior=vl.Vamp(components=3)).check(PIXELS)


def test_the_evaluation_calls_nothing_a_bound(tmp_path: Path) -> None:
    """In the evaluation, in evaluation.json and in figures the total is said to be no bound."""
    data = vl.as_data(np.random.default_rng(0).integers(0, 256, (60, 4, 4), np.uint8))
    experiment = vl.Experiment(model=autoencoder(), training=vl.Training(epochs=1))
    run = vl.train(experiment, tmp_path / "run", data=data)
    found = vl.evaluate(run.model, data, only=["elbo", "evidence"], budget=vl.Budget(n_images=10))
    names = [number.name for section in found.sections for number in section.numbers]
    assert "total, no bound" in names
    assert "log p(x)" in names
    assert not [name for name in names if "ELBO" in name or "IWAE" in name or name == "rate"]
    for section in found.sections:
        assert "the total is no bound on log p(x)" in " ".join(section.findings)
    (drawn,) = vl.draw_figures(run, data, only=["training-curves"])
    assert "what stands as its KL is -log p(z)" in drawn.caption
    assert vl.load(tmp_path / "run").generate(2).shape == (2, 1, 4, 4)
    parts = elbo_parts(run.model, data.split("test"))
    assert parts.split is None
    assert parts.units is not None
    assert "no density" in str(parts.left_out)


@pytest.mark.parametrize(
    "network", [vl.Mlp(hidden=(6,)), vl.Conv(channels=(4,)), vl.ResNet(channels=(4,))], ids=lambda network: network.kind
)
def test_the_gradient_penalty_is_the_squared_norm_of_the_jacobian(network: Any) -> None:
    """The mean over many directions, against the Jacobian by torch.func, and its gradient to the decoder's weights."""
    torch.manual_seed(0)
    model = autoencoder(3, network=network).build(PIXELS).double()
    trace = model(torch.rand(2, 1, 4, 4).double())
    z = trace.latents[0].z[0]

    def decoded(each: torch.Tensor) -> torch.Tensor:
        mean: torch.Tensor = model.likelihood(model.network.decode(each[None], None)).mean.flatten()
        return mean

    # torch.func.jacrev takes no custom autograd function, such as the transposed convolution's.
    jacobians = torch.stack([jacobian(decoded, each, create_graph=True) for each in z])
    exact = jacobians.square().sum((1, 2)).mean()
    estimate = vl.GradientPenalty(directions=1000)(trace)
    # A term varies by at most sqrt(2) times its mean, so the estimate by 4.5 per cent.
    torch.testing.assert_close(estimate, exact, rtol=0.1, atol=0)
    weights = [each for each in model.network.parameters() if each.ndim > 1]
    both = [torch.autograd.grad(value, weights, allow_unused=True, retain_graph=True) for value in (estimate, exact)]
    compared = 0
    for found, expected in zip(*both, strict=True):
        if expected is not None and float(expected.norm()) > 1e-6:
            assert float((found - expected).norm() / expected.norm()) < 0.3
            compared += 1
    assert compared


def test_l2_is_of_the_decoder_alone() -> None:
    model = autoencoder(network=vl.Mlp(hidden=(6,))).build(PIXELS)
    decoder = sum(weight.square().sum() for weight in model.network.decoder.parameters())
    torch.testing.assert_close(vl.L2()(model(torch.rand(2, 1, 4, 4))), decoder)


def test_with_zero_weights_it_is_a_plain_autoencoder() -> None:
    """The loss of an `AE`: the squared error, up to the constant and the scale of normal pixels."""
    torch.manual_seed(0)
    model = autoencoder().build(PIXELS)
    x = torch.rand(3, 1, 4, 4)
    progress = vl.Progress(1, 0, 1, 1)
    z = model.encode(x).mean
    p = model.decode(z)
    error = (p.mean - x).square().sum((1, 2, 3)) / (2 * p.variance.flatten()[0])
    constant = 16 / 2 * torch.log(2 * math.pi * p.variance.flatten()[0])
    trace = model(x)
    plain = vl.Rae(beta=0.0, weight=0.0)(trace, progress)
    torch.testing.assert_close(plain, (error + constant).mean())
    full = vl.Rae(beta=3.0, weight=0.5)(trace, progress)
    torch.testing.assert_close(full, plain + 1.5 * z.square().sum(1).mean() + 0.5 * vl.L2()(trace))


@pytest.mark.parametrize("inner", [vl.Mlp(hidden=(6,)), vl.Conv(channels=(4,))], ids=lambda network: network.kind)
def test_the_decoder_of_a_spectral_network_has_weights_of_norm_one(inner: Any, tmp_path: Path) -> None:
    """Against the singular values, in the decoder alone, and the same after a file."""
    torch.manual_seed(0)
    model = autoencoder(network=vl.Spectral(inner)).build(PIXELS)
    x = torch.rand(4, 1, 4, 4)
    for _ in range(200):
        model(x)
    normalised = [layer for layer in model.modules() if hasattr(layer, "parametrizations")]
    assert len(normalised) == 2
    for layer in normalised:
        matrix = layer.weight.detach()
        rows = matrix.transpose(0, 1) if isinstance(layer, torch.nn.ConvTranspose2d) else matrix
        assert float(torch.linalg.matrix_norm(rows.flatten(1), 2)) == pytest.approx(1, abs=1e-3)
    vl.save(model.eval(), tmp_path / "model.safetensors")
    again: Any = vl.load(tmp_path / "model.safetensors")
    assert torch.equal(again(x).reconstruction, model(x).reconstruction)


def test_a_learned_prior_is_refused_since_rae_does_not_train_it() -> None:
    with pytest.raises(vl.UserError, match="objective is Rae, which needs a prior without weights"):
        vl.Experiment(model=autoencoder(prior=vl.Mixture()), objective=vl.Rae()).check(PIXELS)


@pytest.mark.parametrize("prior", [["prior:mixture"], ["prior:flow"]], ids=lambda words: words[0])
def test_a_prior_is_fitted_to_its_codes_afterwards(prior: list[str], tmp_path: Path) -> None:
    """Through the command line; the fitted prior gives the codes a higher density, the autoencoder stays as it is."""
    from vaelab.cli import main

    images = np.random.default_rng(0).integers(0, 256, (120, 4, 4), np.uint8)
    np.savez(tmp_path / "images.npz", images=images)
    data = vl.open_data(f"npz:{tmp_path / 'images.npz'}")
    experiment = vl.Experiment(
        data=data.source, model=autoencoder(), objective=vl.Rae(), training=vl.Training(epochs=1)
    )
    run = vl.train(experiment, tmp_path / "run")
    words = ["fit-prior", str(tmp_path / "run"), "--out", str(tmp_path / "fitted"), "--epochs", "10"]
    assert main([*words, "--batch-size", "8", "--learning-rate", "0.02", *prior]) == 0
    fitted = vl.load(tmp_path / "fitted")
    x = torch.from_numpy(images).float()[:, None] / 255
    before, after = run.model(x), fitted(x)
    assert torch.equal(before.reconstruction, after.reconstruction)
    assert float(after.kl.mean()) < float(before.kl.mean())
