"""What one pass of a model over a batch leaves behind, and every number that is read from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal, kl_divergence

from vaelab.distributions import PointMass


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

    @cached_property
    def _log_ratio(self) -> Tensor:
        return self.q.log_prob(self.code) - self.p.log_prob(self.code)

    def log_ratio(self) -> Float[Tensor, "S B"]:
        """log q(code | x) - log p(code) of each draw: an unbiased estimate of the KL. Computed once."""
        return self._log_ratio

    def kl(self) -> Float[Tensor, "S B"]:
        """KL(q || p): exact where a closed form is registered with torch, otherwise `log_ratio`."""
        try:
            exact = kl_divergence(self.q, self.p)
        except NotImplementedError:
            return self.log_ratio()
        return exact.expand(len(self.code), -1)

    def kl_by_dimension(self) -> Float[Tensor, "S B D"]:
        """`kl` dimension by dimension where both are normal with independent dimensions; otherwise D is one."""
        both = [d.base_dist for d in (self.q, self.p) if isinstance(d, Independent) and isinstance(d.base_dist, Normal)]
        if len(both) < 2:
            return self.kl()[..., None]
        return kl_divergence(*both).expand(self.code.shape)

    def log_q_along_the_path(self) -> Float[Tensor, "S B"]:
        """log q(code | x), whose gradient reaches the posterior through the code alone.

        What is left out is the score function, which has mean zero (Roeder, Wu and Duvenaud 2017, equation 6).
        """
        code = self.code.detach().requires_grad_()
        with torch.enable_grad():
            log_q = self.q.log_prob(code)
            (slope,) = torch.autograd.grad(log_q.sum(), code, retain_graph=True)
        return log_q.detach() + (slope * (self.code - self.code.detach())).flatten(2).sum(-1)


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

    def cost(self, beta: float = 1.0) -> Float[Tensor, "S B"]:
        """Distortion plus beta times the KL: with beta = 1 the negative ELBO and the penalties."""
        return self.distortion + beta * self.kl.sum(0)

    @cached_property
    def distortion(self) -> Float[Tensor, "S B"]:
        """Reconstruction plus penalty: what every objective pays besides the KL."""
        return self.reconstruction + self.penalty

    @property
    def codes(self) -> PointMass | None:
        """The posterior that quantises; None where codes are real numbers."""
        return next((latent.q for latent in self.latents if isinstance(latent.q, PointMass)), None)
