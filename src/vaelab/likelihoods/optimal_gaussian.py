"""The Gaussian likelihood with the maximum-likelihood sigma of the batch."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from vaelab.likelihoods.gaussian import NormalPixels

# The variance of rounding to 256 values: a narrower density would reward precision that stored pixels lack.
_MIN_VARIANCE = 1 / 255**2 / 12
# Weight of a new batch in the moving average after the first twenty.
_RATE = 0.05


class OptimalGaussianLikelihood(NormalPixels):
    r"""Independent normal pixels, sigma^2 the mean squared error.

    p(x | z) = N(x; theta, sigma^2 I): the sigma-VAE of Rybkin, Daniilidis and Levine (2021). The negative
    log-likelihood of a batch is lowest for sigma^2 = MSE, the mean over its images, draws and pixels. Averaged over
    the batch it is then

        -log p(x | z) = D/2 log(2 pi e MSE)      nats, with D = C H W.

    Training uses this sigma. It is held constant in the backward pass: the derivative of the loss with respect to
    sigma is zero at the optimum, so the gradient of the weights is the same (envelope theorem).

    The training loss is not a density of x: sigma depends on x and on the other images of the batch, so it does not
    integrate to one. Evaluation mode (`module.eval()`) therefore uses a moving average of the MSE, `variance`, as
    sigma^2, which gives a proper density; reported numbers use it. It is the plain average of the first twenty batches,
    after which each new one has weight 1/20. Each `log_prob` of a distribution made in training mode updates it, as a
    forward pass updates batch normalisation.

    sigma^2 is clamped to at least the variance of rounding to 256 values. theta = 0 is a black image, or a row of
    means.

    Args:
        dimensions: of x: 3 for images, 1 for rows of a table, whose missing values have no error.
    """

    variance: Tensor
    batches: Tensor

    def __init__(self, dimensions: int = 3) -> None:
        super().__init__(dimensions)
        self.register_buffer("variance", torch.ones(()))
        self.register_buffer("batches", torch.zeros(()))

    def forward(self, theta: Float[Tensor, ...]) -> Distribution:
        """Independent normal pixels with means theta."""
        scale = self.variance.sqrt().expand_as(theta)
        if not self.training:
            return self.normal(theta, scale)
        return _Training(theta, scale, self)

    @torch.no_grad()
    def observe(self, error: Tensor) -> Tensor:
        """sigma^2 of a batch with errors x - theta, (S, B, *shape); updates the moving average."""
        squares = error.square()
        variance = (squares.nanmean() if self.dimensions == 1 else squares.mean()).clamp(min=_MIN_VARIANCE)
        # A batch with a non-finite error is ignored: the optimiser skips its step as well.
        finite = variance.isfinite()
        self.batches += finite
        # The first batch has weight 1, so it replaces the initial value. Nothing here synchronises the device.
        # The buffer is replaced, not changed in place: distributions made earlier still use the old one.
        moved = self.variance.lerp(variance.to(self.variance.dtype), (1 / self.batches).clamp(min=_RATE))
        self.variance = torch.where(finite, moved, self.variance)
        return variance


class _Training(Independent):  # type: ignore[type-arg]  # not generic in every supported torch
    """Normal pixels, scored with the sigma of the batch and sampled with that of the moving average."""

    def __init__(self, mean: Tensor, scale: Tensor, likelihood: OptimalGaussianLikelihood) -> None:
        super().__init__(Normal(mean, scale, validate_args=False), likelihood.dimensions, validate_args=False)
        self.likelihood = likelihood

    def expand(self, batch_shape: Any, _instance: Any = None) -> _Training:
        """The same distribution, expanded to a larger batch."""
        shape = (*batch_shape, *self.event_shape)
        return _Training(self.mean.expand(shape), self.stddev.expand(shape), self.likelihood)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density of each image, nats; updates the moving average."""
        mean = self.mean
        scale = self.likelihood.observe(value - mean).sqrt()
        return self.likelihood.normal(mean, scale.expand_as(mean)).log_prob(value)
