"""The report of runs and studies: the contents of their folders on one page."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vaelab.codec import encode
from vaelab.data import Data, SourceSpec, open_data, source_text
from vaelab.errors import UserError
from vaelab.figures import DrawnFigure, draw
from vaelab.figures.entry import Need, in_words
from vaelab.figures.source import FigureSource
from vaelab.metrics.latent import active_units
from vaelab.plots import share_axes, themed, to_svg
from vaelab.report.blocks import Fact, Facts, FigureBlock, FigureGroup
from vaelab.report.claims import StudyFigure
from vaelab.report.evaluation import measured_of
from vaelab.report.facts import facts_of, facts_of_claims
from vaelab.report.numbers import numbers_of
from vaelab.report.page import write_report
from vaelab.report.parts import own_parts
from vaelab.report.runs import Contents, Group, read_folders
from vaelab.report.verdict import ActiveUnits, verdict_of
from vaelab.spec import Spec
from vaelab.training import Run, open_run

# More groups are counted in the title; the table has their names.
_MAX_NAMES = 4
# The page in which a model is explored, if it lies beside the report.
_EXPLORER = "explorer.html"
# The figure that says most about a run, which stands first: the first of these that there is.
_HEROES = ("Posterior means", "Map of posterior means, t-SNE", "Samples from the prior")
# A map of a collapsed posterior shows noise; the variance of each dimension shows the collapse.
_OF_COLLAPSE = ("Active units", "Training curves")
# The variance of the posterior mean above which a dimension is active (Burda et al. 2016).
_THRESHOLD = 0.01

# Returns the figures of the run in a folder.
Draw = Callable[[Path], Sequence[DrawnFigure]]


@dataclass(frozen=True)
class _Drawn:
    """The figures of a run, its active units if they are known, and the reason if no real images are shown."""

    figures: Sequence[DrawnFigure]
    units: ActiveUnits | None = None
    missing: str = ""


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
    drawn, figure_notices = _drawn(selected, draw, Images(data_directory), specs)
    figures = _figures(drawn)
    measured, evaluation_notices = measured_of(selected, specs)
    units = {group.name: of.units for group, of in drawn if of.units is not None}
    several = len({of for _, _, of in contents.figures}) > 1
    figures = [_study_figure(*figure, several=several) for figure in contents.figures] + figures
    # The table of a study has its runs, measured with the final weights; a second table would nearly repeat it.
    others = [group for group in groups if group.runs[0].folder.path.resolve() not in contents.tabulated]
    verdict = verdict_of(groups, units, measured, contents.claims)
    own = (Facts("This page", (Fact("command", command),)),) if command else ()
    write_report(
        out,
        title=_title(contents),
        verdict=verdict,
        notices=[*contents.notices, *figure_notices, *evaluation_notices],
        tables=[*contents.tables, *([numbers_of(others)] if others else [])],
        groups=_first(figures, _OF_COLLAPSE if verdict.collapse and not contents.claims else _HEROES),
        # The heading of the page has the name of a single run.
        facts=[
            *(replace(facts_of(group), title=group.name if len(groups) > 1 else "") for group in groups),
            *map(facts_of_claims, contents.claims),
            *own,
        ],
        claims=contents.claims,
        commands=contents.commands,
        measured=measured,
        own_parts=_own_parts(groups),
        explorer=_EXPLORER if (out.parent / _EXPLORER).is_file() else "",
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
    heading = in_words(figure.name)
    block = FigureBlock(themed(svg[svg.index("<svg") :]), figure.caption, heading, of if several else "")
    return FigureGroup(heading, (block,))


def _drawn(
    groups: Sequence[Group], draw: Draw | None, images: Images, specs: Sequence[type[Spec]]
) -> tuple[list[tuple[Group, _Drawn]], list[str]]:
    """The figures of each group's first seed, and notices about missing ones."""
    drawn: list[tuple[Group, _Drawn]] = []
    notices: list[str] = []
    for group in groups:
        folder = group.runs[0].folder.path
        try:
            of = _Drawn(draw(folder)) if draw is not None else _of_model(folder, images, specs)
        except UserError as error:
            notices.append(f"The figures of {group.name} are left out: {error}.")
            continue
        if of.missing:
            notices.append(f"The figures of {group.name} show no real images{of.missing}.")
        drawn.append((group, of))
    return drawn, notices


def _figures(drawn: Sequence[tuple[Group, _Drawn]]) -> list[FigureGroup]:
    """The figures of all runs by name, those that can be compared with the same axes."""
    of_name: dict[str, list[tuple[Group, DrawnFigure]]] = {}
    for group, of in drawn:
        for figure in of.figures:
            of_name.setdefault(figure.name, []).append((group, figure))
    groups = []
    for same in of_name.values():
        share_axes([figure.figure for _, figure in same if figure.comparable])
        blocks = []
        for group, figure in same:
            alt = f"{figure.heading} of {group.name}, seed {group.seeds[0]}"
            name = group.name if len(drawn) > 1 else ""
            blocks.append(FigureBlock(themed(to_svg(figure.figure)), figure.caption, alt, name))
        groups.append(FigureGroup(same[0][1].heading, tuple(blocks)))
    return groups


def _first(groups: Sequence[FigureGroup], heroes: Sequence[str]) -> list[FigureGroup]:
    """Figures with the first of the heroes that there is in front; without any, in their order."""
    titles = [group.title for group in groups]
    place = next((titles.index(title) for title in heroes if title in titles), 0)
    return [*groups[place : place + 1], *groups[:place], *groups[place + 1 :]]


def _of_model(folder: Path, images: Images, specs: Sequence[type[Spec]]) -> _Drawn:
    """Every figure that the model of a run can have, and its active units."""
    run = open_run(folder, specs=specs)
    data, missing = images.of(run)
    source = replace(FigureSource.of_run(run, data), titled=False)
    units = None
    if {Need.real_codes, Need.several} <= source.has:
        found = active_units(source.measured.means, _THRESHOLD)
        units = ActiveUnits(found.count, len(found.variance), _THRESHOLD)
    return _Drawn(list(draw(source)), units, missing)


class Images:
    """The images of runs; each source is opened once.

    Args:
        directory: the folder of data sets.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._opened: dict[str, Data | UserError] = {}

    def of(self, run: Run) -> tuple[Data | None, str]:
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

    def _open(self, source: SourceSpec) -> Data | UserError:
        try:
            return open_data(source, self._directory)
        except UserError as error:
            return error
