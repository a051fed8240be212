"""The uniform distribution on a Riemannian manifold whose metric is made of Gaussians."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Categorical, Distribution, MixtureSameFamily

from vaelab.distributions.hmc import evaluate, transition
from vaelab.distributions.metric import MatrixField
from vaelab.distributions.normal import MultivariateNormal
from vaelab.distributions.precision import as_float32, no_autocast

# Numbers that are held at once, for each of a few arrays.
_NUMBERS = 2_000_000
# Candidates for each start of a chain, and their least number.
_CANDIDATES, _LEAST = 8, 256


class MetricVolume(Distribution):
    r"""p(z) = sqrt(det G(z)) / Z, with G(z) = sum_i w_i^(2/D) P_i exp(-(z - m_i)^T P_i (z - m_i) / D).

    Where a single term counts, p is w_i N(z; m_i, P_i^-1) up to Z, and in two dimensions with precisions P_i that are
    multiples of each other it is the mixture of these Gaussians everywhere, with Z = 1. Elsewhere what overlaps gains.

    Args:
        weights: w, adding up to one, (N,).
        means: m, (N, D).
        factors: L_i, lower triangular, with L_i L_i^T the inverse of P_i, (N, D, D).
        log_normaliser: log Z.
        mean: E[z], (D,).
        transitions: of Hamiltonian Monte Carlo per draw.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        weights: Float[Tensor, " N"],
        means: Float[Tensor, "N D"],
        factors: Float[Tensor, "N D D"],
        log_normaliser: Tensor,
        mean: Float[Tensor, " D"],
        transitions: int,
        batch_shape: torch.Size = torch.Size(),  # noqa: B008  # it is immutable
    ) -> None:
        self.log_normaliser, self.transitions, self._mean = log_normaliser, transitions, mean
        self._settings = weights, means, factors, log_normaliser, mean, transitions
        dimensions = means.shape[1]
        with no_autocast(means):
            # L^-T, a factor of the precision.
            identity = torch.eye(dimensions).to(factors)
            whitening = torch.linalg.solve_triangular(factors, identity.expand_as(factors), upper=False).mT
            precisions = weights[:, None, None] ** (2 / dimensions) * whitening @ whitening.mT
        self.metric = MatrixField(means, precisions, whitening / math.sqrt(dimensions))
        self.factors = factors
        self.mixture = MixtureSameFamily(
            Categorical(probs=weights, validate_args=False),
            MultivariateNormal(means, scale_tril=factors, validate_args=False),
            validate_args=False,
        )
        super().__init__(batch_shape, mean.shape, validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> MetricVolume:
        """The same distribution, expanded to a larger batch."""
        return MetricVolume(*self._settings, batch_shape=torch.Size(batch_shape))

    @property
    def mean(self) -> Float[Tensor, "*B D"]:
        """E[z]."""
        return self._mean.expand(*self.batch_shape, -1)

    def log_volume(self, z: Float[Tensor, "*S D"]) -> Float[Tensor, "*S"]:
        """log sqrt(det G(z)), in units in which a single term has the mass w_i."""
        with no_autocast(z):
            volume = self.by_parts(lambda some: self.metric.at(some).half_log_det, as_float32(z))
        return volume - z.shape[-1] / 2 * math.log(2 * math.pi)

    def log_prob(self, value: Float[Tensor, "*S D"]) -> Tensor:
        """log p(z), nats."""
        return self.log_volume(value) - self.log_normaliser

    @torch.no_grad()
    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws by Hamiltonian Monte Carlo with unit masses, a chain for each.

        Chains alone would not pass between groups of latents that lie apart. Each therefore starts at a candidate
        from the mixture of the Gaussians, chosen in proportion to sqrt(det G) over the density of the mixture.
        """
        with no_autocast(self.metric.centroids):
            return self._draw(self._extended_shape(sample_shape))

    def _draw(self, shape: torch.Size) -> Tensor:
        n = shape[:-1].numel()
        candidates = self.candidates(max(_CANDIDATES * n, _LEAST))
        log_ratio = self.log_volume(candidates) - self.by_parts(self.mixture.log_prob, candidates)
        # Systematic resampling: a candidate is chosen as often as its share says, up to one.
        places = (torch.arange(n).to(log_ratio) + torch.rand((), device=log_ratio.device).to(log_ratio)) / n
        chosen = torch.searchsorted(log_ratio.softmax(0).cumsum(0), places).clamp(max=len(candidates) - 1)
        drawn = self.by_parts(self._chains, candidates[chosen])
        return drawn[torch.randperm(n, device=drawn.device)].view(shape)

    def candidates(self, n: int) -> Float[Tensor, "n D"]:
        """Draws from the mixture; torch's own would draw from all of its terms for each."""
        chosen = self.mixture.mixture_distribution.sample((n,))
        noise = torch.randn_like(self.metric.centroids[chosen])
        z: Tensor = self.metric.centroids[chosen] + (self.factors[chosen] @ noise[..., None])[..., 0]
        return z

    def _chains(self, start: Float[Tensor, "n D"]) -> Float[Tensor, "n D"]:
        """The ends of chains."""
        # A step as long as the narrowest side of a Gaussian that has nothing to do with the start, so that the
        # steps of all chains together leave p as it is.
        width = torch.linalg.svdvals(self.factors)[:, -1]
        point = evaluate(self._terms, start[None])
        for _ in range(self.transitions):
            step = width[self.mixture.mixture_distribution.sample((len(start),))]
            point, _ = transition(self._terms, (1.0,), point, step, 3)
        return point.z[0]

    def _terms(self, z: Tensor) -> tuple[Tensor]:
        return (self.metric.at(z).half_log_det,)

    def by_parts(self, function: Callable[[Tensor], Tensor], z: Float[Tensor, "*S D"]) -> Tensor:
        """A function of points, computed for so many at once as memory has room for."""
        size = max(1, _NUMBERS // self.factors[..., 0].numel())
        parts = [function(some) for some in z.flatten(0, -2).split(size)] if z.ndim > 1 else [function(z)]
        found = torch.cat(parts) if z.ndim > 1 else parts[0]
        return found.view(*z.shape[:-1], *found.shape[1:]) if z.ndim > 1 else found
