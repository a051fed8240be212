"""Whether a posterior has collapsed, and what else its rate tells, in words."""

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

# Nats of information below which a code says nothing of its image.
_NOTHING = 0.1
# Share of the images' variance below which a decoder makes nothing of z.
_IGNORED = 0.01
# Nats from which q(z) is far from the prior: as far as if codes filled e^-1 = 37 per cent of it.
_FAR = 1.0
# Probability of a code's own image from which each code names its image, and up to which so many posteriors
# overlap at a code that q(z) of these images stands for that of all.
_NAMED, _CROWDED = 0.9, 0.1


class Verdict(StrEnum):
    """What a diagnosis comes to; of several the first of these."""

    collapsed = "full collapse"
    far = "far from the prior"
    partly_collapsed = "partial collapse"
    healthy = "no collapse"


@dataclass(frozen=True)
class Diagnosis:
    """A verdict and its reasons, a sentence each, with the numbers they rest on."""

    verdict: Verdict
    sentences: tuple[str, ...]

    def __str__(self) -> str:
        """All sentences in a row."""
        return " ".join(self.sentences)


def diagnose(parts: ElboParts, use: float | None = None) -> Diagnosis:
    """`diagnose_split` of a model's `elbo_parts`.

    Args:
        parts: of a model with one latent of real numbers.
        use: what `decoder_use` gives, where it is known.

    Raises:
        UserError: the model's rate has no parts.
    """
    if parts.split is None or parts.units is None:
        raise UserError(str(parts.left_out))
    return diagnose_split(parts.split, parts.units, use)


def diagnose_split(split: RateSplit, units: LatentUnits, use: float | None = None) -> Diagnosis:
    """Tell by the parts of the rate whether a posterior has collapsed, in words.

    - Full collapse: the index-code information is below 0.1 nats, or z moves the decoder's images by less than 1
      per cent of their variance (Bowman et al. 2016; Alemi et al. 2018).
    - Far from the prior: q(z) is at least a nat from p(z), by the marginal KL where some ten posteriors overlap at a
      code, so that the images are many enough to tell; otherwise by the KL of the dimensions in which they do.
    - Partial collapse: a dimension is switched off, as `latent_units` has it. It need be no fault: a model prunes
      dimensions that do not pay.

    Args:
        split: of the rate of N images.
        units: their dimensions.
        use: what `decoder_use` gives, where it is known.

    >>> from vaelab.metrics.rate import aggregate_parts, latent_units
    >>> same = np.zeros((50, 3)), np.ones((50, 3))
    >>> print(diagnose_split(aggregate_parts(*same, draws=100), latent_units(*same)).sentences[0])
    Full collapse: 0 of 3 dimensions are active (the variance of the posterior's mean over images exceeds 0.01).
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
    """How far q(z) is from the prior at least, nats, by what these images are many enough to tell."""
    if split.marginal_kl is not None and split.naming <= _CROWDED:
        return split.marginal_kl.mean
    if split.by_dimension is None or split.information_by_dimension is None:
        return 0.0
    crowded = np.exp(np.array(split.information_by_dimension) - split.ceiling) <= _CROWDED
    return float(np.array(split.by_dimension)[crowded].sum())


def _activity(units: LatentUnits) -> str:
    off, all_of_them = units.of_kind(UnitKind.off), len(units.kinds)
    text = (
        f"{all_of_them - len(off)} of {all_of_them} dimensions are active (the variance of the posterior's mean over "
        f"images exceeds {units.threshold:g})"
    )
    if len(off) and units.kl is not None:
        text += f"; {len(off)} switched off, at a KL of at most {units.kl[off].max():.2g} nats each"
    return text + "."


def _rate(split: RateSplit) -> str:
    information = split.information.mean
    text = (
        f"Of a rate of {_nats(split.rate.mean)} an image, {_nats(information)} are information on which image it is "
        f"(at most log {split.images:,} = {split.ceiling:.2f})"
    )
    if information >= _NOTHING:
        text += f", enough to tell {math.exp(information):,.0f} apart"
    if split.total_correlation is not None and split.dimension_wise is not None:
        text += (
            f", {_nats(split.total_correlation.mean)} are dependence between dimensions (total correlation) and "
            f"{_nats(split.dimension_wise.mean)} are dimensions that are not distributed as the prior is"
        )
    elif split.marginal_kl is not None:
        text += f", and {_nats(split.marginal_kl.mean)} are the distance of all posteriors together from the prior"
    return text + "."


def _collapse(split: RateSplit, use: float | None) -> Iterator[str]:
    if split.information.mean < _NOTHING:
        yield "The posterior is the same whatever the image, so the decoder can only ignore z."
        if split.rate.mean >= _NOTHING:
            yield f"It is not the prior either: {_nats(split.rate.mean)} are paid for nothing."
    if use is not None:
        yield (
            f"With codes of other images the decoder's images vary by {_percent(use)} of the variance of the data"
            + (": it ignores z." if use < _IGNORED else ".")
        )


def _prior(split: RateSplit) -> Iterator[str]:
    if split.naming > _CROWDED:
        yield (
            f"The information is {'at' if split.naming >= _NAMED else 'near'} its ceiling: a code names its image "
            f"with a probability of {_percent(split.naming)}. Of more images it would be larger, so that here it is "
            "a lower bound, and the rest of the rate, its total correlation among it, an upper one."
        )
    distance = _distance(split)
    if distance >= _FAR:
        yield (
            f"All posteriors together are at least {_nats(distance)} from the prior, as if codes filled "
            f"{_percent(math.exp(-distance))} of it: samples from the prior land where the decoder was not trained."
        )


def _kinds(units: LatentUnits) -> Iterator[str]:
    mixed, noisy = units.of_kind(UnitKind.mixed), units.of_kind(UnitKind.noisy)
    if units.used is None:
        return
    if len(mixed):
        yield (
            f"Mixed: dimension {_listed(mixed)} is narrower than the prior for some images only, "
            f"{_percent(units.used[mixed].min())} to {_percent(units.used[mixed].max())} of them."
        )
    if len(noisy):
        yield (
            f"Noisy: dimension {_listed(noisy)} has a mean that varies, by a variance of up to "
            f"{units.variance[noisy].max():.2g}, but a posterior as wide as the prior for "
            f"{_percent(1 - units.used[noisy].max())} of the images or more, which hides most of it."
        )


def _listed(dimensions: NDArray[np.int64]) -> str:
    return ", ".join(map(str, dimensions.tolist()))


def _nats(value: float) -> str:
    # Estimates of 0 can fall below it, where rounding would print -0.00.
    return f"{round(float(value), 2) + 0.0:.2f} nats"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} per cent" if share >= 0.1 else f"{100 * share:.2g} per cent"
