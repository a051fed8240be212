"""`check_spec`: every built-in part passes, and planted faults are reported."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Distribution, Independent, Normal

import vaelab as vl
from vaelab.data import BinarisationSpec
from vaelab.data.limited import Limited
from vaelab.distributions import diagonal_normal
from vaelab.models import ModelSpec
from vaelab.networks import CellSpec, NetworkSpec
from vaelab.spec import Spec, members
from vaelab.testing import check_spec


@dataclass(frozen=True)
class PowersOfTwo(vl.RangeSpec):
    """A range of a user's own: 2^k, k whole."""

    exponents: tuple[int, int] = (1, 5)
    base: int = 2

    def distribution(self) -> Any:
        from optuna.distributions import IntDistribution

        return IntDistribution(*self.exponents)

    def ends(self) -> tuple[int, int]:
        return 2 ** self.exponents[0], 2 ** self.exponents[1]

    def value(self, drawn: Any) -> Any:
        return self.base**drawn


@dataclass(frozen=True)
class Noisy(PowersOfTwo):
    """Its values differ from one reading of a study to the next."""

    def value(self, drawn: Any) -> Any:
        return 2 + float(np.random.default_rng().random())


@dataclass(frozen=True)
class NoJson(PowersOfTwo):
    def value(self, drawn: Any) -> Any:
        return np.float32(4)


# Small instances make the check fast; other parts are checked with their defaults.
SMALL: tuple[Spec, ...] = (
    vl.AutoencoderKl(channels=(4, 4), blocks=1, groups=2),
    vl.Conv(channels=(4,)),
    vl.Mlp(hidden=(8,)),
    vl.ResNet(channels=(4,)),
    vl.ResNet(channels=(4,), spatial=True, attention=True),
    vl.Vamp(components=5),
    vl.Flow(transforms=1, hidden=(8,)),
    vl.FlowPosterior(transforms=1, hidden=(8,), context=4),
    vl.AutoregressiveCodes(layers=1, width=8, heads=2),
    vl.CategoricalPosterior(size=3),
    vl.Codebook(size=6),
    vl.ResidualCodebook(size=6),
    vl.FiniteScalar(levels=(4, 4, 4)),
    vl.GumbelSoftmax(size=3),
    vl.LookupFree(bits=3),
    vl.BinarySpherical(bits=2, codes=2),
    vl.SimVq(size=6),
    vl.DiscretisedLogistic(components=2),
    vl.Factor(hidden=(8,)),
    vl.FreeBits(floor=0.01),
    vl.AdversarialReconstruction(width=4),
    vl.VaeGan(channels=(4,)),
    vl.VAE(network=vl.Mlp(hidden=(8,))),
    vl.Ladder((1, 2), 2, 8),
    vl.Joint(2, 3, network=vl.Mlp(hidden=(8,)), codes=vl.GumbelSoftmax(3)),
    vl.Multimodal(2, network=vl.Mlp(hidden=(8,))),
    vl.Sprites(limit=50, image_size=16),
    vl.Strokes(n_images=50),
    Limited(vl.Digits(), 20),
    vl.IntRange((2, 32), log=True),
    vl.FloatRange((1e-4, 1e-2), log=True),
    vl.Choice((2, "grey", (16, 16), vl.Mixture(components=3), vl.StandardNormal())),
    vl.Choice(("standard-normal", vl.StandardNormal())),
    PowersOfTwo(),
)
ROOMS = (
    NetworkSpec,
    CellSpec,
    vl.TransformSpec,
    vl.PosteriorSpec,
    vl.PriorSpec,
    vl.ExpertsSpec,
    vl.LikelihoodSpec,
    vl.ObjectiveSpec,
    vl.ScheduleSpec,
    vl.OptimiserSpec,
    BinarisationSpec,
    vl.AugmentationSpec,
    ModelSpec,
    vl.SourceSpec,
    vl.RangeSpec,
)
# These need files from outside the project and have tests of their own.
ELSEWHERE = {
    *("mnist", "fashion-mnist", "kmnist", "emnist", "cifar10", "celeba", "dsprites", "shapes3d"),
    *("folder", "npz", "csv", "parquet"),
}


def every_part() -> list[Any]:
    given = {type(spec) for spec in SMALL}
    kinds = [kind for room in ROOMS for kind in members(room, own=True)]
    rest = [kind() for kind in kinds if kind not in given and not kind.python_only and kind.kind not in ELSEWHERE]
    return [*SMALL, *rest]


@pytest.mark.parametrize("spec", every_part(), ids=lambda spec: type(spec).__name__)
def test_every_built_in_part_keeps_the_contract(spec: Spec) -> None:
    before = torch.get_rng_state()
    report = check_spec(spec)
    assert report.passed[0] == "survives JSON"
    assert report.assumed == ""
    assert report.caveat == ""
    assert torch.equal(before, torch.get_rng_state())


class Unbounded(vl.Posterior):
    """A normal posterior as in most published code."""

    def __init__(self, network: Any, latent: int) -> None:
        super().__init__()
        self.mean, self.log_variance = network.head(latent), network.head(latent)

    def distribution(self, h: torch.Tensor) -> Distribution:
        return diagonal_normal(self.mean(h), (self.log_variance(h) / 2).exp())


class Bounded(Unbounded):
    def distribution(self, h: torch.Tensor) -> Distribution:
        return diagonal_normal(self.mean(h), vl.scale_of(self.log_variance(h)))


@dataclass(frozen=True)
class Published(vl.PosteriorSpec):
    bounded: bool = False

    def build(self, network: vl.Network, latent: int) -> vl.Posterior:
        return (Bounded if self.bounded else Unbounded)(network, latent)


@dataclass(frozen=True)
class Exponential(vl.LikelihoodSpec):
    def build(self, image: tuple[int, int, int]) -> vl.Likelihood:
        return ExponentialScale()


class ExponentialScale(vl.Likelihood):
    """Pixels whose scale is an exponential of the decoder's output."""

    def forward(self, theta: torch.Tensor) -> Distribution:
        return diagonal_normal(torch.zeros_like(theta), theta.exp(), event_dims=3)


@pytest.mark.parametrize(
    ("spec", "density"), [(Published(), r"log q\(z \| x\) or its KL"), (Exponential(), r"log p\(x \| z\)")]
)
def test_a_density_that_is_not_finite_far_out_is_a_caveat_and_no_fault(spec: Any, density: str) -> None:
    report = check_spec(spec)
    assert re.search(rf"{density} is not finite .*bound its log variances with vaelab\.scale_of", report.caveat)
    assert str(report).endswith(report.caveat)
    assert check_spec(Published(bounded=True)).caveat == ""


def test_plain_modules_keep_the_contract_of_a_network() -> None:
    class Wide(nn.Module):
        """A linear layer for any image and condition."""

        def __init__(self, sizes: vl.Sizes, out: int, inputs: int) -> None:
            super().__init__()
            self.line = nn.Linear(inputs + sizes.condition, out)

        def forward(self, x: torch.Tensor, c: torch.Tensor | None) -> torch.Tensor:
            flat = x.flatten(1)
            y: torch.Tensor = self.line(flat if c is None else torch.cat([flat, c], 1))
            return y

    network = vl.Modules(
        lambda sizes: Wide(sizes, 7, int(np.prod(sizes.image))),
        lambda sizes: Wide(sizes, sizes.parameters * sizes.image[1] * sizes.image[2], sizes.latent),
    )
    assert "shapes for every image format" in check_spec(network).passed


class Unused(vl.Prior):
    """A prior with an unused parameter."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.mean, self.idle = nn.Parameter(torch.zeros(latent)), nn.Parameter(torch.zeros(latent))

    def forward(self, c: Any = None, infer: Any = None) -> Distribution:
        return diagonal_normal(self.mean, torch.ones_like(self.mean))


@dataclass(frozen=True)
class WithoutGradient(vl.PriorSpec):
    def build(self, sizes: vl.PriorSizes) -> vl.Prior:
        return Unused(sizes.latent)


class Doubled(Independent):
    """A density that is twice too high."""

    def log_prob(self, value: torch.Tensor) -> torch.Tensor:
        return super().log_prob(value) + 0.7  # type: ignore[no-any-return]

    def expand(self, batch_shape: Any, _instance: Any = None) -> Distribution:
        return Doubled(self.base_dist.expand((*batch_shape, *self.event_shape)), 1)


class DoubledPrior(vl.Prior):
    def __init__(self, latent: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(latent))

    def forward(self, c: Any = None, infer: Any = None) -> Distribution:
        return Doubled(Normal(self.mean, torch.ones_like(self.mean)), 1)


@dataclass(frozen=True)
class NotNormalised(vl.PriorSpec):
    def build(self, sizes: vl.PriorSizes) -> vl.Prior:
        return DoubledPrior(sizes.latent)


@dataclass(frozen=True)
class Forgetful(vl.ScheduleSpec):
    value: float = 0.5
    note: str = field(default="first", metadata={"json": False})

    def __call__(self, progress: vl.Progress) -> float:
        return self.value


class Narrow(vl.Network):
    """A decoder whose output has one row too few."""

    def __init__(self, sizes: vl.Sizes) -> None:
        super().__init__()
        self.features, self.shape = 4, (sizes.parameters, sizes.image[1] - 1, sizes.image[2])
        self.down = nn.Linear(int(np.prod(sizes.image)) + sizes.condition, 4)
        self.up = nn.Linear(sizes.latent + sizes.condition, int(np.prod(self.shape)))

    def encode(self, x: Any, c: Any) -> Any:
        return self.down(x.flatten(1) if c is None else torch.cat([x.flatten(1), c], 1))

    def decode(self, z: Any, c: Any) -> Any:
        return self.up(z if c is None else torch.cat([z, c], 1)).unflatten(1, self.shape)


@dataclass(frozen=True)
class WrongShape(vl.NetworkSpec):
    def build(self, sizes: vl.Sizes) -> vl.Network:
        return Narrow(sizes)


class OwnGenerator(vl.Posterior):
    """A posterior that draws from its own random generator."""

    def __init__(self, network: vl.Network, latent: int) -> None:
        super().__init__()
        self.mean, self.numbers = network.head(latent), np.random.default_rng(0)

    def distribution(self, h: torch.Tensor) -> Distribution:
        mean = self.mean(h)
        return diagonal_normal(mean, torch.ones_like(mean))

    def forward(self, h: torch.Tensor, samples: int) -> vl.Draw:
        q = self.distribution(h)
        noise = torch.from_numpy(self.numbers.standard_normal((samples, *q.mean.shape))).float()
        z = q.mean + noise
        return vl.Draw(q=q, code=z, z=z)


@dataclass(frozen=True)
class IgnoresTheSeed(vl.PosteriorSpec):
    def build(self, network: vl.Network, latent: int) -> vl.Posterior:
        return OwnGenerator(network, latent)


@dataclass(frozen=True)
class WrongThing(vl.PriorSpec):
    def build(self, sizes: vl.PriorSizes) -> Any:
        return nn.Linear(2, 2)


class UnnormalisedGaussian(vl.Likelihood):
    """Gaussian pixels with a wrong normaliser."""

    def forward(self, theta: torch.Tensor) -> Distribution:
        return Doubled(Normal(theta, torch.ones_like(theta)), 3)


@dataclass(frozen=True)
class UnnormalisedPixels(vl.LikelihoodSpec):
    def build(self, image: tuple[int, int, int]) -> vl.Likelihood:
        return UnnormalisedGaussian()


class HalfOfTheMean(vl.Likelihood):
    """Gaussian pixels which take the wrong theta for that of a mean."""

    def forward(self, theta: torch.Tensor) -> Distribution:
        return diagonal_normal(theta, torch.ones_like(theta), event_dims=3)

    def parameters_of(self, mean: torch.Tensor) -> torch.Tensor:
        return mean / 2


@dataclass(frozen=True)
class WrongThetaOfAMean(vl.LikelihoodSpec):
    def build(self, image: tuple[int, int, int]) -> vl.Likelihood:
        return HalfOfTheMean()


@dataclass(frozen=True)
class FalseTraits(vl.PosteriorSpec):
    traits: ClassVar[frozenset[vl.Trait]] = frozenset({vl.Trait.independent_dimensions})

    def build(self, network: vl.Network, latent: int) -> vl.Posterior:
        return vl.FullGaussian().build(network, latent)


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        (WithoutGradient(), "WithoutGradient: the parameter idle gets no gradient"),
        (NotNormalised(), "NotNormalised: p(z) integrates to 2.01 over z, not to one"),
        (Forgetful(note="changed"), "Forgetful: does not survive JSON"),
        (WrongShape(), "WrongShape: decode(z, c) has shape (4, 2, 7, 8), but must be (4, 2, 8, 8)"),
        (IgnoresTheSeed(), "IgnoresTheSeed: forward ignores the seed"),
        (WrongThing(), "WrongThing.build returned Linear, but must return a vaelab.Prior"),
        (UnnormalisedPixels(), "UnnormalisedPixels: p(x | z) adds up to 2.01"),
        (WrongThetaOfAMean(), "WrongThetaOfAMean: parameters_of gives a theta whose mean is another"),
        (FalseTraits(), "FalseTraits: says that its dimensions are independent"),
        (PowersOfTwo(base=3), "which is not within [2, 32]"),
        (Noisy(), "Noisy: has other values when the study is read again"),
        (NoJson(), "which JSON does not hold"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Spec) else "",
)
def test_planted_faults_are_reported(spec: Spec, fault: str) -> None:
    with pytest.raises(vl.UserError) as caught:
        check_spec(spec)
    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)


def test_objects_that_are_not_specs_are_refused() -> None:
    with pytest.raises(vl.UserError, match="must be an instance of a room's spec"):
        check_spec(vl.Training())
