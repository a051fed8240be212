"""`vaelab data`: the sources of images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from vaelab.cli.command import Command, DataDir
from vaelab.cli.group import Group
from vaelab.data import Stored, source_name, source_words
from vaelab.data.directory import data_directory
from vaelab.data.store import FileSet
from vaelab.errors import UserError, did_you_mean


@dataclass(frozen=True, kw_only=True)
class List(Command):
    """Show every source of images, and whether its files are there or how to get them."""

    data_dir: DataDir = None

    def run(self) -> None:
        """Print one line per source."""
        folder = data_directory(self.data_dir)
        width = max(len(source_name(source)) for source in source_words().values())
        for source in source_words().values():
            state = ""
            if issubclass(source, Stored):
                files = source().files()
                if files.at_hand(folder):
                    state = " [at hand]"
                elif files.downloads:
                    state = f" [fetch with: vaelab data fetch {files.kind}]"
                else:
                    state = f" [{files.instruction(files.folders(folder)[0])}]"
            print(f"{source_name(source):<{width}}  {(source.__doc__ or '').splitlines()[0]}{state}")
        print(f"\ndata folder: {folder}")


@dataclass(frozen=True, kw_only=True)
class Fetch(Command):
    """Download a data set into the data folder and verify it."""

    source: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NAME")]
    """The data set, such as mnist."""
    data_dir: DataDir = None

    def run(self) -> None:
        """Download the files that are missing, into a folder that is made if absent."""
        from vaelab.data.fetching import fetch

        known = source_words()
        if self.source in known and not known[self.source].needs_files:
            print(f"{self.source} needs no file; there is nothing to fetch")
            return
        files = stored().get(self.source)
        if files is None:
            fetched = [kind for kind, files in stored().items() if files.downloads]
            raise UserError(
                f"name is {self.source!r}, but what can be fetched is: {', '.join(fetched)}"
                f"{did_you_mean(self.source, fetched)}"
            )
        if self.data_dir is not None and files.downloads:
            self.data_dir.mkdir(parents=True, exist_ok=True)
        folder = data_directory(self.data_dir)
        home = files.folders(folder)[0]
        if not files.downloads:
            raise UserError(f"{self.source} cannot be fetched; {files.instruction(home)}")
        if not files.at_hand(folder):
            print(f"{self.source}: fetching {', '.join(download.name for download in files.downloads)}", flush=True)
        print(f"{self.source}: {fetch(files, folder)}; in {home}")


def stored() -> dict[str, FileSet]:
    """The files of every published set, by its name on the command line."""
    sets = [source().files() for source in source_words().values() if issubclass(source, Stored)]
    return {files.kind: files for files in sets}


DATA = Group("data", "List data sets, or fetch one.", (List, Fetch))
