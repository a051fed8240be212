"""What several parts do with their numbers: collect those that a model has, and give them in other units."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from vaelab.errors import UserError
from vaelab.evaluation.measurement import Measurement
from vaelab.evaluation.results import Number
from vaelab.metrics.intervals import Interval
from vaelab.training.full_pass import bits_per_dimension


def collect(measures: Mapping[str, Callable[[], Iterable[Number]]]) -> tuple[list[Number], list[str]]:
    """The numbers of all measures that can be taken, and one sentence about each that cannot.

    Args:
        measures: by name, for the sentences.

    Raises:
        UserError: none can be taken.
    """
    numbers, findings, refusals = list[Number](), list[str](), list[UserError]()
    for name, measure in measures.items():
        try:
            numbers += list(measure())
        except UserError as why:
            findings.append(f"{name} left out: {why}.")
            refusals.append(why)
    if refusals and not numbers:
        raise refusals[0]
    return numbers, findings


def pair(interval: Interval) -> tuple[float, float]:
    """The ends of an interval, as `Number` takes them."""
    return interval.low, interval.high


def in_bits(code_length: Number, measurement: Measurement) -> list[Number]:
    """A code length in nats, -log p(x) or a bound on it, as bits per dimension: nats / (D ln 2).

    D is the number of pixels times channels. None unless p(x | z) is a mass on discrete pixels: a density has no code
    length.
    """
    if not measurement.model.likelihood.discrete(measurement.measured.binarisation.binary(measurement.test.data)):
        return []
    bits = bits_per_dimension(1.0, measurement.model.format)
    interval = code_length.interval and (bits * code_length.interval[0], bits * code_length.interval[1])
    dimensions = f"{code_length.name} / ({math.prod(measurement.model.format.shape):,} ln 2)"
    return [Number("bits per dimension", bits * code_length.value, "bits", interval, dimensions)]
