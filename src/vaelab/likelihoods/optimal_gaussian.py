"""The Gaussian likelihood whose sigma is the best for the batch."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from vaelab.distributions import diagonal_normal
from vaelab.likelihoods.gaussian import NormalPixels

# The variance of rounding to 256 values: a density that is narrower rewards digits that pixels do not have.
_LEAST = 1 / 255**2 / 12
# What a new batch counts for, once twenty have been seen.
_RATE = 0.05


class OptimalGaussianLikelihood(NormalPixels):
    r"""p(x | z) = N(x; theta, sigma^2 I), sigma^2 the mean squared error.

    The sigma-VAE of Rybkin, Daniilidis and Levine (2021). Of all sigma the score of a batch is lowest
    for sigma^2 = MSE, the mean over its images, draws and pixels; there it is, averaged over the batch,

        -log p(x | z) = D/2 log(2 pi e MSE)      nats, with D = C H W.

    In training sigma is that. Its gradient with respect to sigma is zero, so that sigma may be held constant
    while the gradient of the weights is taken: it is the same (the envelope theorem).

    Such a score is no density of x: sigma was read off x itself, so it would not integrate to one, and it would
    depend on which images share a batch. So the errors of training are kept in `variance`, a moving average
    (the plain average of the first twenty batches, then each new one counts for a twentieth), and in evaluation
    (`module.eval()`) that is sigma^2: a density proper, which is what is reported. Every `log_prob` of a
    distribution that was made in training mode moves the average on, as a pass through batch normalisation does.

    sigma^2 is held above the variance of rounding to 256 values. theta = 0 is a black image.
    """

    variance: Tensor
    batches: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("variance", torch.ones(()))
        self.register_buffer("batches", torch.zeros(()))

    def forward(self, theta: Float[Tensor, "*N C H W"]) -> Distribution:
        """Independent normal pixels with means theta."""
        scale = self.variance.sqrt().expand_as(theta)
        if not self.training:
            return diagonal_normal(theta, scale, event_dims=3)
        return _Training(theta, scale, self)

    @torch.no_grad()
    def observe(self, error: Tensor) -> Tensor:
        """sigma^2 for a batch of these errors x - theta, which joins the moving average."""
        variance = error.square().mean().clamp(min=_LEAST)
        # A batch that is not finite is forgotten: the step that it belongs to is left out as well.
        finite = variance.isfinite()
        self.batches += finite
        # The first batch replaces the initial value, which counts for nothing. Nothing here waits for a device.
        # A copy takes the average's place, since distributions made before still hold the old one.
        moved = self.variance.lerp(variance.to(self.variance.dtype), (1 / self.batches).clamp(min=_RATE))
        self.variance = torch.where(finite, moved, self.variance)
        return variance


class _Training(Independent):  # type: ignore[type-arg]  # not generic in every torch that will do
    """Normal pixels that are scored with the batch's own sigma; draws are made with the average's."""

    def __init__(self, mean: Tensor, scale: Tensor, likelihood: OptimalGaussianLikelihood) -> None:
        super().__init__(Normal(mean, scale, validate_args=False), 3, validate_args=False)
        self.likelihood = likelihood

    def expand(self, batch_shape: Any, _instance: Any = None) -> _Training:
        """The same distribution, repeated to a larger batch."""
        shape = (*batch_shape, *self.event_shape)
        return _Training(self.mean.expand(shape), self.stddev.expand(shape), self.likelihood)

    def log_prob(self, value: Tensor) -> Tensor:
        """The log density of each image, in nats; the average learns of the batch."""
        mean = self.mean
        scale = self.likelihood.observe(value - mean).sqrt()
        return diagonal_normal(mean, scale.expand_as(mean), event_dims=3).log_prob(value)
