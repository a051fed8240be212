"""A model of pythae around the modules of a vaelab model, its training, and its density stated as a vaelab model.

The weights are never copied or written to a file: encoder and decoder of pythae's model are the modules of the vaelab
model, which pythae's own trainer then trains. What pythae has besides them (flows, pseudo-inputs, a codebook) is taken
over after training by a `Peer`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pythae.models
import pythae.trainers
import torch
from pythae.data.datasets import BaseDataset, DatasetOutput, collate_dataset_output
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from torch import Tensor, nn
from torch.distributions import Distribution, Transform, TransformedDistribution
from torch.distributions.constraints import real_vector
from torch.nn.functional import normalize, softplus
from torch.utils.data import DataLoader, Sampler

import vaelab as vl
from vaelab.distributions import diagonal_normal
from vaelab.distributions.poincare import to_ball
from vaelab.distributions.sphere import VonMisesFisher
from vaelab.posteriors.gaussian import GaussianPosterior
from vaelab.posteriors.von_mises_fisher import VonMisesFisherPosterior
from vaelab.training.epoch import image_order

logging.disable(logging.INFO)


@dataclass(frozen=True)
class Trainer:
    """A trainer of pythae, the names under which its settings have the learning rate, and further settings."""

    name: str = "BaseTrainer"
    rates: tuple[str, ...] = ("learning_rate",)
    settings: tuple[tuple[str, Any], ...] = ()


BASE = Trainer()
ADVERSARIAL = Trainer("AdversarialTrainer", ("autoencoder_learning_rate", "discriminator_learning_rate"))


def coupled(decay: float = 0.0) -> Trainer:
    """The trainer with one optimiser for each half; `decay` is the weight decay of the decoder's."""
    rates = ("encoder_learning_rate", "decoder_learning_rate")
    return Trainer("CoupledOptimizerTrainer", rates, (("decoder_optimizer_params", {"weight_decay": decay}),))


@dataclass(frozen=True)
class Peer:
    """The differences between a pythae model and the vaelab model that states its density.

    Args:
        heads: from the posterior and h to the output of pythae's encoder.
        posterior: pythae's posterior where it is not that of our composition.
        take: takes over what pythae trained besides encoder and decoder.
    """

    heads: Callable[[Any, Tensor], dict[str, Tensor]]
    posterior: vl.PosteriorSpec | None = None
    take: Callable[[Any, Any], None] = lambda peer, model: None


class Encoder(BaseEncoder):
    def __init__(self, model: Any, heads: Callable[[Any, Tensor], dict[str, Tensor]]) -> None:
        super().__init__()
        self.trunk, self.posterior, self.heads = model.network.encoder, model.posterior, heads

    def forward(self, x: Tensor) -> ModelOutput:
        return ModelOutput(**self.heads(self.posterior, self.trunk(x.flatten(1))))


class Decoder(BaseDecoder):
    """Probabilities for binary pixels; for normal ones the mean itself, as in vaelab's `GaussianPixels`."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.trunk, self.shape, self.binary = model.network.decoder, model.format.shape, model.likelihood.binary

    def forward(self, z: Tensor) -> ModelOutput:
        theta = self.trunk(z.flatten(1)).unflatten(1, self.shape)
        return ModelOutput(reconstruction=theta.sigmoid() if self.binary else theta)


class Binarised(BaseDataset):
    """Images whose pixels are drawn anew each time."""

    def __getitem__(self, index: int) -> DatasetOutput:
        return DatasetOutput(data=torch.bernoulli(self.data[index]), labels=self.labels[index])


class Order(Sampler[int]):
    """The order of images in each epoch of a vaelab run with this seed."""

    def __init__(self, seed: int, n_images: int) -> None:
        self.seed, self.n_images, self.epoch = seed, n_images, 0

    def __iter__(self) -> Iterator[int]:
        self.epoch += 1
        return iter(image_order(self.seed, self.epoch, self.n_images).tolist())

    def __len__(self) -> int:
        return self.n_images


def peer_of(name: str, model: Any, heads: Callable[[Any, Tensor], dict[str, Tensor]], config: dict[str, Any]) -> Any:
    """pythae's model of this name around the modules of `model`."""
    made = getattr(pythae.models, name)
    settings = getattr(pythae.models, f"{name}Config", None) or getattr(pythae.models, f"{name}_Config")
    if issubclass(made, pythae.models.VAE):
        config = {"reconstruction_loss": "bce" if model.likelihood.binary else "mse"} | config
    return made(
        settings(input_dim=model.format.shape, latent_dim=model.spec.latent, **config),
        encoder=Encoder(model, heads),
        decoder=Decoder(model),
    )


def trained(peer: Any, data: BaseDataset, trainer: Trainer, folder: str, epochs: int, batch: int, seed: int) -> float:
    """Train in place by pythae's trainer; returns the median over epochs of images/s."""
    settings = dict.fromkeys(trainer.rates, 1e-3) | dict(trainer.settings)
    config = getattr(pythae.trainers, f"{trainer.name}Config")(
        output_dir=folder,
        num_epochs=epochs,
        per_device_train_batch_size=batch,
        per_device_eval_batch_size=batch,
        seed=seed,
        no_cuda=True,
        **settings,
    )
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        run = getattr(pythae.trainers, trainer.name)(peer, data, training_config=config)
        order = Order(seed, len(data))
        run.train_loader = DataLoader(data, batch, sampler=order, collate_fn=collate_dataset_output)
        # The last weights are wanted, which the peer has; what would be written are pickles of the best.
        run.save_model = lambda *_, **__: None
        step, seconds = run.train_step, []

        def timed(epoch: int) -> Any:
            began = time.perf_counter()
            losses = step(epoch)
            seconds.append(time.perf_counter() - began)
            return losses

        run.train_step = timed
        run.train()
    peer.eval()
    return len(data) / statistics.median(seconds)


def normal(q: Any, h: Tensor) -> dict[str, Tensor]:
    return {"embedding": q.mean(h), "log_covariance": q.log_variance(h)}


def point(q: Any, h: Tensor) -> dict[str, Tensor]:
    return {"embedding": q.mean(h)}


def codes(q: Any, h: Tensor) -> dict[str, Tensor]:
    # A map of one position: pythae quantises a flat code number by number.
    return {"embedding": q.vector(h)[:, :, None, None]}


def sphere(q: Any, h: Tensor) -> dict[str, Tensor]:
    return {"embedding": q.direction(h), "log_concentration": q.concentration(h)}


def ball(q: Any, h: Tensor) -> dict[str, Tensor]:
    return {"embedding": to_ball(q.centre(h), q.curvature), "log_covariance": q.log_variance(h)}


class SphereModule(VonMisesFisherPosterior):
    """kappa = 1 + softplus, as in pythae's forward pass."""

    def distribution(self, h: Tensor) -> Distribution:
        return VonMisesFisher(
            normalize(self.direction(h), dim=-1), softplus(self.concentration(h).double().squeeze(-1)).float() + 1
        )


@dataclass(frozen=True)
class Sphere(vl.VonMisesFisher):
    def build(self, network: Any, latent: int) -> vl.Posterior:
        return SphereModule(network, latent)


class Through(Transform):
    """A flow that is known in one direction; the cache scores what it drew."""

    domain = codomain = real_vector
    bijective = True

    def __init__(self, flow: Callable[[Tensor], tuple[Tensor, Tensor]]) -> None:
        super().__init__(cache_size=1)
        self.flow = flow

    def _call(self, x: Tensor) -> Tensor:
        y, slope = self.flow(x.flatten(0, -2))
        self.slope = slope.view(x.shape[:-1])
        return y.view_as(x)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return self.slope


class Flowed(TransformedDistribution):
    """q(z | x) by a flow."""

    @property
    def mean(self) -> Tensor:
        """The image of the base mean under the flow, which quadrature uses only to set its range."""
        return self.transforms[0](self.base_dist.mean)


class FlowedModule(GaussianPosterior):
    """A Gaussian and then pythae's flow, the same for all images."""

    flow: Callable[[Tensor], tuple[Tensor, Tensor]]

    def distribution(self, h: Tensor) -> Distribution:
        return Flowed(super().distribution(h), [Through(self.flow)], validate_args=False)


@dataclass(frozen=True)
class FlowedGaussian(vl.PosteriorSpec):
    def build(self, network: Any, latent: int) -> vl.Posterior:
        return FlowedModule(network, latent)


def take_layers(peer: Any, model: Any) -> None:
    def flow(z: Tensor) -> tuple[Tensor, Tensor]:
        slope = z.new_zeros(len(z))
        for layer in peer.net:
            out = layer(z)
            z, slope = out.out, slope + out.log_abs_det_jac
        return z, slope

    model.posterior.flow = flow


def take_inverse(peer: Any, model: Any) -> None:
    def flow(z: Tensor) -> tuple[Tensor, Tensor]:
        out = peer.iaf_flow.inverse(z)
        return out.out, out.log_abs_det_jac

    model.posterior.flow = flow


@torch.no_grad()
def take_pseudo_inputs(peer: Any, model: Any) -> None:
    pixels = peer.pseudo_inputs(peer.idle_input).view_as(model.prior.pictures)
    model.prior.pictures.copy_(pixels.logit(eps=1e-6))


@torch.no_grad()
def take_vectors(peer: Any, model: Any) -> None:
    vectors = peer.quantizer.embeddings
    found = vectors.weight if isinstance(vectors, nn.Embedding) else vectors
    # The module has a property `codebook`, which torch's own rules for attributes keep from being set.
    model.posterior.quantiser._codebook.embed.copy_(found.view_as(model.posterior.quantiser.codebook)[None])


NORMAL, POINT, BALL = Peer(normal), Peer(point), Peer(ball)
SPHERE = Peer(sphere, Sphere())
CODES = Peer(codes, take=take_vectors)
PSEUDO_INPUTS = Peer(normal, take=take_pseudo_inputs)
LAYERS, INVERSE = Peer(normal, FlowedGaussian(), take_layers), Peer(normal, FlowedGaussian(), take_inverse)


class Given(vl.Prior):
    """A distribution that was fitted elsewhere."""

    def __init__(self, p: Distribution) -> None:
        super().__init__()
        self.p = p

    def forward(self, c: Tensor | None = None, infer: Any = None) -> Distribution:
        return self.p


class FlowOf(Distribution):
    """The density of a flow of pythae, from z to standard normal noise; or of draws alone."""

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, draw: Callable[[Tensor], Tensor], flow: Any, latent: int) -> None:
        self.draw, self.flow = draw, flow
        super().__init__(event_shape=torch.Size([latent]), validate_args=False)

    def log_prob(self, z: Tensor) -> Tensor:
        flat = z.flatten(0, -2)
        out = self.flow(flat)
        noise = diagonal_normal(torch.zeros_like(flat), torch.ones_like(flat))
        return (noise.log_prob(out.out) + out.log_abs_det_jac).view(z.shape[:-1])

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = torch.Size(sample_shape) + self.event_shape
        return self.draw(torch.randn(shape).view(-1, shape[-1])).view(shape)
