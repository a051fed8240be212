"""The results of an evaluation, as evaluation.json holds them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import shorten, wrap

from vaelab import html
from vaelab._version import __version__
from vaelab.codec import decode, encode
from vaelab.errors import UserError, did_you_mean
from vaelab.files import FORMAT, read_json, write_atomically
from vaelab.spec import Spec

# Columns of a terminal.
_WIDTH = 100
# Numbers of a part in a notebook.
_SHOWN = 3


@dataclass(frozen=True)
class Number(Spec):
    """A measured number with its uncertainty.

    >>> Number("log p(x)", -131.407, "nats", (-132.3, -130.5)).cells
    ('log p(x)', '-131.41', '-132.30 to -130.50', 'nats')
    """

    name: str
    value: float
    unit: str = ""
    """Such as nats per image; empty for shares and scores."""
    interval: tuple[float, float] | None = None
    """The 95 % interval; None if there is none."""
    how: str = ""
    """A note that a reader needs to interpret the number."""

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """Name, value, interval and unit as text."""
        spread = "" if self.interval is None else " to ".join(self._rounded(end) for end in self.interval)
        return self.name, self._rounded(self.value), spread, self.unit

    def _rounded(self, value: float) -> str:
        if self.unit.startswith("nats"):
            return f"{value:.2f}"
        if self.unit == "bits":
            return f"{value:.3f}"
        return f"{value:.0f}" if float(value).is_integer() and abs(value) >= 1 else f"{value:.3g}"


@dataclass(frozen=True)
class Section(Spec):
    """The results of one part of an evaluation.

    Args:
        part: the name of the part.
        numbers: in reading order.
        findings: sentences.
        about: conditions of the measurement: images, samples, seed, seconds.
        curves: columns of numbers by name, such as the accuracy for each number of labels.

    >>> print(Section("sharpness", (Number("edges", 0.25, how="share of pixels"),), about={"images": 100}))
    sharpness (images 100)
      edges  0.25
    """

    part: str
    numbers: tuple[Number, ...]
    findings: tuple[str, ...] = ()
    about: dict[str, str | int | float] = field(default_factory=dict)
    curves: dict[str, tuple[float, ...]] = field(default_factory=dict)

    def __str__(self) -> str:
        """The numbers as a table, with the findings below it."""
        lines = [line for finding in self.findings for line in wrap(finding, _WIDTH - 2)]
        return "\n".join([self._table(), *(f"  {line}" for line in lines)])

    def _table(self) -> str:
        """A line of conditions and one line per number."""
        about = ", ".join(f"{name} {value}" for name, value in self.about.items())
        cells = [number.cells for number in self.numbers]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            f"  {name:<{widths[0]}}  {value:>{widths[1]}}  {spread:>{widths[2]}}  {unit}".rstrip()
            for name, value, spread, unit in cells
        ]
        return "\n".join([f"{self.part} ({about})" if about else self.part, *lines])

    def value(self, name: str) -> float:
        """The value of a number.

        Raises:
            UserError: there is no number of this name.
        """
        known = {number.name: number.value for number in self.numbers}
        if name not in known:
            raise UserError(
                f"{self.part} has no number {name!r}; it has: {', '.join(known)}{did_you_mean(name, known)}"
            )
        return known[name]


@dataclass(frozen=True, repr=False)
class Evaluation(Spec):
    """The results of all parts that were measured of one model; `print` shows them as tables.

    Args:
        title: the name of the model.
        weights_sha256: of its weights, so that results of other weights are not mistaken for its own.
        sections: one per part.
        left_out: parts that could not be measured, each with the reason.
        command: the last command line that measured.
        machine: the machine that measured.
    """

    title: str
    weights_sha256: str
    sections: tuple[Section, ...]
    left_out: dict[str, str] = field(default_factory=dict)
    command: str = ""
    machine: str = ""
    format: int = FORMAT
    vaelab: str = field(default=__version__)

    def __repr__(self) -> str:
        measured = ", ".join(section.part for section in self.sections) or "nothing measured"
        left_out = f"; left out: {', '.join(self.left_out)}" if self.left_out else ""
        return f"Evaluation of {self.title}: {measured}{left_out}"

    def __str__(self) -> str:
        """One table per part with its first finding, and the parts that were left out."""
        blocks = [f"Evaluation of {self.title}, values with 95 % intervals"]
        for section in self.sections:
            first = [f"\n  {shorten(finding, _WIDTH - 2, placeholder=' ...')}" for finding in section.findings[:1]]
            blocks.append(section._table() + "".join(first))
        if self.left_out:
            blocks.append("\n".join(_hanging(f"{part} left out: {why}") for part, why in self.left_out.items()))
        return "\n\n".join(blocks)

    def _repr_html_(self) -> str:
        """A table of the first numbers of each part, for notebooks."""
        rows = []
        for section in self.sections:
            first = section.numbers[:_SHOWN]
            rows += [(section.part if number is first[0] else "", *number.cells) for number in first]
            if len(section.numbers) > _SHOWN:
                rows.append(("", f"… {len(section.numbers) - _SHOWN} more", "", "", ""))
        note = f"left out: {', '.join(self.left_out)}" if self.left_out else ""
        columns = ("part", "number", "value", "95 % interval", "unit")
        return html.table(f"Evaluation of {self.title}", columns, rows, note)

    def section(self, part: str) -> Section:
        """The results of a part.

        Raises:
            UserError: it was not measured.
        """
        for section in self.sections:
            if section.part == part:
                return section
        measured = [section.part for section in self.sections]
        why = self.left_out.get(part, f"it was not asked for{did_you_mean(part, measured)}")
        raise UserError(f"{part} was not measured: {why}")

    def merge(self, earlier: Evaluation, order: Sequence[str]) -> Evaluation:
        """These results and those parts of an earlier evaluation of the same weights that were not measured again.

        Args:
            earlier: results of other weights are dropped.
            order: names of parts; further ones come last.
        """
        if earlier.weights_sha256 != self.weights_sha256:
            return self
        measured = {section.part for section in self.sections}
        # A part that cannot be measured this time, such as on grey pixels, keeps its earlier results.
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


def _hanging(text: str) -> str:
    return "\n".join(wrap(text, _WIDTH, subsequent_indent="  "))


def read_evaluation(path: Path) -> Evaluation:
    """The evaluation that a file holds.

    Raises:
        UserError: the file is missing, or is not an evaluation that this version reads.
    """
    return decode(Evaluation, read_json(path), str(path))
