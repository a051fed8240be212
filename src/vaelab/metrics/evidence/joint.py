"""The joint density of a model as a function of the latent: the integrand of every estimate of the evidence."""

from __future__ import annotations

from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from vaelab.metrics.densities import log_prob_of
from vaelab.metrics.support import refuse_without_density
from vaelab.models.model import Model


class Joint:
    """log p(x, z) = log p(z) + log p(x | z) of B images, nats, at draws z of shape (S, B, D).

    Gradients flow to z, not to the weights. On grey pixels the p(x | z) of a Bernoulli model is exp(-cross-entropy):
    positive, so that a posterior exists, but no density of x. Call `refuse_cross_entropy` before reporting its
    integral as an evidence.

    Args:
        model: one latent of real numbers.
        x: images in [0, 1], (B, C, H, W).
        y: labels or attributes, for a conditional model.

    Raises:
        UserError: the model has no density over one latent of real numbers.
    """

    def __init__(self, model: Model, x: Float[Tensor, "B ..."], y: Tensor | None = None) -> None:
        self.model, self.x, self.y = refuse_without_density(model), x, y

    @property
    def dimensions(self) -> int:
        """D, dimensions of the latent."""
        return sum(self.model.widths)

    @cached_property
    def prior(self) -> Distribution:
        """p(z), of batch shape () or (B,)."""
        with torch.no_grad():
            return self.model.prior_of(self.y, len(self.x))

    @cached_property
    def posterior(self) -> Distribution:
        """q(z | x) of the encoder, of batch shape (B,)."""
        with torch.no_grad():
            return self.model.posterior_of(self.x, self.y)

    def log_prior(self, z: Float[Tensor, "S B D"]) -> Float[Tensor, "S B"]:
        """log p(z)."""
        return log_prob_of(self.prior, z, "model.prior")

    def log_likelihood(self, z: Float[Tensor, "S B D"]) -> Float[Tensor, "S B"]:
        """log p(x | z)."""
        return log_prob_of(self.model.likelihood_at(z, self.y), self.x, "model.likelihood")

    def log_prob(self, z: Float[Tensor, "S B D"]) -> Float[Tensor, "S B"]:
        """log p(x, z)."""
        return self.log_prior(z) + self.log_likelihood(z)
