"""`vaelab figures`: draw the figures of a trained model."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from vaelab.cli.command import Command, Data, DataDir, Only, Quiet, RunPath
from vaelab.data import parse_source
from vaelab.errors import UserError
from vaelab.figures import ENTRIES

if TYPE_CHECKING:
    from vaelab.data import ImageData
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
        runs = runs_of(self.path)
        if runs == [self.path]:
            self.draw(self.path, self.out)
            return
        # The runs of a study differ: what one cannot have is said, and the others get theirs.
        failures = []
        for run in runs:
            try:
                self.draw(run, self.out and self.out / run.name)
            except UserError as error:
                failures.append(error)
                print(f"{run.name} is left out: {error}", file=sys.stderr)
        if len(failures) == len(runs):
            raise UserError(f"no run of {self.path} has these figures; the lines above say why")

    def draw(self, run: Path, out: Path | None) -> None:
        """Draw the figures of a run, or of a model's file, into a folder."""
        from vaelab.figures import chosen, draw
        from vaelab.figures.film import check, write_film_of
        from vaelab.plots import save_figure

        out = out or (run if run.is_dir() else run.parent) / "figures"
        source = self.source(run)
        chosen(source, self.only)  # what is asked for by name is refused before anything is drawn
        if self.film:
            check(source)
        for drawn in draw(source, self.only, left_out=lambda line: print(line, file=sys.stderr)):
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

        given: ImageData | None = None if self.data is None else parse_source(self.data).load(self.data_dir)
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
