"""What the rate is made of: index-code mutual information, total correlation and dimension-wise KL."""

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
from vaelab.metrics.rate.draws import PosteriorDraws, draw_codes
from vaelab.metrics.rate.estimate import Estimate, estimate

# Nats by which sums in single precision can differ.
_ROUNDING = 1e-5
# Images at a time: tables of many codes and few images are quicker than the other way about.
_BATCH = 500


@dataclass(frozen=True)
class RateSplit:
    """The rate in parts, nats per image, which add up to it, for the q(z) of these N images.

    The rate's error is over images; those of its parts are over the M codes, each with its own image, and so hold
    how codes were drawn and how images differ.
    """

    rate: Estimate
    """The mean of KL(q(z | x) || p(z)) over the images."""
    information: Estimate
    """I(n; z), what a code tells of which image it is of."""
    marginal_kl: Estimate | None
    """KL(q(z) || p(z)), the rate less the information; None where each image has a prior of its own."""
    total_correlation: Estimate | None
    """KL(q(z) || prod_d q(z_d)), how far dimensions depend on each other."""
    dimension_wise: Estimate | None
    """The sum over d of KL(q(z_d) || p(z_d)); with the total correlation the marginal KL."""
    by_dimension: tuple[float, ...] | None
    """KL(q(z_d) || p(z_d)) of each dimension."""
    information_by_dimension: tuple[float, ...] | None
    """I(n; z_d), what each dimension alone tells; None where the posteriors' marginals are not known."""
    images: int
    """N."""
    draws: int
    """M, codes at which q(z) was evaluated."""
    left_out: str | None
    """Why some of the parts are None."""

    @property
    def ceiling(self) -> float:
        """log N, which the information cannot exceed: then each code names its image."""
        return math.log(self.images)

    @property
    def naming(self) -> float:
        """The geometric mean of the posterior probability q(n | z) of a code's own image, exp(I - log N)."""
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
        means, deviations: of the posteriors of N images.
        draws: M, codes at which q(z) is evaluated.
        prior: of batch shape (); N(0, I) by default.
        seed: of the draws.

    Raises:
        UserError: fewer than two images, a value that is not finite, or a deviation that is not positive.

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

    Hoffman and Johnson (2016), and Chen, Li, Grosse and Duvenaud (2018), equation 2. Each part is a mean of
    differences of log densities over M codes drawn from q(z), each evaluated under all N posteriors. Where the KL has
    a closed form, what the drawn codes' log ratio differs from it by has mean zero and is taken off the parts by
    regression, so that they add up to the rate as it is; elsewhere the rate is that of the codes.

    The information is at most log N. Near that ceiling it says less than the truth for more images, and the
    marginal KL and the total correlation say more.

    The second line needs a prior whose dimensions are independent, and posteriors whose marginals are known: normal
    ones. Without, its parts are None, and `left_out` says why.

    Args:
        posteriors: q(z | x) of N images in batches, each of batch shape (B,).
        priors: p(z) for each batch, of batch shape () or (B,).
        draws: M. Time grows with M N D.
        seed: of the draws.

    Raises:
        UserError: fewer than two images or draws, or a density that is not finite.
    """
    at_least("draws", draws, 2)
    aggregate = AggregatePosterior(posteriors)
    codes = draw_codes(posteriors, priors, draws, seed)
    log_joint, log_marginals = aggregate.log_prob(codes.z)
    left_out = _left_out(priors[0], codes, log_marginals)

    # Columns that add up to the log ratio of each code.
    columns = [codes.log_q - log_joint]
    if left_out is None and log_marginals is not None:
        columns += [log_joint - log_marginals.sum(-1), *(log_marginals - codes.log_p).unbind(1)]
    else:
        columns.append(log_joint - codes.log_p.sum(-1))
    values = _adding_up(torch.stack(columns, 1).double().numpy(force=True), codes.kl, codes.rate)

    information, rest, whole = values[:, 0], values[:, 1:], left_out is None
    alone = None
    if codes.log_q_alone is not None and log_marginals is not None:
        alone = tuple((codes.log_q_alone - log_marginals).mean(0).tolist())
    return RateSplit(
        rate=estimate(codes.rate, seed),
        information=estimate(information, seed),
        marginal_kl=None if priors[0].batch_shape else estimate(rest.sum(1), seed),
        total_correlation=estimate(rest[:, 0], seed) if whole else None,
        dimension_wise=estimate(rest[:, 1:].sum(1), seed) if whole else None,
        by_dimension=tuple(rest[:, 1:].mean(0).tolist()) if whole else None,
        information_by_dimension=alone,
        images=aggregate.images,
        draws=draws,
        left_out=left_out,
    )


def _left_out(prior: Distribution, codes: PosteriorDraws, log_marginals: Tensor | None) -> str | None:
    """Which parts cannot be had, and why."""
    if prior.batch_shape:
        return (
            "marginal KL, total correlation and dimension-wise KL are left out: each image has a prior of its own, "
            "while q(z) is of all of them"
        )
    split = "the split of the marginal KL into total correlation and dimension-wise KL is left out: "
    if codes.log_p.shape != codes.z.shape:
        return split + "the prior's dimensions depend on each other, and its marginals are not known"
    if log_marginals is None:
        return split + "the marginals of the posteriors are not known, as they are of normal ones"
    return None


def _adding_up(
    columns: Float[NDArray[np.float64], "M K"],
    kl: Float[NDArray[np.float64], " M"],
    rate: Float[NDArray[np.float64], " N"],
) -> Float[NDArray[np.float64], "M K"]:
    """Columns whose means add up to the mean rate of all images.

    Each column is regressed on what their sum is off by at the code drawn, and on how dear the code's image is. The
    sum regresses on each with a slope of one, so that what is taken off the columns is, together, what is off.
    """
    excess, dear = columns.sum(1) - kl, kl - rate.mean()
    by_excess, by_dear = _slopes(np.stack([excess, dear], 1), columns)
    adjusted: NDArray[np.float64] = columns - excess[:, None] * by_excess - dear.mean() * by_dear
    return adjusted


def _slopes(
    causes: Float[NDArray[np.float64], "M C"], columns: Float[NDArray[np.float64], "M K"]
) -> Float[NDArray[np.float64], "C K"]:
    """Of a least-squares regression with an intercept; 0 by what varies by no more than rounding."""
    scale = causes.std(0)
    scale[scale < _ROUNDING] = np.inf
    standard = (causes - causes.mean(0)) / scale
    slopes: NDArray[np.float64] = np.linalg.lstsq(standard, columns - columns.mean(0), rcond=None)[0] / scale[:, None]
    return slopes
