"""The joint density of a model as a function of the latent: what every estimate of the evidence integrates."""

from __future__ import annotations

from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from vaelab.metrics.evidence.support import refuse_without_density
from vaelab.models.model import Model
from vaelab.models.vae import VAEModel


class Joint:
    """log p(x, z) = log p(z) + log p(x | z) of B images, nats, for codes z of shape (S, B, D).

    Gradients flow to z, not to the weights. On grey pixels a Bernoulli model's p(x | z) is exp(-cross-entropy), which
    is positive and so has a posterior, but is no density of x: whoever calls the integral an evidence asks
    `refuse_cross_entropy` first.

    Args:
        model: one latent of real numbers.
        x: images in [0, 1], (B, C, H, W).
        y: labels or attributes, for a conditional model.

    Raises:
        UserError: the model has no density over one latent of real numbers.
    """

    def __init__(self, model: Model, x: Float[Tensor, "B C H W"], y: Tensor | None = None) -> None:
        refuse_without_density(model)
        assert isinstance(model, VAEModel)
        self.model, self.x, self.y = model, x, y

    @property
    def dimensions(self) -> int:
        """D, of the latent."""
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
            return self.model.encode(self.x, self.y)

    def log_prior(self, z: Float[Tensor, "S B D"]) -> Float[Tensor, "S B"]:
        """log p(z)."""
        return self.prior.log_prob(z)

    def log_likelihood(self, z: Float[Tensor, "S B D"]) -> Float[Tensor, "S B"]:
        """log p(x | z)."""
        log_p: Tensor = self.model.likelihood_at(z, self.y).log_prob(self.x)
        return log_p

    def log_prob(self, z: Float[Tensor, "S B D"]) -> Float[Tensor, "S B"]:
        """log p(x, z)."""
        return self.log_prior(z) + self.log_likelihood(z)
