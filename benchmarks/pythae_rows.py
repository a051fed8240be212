"""The rows of the comparison: a pythae model or sampler, our composition, and how the two differ.

A weight that has the same meaning in both has the same value in both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

import torch
from pythae.models.factor_vae.factor_vae_utils import FactorVAEDiscriminator
from pythae.models.normalizing_flows import IAF, MAF, IAFConfig, MAFConfig, NFModel
from pythae.samplers import TwoStageVAESampler, TwoStageVAESamplerConfig
from sklearn.mixture import GaussianMixture
from torch import Tensor
from torch.distributions import Categorical, Distribution, MixtureSameFamily, MultivariateNormal

import vaelab as vl
from pythae_peer import (
    ADVERSARIAL,
    BALL,
    BASE,
    CODES,
    INVERSE,
    LAYERS,
    NORMAL,
    POINT,
    PSEUDO_INPUTS,
    SPHERE,
    FlowOf,
    Peer,
    Trainer,
    coupled,
)

MLP = vl.Mlp(hidden=(256, 128))
SQUARED = vl.GaussianPixels(sigma=sqrt(0.5))  # -log p(x | z) is pythae's squared error, up to a constant


def vae(latent: int = 2, **parts: Any) -> vl.VAE:
    return vl.VAE(latent, network=MLP, **parts)


@dataclass(frozen=True)
class Row:
    """One comparison: pythae's model `name`, or `name` before a space, with `config`, and ours."""

    name: str
    model: vl.VAE = field(default_factory=vae)
    objective: vl.ObjectiveSpec = vl.Elbo()
    config: dict[str, Any] = field(default_factory=dict)
    peer: Peer = NORMAL
    trainer: Trainer = BASE
    amend: Callable[[Any], None] = lambda peer: None
    note: str = ""


def smaller_discriminator(peer: Any) -> None:
    peer.discriminator = FactorVAEDiscriminator(peer.latent_dim, 256)


def point_model(**parts: Any) -> vl.VAE:
    return vae(posterior=vl.Deterministic(), likelihood=SQUARED, **parts)


def code_model(size: int) -> vl.VAE:
    return vae(8, posterior=vl.Codebook(size=size), prior=vl.UniformCodes(), likelihood=SQUARED)


ROWS = [
    Row("VAE"),
    Row("VAE 10-D", vae(10)),
    Row("BetaVAE", objective=vl.Elbo(beta=4.0), config={"beta": 4.0}),
    Row("IWAE", objective=vl.Iwae(samples=5), config={"number_samples": 5}),
    Row("IWAE 10-D", vae(10), vl.Iwae(samples=5), {"number_samples": 5}),
    Row(
        "MIWAE",
        objective=vl.Miwae(samples=4, groups=2),
        config={"number_gradient_estimates": 2, "number_samples": 2},
        note="pythae takes each bound over the draws that should be averaged, and averages those that the bound is "
        "over; with 2 and 2 that makes no difference",
    ),
    Row(
        "PIWAE",
        objective=vl.Piwae(samples=4, groups=2),
        config={"number_gradient_estimates": 2, "number_samples": 2},
        trainer=coupled(),
        note="pythae's encoder follows the sum of the two bounds instead of the mean of the small ones",
    ),
    Row("CIWAE", objective=vl.Ciwae(samples=5, share=0.5), config={"number_samples": 5, "beta": 0.5}),
    Row(
        "VAE_LinNF",
        vae(posterior=vl.FlowPosterior(transforms=2, transform=vl.Planar())),
        config={"flows": ["Planar", "Planar"]},
        peer=LAYERS,
        note="pythae's flow is the same for all images and not kept invertible; ours depends on the image, as in the "
        "paper",
    ),
    Row(
        "VAE_IAF",
        vae(posterior=vl.FlowPosterior(transforms=2, hidden=(128, 128, 128), transform=vl.Iaf())),
        config={"n_made_blocks": 2, "n_hidden_in_made": 3, "hidden_size": 128},
        peer=INVERSE,
        note="pythae's flow is the same for all images; ours depends on the image, as in the paper",
    ),
    Row(
        "VAE_IAF 10-D",
        vae(10, posterior=vl.FlowPosterior(transforms=2, hidden=(128, 128, 128), transform=vl.Iaf())),
        config={"n_made_blocks": 2, "n_hidden_in_made": 3, "hidden_size": 128},
        peer=INVERSE,
        note="as VAE_IAF",
    ),
    Row("VAMP", vae(prior=vl.Vamp(components=50)), config={"number_components": 50}, peer=PSEUDO_INPUTS),
    Row("VAMP 10-D", vae(10, prior=vl.Vamp(components=50)), config={"number_components": 50}, peer=PSEUDO_INPUTS),
    Row(
        "BetaTCVAE",
        objective=vl.TotalCorrelation(weight=4.0),
        config={"beta": 4.0},
        note="pythae's stratified weights stand in the first two columns of the matrix instead of on two diagonals",
    ),
    Row(
        "BetaTCVAE 10-D",
        vae(10),
        vl.TotalCorrelation(weight=4.0),
        {"beta": 4.0},
        note="as BetaTCVAE",
    ),
    Row(
        "FactorVAE",
        objective=vl.Factor(gamma=5.0, hidden=(256,) * 5),
        config={"gamma": 5.0},
        trainer=ADVERSARIAL,
        amend=smaller_discriminator,
        note="pythae reconstructs half of each batch, and its discriminator's loss reaches the encoder",
    ),
    Row(
        "DisentangledBetaVAE",
        objective=vl.Capacity(gamma=10.0, capacity=vl.Linear(epochs=5, stop=5.0)),
        config={"beta": 10.0, "C": 5.0, "warmup_epoch": 4},
        note="pythae takes |KL - C| image by image, so that every image has the same KL; ours and the paper's is of "
        "the mean",
    ),
    Row(
        "INFOVAE_MMD",
        objective=vl.Info(alpha=0.5, weight=100.0),
        config={"alpha": 0.5, "lbd": 100.0, "kernel_choice": "rbf", "kernel_bandwidth": sqrt(0.5)},
    ),
    Row(
        "WAE_MMD",
        point_model(),
        vl.Wae(weight=100.0),
        {"reg_weight": 100.0, "scales": [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0]},
        POINT,
    ),
    Row(
        "SVAE",
        vae(3, posterior=vl.VonMisesFisher(), prior=vl.UniformSphere()),
        peer=SPHERE,
        note="pythae's concentration is at least 1, and its draws carry no gradient of the rejection step",
    ),
    Row(
        "PoincareVAE",
        vae(posterior=vl.WrappedNormal(), prior=vl.PoincareNormal()),
        config={"prior_distribution": "wrapped_normal", "posterior_distribution": "wrapped_normal"},
        peer=BALL,
        note="pythae is given centres inside the ball, which its own encoders do not keep to",
    ),
    Row(
        "VQVAE EMA",
        code_model(64),
        config={"num_embeddings": 64, "use_ema": True, "commitment_loss_factor": 2.0},
        peer=CODES,
        note="pythae averages the commitment over the 8 dimensions, so its weight is 8 times ours; codes without use "
        "never come back",
    ),
    Row(
        "VQVAE",
        code_model(64),
        config={"num_embeddings": 64, "commitment_loss_factor": 2.0, "quantization_loss_factor": 8.0},
        peer=CODES,
        note="as VQVAE EMA, and pythae's codebook follows gradients",
    ),
    Row(
        "RAE_L2",
        point_model(),
        vl.Rae(beta=0.1, weight=0.005),
        {"embedding_weight": 0.1},
        POINT,
        coupled(decay=0.01),
    ),
    Row(
        "RAE_GP",
        point_model(),
        vl.Rae(beta=0.1, weight=0.01, regulariser=vl.GradientPenalty()),
        {"embedding_weight": 0.1, "reg_weight": 0.01},
        POINT,
        note="pythae penalises the gradient of the summed reconstruction by the image, encoder included; the paper's "
        "is the decoder's Jacobian",
    ),
]


@dataclass(frozen=True)
class SamplerRow:
    """A density fitted to the codes of a trained VAE.

    `fit` is given pythae's VAE, its draws of z for the training images, and a function that trains a model on rows by
    pythae's trainer.
    """

    name: str
    prior: vl.PriorSpec
    fit: Callable[[Any, Tensor, Callable[[Any], None]], Distribution]
    note: str = ""


def mixture(peer: Any, z: Tensor, train: Callable[[Any], None]) -> Distribution:
    """Fit a Gaussian mixture as `GaussianMixtureSampler.fit` does."""
    em = GaussianMixture(10, covariance_type="full", max_iter=2000, tol=1e-3, random_state=0).fit(z.numpy())
    weights, means, covariances = (
        torch.from_numpy(found).float() for found in (em.weights_, em.means_, em.covariances_)
    )
    return MixtureSameFamily(Categorical(weights), MultivariateNormal(means, covariances))


def flow(made: type, config: type) -> Callable[[Any, Tensor, Callable[[Any], None]], Distribution]:
    """A function that fits a flow as `MAFSampler.fit` and `IAFSampler.fit` do."""

    def fit(peer: Any, z: Tensor, train: Callable[[Any], None]) -> Distribution:
        latent = z.shape[1]
        model = made(config(input_dim=(latent,), n_made_blocks=2, n_hidden_in_made=3, hidden_size=128))
        train(NFModel(MultivariateNormal(torch.zeros(latent), torch.eye(latent)), model))
        return FlowOf(lambda noise: model.inverse(noise).out, model, latent)

    return fit


def two_stages(peer: Any, z: Tensor, train: Callable[[Any], None]) -> Distribution:
    """Fit a second VAE as `TwoStageVAESampler.fit` does."""
    second = TwoStageVAESampler(peer, TwoStageVAESamplerConfig(second_layers_dim=128)).second_vae
    train(second)
    return FlowOf(lambda noise: second.decoder(noise).reconstruction, None, z.shape[1])


SAMPLERS = [
    SamplerRow("GaussianMixtureSampler", vl.Mixture(components=10, full=True), mixture),
    SamplerRow("MAFSampler", vl.Flow(transforms=2, hidden=(128, 128, 128), transform=vl.Maf()), flow(MAF, MAFConfig)),
    SamplerRow("IAFSampler", vl.Flow(transforms=2, hidden=(128, 128, 128), transform=vl.Iaf()), flow(IAF, IAFConfig)),
    SamplerRow(
        "TwoStageVAESampler",
        vl.TwoStage(hidden=(128, 128)),
        two_stages,
        note="pythae's second stage is fitted with a variance of 1, while it draws with another",
    ),
]
