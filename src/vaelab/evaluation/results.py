"""What an evaluation found, as evaluation.json holds it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from vaelab._version import __version__
from vaelab.codec import decode, encode
from vaelab.errors import UserError
from vaelab.files import FORMAT, read_json, write_atomically
from vaelab.spec import Spec


@dataclass(frozen=True)
class Number(Spec):
    """A number that was measured, how sure it is, and how it came about.

    >>> Number("log p(x)", -131.407, "nats", (-132.3, -130.5)).cells
    ('log p(x)', '-131.41', '-132.30 to -130.50', 'nats')
    """

    name: str
    value: float
    unit: str = ""
    """Such as nats per image; empty for shares and scores."""
    interval: tuple[float, float] | None = None
    """95 %; none where there is none to be had."""
    how: str = ""
    """What must be known to read it."""

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """Name, value, interval and unit, ready to be read."""
        spread = "" if self.interval is None else " to ".join(self._shown(end) for end in self.interval)
        return self.name, self._shown(self.value), spread, self.unit

    def _shown(self, value: float) -> str:
        if self.unit.startswith("nats"):
            return f"{value:.2f}"
        return f"{value:.0f}" if float(value).is_integer() and abs(value) >= 1 else f"{value:.3g}"


@dataclass(frozen=True)
class Section(Spec):
    """What one part of an evaluation found.

    Args:
        part: its name.
        numbers: in the order they are read.
        findings: in words.
        about: what it was measured on and how: images, samples, seed, seconds.
        curves: numbers that depend on another one, by name: such as accuracies by number of labels.
    """

    part: str
    numbers: tuple[Number, ...]
    findings: tuple[str, ...] = ()
    about: dict[str, str | int | float] = field(default_factory=dict)
    curves: dict[str, tuple[float, ...]] = field(default_factory=dict)

    def value(self, name: str) -> float:
        """The value of a number.

        Raises:
            UserError: there is none of this name.
        """
        for number in self.numbers:
            if number.name == name:
                return number.value
        raise UserError(f"{self.part} has no number {name!r}; it has: {', '.join(n.name for n in self.numbers)}")


@dataclass(frozen=True)
class Evaluation(Spec):
    """All that was measured of one model.

    Args:
        title: what it is.
        weights_sha256: of its file, so that numbers of other weights are not taken for its own.
        sections: a part each.
        left_out: parts that cannot be measured of it, and why.
        command: the command line that measured last.
        machine: what it was measured on.
    """

    title: str
    weights_sha256: str
    sections: tuple[Section, ...]
    left_out: dict[str, str] = field(default_factory=dict)
    command: str = ""
    machine: str = ""
    format: int = FORMAT
    vaelab: str = field(default=__version__)

    def section(self, part: str) -> Section:
        """The section of a part.

        Raises:
            UserError: it was not measured.
        """
        for section in self.sections:
            if section.part == part:
                return section
        why = self.left_out.get(part, "it was not asked for")
        raise UserError(f"{part} was not measured: {why}")

    def merge(self, earlier: Evaluation, order: Sequence[str]) -> Evaluation:
        """The same together with parts that were measured earlier, of the same weights, and are not measured anew."""
        if earlier.weights_sha256 != self.weights_sha256:
            return self
        measured = {section.part for section in self.sections}
        # What cannot be measured this time, such as of grey pixels, does not take away what was measured before.
        kept = [section for section in earlier.sections if section.part not in measured]
        places = {part: place for place, part in enumerate(order)}
        together = sorted([*kept, *self.sections], key=lambda section: places.get(section.part, len(places)))
        there = {section.part for section in together}
        left_out = {part: why for part, why in (earlier.left_out | self.left_out).items() if part not in there}
        return replace(self, sections=tuple(together), left_out=left_out)

    def write(self, path: Path) -> None:
        """Write evaluation.json.

        Raises:
            UserError: it cannot be written.
        """
        write_atomically(path, json.dumps(encode(self), indent=2) + "\n")


def read_evaluation(path: Path) -> Evaluation:
    """An evaluation from its file.

    Raises:
        UserError: it is absent, or not what this version reads.
    """
    return decode(Evaluation, read_json(path), str(path))
