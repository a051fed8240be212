"""`vaelab data`: what there is to train on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from vaelab.cli.dispatch import dispatch, parse
from vaelab.data import Stored, source_name, source_words
from vaelab.data.directory import data_directory
from vaelab.errors import UserError

# Sources that are part of an installation, or drawn on the spot.
_EMBEDDED = ("digits", "sprites", "strokes")


def main(prog: str, words: list[str]) -> None:
    """List data sets, or fetch one."""
    dispatch(prog, "Data sets and where they lie.", {"list": _list, "fetch": _fetch}, words)


def _list(prog: str, words: list[str]) -> None:
    """Every source of data, and whether it is at hand."""

    def show(data_dir: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None) -> None:
        """Show every source of data, and whether it is at hand or how to get it.

        Args:
            data_dir: folder of data sets; otherwise VAELAB_DATA, otherwise a cache folder.
        """
        folder = data_directory(data_dir)
        width = max(len(source_name(source)) for source in source_words().values())
        for source in source_words().values():
            state = ""
            if issubclass(source, Stored):
                files = source().files()
                if files.at_hand(folder):
                    state = " [at hand]"
                elif files.downloads:
                    state = f" [fetch with: {prog.removesuffix('list')}fetch {files.kind}]"
                else:
                    state = f" [{files.instruction(files.folders(folder)[0])}]"
            print(f"{source_name(source):<{width}}  {(source.__doc__ or '').splitlines()[0]}{state}")
        print(f"\ndata folder: {folder}")

    parse(show, prog, words)


def _fetch(prog: str, words: list[str]) -> None:
    """Download a data set into the data folder and verify it."""

    def command(
        name: Annotated[str, tyro.conf.arg(metavar="NAME")],
        /,
        data_dir: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None,
    ) -> None:
        """Download a data set into the data folder and verify it.

        Args:
            name: the data set, such as mnist.
            data_dir: folder of data sets; otherwise VAELAB_DATA, otherwise a cache folder.
        """
        from vaelab.data.fetching import fetch

        if name in _EMBEDDED:
            print(f"{name} needs no file; there is nothing to fetch")
            return
        stored = {
            source().files().kind: source().files() for source in source_words().values() if issubclass(source, Stored)
        }
        folder = data_directory(data_dir)
        if name not in stored:
            fetched = ", ".join(kind for kind, files in stored.items() if files.downloads)
            raise UserError(f"name is {name!r}, but what can be fetched is: {fetched}")
        files, home = stored[name], stored[name].folders(folder)[0]
        if not files.downloads:
            raise UserError(f"{name} cannot be fetched; {files.instruction(home)}")
        if not files.at_hand(folder):
            print(f"{name}: fetching {', '.join(download.name for download in files.downloads)}", flush=True)
        print(f"{name}: {fetch(files, folder)}; in {home}")

    parse(command, prog, words)
