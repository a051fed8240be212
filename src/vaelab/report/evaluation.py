"""Results of `vaelab evaluate` for the page, part by part."""

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
    """A measured quantity of one run, as text.

    Args:
        name: the quantity, and the run if there are several.
        how: the method of measurement.
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
        shows: its content, in one line.
        numbers: the quantities; rows of the same quantity are adjacent.
        findings: sentences about the results.
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
        sources: for each run, the command of the last measurement, and the machine.
    """

    parts: tuple[MeasuredPart, ...] = ()
    left_out: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


def measured_of(groups: Sequence[Group], specs: Sequence[type[Spec]] = ()) -> tuple[Measured, list[str]]:
    """Evaluations of each group's first seed, and notices about those left out.

    An evaluation is left out if the run was continued after it, so that the weights differ, or if the model cannot be
    loaded to compare the weights.

    Args:
        groups: the runs.
        specs: spec classes of parts from outside this package, if they are not imported yet.

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
        # Prefix of sentences about the run, and suffix of the names of its quantities.
        run = f"{group.name}, seed {group.seeds[0]}" if len(group.seeds) > 1 else group.name
        evaluations[run if named else ""] = evaluation
    names = dict.fromkeys(section.part for evaluation in evaluations.values() for section in evaluation.sections)
    built_in = {part.name: part.shows for part in PARTS}
    # For a user-defined part the line is in its section.
    parts = [_part(name, built_in.get(name, ""), evaluations) for name in dict.fromkeys([*built_in, *names])]
    left_out, sources = [], []
    for run, evaluation in evaluations.items():
        left_out += [_prefixed(run, f"{part} was not measured: {why}.") for part, why in evaluation.left_out.items()]
        command, machine = evaluation.command or "vaelab evaluate", evaluation.machine or "a machine not recorded"
        sources.append(_prefixed(run, f"last measured by {command}, on {machine}"))
    measured = Measured(tuple(part for part in parts if part.numbers or part.findings), tuple(left_out), tuple(sources))
    return measured, notices


def _part(name: str, shows: str, evaluations: Mapping[str, Evaluation]) -> MeasuredPart:
    """A part of the evaluation, for all runs that have it."""
    sections = [
        (run, section)
        for run, evaluation in evaluations.items()
        for section in evaluation.sections
        if section.part == name
    ]
    quantities: dict[str, list[MeasuredNumber]] = {}
    for run, section in sections:
        for quantity in section.numbers:
            quantities.setdefault(quantity.name, []).append(_number(quantity, run))
    return MeasuredPart(
        name,
        shows or next((str(section.about["measures"]) for _, section in sections if "measures" in section.about), ""),
        tuple(row for rows in quantities.values() for row in rows),
        tuple(_prefixed(run, finding) for run, section in sections for finding in section.findings),
        tuple(_prefixed(run, _about(section)) for run, section in sections if section.about),
    )


def _number(quantity: Number, run: str) -> MeasuredNumber:
    name, *cells = quantity.cells
    return MeasuredNumber(f"{name}, {run}" if run else name, quantity.how, tuple(cells))


def _prefixed(run: str, words: str) -> str:
    """A sentence, prefixed by the run if there are several."""
    return f"{run}: {words}" if run else words


def _about(section: Section) -> str:
    """The images, settings and duration of a measurement."""
    return ", ".join(
        f"{name} {value if isinstance(value, str) else number(value)}"
        for name, value in section.about.items()
        if name != "measures"
    )
