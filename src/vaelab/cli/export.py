"""`vaelab export`: a trained model as ONNX files, or as weights for diffusers."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from vaelab.cli.command import Command, Only, RunPath
from vaelab.errors import UserError
from vaelab.export import PARTS


@dataclass(frozen=True, kw_only=True)
class Export(Command):
    """Write a trained model as ONNX files, which run without vaelab and torch, or as an autoencoder of diffusers.

    Each ONNX file is compared with PyTorch at batches of 1, 7 and 64 images before it is written. Needs vaelab[export],
    which --diffusers does without.
    """

    path: RunPath
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Folder for the files."""
    only: Only = ()
    diffusers: bool = False
    """Write instead the folder that diffusers' `AutoencoderKL.from_pretrained` loads, of a VAE with the network
    AutoencoderKl."""

    @classmethod
    def notes(cls) -> str:
        """The parts of a model."""
        width = max(map(len, PARTS))
        lines = [f"  {name:<{width}}  {entry.shows}" for name, entry in PARTS.items()]
        return "\n".join(["names for --only, one file each:", *lines])

    def run(self) -> None:
        """Write the files; print their names and the largest difference from PyTorch, or the folder for diffusers.

        Raises:
            UserError: parts are named for diffusers, or the model cannot be exported.
        """
        from vaelab.export import export_diffusers, export_onnx
        from vaelab.models.files import load

        if self.diffusers:
            if self.only:
                raise UserError(
                    "--only names parts of an ONNX export, but --diffusers writes all; leave one of them out"
                )
            print(export_diffusers(load(self.path), self.out))
            return
        exported = export_onnx(load(self.path), self.out, self.only or tuple(PARTS))
        for name, why in exported.left_out.items():
            print(f"{name} is left out: {why}", file=sys.stderr)
        for path in exported.paths.values():
            print(path)
        print(f"largest difference from PyTorch: {exported.error:.1e}")
