"""Claims and their verdicts: the contents of claims.json."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from vaelab.codec import decode
from vaelab.errors import UserError
from vaelab.files import FORMAT, read_json
from vaelab.spec import Spec

Verdict = Literal["reproduced", "not reproduced", "undecided"]


@dataclass(frozen=True)
class Measure(Spec):
    """A measured quantity with its interval over seeds.

    >>> Measure("accuracy", (0.81, 0.85), 0.83, (0.576, 1.084)).shown
    '0.83'
    """

    what: str
    values: tuple[float, ...]
    """One per seed."""
    mean: float
    interval: tuple[float, float] | None = None
    """95 % over seeds; None for a single seed, and if all seeds have the same value."""
    unit: str = ""

    @property
    def shown(self) -> str:
        """The mean with its unit."""
        return number(self.mean, self.unit)

    @property
    def spread(self) -> str:
        """The interval as text."""
        if self.interval is not None:
            return f"{number(self.interval[0])} to {number(self.interval[1])}"
        return "one seed, no interval" if len(self.values) == 1 else "no interval, all seeds alike"

    @property
    def by_seed(self) -> str:
        """The values of several seeds as text; empty for one."""
        return ", ".join(map(number, self.values)) if len(self.values) > 1 else ""


@dataclass(frozen=True)
class CheckOutcome(Measure):
    """A measured quantity, the bounds within which the claim holds, and the verdict.

    >>> CheckOutcome("accuracy", (0.83,), 0.83, at_least=0.55, verdict="reproduced").refuted
    'below 0.55'
    """

    at_least: float | None = None
    at_most: float | None = None
    why: str = ""
    """The reason for the bound."""
    p: float | None = None
    """p-value of the hypothesis that the mean lies within the bounds, corrected for the number of checks."""
    verdict: Verdict = "undecided"

    @property
    def refuted(self) -> str:
        """The values that would refute the claim."""
        bounds = (("below", self.at_least), ("above", self.at_most))
        return " or ".join(f"{word} {number(bound, self.unit)}" for word, bound in bounds if bound is not None)

    @property
    def p_shown(self) -> str:
        """The corrected p-value as text; empty if there is none.

        >>> CheckOutcome("accuracy", (0.83,), 0.83, at_least=0.55, p=0.00021).p_shown
        'p < 0.001'
        """
        if self.p is None:
            return ""
        return "p < 0.001" if self.p < 0.001 else f"p = {self.p:.2g}"


@dataclass(frozen=True)
class ClaimOutcome(Spec):
    """A claim in one sentence, the quantities that test it, and the verdict."""

    name: str
    says: str
    verdict: Verdict
    checks: tuple[CheckOutcome, ...]
    beside: tuple[Measure, ...] = ()
    """Further quantities for comparison, which do not affect the verdict."""
    note: str = ""


@dataclass(frozen=True)
class StudyFigure(Spec):
    """A figure of a whole study, stored as figures/NAME.svg in its folder, and its caption."""

    name: str
    caption: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if Path(self.name).name != self.name or "\0" in self.name:
            raise UserError(f"StudyFigure.name is {self.name!r}, but must be the name of a file, without folders")


@dataclass(frozen=True)
class Claims(Spec):
    """The contents of claims.json."""

    claims: tuple[ClaimOutcome, ...]
    about: dict[str, Any] = field(default_factory=dict)
    """Conditions of the measurement: data, recipe, epochs, seeds, command, machine, seconds, ..."""
    left_out: tuple[str, ...] = ()
    """Claims that could not be tested, each with the reason."""
    figures: tuple[StudyFigure, ...] = ()
    shown: tuple[str, ...] = ()
    """The runs whose figures the report shows; empty for all."""
    format: int = FORMAT

    @property
    def of(self) -> str:
        """Data and settings of the study, in one line.

        >>> Claims((), {"data": "mnist", "recipe": "fast", "epochs": 6, "seeds": [0, 1]}).of
        'mnist, fast recipe, 6 epochs, seeds 0, 1'
        """
        templates = {
            "data": "{}",
            "recipe": "{} recipe",
            "epochs": "{} epochs",
        }
        parts = [template.format(self.about[name]) for name, template in templates.items() if name in self.about]
        seeds = self.about.get("seeds", [])
        if seeds:
            parts.append(f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}")
        return ", ".join(parts) or "a study"


def read_claims(path: Path) -> Claims:
    """Read the claims of a study.

    Raises:
        UserError: the file is absent, was written by a newer version, or has an unknown, missing or invalid field.
    """
    return decode(Claims, read_json(path), str(path))


def number(value: float, unit: str = "") -> str:
    """A number with four significant digits, or as an integer from 10,000 on, and its unit.

    >>> number(0.8), number(144.591, "nats"), number(-60000, "%")
    ('0.8', '144.6 nats', '-60,000 %')
    """
    text = f"{value:,.0f}" if 1e4 <= abs(value) < 1e12 else f"{value:.4g}"
    return f"{text} {unit}".strip()
