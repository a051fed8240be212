"""Dimensions of a latent: which of them a model uses, for which images, and their share of the rate."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.metrics.checks import finite, positive, same_shape
from vaelab.metrics.latent.active import active_units

# Least log(1 / deviation), in nats, of a posterior that counts as narrower than the prior.
_NARROWER = 0.1
# Shares of images up to which a dimension counts as used by none, and from which by all.
_NONE, _ALL = 0.1, 0.9


class UnitKind(StrEnum):
    """How the images use a dimension."""

    active = "active"
    """Its mean varies over images, and its posterior is narrower than the prior for almost all of them."""
    mixed = "mixed"
    """Its posterior is narrower than the prior for some images only (Bonheme and Grzes 2023)."""
    noisy = "noisy"
    """Its mean varies, but its posterior is as wide as the prior for almost all images."""
    off = "switched off"
    """Its mean hardly varies: called passive by Rolinek, Zietlow and Martius (2019)."""


@dataclass(frozen=True)
class LatentUnits:
    """The D dimensions of a latent, in units of the prior if that is normal."""

    variance: Float[NDArray[np.float64], " D"]
    """Variance of the posterior mean over images."""
    threshold: float
    """Largest variance of a dimension that is switched off."""
    kinds: tuple[UnitKind, ...]
    """Kind of each dimension; without deviations only active or switched off."""
    used: Float[NDArray[np.float64], " D"] | None
    """Share of images whose posterior is narrower than the prior: log(1 / deviation) > 0.1 nats."""
    kl: Float[NDArray[np.float64], " D"] | None
    """Rate of each dimension, nats; None if the rate does not split by dimension."""

    def of_kind(self, *kinds: UnitKind) -> NDArray[np.int64]:
        """The dimensions of these kinds, counted from 0."""
        return np.flatnonzero([kind in kinds for kind in self.kinds])


def latent_units(
    means: Float[NDArray[np.float64], "N D"],
    deviations: Float[NDArray[np.float64], "N D"] | None = None,
    kl: Float[NDArray[np.float64], " D"] | None = None,
    threshold: float = 0.01,
) -> LatentUnits:
    """Classify dimensions as used or unused, from the posteriors of N images and a prior N(0, I).

    A dimension is switched off if the variance of its posterior mean is at most the threshold (Burda, Grosse and
    Salakhutdinov 2016, section 5.2). Otherwise it is active if its posterior is narrower than the prior for at least
    90 % of the images, noisy if for at most 10 %, and mixed in between.

    Args:
        means, deviations: means and standard deviations of the posteriors; deviations may be None.
        kl: rate of each dimension, nats, which is passed on to the result.
        threshold: a variance.

    Raises:
        UserError: fewer than two images, values that are not finite, a deviation that is not positive, or shapes
            that differ.

    >>> [str(kind) for kind in latent_units(np.array([[2.0, 0.0], [-2.0, 0.0]]), np.array([[0.2, 1.0]] * 2)).kinds]
    ['active', 'switched off']
    """
    units = active_units(means, threshold)
    if kl is not None:
        same_shape("kl", kl, "a row of means", means[0])
    if deviations is None:
        kinds = [UnitKind.active if active else UnitKind.off for active in units.active]
        return LatentUnits(units.variance, threshold, tuple(kinds), None, kl)
    same_shape("deviations", deviations, "means", means)
    finite("deviations", deviations)
    positive("deviations", deviations)
    used = (-np.log(deviations) > _NARROWER).mean(0)
    kinds = [_kind(active, share) for active, share in zip(units.active.tolist(), used.tolist(), strict=True)]
    return LatentUnits(units.variance, threshold, tuple(kinds), used, kl)


def _kind(active: bool, used: float) -> UnitKind:
    if not active:
        return UnitKind.off
    if used >= _ALL:
        return UnitKind.active
    return UnitKind.noisy if used <= _NONE else UnitKind.mixed
