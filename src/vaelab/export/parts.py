"""From a model to its parts as ONNX graphs, checked, in memory or in files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vaelab.data import ImageFormat
from vaelab.errors import UserError, did_you_mean
from vaelab.export.exported import Exported
from vaelab.files import write_atomically

if TYPE_CHECKING:
    from vaelab.models.model import Model


class PartEntry(NamedTuple):
    """A part of a model that can be exported."""

    shows: str
    """What it computes, in one line."""
    optional: bool = False
    """Whether it is left out, with the reason, where it cannot be exported."""


PARTS: dict[str, PartEntry] = {
    "encoder": PartEntry("image -> mean and standard deviation of q(z given x), or codes"),
    "decoder": PartEntry("z, the noise of each group, or codes -> mean image and parameters of p(x given z)"),
    "prior": PartEntry("z -> log p(z), nats", optional=True),
    "likelihood": PartEntry("parameters and image -> log p(x given z), nats", optional=True),
}


@dataclass(frozen=True)
class Converted:
    """ONNX files in memory, their largest differences from PyTorch, and why other parts are left out."""

    files: dict[str, bytes]
    errors: dict[str, float]
    left_out: dict[str, str]


def onnx_parts(model: Model, parts: Sequence[str] = tuple(PARTS)) -> dict[str, bytes]:
    """The parts of a model as ONNX files in memory, each checked against PyTorch.

    Prior and likelihood are absent where they cannot be exported.

    Args:
        model: on any device, in any precision and mode; it stays as it is.
        parts: names in `PARTS`.

    Raises:
        UserError: an unknown part, an encoder or decoder that cannot be exported or differs from PyTorch, or packages
            that are not installed.
    """
    return convert(model, parts).files


def export_onnx(model: Model, out: str | Path, parts: Sequence[str] = tuple(PARTS)) -> Exported:
    """Write the parts of a model to `encoder.onnx`, `decoder.onnx`, `prior.onnx` and `likelihood.onnx`.

    Nothing is written before every part agrees with PyTorch at batches of 1, 7 and 64.

    Args:
        model: on any device, in any precision and mode; it stays as it is.
        out: the folder, which is made if absent.
        parts: names in `PARTS`.

    Raises:
        UserError: an unknown part, an encoder or decoder that cannot be exported or differs from PyTorch, packages that
            are not installed, or a folder that cannot be written.
    """
    converted = convert(model, parts)
    if not converted.files:
        name, why = next(iter(converted.left_out.items()))
        raise UserError(f"{name} cannot be exported: {why}; choose another part")
    paths = {name: Path(out) / f"{name}.onnx" for name in converted.files}
    for name, path in paths.items():
        write_atomically(path, converted.files[name])
    return Exported(paths, converted.errors, converted.left_out)


def convert(model: Model, parts: Sequence[str]) -> Converted:
    """The parts of a model as ONNX files in memory.

    Raises:
        UserError: see `onnx_parts`.
    """
    for name in parts:
        if name not in PARTS:
            raise UserError(f"parts has {name!r}, but the parts are: {', '.join(PARTS)}{did_you_mean(name, PARTS)}")
    if not isinstance(model.format, ImageFormat):
        raise UserError("the model was trained on rows of a table, but an export takes models of images")
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(f"an export needs the package {error.name}; install vaelab[export]") from None
    from vaelab.export.convert import plain_copy, to_onnx, undisturbed

    with undisturbed():
        files, errors, refused = to_onnx(plain_copy(model), [name for name in PARTS if name in parts])
    for name, why in refused.items():
        if not PARTS[name].optional:
            others = [other for other in parts if other not in refused] or ["decoder"]
            raise UserError(
                f"{name} cannot be exported: {why}",
                python=f"leave it out with parts={tuple(others)}",
                flags=f"leave it out with --only {' '.join(others)}",
            )
    return Converted(files, errors, refused)
