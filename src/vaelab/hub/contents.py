"""The files of a run that travel: a list of names, so that nothing else is ever sent, fetched or opened."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vaelab.errors import UserError
from vaelab.files import read_json
from vaelab.hub.private import without_folders
from vaelab.models.files import read_tensors
from vaelab.training.folder import RunFolder

CARD = "README.md"
NEEDED = ("experiment.json", "last.safetensors")
"""Without these there is no run."""
# The checkpoint and the snapshots stay at home: together they are many times the size of the model.
_OURS = re.compile(
    r"README\.md|experiment\.json|evaluation\.json|metrics\.csv|events\.jsonl|(last|best)\.safetensors"
    r"|(onnx/)?(encoder|decoder|prior|likelihood)\.onnx"
    r"|figures/[A-Za-z0-9][A-Za-z0-9._-]*\.(png|svg|pdf|gif)"
)
_PICKLED = re.compile(r".*\.(pkl|pickle|bin|pt|pth|ckpt|joblib|npy|dill)", re.IGNORECASE)
# Events that name files of the machine, and are of no use elsewhere.
_AT_HOME = frozenset({"skipped"})


def is_ours(name: str) -> bool:
    """Whether a file of this name is part of a run that is pushed.

    >>> [is_ours(name) for name in ("last.safetensors", "pytorch_model.bin", "figures/../x.png", "onnx/decoder.onnx")]
    [True, False, False, True]
    """
    return _OURS.fullmatch(name) is not None


def is_pickled(name: str) -> bool:
    """Whether a file of this name may hold a pickle, which runs code when it is opened."""
    return _PICKLED.fullmatch(name) is not None


def files_of(folder: Path) -> dict[str, Path | bytes]:
    """What is pushed of a run folder, by name: files as they are, or bytes where folders of the machine were taken out.

    Raises:
        UserError: a file cannot be read, or the header of a model names a folder of the machine.
    """
    files: dict[str, Path | bytes] = {}
    for path in sorted(_candidates(folder)):
        name = path.relative_to(folder).as_posix()
        if is_ours(name) and name != CARD:
            files[name] = _public(path)
    return files


def _candidates(folder: Path) -> Iterator[Path]:
    for part in (folder, folder / "onnx", folder / "figures"):
        if part.is_dir():
            yield from (path for path in part.iterdir() if path.is_file())


def _public(path: Path) -> Path | bytes:
    """The file, or its content without folders of the machine."""
    if path.suffix == ".safetensors":
        about = read_tensors(path)[1]
        if without_folders(about) != about:
            raise UserError(
                f"{path} names a folder of this machine in the settings of its model, and would publish it; train it "
                "with a name without folders"
            )
        return path
    if path.suffix == ".jsonl":
        events = RunFolder(path.parent).events()
        kept = [without_folders(event) for event in events if event["event"] not in _AT_HOME]
        return path if kept == events else "".join(json.dumps(event) + "\n" for event in kept).encode()
    if path.suffix == ".json":
        values: Any = read_json(path)
        public = without_folders(values)
        return path if public == values else (json.dumps(public, indent=2) + "\n").encode()
    return path
