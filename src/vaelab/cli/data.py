"""`vaelab data`: what there is to train on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from vaelab.cli.dispatch import dispatch, parse
from vaelab.data import SOURCES, Mnist, source_name
from vaelab.data.directory import data_directory
from vaelab.errors import UserError


def main(prog: str, words: list[str]) -> None:
    """List data sets, or fetch one."""
    dispatch(prog, "Data sets and where they lie.", {"list": _list, "fetch": _fetch}, words)


def _list(prog: str, words: list[str]) -> None:
    """Every source of data, and whether it is at hand."""

    def show(data_dir: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None) -> None:
        """Show every source of data, and whether it is at hand.

        Args:
            data_dir: folder of data sets; otherwise VAELAB_DATA, otherwise a cache folder.
        """
        from vaelab.data.mnist import mnist_at_hand

        folder = data_directory(data_dir)
        for source in SOURCES:
            name, state = source_name(source), ""
            if source is Mnist:
                state = (
                    " [at hand]" if mnist_at_hand(folder) else f" [fetch with: {prog.removesuffix('list')}fetch mnist]"
                )
            print(f"{name:<12}{(source.__doc__ or '').splitlines()[0]}{state}")
        print(f"\ndata folder: {folder}")

    parse(show, prog, words)


def _fetch(prog: str, words: list[str]) -> None:
    """Download a data set into the data folder and verify it."""

    def fetch(
        name: Annotated[str, tyro.conf.arg(metavar="NAME")],
        /,
        data_dir: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None,
    ) -> None:
        """Download a data set into the data folder and verify it by content.

        Args:
            name: the data set, such as mnist.
            data_dir: folder of data sets; otherwise VAELAB_DATA, otherwise a cache folder.
        """
        from vaelab.data.mnist import fetch_mnist, load_mnist

        if name == "digits":
            print("digits is embedded; there is nothing to fetch")
            return
        if name != "mnist":
            raise UserError(f"name is {name!r}, but what can be fetched is: mnist")
        folder = data_directory(data_dir)
        fetch_mnist(folder)
        data = load_mnist(folder, download=False)
        print(f"mnist: {len(data):,} images, verified by content, in {folder}")

    parse(fetch, prog, words)
