"""The part `elbo`: the terms of the ELBO, and whether the posterior has collapsed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vaelab.errors import UserError
from vaelab.evaluation.collect import in_bits, pair
from vaelab.evaluation.measurement import Measurement
from vaelab.evaluation.results import Number, Section
from vaelab.metrics.rate import ElboParts, Estimate, RateSplit, decoder_use, diagnose, elbo_parts
from vaelab.traits import Trait

# The split of the rate scores each draw of z under the posterior of each image.
_SPLIT = 10_000


def measure(measurement: Measurement) -> Section:
    """Distortion, rate and the parts of the rate, active units and a diagnosis.

    Raises:
        UserError: as `elbo_parts`.
    """
    measurement.say("splitting the ELBO into its terms")
    model, seed = measurement.model, measurement.budget.seed
    # The density of a posterior that is not Gaussian takes longer to evaluate.
    most = _SPLIT if Trait.known_moments in model.spec.traits else _SPLIT // 10
    test = measurement.test_binarised.subset(most)
    parts = elbo_parts(model, test.data, test.binarisation, draws=most, seed=seed)
    numbers = [*_terms(parts, measurement), *_split(parts.split, measurement), *_units(parts, measurement)]
    findings, use = list[str](), None
    how = f"variance of decoded {measurement.noun} due to z / variance of the data"
    try:
        use = decoder_use(model, test.data, test.binarisation, seed=seed)
        numbers.append(Number("decoder's use of z", use, how=how))
    except UserError as why:
        findings.append(f"decoder's use of z left out: {why}.")
    if parts.split is not None and parts.units is not None:
        findings = [*diagnose(parts, use).sentences, *findings]
    findings += filter(None, (model.spec.no_bound, parts.left_out))
    about: dict[str, str | int | float] = {
        measurement.noun: test.n_images,
        f"draws of z per {measurement.each}": 1,
        "seed": seed,
    }
    return Section("elbo", tuple(numbers), tuple(findings), about)


def _terms(parts: ElboParts, measurement: Measurement) -> Iterator[Number]:
    spec = measurement.model.spec
    yield _number("distortion", parts.distortion, measurement, parts.distortion_is)
    if spec.no_bound:
        yield _number(f"mean of {spec.kl_is}", parts.rate, measurement, "in place of a rate")
        yield _number("total, no bound", parts.total, measurement, "sum of the two")
        return
    total = "-ELBO" if parts.distortion_is == "negative log-likelihood" else "cross-entropy + rate"
    yield _number("rate", parts.rate, measurement, "KL of posterior and prior")
    whole = _number(total, parts.total, measurement, "distortion plus rate")
    yield whole
    yield from in_bits(whole, measurement)
    if len(parts.rate_by_group) > 1:
        for group, rate in enumerate(parts.rate_by_group, 1):
            yield Number(f"rate of group {group}", rate, measurement.nats, how="in the order of drawing")


def _split(split: RateSplit | None, measurement: Measurement) -> Iterator[Number]:
    if split is None:
        return
    yield _number("index-code information", split.information, measurement, f"at most log N = {split.ceiling:.2f}")
    further = {
        "KL of aggregate posterior and prior": split.marginal_kl,
        "total correlation": split.total_correlation,
        "dimension-wise KL": split.dimension_wise,
    }
    for name, found in further.items():
        if found is not None:
            yield _number(name, found, measurement)


def _units(parts: ElboParts, measurement: Measurement) -> Iterator[Number]:
    if parts.units is None:
        return
    variance, threshold = np.asarray(parts.units.variance), parts.units.threshold
    how = f"of {len(variance)}; variance of the posterior mean over {measurement.noun} > {threshold:g}"
    yield Number("active units", int((variance > threshold).sum()), how=how)


def _number(name: str, found: Estimate, measurement: Measurement, how: str = "") -> Number:
    return Number(name, found.mean, measurement.nats, pair(found.interval), how)
