"""`vaelab study`: whole studies from one command."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from vaelab.cli.dispatch import dispatch, parse
from vaelab.data import METAVAR

if TYPE_CHECKING:
    from vaelab.data.auto import Opened

# Flags that several studies have.
_Out = Annotated[Path, tyro.conf.arg(metavar="DIR")]
_Only = Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME")]
_Data = Annotated[str, tyro.conf.arg(metavar=f"auto|{METAVAR}")]
_Epochs = Annotated[int | None, tyro.conf.arg(metavar="INT")]
_DataDir = Annotated[Path | None, tyro.conf.arg(metavar="DIR")]


def main(prog: str, words: list[str]) -> None:
    """Run a study: several trainings, one table, one report."""
    studies = {"paper": _paper, "claims": _claims, "families": _families, "beta-sweep": _beta_sweep}
    dispatch(prog, "Run a study.", studies, words)


def _paper(prog: str, words: list[str]) -> None:
    """VAE and CVAE on MNIST with a 2-D latent space, beside the study's own table."""
    command = shlex.join([*prog.split(), *words])

    def paper(
        out: _Out,
        data: _Data = "mnist",
        epochs: _Epochs = None,
        seeds: int = 1,
        recipe: Literal["paper", "fast"] = "paper",
        data_dir: _DataDir = None,
        device: str = "auto",
        quiet: bool = False,
    ) -> None:
        """Train VAE and CVAE as the study did and compare them with its table.

        Writes OUT/results.json, OUT/report.html, OUT/figures and a run folder a model. A study that was
        stopped goes on when the same command is given again.

        Args:
            out: folder for all of it.
            data: where the images come from; auto is MNIST where it can be had, otherwise the digits set.
            epochs: instead of the recipe's own number (paper 30, fast 6).
            seeds: how many seeds; with several the table has a spread.
            recipe: paper trains as the study did; fast reaches its totals in fewer epochs.
            data_dir: folder of data sets; otherwise VAELAB_DATA, otherwise a cache folder.
            device: auto, cpu, cuda, ...
            quiet: show no progress.
        """
        from vaelab.studies.paper import run_paper_study, table_columns, table_rows
        from vaelab.studies.recipes import Recipe

        source, images, notice = _opened(data, data_dir)
        results = run_paper_study(
            out, source, images, Recipe(recipe), epochs, seeds, device, notice, command, show=not quiet
        )
        _show(
            f"VAE and CVAE on {images.name}, {results['about']['epochs']} epochs, recipe {recipe}",
            table_columns(results),
            table_rows(results),
            caption=f"reconstruction is {results['about']['reconstruction_is']}",
        )
        _close(notice, f"report: {out / 'report.html'}")

    parse(paper, prog, words)


def _claims(prog: str, words: list[str]) -> None:
    """The study's claims, each put to a number that could refute it, over several seeds."""
    command = shlex.join([*prog.split(), *words])

    def claims(
        out: _Out,
        only: _Only = (),
        data: _Data = "mnist",
        epochs: _Epochs = None,
        seeds: int = 3,
        recipe: Literal["paper", "fast"] = "fast",
        data_dir: _DataDir = None,
        device: str = "auto",
        quiet: bool = False,
    ) -> None:
        """Put each claim of the study to the test: a number, its uncertainty over seeds, and a verdict.

        Writes OUT/claims.json, OUT/report.html, OUT/figures and a run folder a model and seed. A study that was stopped
        goes on when the same command is given again.

        Args:
            out: folder for all of it.
            only: claims by name, instead of all.
            data: where the images come from; auto is MNIST where it can be had, otherwise the digits set.
            epochs: instead of the recipe's own number (paper 30, fast 6).
            seeds: how many seeds; of one nothing is decided.
            recipe: paper trains as the study did; fast reaches its totals in fewer epochs.
            data_dir: folder of data sets; otherwise VAELAB_DATA, otherwise a cache folder.
            device: auto, cpu, cuda, ...
            quiet: show no progress.
        """
        from vaelab.studies.claims.study import COLUMNS, run_claims_study, summary
        from vaelab.studies.recipes import Recipe

        def say(line: str) -> None:
            if not quiet:
                print(line, file=sys.stderr, flush=True)

        source, images, notice = _opened(data, data_dir)
        results = run_claims_study(
            out, source, images, Recipe(recipe), epochs, seeds, only, device, notice, command, not quiet, say
        )
        _show(f"The study's claims on {images.name}, recipe {recipe}, seeds {seeds}", COLUMNS, summary(results))
        for sentence in results.left_out:
            print(f"not tested: {sentence}")
        _close(notice, f"report: {out / 'report.html'}")

    parse(claims, prog, words)


def _families(prog: str, words: list[str]) -> None:
    """Every preset for MNIST, trained and measured on the test set: one table."""
    command = shlex.join([*prog.split(), *words])

    def families(
        out: _Out,
        only: _Only = (),
        data: Annotated[str, tyro.conf.arg(metavar=METAVAR)] = "mnist",
        epochs: _Epochs = None,
        samples: int = 500,
        data_dir: _DataDir = None,
        device: str = "auto",
        quiet: bool = False,
    ) -> None:
        """Train every preset that is meant for MNIST and measure it on the test set.

        Writes OUT/results.json, OUT/samples.png and a run folder a row. A study that was stopped goes on when the
        same command is given again.

        Args:
            out: folder for all of it.
            only: rows to make, instead of all.
            data: where the images come from.
            epochs: instead of each preset's own number.
            samples: importance samples an image.
            data_dir: folder of data sets; otherwise VAELAB_DATA, otherwise a cache folder.
            device: auto, cpu, cuda, ...
            quiet: show no progress.
        """
        from vaelab.data.auto import open_named
        from vaelab.studies.families import COLUMNS, run_families_study, table

        source, images, _ = open_named(data, data_dir)
        results = run_families_study(out, source, images, only, epochs, samples, device, command, not quiet)
        _show(f"{images.name}, test set, nats per image", COLUMNS, table(results))
        print(f"results: {out / 'results.json'}")

    parse(families, prog, words)


def _beta_sweep(prog: str, words: list[str]) -> None:
    """Rate, distortion and disentanglement of beta-VAEs, on data whose factors are known."""
    command = shlex.join([*prog.split(), *words])

    def beta_sweep(
        out: _Out,
        betas: Annotated[tuple[float, ...], tyro.conf.arg(metavar="BETA")] = (1, 2, 4, 8, 16),
        seeds: int = 2,
        epochs: _Epochs = None,
        data: Annotated[str | None, tyro.conf.arg(metavar=METAVAR)] = None,
        data_dir: _DataDir = None,
        device: str = "auto",
        quiet: bool = False,
    ) -> None:
        """Train a beta-VAE for each beta and seed, and measure what becomes of rate, distortion and disentanglement.

        Writes OUT/results.json, OUT/figures and a run folder a beta and seed. A study that was stopped goes on when
        the same command is given again.

        Args:
            out: folder for all of it.
            betas: weights of the rate.
            seeds: how many seeds; with several the tables have a spread.
            epochs: instead of 10.
            data: images whose factors are known, instead of sprites drawn at 32 x 32.
            data_dir: folder of data sets; otherwise VAELAB_DATA, otherwise a cache folder.
            device: auto, cpu, cuda, ...
            quiet: show no progress.
        """
        from vaelab.data.auto import open_named
        from vaelab.studies.beta_sweep import MEASURED, SOURCE, run_beta_sweep, table_columns, table_rows

        def say(line: str) -> None:
            if not quiet:
                print(line, file=sys.stderr, flush=True)

        source, images = (SOURCE, SOURCE.load()) if data is None else open_named(data, data_dir)[:2]
        results = run_beta_sweep(
            out, source, images, betas, seeds, epochs, device=device, command=command, show=not quiet, say=say
        )
        for part in MEASURED:
            _show(f"{images.name}, test split: {part}", table_columns(results), table_rows(results, part))
        _close(results["table"]["note"], f"results: {out / 'results.json'}")

    parse(beta_sweep, prog, words)


def _opened(data: str, data_dir: Path | None) -> Opened:
    """The images that a study is asked for; what must be known of them is said at once."""
    from vaelab.data.auto import open_auto, open_named

    opened = open_auto(data_dir) if data == "auto" else open_named(data, data_dir)
    if opened[2]:
        print(opened[2], file=sys.stderr, flush=True)
    return opened


def _show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> None:
    """Print a table of numbers, or of sentences where a cell has several lines."""
    from rich.console import Console
    from rich.table import Table

    sentences = any("\n" in cell for row in rows for cell in row)
    table = Table(title=title, caption=caption or None, show_lines=sentences)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index and not sentences else "left")
    for row in rows:
        table.add_row(*row)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 140  # a file has room for all columns
    console.print(table)


def _close(notice: str | None, line: str) -> None:
    """What stands beneath a study's results."""
    if notice:
        print(notice)
    print(line)
