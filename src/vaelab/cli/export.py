"""`vaelab export`: a trained model as ONNX files."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from vaelab.cli.command import Command, Only, RunPath
from vaelab.export import PARTS


@dataclass(frozen=True, kw_only=True)
class Export(Command):
    """Write a trained model as ONNX files, which run without vaelab and torch.

    Each file is compared with PyTorch at batches of 1, 7 and 64 images before it is written. Needs vaelab[export].
    """

    path: RunPath
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Folder for the files."""
    only: Only = ()

    @classmethod
    def notes(cls) -> str:
        """The parts of a model."""
        width = max(map(len, PARTS))
        lines = [f"  {name:<{width}}  {entry.shows}" for name, entry in PARTS.items()]
        return "\n".join(["names for --only, one file each:", *lines])

    def run(self) -> None:
        """Write the files, print their names and the largest difference from PyTorch."""
        from vaelab.export import export_onnx
        from vaelab.models.files import load

        exported = export_onnx(load(self.path), self.out, self.only or tuple(PARTS))
        for name, why in exported.left_out.items():
            print(f"{name} is left out: {why}", file=sys.stderr)
        for path in exported.paths.values():
            print(path)
        print(f"largest difference from PyTorch: {exported.error:.1e}")
