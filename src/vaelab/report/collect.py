"""The report of runs and studies: what lies in their folders, on one page."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vaelab.codec import encode
from vaelab.data import ImageData, source_text
from vaelab.errors import UserError
from vaelab.figures import DrawnFigure, draw_figures
from vaelab.plots import to_svg
from vaelab.report.blocks import Fact, Facts, FigureBlock, FigureGroup
from vaelab.report.claims import Claims, StudyFigure
from vaelab.report.evaluation import measured_of
from vaelab.report.numbers import numbers_of, over_seeds
from vaelab.report.page import write_report
from vaelab.report.runs import Found, Group, find
from vaelab.training import Run, open_run

# A longer list of names belongs to the table.
_FEW = 4


# Figures of a run, in place of all that the gallery has.
Draw = Callable[[Run], Sequence[DrawnFigure]]


def write_run_report(
    folders: Sequence[Path],
    out: Path,
    data_directory: Path | None = None,
    command: str = "",
    draw: Draw | None = None,
) -> None:
    """Write one page about runs and studies: tables, evaluations, claims, figures, and how to make it all again.

    Runs that differ by their seed alone share a row, with mean and spread, and the figures and the evaluation of their
    first seed.

    Args:
        folders: run folders, and folders of studies with runs beneath them.
        out: the file.
        data_directory: where data sets lie, for figures that show real images.
        command: the command line, for the record.
        draw: the figures of a run, instead of every one that the gallery has for it.

    Raises:
        UserError: a folder holds no run and no study, something in it cannot be read, or the file cannot be written.
    """
    found = find(folders)
    groups = found.groups
    shown = [group for group in groups if group.runs[0].folder.path.resolve() in found.shown]
    figures, notices = _figures(shown, data_directory, draw)
    measured, older = measured_of(shown)
    figures = [_of_study(*figure, several=len(found.claims) > 1) for figure in found.figures] + figures
    own = (Facts("This page", (Fact("command", command),)),) if command else ()
    write_report(
        out,
        title=_title(found),
        summary=_summary(groups),
        notices=[*found.notices, *notices, *older],
        tables=[*found.tables, *([numbers_of(groups)] if groups else [])],
        groups=figures,
        facts=[*map(_facts, groups), *map(_about, found.claims), *own],
        claims=found.claims,
        commands=found.commands,
        measured=measured,
    )


def _title(found: Found) -> str:
    groups = found.groups
    data = sorted({source_text(group.record.experiment.data) for group in groups})
    if not groups:
        return "Claims of a study" if found.claims else "Results of a study"
    if found.claims:
        return f"Claims put to the test on {' and '.join(data)}"
    names = [group.name for group in groups]
    subject = f"{len(groups)} models" if len(groups) > _FEW else " and ".join(", ".join(names).rsplit(", ", 1))
    return f"{subject} on {' and '.join(data)}"


def _summary(groups: Sequence[Group]) -> str:
    """What each group is and what it reaches, in a sentence."""
    if len(groups) > _FEW:
        runs = sum(len(group.runs) for group in groups)
        return f"{runs} runs of {len(groups)} compositions; the table has the numbers of each."
    reached = [f"{group.name}, {group.counted}: {over_seeds(group, 'test_total')}" for group in groups]
    return f"Total on the test set, nats per image: {'; '.join(reached)}." if groups else ""


def _of_study(path: Path, figure: StudyFigure, of: str, several: bool) -> FigureGroup:
    """A figure that a study left in its folder; where there are several studies, it says whose it is."""
    try:
        svg = path.read_text()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); give the study's command again") from None
    heading = _heading(figure.name)
    return FigureGroup(
        heading, (FigureBlock(svg[svg.index("<svg") :], figure.caption, heading, of if several else ""),)
    )


def _figures(groups: Sequence[Group], directory: Path | None, draw: Draw | None) -> tuple[list[FigureGroup], list[str]]:
    """The figures of each group's first seed, those of one name together, and what is to be said of them."""
    blocks: dict[str, list[FigureBlock]] = {}
    notices: list[str] = []
    opened: dict[Any, ImageData | UserError] = {}
    for group in groups:
        run = open_run(group.runs[0].folder.path)
        if draw is None:
            data = _data(run, group.name, directory, opened, notices)
        for image in draw_figures(run, data) if draw is None else draw(run):
            alt = f"{_heading(image.name)} of {group.name}, seed {group.seeds[0]}"
            of = group.name if len(groups) > 1 else ""
            blocks.setdefault(image.name, []).append(FigureBlock(to_svg(image.figure), image.caption, alt, of))
    return [FigureGroup(_heading(name), tuple(same)) for name, same in blocks.items()], notices


def _data(
    run: Run, name: str, directory: Path | None, opened: dict[Any, ImageData | UserError], notices: list[str]
) -> ImageData | None:
    """The images that a run was trained on; where they are not at hand, why not is added to the notices."""
    source = run.experiment.data
    if source not in opened:
        opened[source] = _open(source, directory)
    data = opened[source]
    if isinstance(data, UserError):
        notices.append(f"The figures of {name} show no real images, since they are not at hand: {data}.")
        return None
    if data.digest != run.record.data_sha256:
        notices.append(f"The figures of {name} show no real images: those at hand are not the ones it was trained on.")
        return None
    return data


def _open(source: Any, directory: Path | None) -> ImageData | UserError:
    """The images, or why there are none: a report of a run does not depend on them."""
    try:
        data: ImageData = source.load(directory)
    except UserError as error:
        return error
    return data


def _heading(name: str) -> str:
    words = name.replace("-", " ")
    return words[:1].upper() + words[1:]


def _facts(group: Group) -> Facts:
    """What was run, by what, where and for how long."""
    record, folders = group.record, [run.folder for run in group.runs]
    events = [event for folder in folders for event in folder.events()]
    machines = dict.fromkeys(event["machine"] for event in events if "machine" in event)
    seconds = [folder.seconds() for folder in folders]
    each = f", {duration(sum(seconds) / len(seconds))} a run" if len(seconds) > 1 else ""
    experiment = record.experiment
    lines = {
        "model": repr(experiment.model),
        "objective": repr(experiment.objective),
        "data": f"{source_text(experiment.data)}, sha256 {record.data_sha256}",
        "epochs": str(group.runs[0].epochs),
        "seeds": ", ".join(map(str, group.seeds)),
        "machine": "; ".join(machines) or "not recorded",
        "vaelab": record.vaelab,
        "duration": f"{duration(sum(seconds))}{each}" if events else "not recorded",
        "date": _day(max(event["time"] for event in events)) if events else "not recorded",
        "folders": ", ".join(str(folder.path) for folder in folders),
    }
    return Facts(
        group.name, tuple(Fact(name, value) for name, value in lines.items()), json.dumps(encode(experiment), indent=2)
    )


def _about(claims: Claims) -> Facts:
    """What a study says of its claims: on what, by what and how long."""

    def words(name: str, value: Any) -> str:
        if name.endswith("seconds"):
            return duration(value)
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

    lines = [
        Fact(name.replace("_seconds", "").replace("_", " "), words(name, value))
        for name, value in claims.about.items()
        if value is not None
    ]
    return Facts("Claims", tuple(lines))


def duration(seconds: float) -> str:
    """A time in words.

    >>> duration(45.4), duration(581), duration(7500)
    ('45 s', '9 min 41 s', '2 h 05 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _day(time: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M} UTC"
