"""Numbers of a part that is itself made of parts, some of which a model or its data may not have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from vaelab.errors import UserError
from vaelab.evaluation.results import Number
from vaelab.metrics.intervals import Interval


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
