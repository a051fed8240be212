"""What one pass of a model over a batch leaves behind, and every number that is read from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, kl_divergence


@dataclass(frozen=True)
class Draw:
    """What a posterior hands over.

    Args:
        q: q(code | x), of batch shape (B,).
        code: a draw from q, (S, B, ...): what q and the prior score.
        z: what the decoder reads, (S, B, D); the same as `code` where codes are continuous.
        penalty: what the posterior adds to every objective, in nats, (B,); None where there is nothing.
    """

    q: Distribution
    code: Tensor
    z: Float[Tensor, "S B D"]
    penalty: Float[Tensor, " B"] | None = None


@dataclass(frozen=True, kw_only=True)
class Latent(Draw):
    """A draw together with its prior p(code)."""

    p: Distribution

    def log_ratio(self) -> Float[Tensor, "S B"]:
        """log q(code | x) - log p(code) of each draw: an unbiased estimate of the KL."""
        return self.q.log_prob(self.code) - self.p.log_prob(self.code)

    def kl(self) -> Float[Tensor, "S B"]:
        """KL(q || p): exact where a closed form is registered with torch, otherwise `log_ratio`."""
        try:
            exact = kl_divergence(self.q, self.p)
        except NotImplementedError:
            return self.log_ratio()
        return exact.expand(len(self.code), -1)


@dataclass(frozen=True)
class Trace:
    """A batch, its likelihood and its latents.

    S Monte-Carlo samples, B pictures, L latents. All numbers are in nats, summed over pixels and over the
    dimensions of a latent.

    Args:
        x: the pictures, (B, C, H, W).
        p: p(x | z), of batch shape (S, B).
        latents: from the first that is drawn to the last.
    """

    x: Float[Tensor, "B C H W"]
    p: Distribution
    latents: tuple[Latent, ...]

    @cached_property
    def reconstruction(self) -> Float[Tensor, "S B"]:
        """-log p(x | z): the negative log-likelihood, or its namesake on grey pixels, the cross-entropy."""
        return -self.p.log_prob(self.x)

    @cached_property
    def kl(self) -> Float[Tensor, "L S B"]:
        """KL(q || p) of each latent."""
        return torch.stack([latent.kl() for latent in self.latents])

    @cached_property
    def total(self) -> Float[Tensor, "S B"]:
        """Reconstruction plus KL, without any beta: the negative ELBO of Kingma and Welling (2014), eq. 3."""
        return self.reconstruction + self.kl.sum(0)

    @cached_property
    def log_weight(self) -> Float[Tensor, "S B"]:
        """log [p(x, z) / q(z | x)], the log importance weight of each sample (Burda et al. 2016, eq. 7)."""
        return -self.reconstruction - torch.stack([latent.log_ratio() for latent in self.latents]).sum(0)

    @cached_property
    def penalty(self) -> Float[Tensor, " B"]:
        """The sum of what posteriors add to every objective."""
        penalties = [latent.penalty for latent in self.latents if latent.penalty is not None]
        return torch.stack(penalties).sum(0) if penalties else self.x.new_zeros(len(self.x))
