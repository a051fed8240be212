"""One part of each kind, as a user would write them: the settings and the module that they build, side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Laplace, StudentT

import vaelab as vl

if TYPE_CHECKING:
    from optuna.distributions import IntDistribution


class TanhNetwork(vl.Network):
    """One hidden layer with tanh on each side; the condition is written behind the pixels and behind z."""

    def __init__(self, width: int, sizes: vl.Sizes) -> None:
        super().__init__()
        _, height, columns = sizes.image
        self.features, self.output = width, (sizes.parameters, height, columns)
        self.down = nn.Linear(math.prod(sizes.image) + sizes.condition, width)
        self.up = nn.Sequential(
            nn.Linear(sizes.latent + sizes.condition, width), nn.Tanh(), nn.Linear(width, math.prod(self.output))
        )

    def encode(self, x: Tensor, c: Tensor | None) -> Tensor:
        """Features of each image."""
        flat = x.flatten(1)
        return torch.tanh(self.down(flat if c is None else torch.cat([flat, c], 1)))

    def decode(self, z: Tensor, c: Tensor | None) -> Tensor:
        """Parameters of the likelihood."""
        theta: Tensor = self.up(z if c is None else torch.cat([z, c], 1))
        return theta.unflatten(1, self.output)


@dataclass(frozen=True)
class Tanh(vl.NetworkSpec):
    """Fully connected, one hidden layer with tanh."""

    width: Annotated[int, Ge(1)] = 16
    """Hidden units."""

    def build(self, sizes: vl.Sizes) -> vl.Network:
        """The network with fresh weights."""
        return TanhNetwork(self.width, sizes)


class LaplaceNetwork(vl.Posterior):
    """q(z | x) = Laplace(mu(x), b(x)), dimension by dimension."""

    def __init__(self, network: vl.Network, latent: int) -> None:
        super().__init__()
        self.mean, self.log_scale = network.head(latent), network.head(latent)

    def distribution(self, h: Tensor) -> Distribution:
        """q(z | x), of batch shape (B,)."""
        return Independent(Laplace(self.mean(h), self.log_scale(h).exp()), 1)


@dataclass(frozen=True)
class LaplacePosterior(vl.PosteriorSpec):
    """Independent Laplace distributions."""

    traits: ClassVar[frozenset[vl.Trait]] = frozenset({vl.Trait.known_moments, vl.Trait.independent_dimensions})

    def build(self, network: vl.Network, latent: int) -> vl.Posterior:
        """The posterior over `latent` dimensions."""
        return LaplaceNetwork(network, latent)


class StudentModule(vl.Prior):
    """p(z) = StudentT(nu) in each dimension, its scale learned."""

    def __init__(self, freedom: float, latent: int) -> None:
        super().__init__()
        self.freedom = freedom
        self.log_scale = nn.Parameter(torch.zeros(latent))

    def forward(self, c: Tensor | None = None, infer: Any = None) -> Distribution:
        """The prior, of batch shape ()."""
        scale = self.log_scale.exp()
        return Independent(StudentT(self.freedom * torch.ones_like(scale), torch.zeros_like(scale), scale), 1)


@dataclass(frozen=True)
class Student(vl.PriorSpec):
    """Heavy tails: a Student t distribution in each dimension."""

    freedom: Annotated[float, Gt(2)] = 5.0
    """Degrees of freedom."""

    def build(self, sizes: vl.PriorSizes) -> vl.Prior:
        """The prior over `sizes.latent` dimensions."""
        return StudentModule(self.freedom, sizes.latent)


class LaplaceModule(vl.Likelihood):
    """p(x | z) = Laplace(x; theta, b), b fixed."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, theta: Tensor) -> Distribution:
        """Independent Laplace pixels."""
        return Independent(Laplace(theta, self.scale * torch.ones_like(theta)), 3)


@dataclass(frozen=True)
class LaplacePixels(vl.LikelihoodSpec):
    """Independent Laplace pixels of one scale."""

    scale: Annotated[float, Gt(0)] = 0.2
    """b, on the scale where white is 1."""

    def build(self, image: tuple[int, int, int]) -> vl.Likelihood:
        """The likelihood."""
        return LaplaceModule(self.scale)


@dataclass(frozen=True)
class Halving(vl.ScheduleSpec):
    """start / 2^epoch: half as much after each epoch."""

    start: Annotated[float, Ge(0)] = 1.0
    spans_run: ClassVar[bool] = False

    def __call__(self, progress: vl.Progress) -> float:
        """The value at this moment."""
        return self.start * 0.5**progress.elapsed


@dataclass(frozen=True)
class Warm(vl.ObjectiveSpec):
    """The negative ELBO with a KL that weighs 1 + extra(t)."""

    extra: vl.AnySchedule = Halving()
    samples: Annotated[int, Ge(1)] = 1

    def beta(self, progress: vl.Progress) -> float:
        """The weight of the KL."""
        return 1 + self.extra(progress)

    def __call__(self, trace: vl.Trace, progress: vl.Progress) -> Tensor:
        """The loss, a scalar in nats."""
        return trace.cost(self.beta(progress)).mean()


@dataclass(frozen=True)
class Bars(vl.SourceSpec):
    """Images of one bright row or column, in two classes."""

    size: Annotated[int, Ge(4)] = 8
    """Height and width, pixels."""
    n_images: Annotated[int, Ge(2)] = 120

    def load(self, directory: Path | None = None) -> vl.ImageData:
        """The images."""
        random = np.random.default_rng(0)
        images = np.zeros((self.n_images, self.size, self.size), np.uint8)
        across = random.random(self.n_images) < 0.5
        place = random.integers(self.size, size=self.n_images)
        for image, row, at in zip(images, across, place, strict=True):
            image[(at, slice(None)) if row else (slice(None), at)] = 255
        return vl.as_data(images, np.where(across, "row", "column"), name="bars")


@dataclass(frozen=True)
class PowersOfTwo(vl.RangeSpec):
    """2^k for whole k, for a sweep."""

    exponents: tuple[int, int]
    """The lowest and the highest k."""

    def distribution(self) -> IntDistribution:
        """Of k, uniform."""
        from optuna.distributions import IntDistribution

        return IntDistribution(*self.exponents)

    def ends(self) -> tuple[int, int]:
        """The lowest and the highest power."""
        low, high = map(self.value, self.exponents)
        return low, high

    def value(self, drawn: int) -> int:
        """The power of this k."""
        return int(2**drawn)
