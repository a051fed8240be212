"""Bidirectional Monte Carlo: the accuracy of annealed importance sampling for a given model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.metrics.checks import at_least
from vaelab.metrics.densities import expand, sample_of
from vaelab.metrics.evidence.joint import Joint
from vaelab.metrics.evidence.path import images_at_once, refuse_settings
from vaelab.metrics.evidence.several import SeveralStarts, combined
from vaelab.metrics.evidence.starts import Start, from_posterior, from_prior, starts_of
from vaelab.metrics.images import eval_mode, seeded
from vaelab.metrics.intervals import Interval, bootstrap_interval
from vaelab.metrics.support import refuse_without_density
from vaelab.models.model import Model
from vaelab.models.vae import VAEModel


@dataclass(frozen=True)
class BidirectionalBounds:
    """Lower and upper bounds on log p(x) for images drawn from the model, nats per image.

    Args:
        lower: from chains that start at the initial density, (B,): at most log p(x) in expectation.
        upper: with one chain that starts at an exact draw of the posterior, (B,): at least log p(x) in expectation.
        acceptance: mean acceptance probability of the HMC steps in both directions, (B,); nan if there was no step.
    """

    lower: Float[Tensor, " B"]
    upper: Float[Tensor, " B"]
    acceptance: Float[Tensor, " B"]

    @property
    def mean_lower(self) -> float:
        """Mean lower bound over images."""
        return float(self.lower.mean())

    @property
    def mean_upper(self) -> float:
        """Mean upper bound over images."""
        return float(self.upper.mean())

    @property
    def gap(self) -> float:
        """Mean of upper minus lower: non-negative in expectation, and at least the error of either bound."""
        return float((self.upper - self.lower).mean())

    @property
    def gap_interval(self) -> Interval:
        """95 % bootstrap interval of the gap over images."""
        return bootstrap_interval((self.upper - self.lower).numpy(force=True))


@torch.no_grad()
def bidirectional_bounds(
    model: Model,
    y: Tensor | None = None,
    n_images: int = 100,
    temperatures: int = 100,
    chains: int = 24,
    leapfrog: int = 3,
    start: Start | Sequence[Start] = (from_prior, from_posterior),
    seed: int = 0,
) -> BidirectionalBounds:
    r"""Lower and upper bounds on log p(x) for images x drawn from the model, by annealing in both directions.

        log 1/S sum_s w_s <= log p(x) <= log 1/S (w' + sum_{s > 1} w_s)      in expectation,   z* ~ p(z), x ~ p(x | z*)

    w_1 to w_S are the weights of chains that begin at `start`, as in `annealed_bound`. w' is the weight of a chain
    that begins at z*, an exact draw of p(z | x), and takes the same steps in reverse. Grosse, Ghahramani and Adams
    (2015), for one chain. With several chains the upper bound is that of independent chains in Brekelmans et al.
    (2022), which stays tight if only some of the chains find the mass. With several starts the exact draw belongs to
    start k with probability a_k, its share (`SeveralStarts`), and the upper bound is the mean over k.

    In expectation the gap is the KL plus the reverse KL between the distribution of forward chains and that of reverse
    chains, which start at the true posterior. It is therefore at least the error of the lower bound, and at least the
    KL from the end of a chain, drawn by weight, to the true posterior. It measures the accuracy of annealing for this
    model, on images that the model generates. Other images may be harder: their posterior may lie where the prior has
    little mass, or the encoder may be worse for them.

    Args:
        model: one latent of real numbers.
        y: for a conditional model, the labels or attributes from which one is drawn per image.
        n_images: B, images to draw.
        temperatures: T, increments of beta from 0 to 1.
        chains: S, chains per image and start.
        leapfrog: steps per trajectory.
        start: the density at beta = 0, or several, as in `annealed_bound`.
        seed: of all draws.

    Raises:
        UserError: n_images < 2, temperatures, chains or leapfrog < 1, no density over one latent of real numbers, or a
            conditional model without labels.
    """
    at_least("n_images", n_images, 2)
    refuse_settings(temperatures, chains, leapfrog)
    vae = refuse_without_density(model)
    with eval_mode(vae), seeded(vae.device, seed):
        if y is not None:
            at_least("the number of labels", len(y), 1)
            y = y.to(vae.device)[torch.randint(len(y), (n_images,), device=vae.device)]
        # An exact draw of (x, z), so that z is an exact draw of the posterior of x.
        z = sample_of(expand(vae.prior_of(y, n_images), n_images, "model.prior"), (), "model.prior")
        size = images_at_once(chains)
        parts = [
            _both_ways(vae, z[rows], None if y is None else y[rows], temperatures, chains, leapfrog, starts_of(start))
            for rows in (slice(first, first + size) for first in range(0, n_images, size))
        ]
    return BidirectionalBounds(*(torch.cat(part) for part in zip(*parts, strict=True)))


def _both_ways(
    model: VAEModel,
    z: Float[Tensor, "B D"],
    y: Tensor | None,
    temperatures: int,
    chains: int,
    leapfrog: int,
    starts: Sequence[Start],
) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"], Float[Tensor, " B"]]:
    """Lower bound, upper bound and acceptance for an image drawn at each z."""
    x = sample_of(model.likelihood_at(z[None], y), (), "model.likelihood")[0]
    # The steps are tuned without access to z, so the start of the reverse chain is independent of them given x.
    annealing = SeveralStarts(Joint(model, x, y), starts, temperatures, leapfrog)
    up, accepted_up = annealing.forward(chains)
    down, accepted_down = annealing.backward(z[None])
    share = annealing.log_share
    exact_draw_from = []
    for k in range(len(up)):
        weights = up.clone()
        weights[k, 0] = down[k, 0]
        exact_draw_from.append(combined(weights, share))
    upper = (share.exp() * torch.stack(exact_draw_from)).sum(0)
    return combined(up, share), upper, (accepted_up + accepted_down) / 2
