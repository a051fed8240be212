"""What `vaelab evaluate` measured of runs, part by part, for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vaelab.evaluation import PARTS, Part
from vaelab.evaluation.results import Evaluation, Number, Section, read_evaluation
from vaelab.models.files import load, weights_digest
from vaelab.report.claims import number
from vaelab.report.runs import Group


@dataclass(frozen=True)
class MeasuredNumber:
    """A number of one run, as text.

    Args:
        name: of the quantity, and of the run where there are several.
        how: what must be known to read it.
        cells: value, 95 % interval and unit.
    """

    name: str
    how: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class MeasuredPart:
    """A part of the evaluation, of all runs that it was measured of.

    Args:
        name: on the command line.
        shows: what it measures, in a line.
        numbers: those of one quantity one below the other, so that runs compare.
        findings: in words.
        notes: what it was measured on and how long that took, of each run.
    """

    name: str
    shows: str
    numbers: tuple[MeasuredNumber, ...]
    findings: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Measured:
    """What the page tells of evaluations.

    Args:
        parts: in the evaluation's own order.
        left_out: what was not measured of which run, and why.
        sources: the command that measured last, and the machine, of each run.
    """

    parts: tuple[MeasuredPart, ...] = ()
    left_out: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


def measured_of(groups: Sequence[Group]) -> tuple[Measured, list[str]]:
    """The evaluations of each group's first seed, and what is to be said of those that are left out.

    An evaluation of other weights than the run's last ones is left out: the run was trained on since.

    Raises:
        UserError: an evaluation.json or a model cannot be read.
    """
    named = len(groups) > 1 or any(len(group.seeds) > 1 for group in groups)
    found: dict[str, Evaluation] = {}
    notices = []
    for group in groups:
        folder = group.runs[0].folder
        path = folder.path / "evaluation.json"
        if not path.exists():
            continue
        evaluation = read_evaluation(path)
        if evaluation.weights_sha256 != weights_digest(load(folder.last)):
            notices.append(
                f"The evaluation of {group.name} is older than its weights and is left out; measure it again with "
                f"vaelab evaluate {folder.path}."
            )
            continue
        # What comes before the words and behind the names of each run's numbers.
        run = f"{group.name}, seed {group.seeds[0]}" if len(group.seeds) > 1 else group.name
        found[run if named else ""] = evaluation
    parts = [_part(part, found) for part in PARTS]
    left_out, sources = [], []
    for run, evaluation in found.items():
        left_out += [_said(run, f"{part} was not measured: {why}.") for part, why in evaluation.left_out.items()]
        command, machine = evaluation.command or "vaelab evaluate", evaluation.machine or "a machine not recorded"
        sources.append(_said(run, f"last measured by {command}, on {machine}"))
    measured = Measured(tuple(part for part in parts if part.numbers or part.findings), tuple(left_out), tuple(sources))
    return measured, notices


def _part(part: Part, found: Mapping[str, Evaluation]) -> MeasuredPart:
    """A part of every run that it was measured of."""
    sections = [
        (run, section)
        for run, evaluation in found.items()
        for section in evaluation.sections
        if section.part == part.name
    ]
    quantities: dict[str, list[MeasuredNumber]] = {}
    for run, section in sections:
        for one in section.numbers:
            quantities.setdefault(one.name, []).append(_number(one, run))
    return MeasuredPart(
        part.name,
        part.shows,
        tuple(one for same in quantities.values() for one in same),
        tuple(_said(run, finding) for run, section in sections for finding in section.findings),
        tuple(_said(run, _about(section)) for run, section in sections if section.about),
    )


def _number(one: Number, run: str) -> MeasuredNumber:
    name, *cells = one.cells
    return MeasuredNumber(f"{name}, {run}" if run else name, one.how, tuple(cells))


def _said(run: str, words: str) -> str:
    """Words with whose they are, where there are several runs."""
    return f"{run}: {words}" if run else words


def _about(section: Section) -> str:
    """On what a part was measured, and how long that took."""
    return ", ".join(
        f"{name} {value if isinstance(value, str) else number(value)}" for name, value in section.about.items()
    )
