"""`vaelab figures`: draw the figures of a trained model."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from vaelab.cli.command import Command, Data, DataDir, Only, Quiet, RunPath
from vaelab.data import parse_source
from vaelab.errors import UserError, did_you_mean
from vaelab.figures import ENTRIES

if TYPE_CHECKING:
    from vaelab import data
    from vaelab.figures.source import FigureSource


@dataclass(frozen=True, kw_only=True)
class Figures(Command):
    """Draw the figures of a trained model, one file each.

    Draws every figure that the model can have, or those named by --only. RUN can also be the folder of a study: then
    the figures of each run go into its own folder.
    """

    path: RunPath
    only: Only = ()
    format: Literal["png", "svg", "pdf"] = "png"
    """Format of the files."""
    film: bool = False
    """Also write a film of the latent space over the training, film.gif."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder for the files; by default `figures` in the run folder, or next to the model's file."""
    data: Data = None
    data_dir: DataDir = None
    quiet: Quiet = False

    @classmethod
    def notes(cls) -> str:
        """The names of the figures."""
        width = max(len(entry.name) for entry in ENTRIES)
        lines = [f"  {entry.name:<{width}}  {entry.shows}" for entry in ENTRIES]
        return "\n".join(["names for --only, each if the model can have it:", *lines])

    def run(self) -> None:
        """Draw the figures of one run, or of each run of a study.

        Raises:
            UserError: the folder holds no run, or no run can have a figure that is named.
        """
        known = [entry.name for entry in ENTRIES]
        for name in self.only:
            if name not in known:
                raise UserError(
                    f"only has {name!r}, but the figures are: {', '.join(known)}{did_you_mean(name, known)}"
                )
        runs = runs_of(self.path)
        if runs == [self.path]:
            self.draw(self.source(self.path), self.only, self.out or figures_folder(self.path))
            return
        drawn = 0
        for run in runs:
            # The runs of a study differ, so a figure that one of them cannot have is not asked of it.
            try:
                source = self.source(run)
                self.draw(source, self.possible(source), self.out / run.name if self.out else figures_folder(run))
                drawn += 1
            except UserError as error:
                print(f"{run.name} is left out: {error}", file=sys.stderr)
        if not drawn:
            raise UserError(f"no run of {self.path} has these figures; the lines above say why")

    def possible(self, source: FigureSource) -> tuple[str, ...]:
        """The figures that are asked for and that a model can have; none if none is asked for.

        Raises:
            UserError: it can have none of them.
        """
        from vaelab.figures import chosen

        if not self.only:
            return ()
        can = [entry.name for entry in chosen(source) if entry.name in self.only]
        if not can:
            chosen(source, self.only)  # says what is missing
        return tuple(can)

    def draw(self, source: FigureSource, names: tuple[str, ...], out: Path) -> None:
        """Draw the figures of a model into a folder: those named, otherwise all that it can have."""
        from vaelab.figures import chosen, draw
        from vaelab.figures.film import check, write_film_of
        from vaelab.plots import save_figure

        chosen(source, names)  # what is asked for by name is refused before anything is drawn
        if self.film:
            check(source)
        for drawn in draw(source, names, left_out=lambda line: print(line, file=sys.stderr)):
            path = out / f"{drawn.name}.{self.format}"
            save_figure(drawn.figure, path)
            self.wrote(path)
        if self.film:
            write_film_of(source, out / "film.gif")
            self.wrote(out / "film.gif")

    def wrote(self, path: Path) -> None:
        """Name a file that was written."""
        if not self.quiet:
            print(path, flush=True)

    def source(self, run: Path) -> FigureSource:
        """The model of a folder or a file, with the images to show it.

        Raises:
            UserError: there is no such model, or a film needs images that are not at hand.
        """
        from vaelab.figures.source import FigureSource
        from vaelab.measured import MeasuredModel
        from vaelab.models.files import load
        from vaelab.training import open_run

        given: data.Data | None = None if self.data is None else parse_source(self.data).load(self.data_dir)
        if run.suffix == ".safetensors":
            images = None if given is None else given.split("test")
            return FigureSource(MeasuredModel(load(run), images, title=run.name))
        opened = open_run(run)
        if given is None:
            try:
                given = opened.load_data(self.data_dir)
            except UserError as absent:
                # Figures that need no images are drawn all the same; those asked for by name are refused one by one.
                if self.film:
                    raise
                print(f"figures that show images are left out: {absent}", file=sys.stderr)
        return FigureSource.of_run(opened, given)


def figures_folder(run: Path) -> Path:
    """The folder of a run's figures, or of a model file's."""
    return (run if run.is_dir() else run.parent) / "figures"


def runs_of(path: Path) -> list[Path]:
    """The run that a path names, or the runs of a study.

    Raises:
        UserError: there is neither.
    """
    if path.suffix == ".safetensors" or (path / "experiment.json").exists():
        return [path]
    if not path.is_dir():
        raise UserError(f"run is {str(path)!r}, which is no folder; name the folder of a run, or a .safetensors file")
    runs = sorted(record.parent for record in path.glob("*/experiment.json"))
    if not runs:
        raise UserError(
            f"{path} holds no run (no experiment.json) and no study; name a folder that `vaelab train` or `vaelab "
            "study` made"
        )
    return runs
