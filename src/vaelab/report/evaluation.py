"""The numbers that `vaelab evaluate` measured of runs, part by part, for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vaelab.errors import UserError
from vaelab.evaluation import PARTS
from vaelab.evaluation.results import Evaluation, Number, Section, read_evaluation
from vaelab.models.files import load, weights_digest
from vaelab.report.claims import number
from vaelab.report.runs import Group
from vaelab.spec import Spec


@dataclass(frozen=True)
class MeasuredNumber:
    """A number of one run, as text.

    Args:
        name: the quantity, and the run if there are several.
        how: how it was measured.
        cells: value, 95 % interval and unit.
    """

    name: str
    how: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class MeasuredPart:
    """A part of the evaluation, for all runs that have it.

    Args:
        name: its name on the command line.
        shows: a line about it.
        numbers: the same quantity of all runs in neighbouring rows.
        findings: sentences about the numbers.
        notes: for each run, the images, settings and duration of the measurement.
    """

    name: str
    shows: str
    numbers: tuple[MeasuredNumber, ...]
    findings: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Measured:
    """The evaluations on the page.

    Args:
        parts: in the order of the evaluation.
        left_out: the parts that were not measured, with the run and the reason.
        sources: for each run, the command that measured last, and the machine.
    """

    parts: tuple[MeasuredPart, ...] = ()
    left_out: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


def measured_of(groups: Sequence[Group], specs: Sequence[type[Spec]] = ()) -> tuple[Measured, list[str]]:
    """The evaluations of each group's first seed, and notices about those that are left out.

    An evaluation is left out if its weights are not the run's last ones, since the run was continued, or if the model
    cannot be loaded to compare them.

    Args:
        groups: the runs.
        specs: the spec classes of parts that are not this package's own, if they are not imported yet.

    Raises:
        UserError: an evaluation.json cannot be read.
    """
    named = len(groups) > 1 or any(len(group.seeds) > 1 for group in groups)
    evaluations: dict[str, Evaluation] = {}
    notices = []
    for group in groups:
        folder = group.runs[0].folder
        path = folder.path / "evaluation.json"
        if not path.exists():
            continue
        evaluation = read_evaluation(path)
        try:
            digest = weights_digest(load(folder.last, specs=specs))
        except UserError as error:
            notices.append(f"The evaluation of {group.name} is left out: {error}.")
            continue
        if evaluation.weights_sha256 != digest:
            notices.append(
                f"The evaluation of {group.name} is older than its weights and is left out; measure it again with "
                f"vaelab evaluate {folder.path}."
            )
            continue
        # Put before each sentence about the run, and behind the names of its numbers.
        run = f"{group.name}, seed {group.seeds[0]}" if len(group.seeds) > 1 else group.name
        evaluations[run if named else ""] = evaluation
    names = dict.fromkeys(section.part for evaluation in evaluations.values() for section in evaluation.sections)
    built_in = {part.name: part.shows for part in PARTS}
    # A user's own part has its line in its section.
    parts = [_part(name, built_in.get(name, ""), evaluations) for name in dict.fromkeys([*built_in, *names])]
    left_out, sources = [], []
    for run, evaluation in evaluations.items():
        left_out += [_said(run, f"{part} was not measured: {why}.") for part, why in evaluation.left_out.items()]
        command, machine = evaluation.command or "vaelab evaluate", evaluation.machine or "a machine not recorded"
        sources.append(_said(run, f"last measured by {command}, on {machine}"))
    measured = Measured(tuple(part for part in parts if part.numbers or part.findings), tuple(left_out), tuple(sources))
    return measured, notices


def _part(name: str, shows: str, evaluations: Mapping[str, Evaluation]) -> MeasuredPart:
    """A part of the evaluation, of every run that has it."""
    sections = [
        (run, section)
        for run, evaluation in evaluations.items()
        for section in evaluation.sections
        if section.part == name
    ]
    quantities: dict[str, list[MeasuredNumber]] = {}
    for run, section in sections:
        for one in section.numbers:
            quantities.setdefault(one.name, []).append(_number(one, run))
    return MeasuredPart(
        name,
        shows or next((str(section.about["measures"]) for _, section in sections if "measures" in section.about), ""),
        tuple(one for same in quantities.values() for one in same),
        tuple(_said(run, finding) for run, section in sections for finding in section.findings),
        tuple(_said(run, _about(section)) for run, section in sections if section.about),
    )


def _number(one: Number, run: str) -> MeasuredNumber:
    name, *cells = one.cells
    return MeasuredNumber(f"{name}, {run}" if run else name, one.how, tuple(cells))


def _said(run: str, words: str) -> str:
    """A sentence, with the run in front if there are several."""
    return f"{run}: {words}" if run else words


def _about(section: Section) -> str:
    """The images, settings and duration of a measurement."""
    return ", ".join(
        f"{name} {value if isinstance(value, str) else number(value)}"
        for name, value in section.about.items()
        if name != "measures"
    )
