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

# More groups are counted in title and summary; the table has their names.
_MAX_NAMES = 4

# Returns the figures of the run in a folder.
Draw = Callable[[Path], Sequence[DrawnFigure]]


def write_run_report(
    folders: Sequence[Path],
    out: Path,
    data_directory: Path | None = None,
    command: str = "",
    draw: Draw | None = None,
    specs: Sequence[type[Spec]] = (),
) -> None:
    """Write one page about runs and studies: tables, evaluations, claims, figures, and commands to reproduce them.

    Runs that differ only in their seed share a row, with mean and spread; figures and evaluation are those of the first
    seed. Figures that cannot be drawn, for example without their images, are left out with the reason.

    Args:
        folders: run folders, and folders of studies with runs in them.
        out: the file to write.
        data_directory: the folder of data sets, for figures that show real images.
        command: the command line, to be recorded on the page.
        draw: returns the figures of the run in a folder; by default every figure that its model can have.
        specs: spec classes of parts from outside this package, if they are not imported yet.

    Raises:
        UserError: a folder holds no run and no study, a file in it cannot be read, or `out` cannot be written.
    """
    contents = read_folders(folders, specs)
    groups = contents.groups
    selected = [group for group in groups if group.runs[0].folder.path.resolve() in contents.shown]
    figures, figure_notices = _figures(selected, draw, Images(data_directory), specs)
    measured, evaluation_notices = measured_of(selected, specs)
    several = len({of for _, _, of in contents.figures}) > 1
    figures = [_study_figure(*figure, several=several) for figure in contents.figures] + figures
    own = (Facts("This page", (Fact("command", command),)),) if command else ()
    write_report(
        out,
        title=_title(contents),
        summary=_summary(groups),
        notices=[*contents.notices, *figure_notices, *evaluation_notices],
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
        return f"Claims tested on {' and '.join(data)}"
    names = [group.name for group in groups]
    subject = f"{len(groups)} models" if len(groups) > _MAX_NAMES else " and ".join(", ".join(names).rsplit(", ", 1))
    return f"{subject} on {' and '.join(data)}"


def _summary(groups: Sequence[Group]) -> str:
    """A sentence with the groups and their totals."""
    if len(groups) > _MAX_NAMES:
        runs = sum(len(group.runs) for group in groups)
        return f"{runs} runs of {len(groups)} compositions; the table has their numbers."
    totals = [f"{group.name}, {group.counted}: {over_seeds(group, 'test_total')}" for group in groups]
    return f"Total on the test set, nats per image: {'; '.join(totals)}." if groups else ""


def _own_parts(groups: Sequence[Group]) -> list[str]:
    """A sentence about each user-defined part, with the name of its group if there are several."""
    sentences = [(group.name, part.sentence) for group in groups for part in own_parts(group.record.experiment)]
    if len(groups) > 1:
        return [f"{name}: {sentence}" for name, sentence in sentences]
    return [sentence[:1].upper() + sentence[1:] for _, sentence in sentences]


def _study_figure(path: Path, figure: StudyFigure, of: str, several: bool) -> FigureGroup:
    """A figure from the folder of a study, with the name of the study if there are several."""
    try:
        svg = path.read_text()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); run the study again") from None
    heading = _heading(figure.name)
    return FigureGroup(
        heading, (FigureBlock(svg[svg.index("<svg") :], figure.caption, heading, of if several else ""),)
    )


def _figures(
    groups: Sequence[Group], draw: Draw | None, images: Images, specs: Sequence[type[Spec]]
) -> tuple[list[FigureGroup], list[str]]:
    """Figures of each group's first seed, grouped by name, and notices about missing ones."""
    blocks: dict[str, list[FigureBlock]] = {}
    notices: list[str] = []
    for group in groups:
        folder = group.runs[0].folder.path
        try:
            figures, missing = (draw(folder), "") if draw is not None else _model_figures(folder, images, specs)
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


def _model_figures(folder: Path, images: Images, specs: Sequence[type[Spec]]) -> tuple[Sequence[DrawnFigure], str]:
    """Every figure that the model of a run can have, and the reason if they show no real images."""
    run = open_run(folder, specs=specs)
    data, missing = images.of(run)
    return draw_figures(run, data), missing


class Images:
    """The images of runs; each source is opened once.

    Args:
        directory: the folder of data sets.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._opened: dict[str, ImageData | UserError] = {}

    def of(self, run: Run) -> tuple[ImageData | None, str]:
        """The images that a run was trained on; if they are not available, None and the reason."""
        source = run.experiment.data
        # As text, since the settings of a user-defined source need not be hashable.
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
