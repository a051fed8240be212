"""Verdicts from the numbers of several seeds, and the error rates that hold for them.

A claim is refuted if one of its checks is, so the p-values of its checks are corrected for their number (Holm 1979). It
is reproduced only if all of its checks are, which needs no correction (Berger 1982, intersection-union tests). The
rates hold for a number of seeds that was fixed before their numbers were looked at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from scipy.special import stdtr, stdtrit

from vaelab.report import CheckOutcome, Measure, Verdict

LEVEL = 0.05
ERROR_RATE = (
    "A true claim is refuted with a probability of at most 5 %, however many checks it has (Holm 1979); "
    "a false one is reproduced with at most 2.5 %, since all of its checks must pass (Berger 1982). The rates "
    "hold for each claim alone, for independent seeds with normal numbers, and for a number of seeds fixed beforehand."
)


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % confidence interval of the mean over seeds: mean +- t(0.975, n - 1) s / sqrt(n).

    Student (1908). Seeds are independent runs, assumed normal about their mean. None for one seed, and for seeds with
    the same value: a spread of zero shows that the number is coarse, not that its mean is known exactly.

    >>> [round(end, 3) for end in interval([1.0, 2.0, 3.0])]
    [-0.484, 4.484]
    """
    if len(set(values)) < 2:
        return None
    reach = float(stdtrit(len(values) - 1, 1 - LEVEL / 2)) * _standard_error(values)
    return mean(values) - reach, mean(values) + reach


def _standard_error(values: Sequence[float]) -> float:
    return stdev(values) / math.sqrt(len(values))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for their number m: in ascending order, the running maximum of (m - i) p_i, i = 0, 1, ...

    Holm (1979). The probability that any true hypothesis has a corrected value of at most 0.05 is at most 0.05.

    >>> [round(p, 2) for p in holm([0.04, 0.01, 0.03])]
    [0.06, 0.03, 0.06]
    """
    corrected, least = [1.0] * len(p_values), 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        least = max(least, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = least
    return corrected


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

    def p_value(self, values: Sequence[float]) -> float:
        """The p-value of the hypothesis that the mean lies within the bounds: twice the smaller of the one-sided ones.

        At most 0.05 exactly if the whole interval lies outside; 1 if there is no interval.

        >>> round(Check("kl", "KL", at_least=1.0).p_value([0.5, 0.6, 0.7]), 3)
        0.02
        """
        if interval(values) is None:
            return 1.0
        error, degrees = _standard_error(values), len(values) - 1
        below = 1.0 if self.at_least is None else float(stdtr(degrees, (mean(values) - self.at_least) / error))
        above = 1.0 if self.at_most is None else float(stdtr(degrees, (self.at_most - mean(values)) / error))
        return min(1.0, 2 * min(below, above))

    def verdict(self, values: Sequence[float], p: float) -> Verdict:
        """Reproduced if the whole interval over seeds lies within the bounds, not reproduced if p is at most 0.05.

        Without an interval, such as from a single seed, nothing is decided.

        Args:
            values: one number per seed.
            p: the p-value, corrected for the number of checks of the claim.

        >>> Check("kl", "KL", at_least=1.0).verdict([2.0, 2.1, 1.9], p=1.0)
        'reproduced'
        >>> Check("kl", "KL", at_least=1.0).verdict([0.9, 1.2, 1.0], p=1.0)
        'undecided'
        """
        if p <= LEVEL:
            return "not reproduced"
        ends = interval(values)
        low = -float("inf") if self.at_least is None else self.at_least
        high = float("inf") if self.at_most is None else self.at_most
        return "reproduced" if ends is not None and low <= ends[0] and ends[1] <= high else "undecided"

    def tested(self, values: Sequence[float], p: float) -> CheckOutcome:
        """The check with its numbers, its corrected p-value and its verdict, for the report."""
        return CheckOutcome(
            self.what,
            tuple(values),
            mean(values),
            interval(values),
            self.unit,
            at_least=self.at_least,
            at_most=self.at_most,
            why=self.why,
            p=p,
            verdict=self.verdict(values, p),
        )


def outcomes(checks: Sequence[Check], by_seed: Sequence[dict[str, float]]) -> tuple[CheckOutcome, ...]:
    """The checks of one claim, their p-values corrected for their number.

    Args:
        checks: the checks.
        by_seed: the numbers of each seed, by key.
    """
    values = [[numbers[check.key] for numbers in by_seed] for check in checks]
    p_values = holm([check.p_value(of) for check, of in zip(checks, values, strict=True)])
    return tuple(check.tested(of, p) for check, of, p in zip(checks, values, p_values, strict=True))


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
