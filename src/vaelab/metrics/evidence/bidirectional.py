"""Bidirectional Monte Carlo: how far annealed importance sampling can be trusted for a model."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.metrics.checks import at_least
from vaelab.metrics.evidence.annealed import Annealing, at_a_time, refuse_settings
from vaelab.metrics.evidence.joint import Joint
from vaelab.metrics.evidence.starts import Start, from_both
from vaelab.metrics.evidence.support import refuse_without_density
from vaelab.metrics.images import eval_mode, seeded
from vaelab.metrics.intervals import Interval, bootstrap_interval
from vaelab.models.model import Model
from vaelab.models.vae import VAEModel


@dataclass(frozen=True)
class BidirectionalBounds:
    """log p(x) of images that the model itself has drawn, from below and from above, nats per image.

    Args:
        lower: by chains from the start to the posterior, (B,): at most log p(x) in expectation.
        upper: with a chain from an exact draw of the posterior to the start, (B,): at least log p(x) in expectation.
        acceptance: mean chance of an HMC step to be accepted, both ways, (B,); nan without a step.
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
        """Mean of upper less lower: in expectation not negative, and at least the error of either bound."""
        return float((self.upper - self.lower).mean())

    @property
    def gap_interval(self) -> Interval:
        """Of the gap, 95 %, by drawing the images anew."""
        return bootstrap_interval((self.upper - self.lower).numpy(force=True))


@torch.no_grad()
def bidirectional_bounds(
    model: Model,
    y: Tensor | None = None,
    images: int = 100,
    temperatures: int = 100,
    chains: int = 16,
    leapfrog: int = 5,
    start: Start = from_both,
    seed: int = 0,
) -> BidirectionalBounds:
    r"""Lower and upper bounds on log p(x) for images x drawn from the model, by annealing both ways.

        log 1/S sum_s w_s <= log p(x) <= log 1/S (w' + sum_{s > 1} w_s)      in expectation,   z* ~ p(z), x ~ p(x | z*)

    w_1 to w_S are weights of chains that begin at `start`, as in `annealed_bound`; w' is that of a chain that begins
    at z*, which is an exact draw of p(z | x), and takes the same steps in reverse. Grosse, Ghahramani and Adams (2015),
    for one chain; with several the upper bound is that of independent chains in Brekelmans et al. (2022), which
    stays close where only some of the chains find what matters.

    The gap is in expectation KL + reverse KL between what `annealed_bound` draws and what the true posterior would
    make of it. So it is at least the error of the lower bound, and at least the KL to the true posterior of the end
    of a chain that is drawn by weight: it says how far annealing can be trusted for this model, on images such as
    the model draws.

    Args:
        model: one latent of real numbers.
        y: for a conditional model, labels or attributes from which each image's is drawn.
        images: B, how many are drawn.
        temperatures: T, increments of beta from 0 to 1.
        chains: S, for each image.
        leapfrog: steps of a trajectory.
        start: gives the density at beta = 0, as in `annealed_bound`.
        seed: of every draw.

    Raises:
        UserError: images < 2, temperatures, chains or leapfrog < 1, no density over one latent of real numbers, or a
            conditional model without labels.
    """
    at_least("images", images, 2)
    refuse_settings(temperatures, chains, leapfrog)
    refuse_without_density(model)
    assert isinstance(model, VAEModel)
    with eval_mode(model), seeded(model.device, seed):
        if y is not None:
            at_least("the number of labels", len(y), 1)
            y = y.to(model.device)[torch.randint(len(y), (images,), device=model.device)]
        # An exact draw of (x, z): z is as good as drawn from the posterior of x.
        z = model.prior_of(y, images).expand((images,)).sample()
        size = at_a_time(chains)
        parts = [
            _both_ways(model, z[rows], None if y is None else y[rows], temperatures, chains, leapfrog, start)
            for rows in (slice(first, first + size) for first in range(0, images, size))
        ]
    return BidirectionalBounds(*(torch.cat(part) for part in zip(*parts, strict=True)))


def _both_ways(
    model: VAEModel,
    z: Float[Tensor, "B D"],
    y: Tensor | None,
    temperatures: int,
    chains: int,
    leapfrog: int,
    start: Start,
) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"], Float[Tensor, " B"]]:
    """Lower bound, upper bound and acceptance for an image drawn from each code."""
    x = model.likelihood_at(z[None], y).sample()[0]
    # The steps are tuned without a look at z, so that given x the chain's beginning is independent of them.
    annealing = Annealing(Joint(model, x, y), start, temperatures, leapfrog)
    up, accepted_up = annealing.forward(chains)
    down, accepted_down = annealing.backward(z[None])
    lower, upper = (log_weight.logsumexp(0) - math.log(chains) for log_weight in (up, torch.cat([down, up[1:]])))
    return lower, upper, (accepted_up + accepted_down) / 2
