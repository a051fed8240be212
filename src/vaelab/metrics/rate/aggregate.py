"""The aggregate posterior of a set of images, evaluated without subsampling the images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from vaelab.distributions import MultivariateNormal, as_float64, diagonal_normal
from vaelab.metrics.densities import log_prob_of

# Table entries that are computed at once: 2 MB in float64, which fits in the cache. For a posterior that is not normal,
# each pair of a draw and an image can take a pass through a network, with as many numbers as the network is wide.
_CELLS = 2**18
_NETWORK = 256


@dataclass(frozen=True)
class AggregatePosterior:
    """q(z) = 1/N sum_n q(z | x_n), the mixture of the posteriors of N images (Hoffman and Johnson 2016).

    Every draw z is scored under all N posteriors, so the only Monte-Carlo error is that of the draws. Normal posteriors
    are evaluated in float64 if the device supports it.

    Args:
        posteriors: of N images in batches, each of batch shape (B,).
    """

    posteriors: Sequence[Distribution]

    @property
    def n_images(self) -> int:
        """N, the number of posteriors."""
        return sum(q.batch_shape[0] for q in self.posteriors)

    def log_prob(self, z: Float[Tensor, "M D"]) -> tuple[Float[Tensor, " M"], Float[Tensor, "M D"] | None]:
        """log q(z) and, if the posteriors' marginals are known, log q(z_d) of each dimension; nats.

        Time grows with M N D; memory does not depend on M or N.
        """
        batches = [in_double(q) for q in self.posteriors]
        known = normal_marginals(batches[0])
        width = max(z.shape[1], _NETWORK) if known is None else z.shape[1]
        at_once = max(1, _CELLS // (width * max(q.batch_shape[0] for q in batches)))
        # Allocated before the tables: small results allocated between them would fragment the memory that they reuse.
        joint = z.new_empty(len(z), dtype=z.dtype if known is None else known.mean.dtype)
        marginals = None if known is None else joint.new_empty(z.shape)
        for rows in torch.arange(len(z), device=z.device).split(at_once):
            # [m, b] is log q(z_m | x_b), [m, b, d] that of one dimension. Each batch is summed, then all.
            tables = [log_densities(q, z[rows, None]) for q in batches]
            joint[rows] = torch.stack([whole.logsumexp(1) for whole, _ in tables], -1).logsumexp(-1)
            if marginals is not None:
                columns = [each.logsumexp(1) for _, each in tables if each is not None]
                marginals[rows] = torch.stack(columns, -1).logsumexp(-1)
        log_n = math.log(self.n_images)
        return joint - log_n, None if marginals is None else marginals - log_n


def log_densities(q: Distribution, z: Tensor) -> tuple[Float[Tensor, "S B"], Float[Tensor, "S B D"] | None]:
    """log q(z) and, if the marginals are known, log q(z_d) of each dimension; nats.

    Args:
        q: of B images.
        z: S draws per image, (S, B, D), or S draws for all of them, (S, 1, D).

    Raises:
        UserError: q raises an error for z outside its support.
    """
    marginals = normal_marginals(q)
    if marginals is None:
        return log_prob_of(q, z, "model"), None
    each: Tensor = marginals.log_prob(z)
    return each.sum(-1) if independent(q) else q.log_prob(z), each


def independent(q: Distribution) -> bool:
    """Whether a distribution is normal with independent dimensions."""
    return isinstance(q, Independent) and isinstance(q.base_dist, Normal)


def normal_marginals(q: Distribution) -> Normal | None:
    """N(mean_d, std_d^2) of each dimension of a normal distribution; None for other distributions."""
    if independent(q) or isinstance(q, torch.distributions.MultivariateNormal):
        return Normal(q.mean, q.stddev, validate_args=False)
    return None


def in_double(q: Distribution) -> Distribution:
    """A normal distribution in float64, if the device supports it; other distributions are returned unchanged."""
    if independent(q):
        return diagonal_normal(as_float64(q.mean), as_float64(q.stddev))
    if isinstance(q, torch.distributions.MultivariateNormal):
        return MultivariateNormal(as_float64(q.loc), scale_tril=as_float64(q.scale_tril), validate_args=False)
    return q
