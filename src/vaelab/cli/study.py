"""`vaelab study`: whole studies from one command."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

import tyro

from vaelab.cli.dispatch import dispatch, parse
from vaelab.data import METAVAR


def main(prog: str, words: list[str]) -> None:
    """Run a study: several trainings, one table, one report."""
    dispatch(prog, "Run a study.", {"paper": _paper, "claims": _claims, "families": _families}, words)


def _paper(prog: str, words: list[str]) -> None:
    """VAE and CVAE on MNIST with a 2-D latent space, beside the study's own table."""
    command = shlex.join([*prog.split(), *words])

    def paper(
        out: Annotated[Path, tyro.conf.arg(metavar="DIR")],
        data: Annotated[str, tyro.conf.arg(metavar=f"auto|{METAVAR}")] = "mnist",
        epochs: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None,
        seeds: int = 1,
        recipe: Literal["paper", "fast"] = "paper",
        data_dir: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None,
        device: str = "auto",
        quiet: bool = False,
    ) -> None:
        """Train VAE and CVAE as the study did and compare them with its table.

        Writes OUT/results.json, OUT/report.html, OUT/figures and a run folder a model. A study that was
        stopped goes on when the same command is given again.

        Args:
            out: folder for all of it.
            data: where the pictures come from; auto is MNIST where it can be had, otherwise the digits set.
            epochs: instead of the recipe's own number (paper 30, fast 6).
            seeds: how many seeds; with several the table has a spread.
            recipe: paper trains as the study did; fast reaches its totals in fewer epochs.
            data_dir: folder of data sets; otherwise VAELAB_DATA, otherwise a cache folder.
            device: auto, cpu, cuda, ...
            quiet: show no progress.
        """
        _run_paper(out, data, epochs, seeds, recipe, data_dir, device, quiet, command)

    parse(paper, prog, words)


def _families(prog: str, words: list[str]) -> None:
    """Every preset for MNIST, trained and measured on the test set: one table."""
    command = shlex.join([*prog.split(), *words])

    def families(
        out: Annotated[Path, tyro.conf.arg(metavar="DIR")],
        only: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME")] = (),
        data: Annotated[str, tyro.conf.arg(metavar=METAVAR)] = "mnist",
        epochs: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None,
        samples: int = 500,
        data_dir: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None,
        device: str = "auto",
        quiet: bool = False,
    ) -> None:
        """Train every preset that is meant for MNIST and measure it on the test set.

        Writes OUT/results.json, OUT/samples.png and a run folder a row. A study that was stopped goes on when the
        same command is given again.

        Args:
            out: folder for all of it.
            only: rows to make, instead of all.
            data: where the pictures come from.
            epochs: instead of each preset's own number.
            samples: importance samples an image.
            data_dir: folder of data sets; otherwise VAELAB_DATA, otherwise a cache folder.
            device: auto, cpu, cuda, ...
            quiet: show no progress.
        """
        _run_families(out, only, data, epochs, samples, data_dir, device, quiet, command)

    parse(families, prog, words)


def _claims(prog: str, words: list[str]) -> None:
    """The study's claims, each put to a number that could refute it, over several seeds."""
    command = shlex.join([*prog.split(), *words])

    def claims(
        out: Annotated[Path, tyro.conf.arg(metavar="DIR")],
        only: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME")] = (),
        data: Annotated[str, tyro.conf.arg(metavar=f"auto|{METAVAR}")] = "mnist",
        epochs: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None,
        seeds: int = 3,
        recipe: Literal["paper", "fast"] = "fast",
        data_dir: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None,
        device: str = "auto",
        quiet: bool = False,
    ) -> None:
        """Put each claim of the study to the test: a number, its uncertainty over seeds, and a verdict.

        Writes OUT/claims.json, OUT/report.html, OUT/figures and a run folder a model and seed. A study that was stopped
        goes on when the same command is given again.

        Args:
            out: folder for all of it.
            only: claims by name, instead of all.
            data: where the pictures come from; auto is MNIST where it can be had, otherwise the digits set.
            epochs: instead of the recipe's own number (paper 30, fast 6).
            seeds: how many seeds; of one nothing is decided.
            recipe: paper trains as the study did; fast reaches its totals in fewer epochs.
            data_dir: folder of data sets; otherwise VAELAB_DATA, otherwise a cache folder.
            device: auto, cpu, cuda, ...
            quiet: show no progress.
        """
        _run_claims(out, only, data, epochs, seeds, recipe, data_dir, device, quiet, command)

    parse(claims, prog, words)


def _run_claims(
    out: Path,
    only: tuple[str, ...],
    data: str,
    epochs: int | None,
    seeds: int,
    recipe: str,
    data_dir: Path | None,
    device: str,
    quiet: bool,
    command: str,
) -> None:
    from rich.console import Console
    from rich.table import Table

    from vaelab.data.auto import open_auto, open_named
    from vaelab.studies.claims.study import run_claims_study, summary
    from vaelab.studies.recipes import Recipe

    source, images, notice = open_auto(data_dir) if data == "auto" else open_named(data, data_dir)

    def say(line: str) -> None:
        if not quiet:
            print(line, file=sys.stderr, flush=True)

    if notice:
        print(notice, file=sys.stderr, flush=True)
    results = run_claims_study(
        out, source, images, Recipe(recipe), epochs, seeds, only, device, notice, command, not quiet, say
    )
    shown = Table(title=f"The study's claims on {images.name}, recipe {recipe}, seeds {seeds}", show_lines=True)
    for column in ("claim", "verdict", "measured, mean and 95 % interval over seeds"):
        shown.add_column(column)
    for row in summary(results):
        shown.add_row(*row)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 140  # a file has room for all columns
    console.print(shown)
    for sentence in results.left_out:
        print(f"not tested: {sentence}")
    if notice:
        print(notice)
    print(f"report: {out / 'report.html'}")


def _run_families(
    out: Path,
    only: tuple[str, ...],
    data: str,
    epochs: int | None,
    samples: int,
    data_dir: Path | None,
    device: str,
    quiet: bool,
    command: str,
) -> None:
    from rich.console import Console
    from rich.table import Table

    from vaelab.data.auto import open_named
    from vaelab.studies.families import COLUMNS, run_families_study, table

    source, images, _ = open_named(data, data_dir)
    results = run_families_study(out, source, images, only, epochs, samples, device, command, not quiet)
    shown = Table(title=f"{images.name}, test set, nats an image")
    for index, column in enumerate(COLUMNS):
        shown.add_column(column, justify="right" if index else "left")
    for row in table(results):
        shown.add_row(*row)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 140  # a file has room for all columns
    console.print(shown)
    print(f"results: {out / 'results.json'}")


def _run_paper(
    out: Path,
    data: str,
    epochs: int | None,
    seeds: int,
    recipe: str,
    data_dir: Path | None,
    device: str,
    quiet: bool,
    command: str,
) -> None:
    from rich.console import Console
    from rich.table import Table

    from vaelab.data.auto import open_auto, open_named
    from vaelab.studies.paper import run_paper_study, table_columns, table_rows
    from vaelab.studies.recipes import Recipe

    source, images, notice = open_auto(data_dir) if data == "auto" else open_named(data, data_dir)
    console = Console(highlight=False)
    if notice:
        print(notice, file=sys.stderr, flush=True)
    results = run_paper_study(
        out,
        source,
        images,
        Recipe(recipe),
        epochs,
        seeds,
        device,
        notice=notice,
        command=command,
        show=not quiet,
    )
    table = Table(
        title=f"VAE and CVAE on {images.name}, {results['about']['epochs']} epochs, recipe {recipe}",
        caption=f"reconstruction is {results['about']['reconstruction_is']}",
    )
    for index, column in enumerate(table_columns(results)):
        table.add_column(column, justify="right" if index else "left")
    for row in table_rows(results):
        table.add_row(*row)
    console.print(table)
    if notice:
        print(notice)
    print(f"report: {out / 'report.html'}")
