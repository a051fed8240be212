"""`vaelab study`: whole studies from one command."""

from __future__ import annotations

import sys
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from vaelab.cli.command import (
    Command,
    Data,
    DataDir,
    Device,
    Epochs,
    FirstSeed,
    LogEvery,
    LoggedTo,
    Only,
    Quiet,
    printer,
)
from vaelab.cli.group import Group
from vaelab.data import METAVAR
from vaelab.errors import UserError

if TYPE_CHECKING:
    from vaelab.data import ImageData
    from vaelab.report import Table
    from vaelab.studies import Study

_Source = Annotated[
    str,
    tyro.conf.arg(
        metavar=f"auto|{METAVAR}", help="Images; auto is MNIST, or the digits set if MNIST cannot be downloaded."
    ),
]
_Recipe = Annotated[
    Literal["paper", "fast", "speedrun"],
    tyro.conf.arg(help="paper trains as the study did; fast reaches its totals in six epochs; speedrun takes three."),
]
_ClaimsRecipe = Annotated[
    Literal["paper", "fast"],
    tyro.conf.arg(help="paper trains as the study did; fast reaches its totals in six epochs."),
]


@dataclass(frozen=True, kw_only=True)
class _Study(Command):
    """Base of the studies: a study that was stopped goes on if the same command is given again."""

    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Folder for results, report, figures and run folders."""
    data: Data = None
    epochs: Epochs = None
    """Epochs per run, instead of the study's own number (the recipe paper has 30, fast has 6, speedrun 3)."""
    seeds: tyro.conf.Suppress[int | None] = None
    first_seed: tyro.conf.Suppress[int] = 0
    data_dir: DataDir = None
    device: Device = "auto"
    log: LoggedTo = ()
    log_every: LogEvery = 0
    processes: int = 1
    """Processes that share the runs, each with its share of this machine's cores."""
    runs_only: bool = False
    """Train and measure the runs, and leave results and report to another process of the same study."""
    quiet: Quiet = False

    @abstractmethod
    def study(self) -> Study:
        """The study that the flags describe."""

    def open(self) -> tuple[ImageData, str | None]:
        """The images, and the notice about them if there is one."""
        from vaelab.data.auto import open_auto, open_named

        assert self.data is not None
        return (open_auto(self.data_dir) if self.data == "auto" else open_named(self.data, self.data_dir))[1:]

    def run(self) -> None:
        """Run the study, and print its tables and the files that it wrote."""
        from vaelab.cli.beside import beside
        from vaelab.studies import StudySettings, run_study
        from vaelab.studies.study import measure_study

        if self.processes < 1:
            raise UserError(f"--processes is {self.processes}, but must be >= 1")
        study = self.study()
        images, notice = self.open()
        if notice:
            print(notice, file=sys.stderr, flush=True)
        settings = StudySettings(
            out=self.out,
            data=images,
            epochs=self.epochs,
            seeds=self.seeds,
            first_seed=self.first_seed,
            device=self.device,
            command=self.line,
            notice=notice,
            show=not self.quiet,
            log=self.log,
            log_every=self.log_every,
            say=printer(self.quiet),
        )
        with beside(self.processes, self.line, images.name if notice else None):
            if self.runs_only:
                measure_study(study, settings)
                return
            results = run_study(study, settings)
        for table in study.printed(results):
            print_table(table)
        for line in study.remarks(results):
            print(line)
        print(f"results: {self.out / study.file}")
        print(f"report: {self.out / 'report.html'}")


@dataclass(frozen=True, kw_only=True)
class Paper(_Study):
    """VAE and CVAE on MNIST with a 2-D latent space, compared with the study's own table.

    "The study" is the one that this project reproduces. Writes OUT/results.json, OUT/report.html, OUT/figures and one
    run folder per model. A study that was stopped goes on if the same command is given again.
    """

    data: _Source = "mnist"
    seeds: int = 1
    """Number of seeds; with several the table has a spread."""
    first_seed: FirstSeed = 0
    recipe: _Recipe = "paper"

    def study(self) -> Study:
        """The table of the study."""
        from vaelab.studies.paper import PaperStudy
        from vaelab.studies.recipes import Recipe

        return PaperStudy(Recipe(self.recipe))


@dataclass(frozen=True, kw_only=True)
class Claims(_Study):
    """The study's claims, each tested by a number that could refute it, over several seeds.

    "The study" is the one that this project reproduces, a VAE and a CVAE on MNIST. Writes OUT/claims.json,
    OUT/report.html, OUT/figures and one run folder per model and seed. A study that was stopped goes on if the same
    command is given again.
    """

    only: Only = ()
    data: _Source = "mnist"
    seeds: int = 5
    """Number of seeds, fixed before any is looked at; one decides nothing."""
    first_seed: FirstSeed = 0
    recipe: _ClaimsRecipe = "fast"

    def study(self) -> Study:
        """The claims."""
        from vaelab.studies.claims.study import ClaimsStudy
        from vaelab.studies.recipes import Recipe

        return ClaimsStudy(Recipe(self.recipe), self.only)


@dataclass(frozen=True, kw_only=True)
class Families(_Study):
    """Every preset for MNIST, trained and measured on the test set: one table.

    Writes OUT/results.json, OUT/report.html, OUT/samples.png and one run folder per row. A study that was stopped goes
    on if the same command is given again.
    """

    only: Only = ()
    data: _Source = "mnist"
    samples: int = 500
    """Importance samples per image."""

    def study(self) -> Study:
        """The comparison of all families."""
        from vaelab.studies.families import FamiliesStudy

        return FamiliesStudy(self.only, self.samples)


@dataclass(frozen=True, kw_only=True)
class BetaSweep(_Study):
    """Rate, distortion and disentanglement of beta-VAEs, on data whose factors are known.

    Writes OUT/results.json, OUT/report.html, OUT/figures and one run folder per beta and seed. A study that was stopped
    goes on if the same command is given again.
    """

    betas: Annotated[tuple[float, ...], tyro.conf.arg(metavar="BETA")] = (1, 2, 4, 8, 16)
    """Weights of the rate."""
    seeds: int = 2
    """Number of seeds; with several the tables have a spread."""
    first_seed: FirstSeed = 0
    data: Annotated[str | None, tyro.conf.arg(metavar=METAVAR)] = None
    """Images whose factors are known, instead of sprites drawn at 32 x 32."""

    def open(self) -> tuple[ImageData, str | None]:
        """The images that are named, or the sprites."""
        from vaelab.data.auto import open_images
        from vaelab.studies.beta_sweep import SOURCE

        return (open_images(SOURCE), None) if self.data is None else super().open()

    def study(self) -> Study:
        """The sweep over beta."""
        from vaelab.studies.beta_sweep import BetaSweepStudy

        return BetaSweepStudy(self.betas)


STUDY = Group("study", "Run a study: several trainings, one table, one report.", (Paper, Claims, Families, BetaSweep))


def print_table(printed: Table) -> None:
    """Print a table of numbers, or of sentences if a cell has several lines."""
    from rich.console import Console
    from rich.table import Table

    sentences = any("\n" in cell for row in printed.rows for cell in row)
    table = Table(title=printed.caption, caption=printed.note or None, show_lines=sentences)
    for index, column in enumerate(printed.columns):
        table.add_column(column, justify="right" if index and not sentences else "left")
    for row in printed.rows:
        table.add_row(*row)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 140  # a file has room for all columns
    console.print(table)
