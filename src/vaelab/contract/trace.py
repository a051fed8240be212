"""What a model gives: a trace, draws of its latents with their distributions, and the numbers that follow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal, kl_divergence

from vaelab.contract.parts import Draw
from vaelab.distributions import Codes, Point


@dataclass(frozen=True, kw_only=True, repr=False)
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
        """KL(q || p): exact where a closed form is registered with torch, otherwise `log_ratio`.

        A prior may have a normal `moment_matched` to it, as `LabelMixture` has, which is then a control variate: the
        exact KL to that normal, plus a sampled difference, which is zero where the prior is that normal.

        Of a `Point` it is -log p(z), the entropy left out, for every prior.
        """
        matched = getattr(self.p, "moment_matched", None)
        if matched is not None and not isinstance(self.q, Point):
            normal = replace(self, p=matched)
            return normal.kl() - normal.log_ratio() + self.log_ratio()
        try:
            return kl_divergence(self.q, self.p).expand(len(self.code), -1)
        except NotImplementedError:
            return self.log_ratio()

    def kl_by_dimension(self) -> Float[Tensor, "S B D"]:
        """`kl` dimension by dimension where both are normal with independent dimensions; otherwise D is one."""
        both = [d.base_dist for d in (self.q, self.p) if isinstance(d, Independent) and isinstance(d.base_dist, Normal)]
        if len(both) < 2:
            return self.kl()[..., None]
        return kl_divergence(*both).expand(self.code.shape)


@dataclass(frozen=True, repr=False)
class Trace:
    """A batch, its likelihood and its latents.

    S Monte-Carlo samples, B images, L latents. All numbers are in nats, summed over pixels and over the
    dimensions of a latent.

    Args:
        x: the images, (B, C, H, W).
        p: p(x | z), of batch shape (S, B).
        latents: from the first that is drawn to the last.
        model: the `vaelab.models.model.Model` that made it, for objectives that need more of it: other codes, images of
            its own, other labels. None in a trace that no model made.
        y: the labels or attributes that the model was given.
    """

    x: Float[Tensor, "B ..."]
    p: Distribution
    latents: tuple[Latent, ...]
    model: Any = None
    y: Tensor | None = None

    def __repr__(self) -> str:
        numbers = {"reconstruction": self.reconstruction, "KL": self.kl.sum(0), "total": self.total}
        means = ", ".join(f"{name} {float(values.detach().mean()):.2f}" for name, values in numbers.items())
        images = f"{len(self.x)} images of {' x '.join(map(str, self.x.shape[1:]))}"
        return f"Trace of {images}: {len(self.kl[0])} draws, {len(self.latents)} latents; {means} nats per image"

    @cached_property
    def reconstruction(self) -> Float[Tensor, "S B"]:
        """-log p(x | z): the negative log-likelihood, or on grey pixels under Bernoulli the cross-entropy."""
        return -self.p.log_prob(self.x)

    @cached_property
    def kl(self) -> Float[Tensor, "L S B"]:
        """KL(q || p) of each latent."""
        return torch.stack([latent.kl() for latent in self.latents])

    @cached_property
    def total(self) -> Float[Tensor, "S B"]:
        """Reconstruction plus KL, without any beta: the negative ELBO of Kingma and Welling (2014), eq. 3.

        No bound if q has no density (`ModelSpec.no_bound`).
        """
        return self.reconstruction + self.kl.sum(0)

    @cached_property
    def log_weight(self) -> Float[Tensor, "S B"]:
        """log [p(x, z) / q(z | x)], the log importance weight of each sample (Burda et al. 2016, section 3)."""
        return -self.reconstruction - torch.stack([latent.log_ratio() for latent in self.latents]).sum(0)

    @cached_property
    def penalty(self) -> Float[Tensor, " B"]:
        """The sum of the posteriors' penalties."""
        penalties = [latent.penalty for latent in self.latents if latent.penalty is not None]
        return torch.stack(penalties).sum(0) if penalties else self.x.new_zeros(len(self.x))

    def cost(self, beta: float = 1.0) -> Float[Tensor, "S B"]:
        """Penalised reconstruction plus beta times the KL: with beta = 1 the negative ELBO and the penalties."""
        return self.penalised_reconstruction + beta * self.kl.sum(0)

    @cached_property
    def penalised_reconstruction(self) -> Float[Tensor, "S B"]:
        """Reconstruction plus penalty: the part of every objective besides the KL."""
        return self.reconstruction + self.penalty

    def at(self, code: Tensor) -> Trace:
        """p(code) and p(x | z) at other codes, (S, B, ...), under the same q; for models with `Trait.one_latent`."""
        trace: Trace = self.model.trace_at(self, code)
        return trace

    @property
    def code_counts(self) -> Tensor | None:
        """How often each code is drawn, (levels, size); None if the latents are continuous."""
        return next((latent.q.counts(latent.code) for latent in self.latents if isinstance(latent.q, Codes)), None)
