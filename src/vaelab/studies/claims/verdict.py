"""Verdicts from the numbers of several seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from scipy.stats import t as student

from vaelab.report import CheckOutcome, Measure, Verdict


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % confidence interval of the mean over seeds: mean +- t(0.975, n - 1) s / sqrt(n); None for one seed.

    Student (1908). Seeds are independent runs, assumed normal about their mean.

    >>> [round(end, 3) for end in interval([1.0, 2.0, 3.0])]
    [-0.484, 4.484]
    """
    if len(values) < 2:
        return None
    reach = float(student.ppf(0.975, len(values) - 1)) * stdev(values) / len(values) ** 0.5
    return mean(values) - reach, mean(values) + reach


@dataclass(frozen=True)
class Check:
    """A number that could refute a claim, and the bounds within which it does not.

    Args:
        key: the key of the number among those measured for a seed.
        what: a description of the number.
        at_least, at_most: the bounds; one of them may be left out.
        why: the reason for the bounds. They were written down before the study was run.
        unit: such as nats.
    """

    key: str
    what: str
    at_least: float | None = None
    at_most: float | None = None
    why: str = ""
    unit: str = ""

    def verdict(self, values: Sequence[float]) -> Verdict:
        """The verdict: reproduced if the whole interval over seeds lies within the bounds, not reproduced if all of it
        lies outside.

        A single seed has no interval, and decides nothing.

        >>> Check("kl", "KL", at_least=1.0).verdict([2.0, 2.1, 1.9])
        'reproduced'
        >>> Check("kl", "KL", at_least=1.0).verdict([0.9, 1.2, 1.0])
        'undecided'
        """
        ends = interval(values)
        if ends is None:
            return "undecided"
        low = -float("inf") if self.at_least is None else self.at_least
        high = float("inf") if self.at_most is None else self.at_most
        if low <= ends[0] and ends[1] <= high:
            return "reproduced"
        return "not reproduced" if ends[1] < low or ends[0] > high else "undecided"

    def tested(self, values: Sequence[float]) -> CheckOutcome:
        """The check with its numbers and verdict, for the report."""
        return CheckOutcome(
            self.what,
            tuple(values),
            mean(values),
            interval(values),
            self.unit,
            at_least=self.at_least,
            at_most=self.at_most,
            why=self.why,
            verdict=self.verdict(values),
        )


def measured(what: str, values: Sequence[float]) -> Measure:
    """A number over seeds that decides nothing, for the report."""
    return Measure(what, tuple(values), mean(values), interval(values))


def combined(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict of a claim: not reproduced if any check is not, reproduced if every check is.

    >>> combined(["reproduced", "undecided"])
    'undecided'
    """
    if "not reproduced" in verdicts:
        return "not reproduced"
    return "undecided" if "undecided" in verdicts else "reproduced"
