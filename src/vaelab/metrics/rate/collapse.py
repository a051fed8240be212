"""Diagnosis of posterior collapse, in words, from the parts of the rate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.rate.parts import ElboParts
from vaelab.metrics.rate.split import RateSplit
from vaelab.metrics.rate.units import LatentUnits, UnitKind

# Nats of information below which z carries no information about its image.
_NOTHING = 0.1
# Share of the variance of the data below which the decoder ignores z.
_IGNORED = 0.01
# Nats from which q(z) is far from the prior: the distance if q(z) covered e^-1 = 37 per cent of it.
_FAR = 1.0
# Probability of the own image given z: from _IDENTIFIED each z identifies its image; up to _CROWDED so many posteriors
# overlap at z that the q(z) of these images represents that of all images.
_IDENTIFIED, _CROWDED = 0.9, 0.1


class Verdict(StrEnum):
    """Outcome of a diagnosis: the first of these that applies."""

    collapsed = "full collapse"
    far = "far from the prior"
    partly_collapsed = "partial collapse"
    healthy = "no collapse"


@dataclass(frozen=True)
class Diagnosis:
    """A verdict and its reasons, one sentence each, with the numbers that they rest on."""

    verdict: Verdict
    sentences: tuple[str, ...]

    def __str__(self) -> str:
        """All sentences, separated by spaces."""
        return " ".join(self.sentences)


def diagnose(parts: ElboParts, use: float | None = None) -> Diagnosis:
    """`diagnose_split` of the `elbo_parts` of a model.

    Args:
        parts: of a model with one latent of real numbers.
        use: result of `decoder_use`, if known.

    Raises:
        UserError: the model's rate could not be split.
    """
    if parts.split is None or parts.units is None:
        raise UserError(str(parts.left_out))
    return diagnose_split(parts.split, parts.units, use)


def diagnose_split(split: RateSplit, units: LatentUnits, use: float | None = None) -> Diagnosis:
    """Diagnose posterior collapse from the parts of the rate, in words.

    - Full collapse: the index-code information is below 0.1 nats, or z accounts for less than 1 per cent of the
      variance of the data (Bowman et al. 2016; Alemi et al. 2018).
    - Far from the prior: the KL from q(z) to p(z) is at least one nat. It is the marginal KL if about ten posteriors
      overlap at each z, so that there are enough images to estimate it; otherwise the sum over the dimensions in which
      they overlap.
    - Partial collapse: a dimension is switched off, by `latent_units`. This need not be a fault: a model prunes
      dimensions whose cost exceeds their benefit.

    Args:
        split: of the rate of N images.
        units: the dimensions of the latent.
        use: result of `decoder_use`, if known.

    >>> from vaelab.metrics.rate import aggregate_parts, latent_units
    >>> same = np.zeros((50, 3)), np.ones((50, 3))
    >>> print(diagnose_split(aggregate_parts(*same, draws=100), latent_units(*same)).sentences[0])
    Full collapse: 0 of 3 dimensions are active (the variance of the posterior mean over images exceeds 0.01).
    """
    verdict = _verdict(split, units, use)
    findings = (_activity(units), _rate(split), *_prior(split), *_collapse(split, use), *_kinds(units))
    first = f"{str(verdict).capitalize()}: {findings[0]}"
    return Diagnosis(verdict, (first, *findings[1:]))


def _verdict(split: RateSplit, units: LatentUnits, use: float | None) -> Verdict:
    if split.information.mean < _NOTHING or (use is not None and use < _IGNORED):
        return Verdict.collapsed
    if _distance(split) >= _FAR:
        return Verdict.far
    return Verdict.partly_collapsed if len(units.of_kind(UnitKind.off)) else Verdict.healthy


def _distance(split: RateSplit) -> float:
    """Lower bound on the KL from q(z) to the prior, nats, from the parts that these images suffice to estimate."""
    if split.marginal_kl is not None and split.identification <= _CROWDED:
        return split.marginal_kl.mean
    if split.by_dimension is None or split.information_by_dimension is None:
        return 0.0
    crowded = np.exp(np.array(split.information_by_dimension) - split.ceiling) <= _CROWDED
    return float(np.array(split.by_dimension)[crowded].sum())


def _activity(units: LatentUnits) -> str:
    off, all_of_them = units.of_kind(UnitKind.off), len(units.kinds)
    text = (
        f"{all_of_them - len(off)} of {all_of_them} dimensions are active (the variance of the posterior mean over "
        f"images exceeds {units.threshold:g})"
    )
    if len(off) and units.kl is not None:
        text += f"; {len(off)} switched off, at a KL of at most {units.kl[off].max():.2g} nats each"
    return text + "."


def _rate(split: RateSplit) -> str:
    information = split.information.mean
    text = (
        f"Of a rate of {_nats(split.rate.mean)} per image, {_nats(information)} are information about which image it "
        f"is (at most log {split.n_images:,} = {split.ceiling:.2f})"
    )
    if information >= _NOTHING:
        text += f", enough to distinguish {math.exp(information):,.0f} images"
    if split.total_correlation is not None and split.dimension_wise is not None:
        text += (
            f", {_nats(split.total_correlation.mean)} are dependence between dimensions (total correlation) and "
            f"{_nats(split.dimension_wise.mean)} are differences of single dimensions from the prior"
        )
    elif split.marginal_kl is not None:
        text += f", and {_nats(split.marginal_kl.mean)} are the KL from the aggregate posterior to the prior"
    return text + "."


def _collapse(split: RateSplit, use: float | None) -> Iterator[str]:
    if split.information.mean < _NOTHING:
        yield "The posterior is the same for every image, so the decoder can only ignore z."
        if split.rate.mean >= _NOTHING:
            yield f"It is not the prior either: {_nats(split.rate.mean)} of rate carry no information."
    if use is not None:
        yield (
            f"With z of other images the decoded images vary by {_percent(use)} of the variance of the data"
            + (": it ignores z." if use < _IGNORED else ".")
        )


def _prior(split: RateSplit) -> Iterator[str]:
    if split.identification > _CROWDED:
        yield (
            f"The information is {'at' if split.identification >= _IDENTIFIED else 'near'} its ceiling: z identifies "
            f"its image with a probability of {_percent(split.identification)}. With more images it would be larger, "
            "so it is a lower bound, and the rest of the rate, including the total correlation, is an upper bound."
        )
    distance = _distance(split)
    if distance >= _FAR:
        yield (
            f"The aggregate posterior is at least {_nats(distance)} from the prior, the distance if it covered "
            f"{_percent(math.exp(-distance))} of it: samples from the prior land where the decoder was not trained."
        )


def _kinds(units: LatentUnits) -> Iterator[str]:
    mixed, noisy = units.of_kind(UnitKind.mixed), units.of_kind(UnitKind.noisy)
    if units.used is None:
        return
    if len(mixed):
        yield (
            f"Mixed: dimension {_listed(mixed)} has a posterior narrower than the prior for some images only, "
            f"{_percent(units.used[mixed].min())} to {_percent(units.used[mixed].max())} of them."
        )
    if len(noisy):
        yield (
            f"Noisy: dimension {_listed(noisy)} has a mean with a variance of up to "
            f"{units.variance[noisy].max():.2g}, but a posterior as wide as the prior for at least "
            f"{_percent(1 - units.used[noisy].max())} of the images, which hides most of that variance."
        )


def _listed(dimensions: NDArray[np.int64]) -> str:
    return ", ".join(map(str, dimensions.tolist()))


def _nats(value: float) -> str:
    # An estimate of 0 can be slightly negative, and would print as -0.00.
    return f"{round(float(value), 2) + 0.0:.2f} nats"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} per cent" if share >= 0.1 else f"{100 * share:.2g} per cent"
