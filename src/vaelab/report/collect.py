"""The report of runs and studies: the contents of their folders on one page."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from vaelab.codec import encode
from vaelab.data import ImageData, SourceSpec, open_data, source_text
from vaelab.errors import UserError
from vaelab.figures import DrawnFigure, draw_figures
from vaelab.plots import to_svg
from vaelab.report.blocks import Fact, Facts, FigureBlock, FigureGroup
from vaelab.report.claims import StudyFigure
from vaelab.report.evaluation import measured_of
from vaelab.report.facts import facts_of, facts_of_claims
from vaelab.report.numbers import numbers_of, over_seeds
from vaelab.report.page import write_report
from vaelab.report.parts import own_parts
from vaelab.report.runs import Contents, Group, read_folders
from vaelab.spec import Spec
from vaelab.training import Run, open_run

# A longer list of names belongs to the table.
_FEW = 4

# The figures of the run in a folder.
Draw = Callable[[Path], Sequence[DrawnFigure]]


def write_run_report(
    folders: Sequence[Path],
    out: Path,
    data_directory: Path | None = None,
    command: str = "",
    draw: Draw | None = None,
    specs: Sequence[type[Spec]] = (),
) -> None:
    """Write one page about runs and studies: tables, evaluations, claims, figures, and the commands that repeat them.

    Runs that differ by their seed alone share a row, with mean and spread, and the figures and the evaluation of their
    first seed. Figures that cannot be drawn, such as of images that are not at hand, are left out with the reason.

    Args:
        folders: run folders, and folders of studies with runs beneath them.
        out: the file.
        data_directory: the folder of data sets, for figures that show real images.
        command: the command line, for the record.
        draw: returns the figures of the run in a folder; by default all that its model can have.
        specs: the spec classes of parts that are not this package's own, if they are not imported yet.

    Raises:
        UserError: a folder holds no run and no study, something in it cannot be read, or the file cannot be written.
    """
    contents = read_folders(folders, specs)
    groups = contents.groups
    shown = [group for group in groups if group.runs[0].folder.path.resolve() in contents.shown]
    figures, notices = _figures(shown, draw, Images(data_directory), specs)
    measured, older = measured_of(shown, specs)
    several = len({of for _, _, of in contents.figures}) > 1
    figures = [_of_study(*figure, several=several) for figure in contents.figures] + figures
    own = (Facts("This page", (Fact("command", command),)),) if command else ()
    write_report(
        out,
        title=_title(contents),
        summary=_summary(groups),
        notices=[*contents.notices, *notices, *older],
        tables=[*contents.tables, *([numbers_of(groups)] if groups else [])],
        groups=figures,
        facts=[*map(facts_of, groups), *map(facts_of_claims, contents.claims), *own],
        claims=contents.claims,
        commands=contents.commands,
        measured=measured,
        own_parts=_own_parts(groups),
    )


def _title(contents: Contents) -> str:
    groups = contents.groups
    data = sorted({source_text(group.record.experiment.data) for group in groups})
    if not groups:
        return "Claims of a study" if contents.claims else "Results of a study"
    if contents.claims:
        return f"Claims put to the test on {' and '.join(data)}"
    names = [group.name for group in groups]
    subject = f"{len(groups)} models" if len(groups) > _FEW else " and ".join(", ".join(names).rsplit(", ", 1))
    return f"{subject} on {' and '.join(data)}"


def _summary(groups: Sequence[Group]) -> str:
    """The groups and their totals, in a sentence."""
    if len(groups) > _FEW:
        runs = sum(len(group.runs) for group in groups)
        return f"{runs} runs of {len(groups)} compositions; the table has the numbers of each."
    reached = [f"{group.name}, {group.counted}: {over_seeds(group, 'test_total')}" for group in groups]
    return f"Total on the test set, nats per image: {'; '.join(reached)}." if groups else ""


def _own_parts(groups: Sequence[Group]) -> list[str]:
    """A sentence about each part that a user wrote, with the name of its group if there are several."""
    sentences = [(group.name, part.sentence) for group in groups for part in own_parts(group.record.experiment)]
    if len(groups) > 1:
        return [f"{name}: {sentence}" for name, sentence in sentences]
    return [sentence[:1].upper() + sentence[1:] for _, sentence in sentences]


def _of_study(path: Path, figure: StudyFigure, of: str, several: bool) -> FigureGroup:
    """A figure that a study left in its folder, with the name of the study if there are several."""
    try:
        svg = path.read_text()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); give the study's command again") from None
    heading = _heading(figure.name)
    return FigureGroup(
        heading, (FigureBlock(svg[svg.index("<svg") :], figure.caption, heading, of if several else ""),)
    )


def _figures(
    groups: Sequence[Group], draw: Draw | None, images: Images, specs: Sequence[type[Spec]]
) -> tuple[list[FigureGroup], list[str]]:
    """The figures of each group's first seed, those of one name together, and the notices about missing ones."""
    blocks: dict[str, list[FigureBlock]] = {}
    notices: list[str] = []
    for group in groups:
        folder = group.runs[0].folder.path
        try:
            figures, missing = (draw(folder), "") if draw is not None else _gallery(folder, images, specs)
        except UserError as error:
            notices.append(f"The figures of {group.name} are left out: {error}.")
            continue
        if missing:
            notices.append(f"The figures of {group.name} show no real images{missing}.")
        for drawn in figures:
            alt = f"{_heading(drawn.name)} of {group.name}, seed {group.seeds[0]}"
            of = group.name if len(groups) > 1 else ""
            blocks.setdefault(drawn.name, []).append(FigureBlock(to_svg(drawn.figure), drawn.caption, alt, of))
    return [FigureGroup(_heading(name), tuple(same)) for name, same in blocks.items()], notices


def _gallery(folder: Path, images: Images, specs: Sequence[type[Spec]]) -> tuple[Sequence[DrawnFigure], str]:
    """All figures that the model of a run can have, and the reason if they show no real images."""
    run = open_run(folder, specs=specs)
    data, missing = images.of(run)
    return draw_figures(run, data), missing


class Images:
    """The images of runs, each source opened once.

    Args:
        directory: the folder of data sets.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._opened: dict[str, ImageData | UserError] = {}

    def of(self, run: Run) -> tuple[ImageData | None, str]:
        """The images that a run was trained on; if they are not at hand, None and the reason."""
        source = run.experiment.data
        # As text, since the settings of a user's own source need not be hashable.
        key = json.dumps(encode(source), sort_keys=True)
        if key not in self._opened:
            self._opened[key] = self._open(source)
        data = self._opened[key]
        if isinstance(data, UserError):
            return None, f", since they are not at hand: {data}"
        if data.digest != run.record.data_sha256:
            return None, ": those at hand are not the ones it was trained on"
        return data, ""

    def _open(self, source: SourceSpec) -> ImageData | UserError:
        try:
            return open_data(source, self._directory)
        except UserError as error:
            return error


def _heading(name: str) -> str:
    words = name.replace("-", " ")
    return words[:1].upper() + words[1:]
