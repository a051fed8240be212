"""The dimensions of a latent one by one: which a model uses, for which images, and at what price."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.metrics.active import active_units
from vaelab.metrics.checks import finite, positive, same_shape

# An image uses a dimension where its posterior is so much narrower than the prior, in nats: log(1 / deviation).
_NARROWER = 0.1
# Shares of images below and above which a dimension is used by none or by all.
_NONE, _ALL = 0.1, 0.9


class UnitKind(StrEnum):
    """What a dimension is to the images."""

    active = "active"
    """Its mean varies over images, and almost all of them narrow it."""
    mixed = "mixed"
    """Some images narrow it, for the others it stays the prior (Bonheme and Grzes 2023)."""
    noisy = "noisy"
    """Its mean varies, but for almost all images it is as wide as the prior."""
    off = "switched off"
    """Its mean hardly varies: passive in the words of Rolinek, Zietlow and Martius (2019)."""


@dataclass(frozen=True)
class LatentUnits:
    """The D dimensions of a latent; means and deviations are in units of the prior where that is normal."""

    variance: Float[NDArray[np.float64], " D"]
    """Of the posterior's mean over images."""
    threshold: float
    """Up to which variance a dimension is switched off."""
    kinds: tuple[UnitKind, ...]
    """Without deviations active or switched off alone."""
    used: Float[NDArray[np.float64], " D"] | None
    """The share of images whose posterior is narrower than the prior by 0.1 nats, log(1 / deviation)."""
    kl: Float[NDArray[np.float64], " D"] | None
    """Nats of the rate; None where the rate has no parts by dimension."""

    def of_kind(self, *kinds: UnitKind) -> NDArray[np.int64]:
        """The dimensions of these kinds, counted from 0."""
        return np.flatnonzero([kind in kinds for kind in self.kinds])


def latent_units(
    means: Float[NDArray[np.float64], "N D"],
    deviations: Float[NDArray[np.float64], "N D"] | None = None,
    kl: Float[NDArray[np.float64], " D"] | None = None,
    threshold: float = 0.01,
) -> LatentUnits:
    """Tell used dimensions from unused ones by the posteriors of N images, for a prior N(0, I).

    A dimension is switched off where the variance of its posterior mean is at most the threshold (Burda, Grosse and
    Salakhutdinov 2016, section 5.2). Of the others, it is active where at least 90 per cent of the images narrow it,
    noisy where at most 10 per cent do, and mixed in between.

    Args:
        means, deviations: of the posteriors; deviations are None where they are not known.
        kl: the rate of each dimension, to go with them.
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
