"""The rate as a sum of index-code mutual information, total correlation and dimension-wise KL."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import Distribution

from vaelab.distributions import diagonal_normal
from vaelab.metrics.checks import at_least, points, positive, same_shape
from vaelab.metrics.rate.aggregate import AggregatePosterior
from vaelab.metrics.rate.draws import PosteriorDraws, draw_posteriors
from vaelab.metrics.rate.estimate import Estimate, estimate

# Rounding error of sums in float32, nats.
_ROUNDING = 1e-5
# Images per batch: tables of many draws and few images are faster than the reverse.
_BATCH = 500


@dataclass(frozen=True)
class RateSplit:
    """The rate and the parts that add up to it, nats per image, for the aggregate posterior q(z) of N images.

    The standard error of the rate is over images. Those of its parts are over M draws, each with its own image, so
    they include both the Monte-Carlo error and the variation between images.
    """

    rate: Estimate
    """The mean of KL(q(z | x) || p(z)) over the images."""
    information: Estimate
    """I(n; z), the information of z about the index of its image."""
    marginal_kl: Estimate | None
    """KL(q(z) || p(z)), the rate minus the information; None if the prior depends on the image."""
    total_correlation: Estimate | None
    """KL(q(z) || prod_d q(z_d)), the dependence between dimensions."""
    dimension_wise: Estimate | None
    """Sum over d of KL(q(z_d) || p(z_d)); together with the total correlation it is the marginal KL."""
    by_dimension: tuple[float, ...] | None
    """KL(q(z_d) || p(z_d)) of each dimension."""
    information_by_dimension: tuple[float, ...] | None
    """I(n; z_d), the information of each dimension alone; None if the posteriors' marginals are not known."""
    n_images: int
    """N."""
    draws: int
    """M, draws of z at which q(z) was evaluated."""
    left_out: str | None
    """The reason why some parts are None."""

    @property
    def ceiling(self) -> float:
        """log N, the largest possible information: each z then identifies its image."""
        return math.log(self.n_images)

    @property
    def identification(self) -> float:
        """Geometric mean of q(n | z), the probability of a draw's own image given z: exp(I - log N)."""
        return math.exp(self.information.mean - self.ceiling)


@torch.no_grad()
def aggregate_parts(
    means: Float[NDArray[np.float64], "N D"],
    deviations: Float[NDArray[np.float64], "N D"],
    draws: int = 10_000,
    prior: Distribution | None = None,
    seed: int = 0,
) -> RateSplit:
    """`split_rate` of N posteriors N(mean, diag(deviation^2)), given as arrays.

    Args:
        means, deviations: means and standard deviations of the posteriors of N images.
        draws: M, draws of z at which q(z) is evaluated.
        prior: of batch shape (); N(0, I) by default.
        seed: of all draws.

    Raises:
        UserError: fewer than two images or draws, a value that is not finite, or a deviation that is not positive.

    >>> far_apart = np.array([[-50.0], [50.0]])
    >>> split = aggregate_parts(far_apart, np.ones((2, 1)), draws=100)
    >>> round(split.information.mean, 6), round(split.ceiling, 6)
    (0.693147, 0.693147)
    """
    points("means", means)
    same_shape("deviations", deviations, "means", means)
    points("deviations", deviations)
    positive("deviations", deviations)
    parts = (torch.from_numpy(array).split(_BATCH) for array in (means, deviations))
    posteriors = [diagonal_normal(mean, deviation) for mean, deviation in zip(*parts, strict=True)]
    zeros = torch.zeros(means.shape[1], dtype=torch.float64)
    p = diagonal_normal(zeros, zeros + 1) if prior is None else prior
    return split_rate(posteriors, [p] * len(posteriors), draws, seed)


@torch.no_grad()
def split_rate(
    posteriors: Sequence[Distribution],
    priors: Sequence[Distribution],
    draws: int = 10_000,
    seed: int = 0,
) -> RateSplit:
    r"""Split the rate of N images by their aggregate posterior q(z) = 1/N sum_n q(z | x_n)::

        E KL(q(z | x) || p(z)) = I(n; z) + KL(q(z) || p(z))
        KL(q(z) || p(z)) = KL(q(z) || prod_d q(z_d)) + sum_d KL(q(z_d) || p(z_d))

    Hoffman and Johnson (2016), and Chen, Li, Grosse and Duvenaud (2018), equation 2. Each part is the mean, over M
    draws from q(z), of a difference of log densities, with q(z) evaluated under all N posteriors. If the KL has a
    closed form, the deviation of the draws' log ratio from it has mean zero and is removed from the parts by
    regression, so that they add up to the exact rate. Otherwise the rate is the mean log ratio of the draws.

    The information is at most log N. Near that ceiling it underestimates the information for more images, and the
    marginal KL and the total correlation are overestimated.

    The second line needs a normal prior with independent dimensions, and normal posteriors, so that all marginals are
    known. Otherwise its parts are None, and `left_out` gives the reason.

    Args:
        posteriors: q(z | x) of N images in batches, each of batch shape (B,).
        priors: p(z) for each batch, of batch shape () or (B,).
        draws: M. Time grows with M N D.
        seed: of all draws.

    Raises:
        UserError: fewer than two images or draws, a density that is not finite, or a foreign distribution that lacks a
            mean, draws or a density.
    """
    at_least("draws", draws, 2)
    aggregate = AggregatePosterior(posteriors)
    drawn = draw_posteriors(posteriors, priors, draws, seed)
    log_joint, log_marginals = aggregate.log_prob(drawn.z)
    left_out = _left_out(priors[0], drawn, log_marginals)

    # Columns that add up to the log ratio of each draw.
    columns = [drawn.log_q - log_joint]
    if left_out is None and log_marginals is not None:
        columns += [log_joint - log_marginals.sum(-1), *(log_marginals - drawn.log_p).unbind(1)]
    else:
        columns.append(log_joint - drawn.log_p.sum(-1))
    values = _adding_up(torch.stack(columns, 1).double().numpy(force=True), drawn.kl, drawn.rate)

    information, rest, whole = values[:, 0], values[:, 1:], left_out is None
    alone = None
    if drawn.log_q_alone is not None and log_marginals is not None:
        alone = tuple((drawn.log_q_alone - log_marginals).mean(0).tolist())
    return RateSplit(
        rate=estimate(drawn.rate, seed),
        information=estimate(information, seed),
        marginal_kl=None if priors[0].batch_shape else estimate(rest.sum(1), seed),
        total_correlation=estimate(rest[:, 0], seed) if whole else None,
        dimension_wise=estimate(rest[:, 1:].sum(1), seed) if whole else None,
        by_dimension=tuple(rest[:, 1:].mean(0).tolist()) if whole else None,
        information_by_dimension=alone,
        n_images=aggregate.n_images,
        draws=draws,
        left_out=left_out,
    )


def _left_out(prior: Distribution, drawn: PosteriorDraws, log_marginals: Tensor | None) -> str | None:
    """The parts that cannot be computed, and the reason."""
    if prior.batch_shape:
        return (
            "marginal KL, total correlation and dimension-wise KL are left out: the prior depends on the image, while "
            "q(z) is that of all images"
        )
    split = "the split of the marginal KL into total correlation and dimension-wise KL is left out: "
    if drawn.log_p.shape != drawn.z.shape:
        return split + "the prior is not normal with independent dimensions, so its marginals are not known"
    if log_marginals is None:
        return split + "the posteriors are not normal, so their marginals are not known"
    return None


def _adding_up(
    columns: Float[NDArray[np.float64], "M K"],
    kl: Float[NDArray[np.float64], " M"],
    rate: Float[NDArray[np.float64], " N"],
) -> Float[NDArray[np.float64], "M K"]:
    """Columns whose means add up to the mean rate of all images.

    Each column is regressed on two errors of their sum: `excess`, its deviation from the KL at the draw, and `cost`,
    the KL of the draw's image minus the mean rate. The sum regresses on each with slope one, so the corrections of the
    columns add up to the whole error.
    """
    excess, cost = columns.sum(1) - kl, kl - rate.mean()
    by_excess, by_cost = _slopes(np.stack([excess, cost], 1), columns)
    adjusted: NDArray[np.float64] = columns - excess[:, None] * by_excess - cost.mean() * by_cost
    return adjusted


def _slopes(
    causes: Float[NDArray[np.float64], "M C"], columns: Float[NDArray[np.float64], "M K"]
) -> Float[NDArray[np.float64], "C K"]:
    """Slopes of a least-squares regression with an intercept; 0 for a cause that varies only by rounding."""
    scale = causes.std(0)
    scale[scale < _ROUNDING] = np.inf
    standard = (causes - causes.mean(0)) / scale
    slopes: NDArray[np.float64] = np.linalg.lstsq(standard, columns - columns.mean(0), rcond=None)[0] / scale[:, None]
    return slopes
