"""`vaelab figures`: every figure of a trained model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from vaelab.cli.dispatch import parse
from vaelab.data import METAVAR, parse_source
from vaelab.errors import UserError
from vaelab.figures import ENTRIES

if TYPE_CHECKING:
    from vaelab.data import ImageData
    from vaelab.figures.shown import Subject


def main(prog: str, words: list[str]) -> None:
    """Draw the figures of a trained model: a file each."""

    def figures(
        run: Annotated[Path, tyro.conf.arg(metavar="RUN")],
        /,
        only: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME")] = (),
        format: Literal["png", "svg", "pdf"] = "png",
        film: bool = False,
        out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None,
        data: Annotated[str | None, tyro.conf.arg(metavar=METAVAR)] = None,
        data_dir: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None,
        quiet: bool = False,
    ) -> None:
        """Draw every figure that a trained model calls for, or those named.

        Args:
            run: the folder of a run, or a model's .safetensors file.
            only: figures by name, instead of all that the model can have.
            format: of the files.
            film: also write a film of the latent space over the training, film.gif.
            out: folder for the files; by default `figures` in the run folder, or beside the model's file.
            data: images to show, instead of those of the training; their test split is taken.
            data_dir: folder of data sets; otherwise VAELAB_DATA, otherwise a cache folder.
            quiet: do not name the files as they are written.
        """
        _draw(run, only, format, film, out, data, data_dir, quiet)

    if words and words[0] in ("-h", "--help"):
        try:
            parse(figures, prog, words)
        except SystemExit:
            width = max(len(entry.name) for entry in ENTRIES)
            print("\nfigures, each where the model can have it:")
            for entry in ENTRIES:
                print(f"  {entry.name:<{width}}  {entry.shows}")
            raise
    parse(figures, prog, words)


def _draw(
    run: Path,
    only: tuple[str, ...],
    kind: str,
    film: bool,
    out: Path | None,
    data: str | None,
    data_dir: Path | None,
    quiet: bool,
) -> None:
    from vaelab.figures import chosen
    from vaelab.figures.film import check, write_film_of
    from vaelab.plots import save_figure

    out = out or (run if run.is_dir() else run.parent) / "figures"
    subject = _subject(run, only, film, data, data_dir)
    entries = chosen(subject, only)
    if film:
        check(subject)
    for entry in entries:
        path = out / f"{entry.name}.{kind}"
        save_figure(entry.draw(subject).figure, path)
        if not quiet:
            print(path, flush=True)
    if film:
        write_film_of(subject, out / "film.gif")
        if not quiet:
            print(out / "film.gif")


def _subject(run: Path, only: tuple[str, ...], film: bool, data: str | None, data_dir: Path | None) -> Subject:
    """The model of a folder or a file, and what it is shown."""
    from vaelab.figures.shown import Subject, subject_of
    from vaelab.models.files import load
    from vaelab.training import open_run

    given: ImageData | None = None if data is None else parse_source(data).load(data_dir)
    if run.suffix == ".safetensors":
        return Subject(load(run), run.name, None if given is None else given.split("test"))
    if not run.is_dir():
        raise UserError(f"run is {str(run)!r}, which is no folder; name the folder of a run, or a .safetensors file")
    opened = open_run(run)
    if given is None:
        try:
            given = opened.images(data_dir)
        except UserError as absent:
            # Figures that need no images are drawn all the same; those asked for by name are refused one by one.
            if film:
                raise
            print(f"figures that show images are left out: {absent}", file=sys.stderr)
    return subject_of(opened, given)
