"""Metrics of models with custom parts: measured if the part supports it, otherwise refused in one line."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import (
    Distribution,
    Independent,
    Laplace,
    Normal,
    TanhTransform,
    TransformedDistribution,
    Uniform,
)

from vaelab import VAE, LikelihoodSpec, Mlp, PosteriorSpec, PriorSpec, Trait
from vaelab.contract import Likelihood, Network, Posterior, Prior
from vaelab.data import ImageData, ImageFormat
from vaelab.errors import UserError
from vaelab.metrics.evidence import (
    annealed_bound,
    bidirectional_bounds,
    exact_evidence,
    from_posterior,
    from_prior,
    importance_bound,
    inference_gaps,
)
from vaelab.metrics.latent import posterior_means
from vaelab.metrics.rate import decoder_use, elbo_parts
from vaelab.models.model import Model
from vaelab.models.vae import VAEModel
from vaelab.sizes import PriorSizes

FORMAT = ImageFormat(1, 3, 4)


class Dull(Distribution):
    """A distribution with only `rsample` and `log_prob`."""

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(self, width: int) -> None:
        super().__init__((), (width,), validate_args=False)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return torch.randn(*sample_shape, *self.event_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        return Normal(0.0, 1.0).log_prob(value).sum(-1)


class Strict(Dull):
    """The same, but `log_prob` raises an error far from 0."""

    def log_prob(self, value: Tensor) -> Tensor:
        if bool((value.abs() > 2).any()):
            raise ValueError("Expected value to be within the support")
        return super().log_prob(value)


def box(width: int, checked: bool) -> Distribution:
    side = torch.full((width,), 2.0)
    return Independent(Uniform(-side, side, validate_args=checked), 1, validate_args=False)


PRIORS: dict[str, Callable[[int], Distribution]] = {
    "box": lambda width: box(width, checked=False),
    "checked box": lambda width: box(width, checked=True),
    "dull": Dull,
    "strict": Strict,
}


class OwnPrior(Prior):
    def __init__(self, made: Callable[[], Distribution]) -> None:
        super().__init__()
        self.made = made

    def forward(self, c: Tensor | None = None, infer: Any = None) -> Distribution:
        return self.made()


@dataclass(frozen=True)
class OwnPriorSpec(PriorSpec):
    density: str = "box"

    def build(self, sizes: PriorSizes) -> Prior:
        return OwnPrior(lambda: PRIORS[self.density](sizes.latent))


class Squashed(Posterior):
    """The tanh of a normal, which has no `mean` in torch."""

    def __init__(self, network: Network, latent: int) -> None:
        super().__init__()
        self.mean = network.head(latent)

    def distribution(self, h: Tensor) -> Distribution:
        normal = Independent(Normal(self.mean(h), 0.5), 1)
        return TransformedDistribution(normal, TanhTransform(), validate_args=False)


@dataclass(frozen=True)
class SquashedSpec(PosteriorSpec):
    def build(self, network: Network, latent: int) -> Posterior:
        return Squashed(network, latent)


class LaplacePixels(Likelihood):
    def forward(self, theta: Tensor) -> Distribution:
        return Independent(Laplace(theta, 0.3), 3)


@dataclass(frozen=True)
class LaplaceSpec(LikelihoodSpec):
    def build(self, image: tuple[int, int, int]) -> Likelihood:
        return LaplacePixels()


def built(**parts: Any) -> VAEModel:
    torch.manual_seed(0)
    return VAE(latent=2, network=Mlp(hidden=(8,)), **parts).build(FORMAT).eval()


@pytest.fixture
def x() -> Tensor:
    return torch.rand(5, 1, 3, 4, generator=torch.Generator().manual_seed(1)).round()


@pytest.fixture
def data() -> ImageData:
    return ImageData("bars", np.random.default_rng(0).integers(0, 256, (40, 1, 3, 4)).astype(np.uint8))


def plain(model: VAEModel, x: Tensor, prior: Distribution) -> Tensor:
    """log p(x) by a sum over a fine grid."""
    ticks = torch.linspace(-6, 6, 601)
    grid = torch.cartesian_prod(ticks, ticks)
    with torch.no_grad():
        p, log_prior = model.decode(grid), prior.log_prob(grid)
        return torch.stack([(p.log_prob(image) + log_prior).logsumexp(0) for image in x]).double() + 2 * math.log(0.02)


def test_a_uniform_prior_is_integrated_annealed_and_bounded(x: Tensor) -> None:
    """The density has zero gradient and is 0 outside the box."""
    model = built(prior=OwnPriorSpec("box"))
    exact = plain(model, x, PRIORS["box"](2))
    torch.testing.assert_close(exact_evidence(model, x).log_p, exact, rtol=0, atol=0.05)
    for start in ((from_prior, from_posterior), from_prior):
        annealed = annealed_bound(model, x, temperatures=30, start=start)
        torch.testing.assert_close(annealed.log_p, exact, rtol=0, atol=0.3)
    torch.testing.assert_close(importance_bound(model, x, samples=2000, seed=0).log_p, exact, rtol=0, atol=0.3)
    assert abs(bidirectional_bounds(model, n_images=20, temperatures=30, chains=4).gap) < 0.3


def test_a_custom_likelihood_is_measured(x: Tensor, data: ImageData) -> None:
    model = built(likelihood=LaplaceSpec())
    exact = plain(model, x, Independent(Normal(torch.zeros(2), 1.0), 1))
    torch.testing.assert_close(exact_evidence(model, x).log_p, exact, rtol=0, atol=0.05)
    assert inference_gaps(model, x, exact, steps=6, evaluation=50).amortisation.min() >= 0
    assert bidirectional_bounds(model, n_images=5, temperatures=5, chains=2).lower.isfinite().all()
    assert 0 <= decoder_use(model, data) < 1
    assert elbo_parts(model, data, draws=50).distortion_is == "negative log-likelihood"


def test_a_posterior_without_a_mean_is_bounded(x: Tensor) -> None:
    model = built(posterior=SquashedSpec())
    assert importance_bound(model, x, samples=5).log_p.isfinite().all()


CHECKED = "model.* returns a distribution that refuses values outside its support; create it with validate_args=False"


@pytest.mark.parametrize(
    ("parts", "measure", "message"),
    [
        ({"prior": OwnPriorSpec("checked box")}, lambda model, x, data: exact_evidence(model, x), CHECKED),
        ({"prior": OwnPriorSpec("checked box")}, lambda model, x, data: annealed_bound(model, x), CHECKED),
        (
            {"prior": OwnPriorSpec("checked box")},
            lambda model, x, data: importance_bound(model, x, samples=200),
            CHECKED,
        ),
        ({"prior": OwnPriorSpec("strict")}, lambda model, x, data: elbo_parts(model, data, samples=200), CHECKED),
        (
            {"prior": OwnPriorSpec("box")},
            lambda model, x, data: elbo_parts(model, data, samples=200),
            "the rate of .* images is not finite",
        ),
        (
            {"prior": OwnPriorSpec("dull")},
            lambda model, x, data: bidirectional_bounds(model, n_images=3),
            "model.prior returns a Dull, which cannot be expanded to a batch; give it a method `expand`",
        ),
        (
            {"posterior": SquashedSpec()},
            lambda model, x, data: posterior_means(model, x),
            "model.posterior returns a TransformedDistribution, which has no mean; give it a property `mean`",
        ),
        ({"posterior": SquashedSpec()}, lambda model, x, data: exact_evidence(model, x), "which has no mean"),
        ({"posterior": SquashedSpec()}, lambda model, x, data: elbo_parts(model, data), "which has no mean"),
        (
            {"posterior": SquashedSpec()},
            lambda model, x, data: inference_gaps(model, x, torch.zeros(5)),
            "posterior is SquashedSpec, but the gap is split only for Gaussian and FullGaussian",
        ),
    ],
)
def test_missing_methods_of_a_custom_part_are_named_in_one_line(
    parts: dict[str, Any], measure: Callable[..., Any], message: str, x: Tensor, data: ImageData
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        measure(built(**parts), x, data)
    assert "\n" not in str(caught.value)


def test_a_custom_model_with_unknown_density_is_refused(x: Tensor) -> None:
    class Spec:
        traits: frozenset[Trait] = frozenset({Trait.one_latent, Trait.real_codes})
        summary = "Foreign"

    class Foreign(Model):
        def __init__(self) -> None:
            nn.Module.__init__(self)
            self.spec = Spec()

    model = Foreign()
    for measure in (lambda: bidirectional_bounds(model), lambda: inference_gaps(model, x, torch.zeros(5))):
        with pytest.raises(UserError, match="model is a Foreign, whose prior and likelihood vaelab cannot evaluate"):
            measure()
