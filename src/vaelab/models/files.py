"""Models saved as one file: weights in safetensors, the composition as JSON in the header."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from vaelab._version import __version__
from vaelab.codec import decode, encode
from vaelab.data import DataFormat
from vaelab.errors import UserError, brief
from vaelab.files import FORMAT, check_format, parse_json, write_atomically
from vaelab.models import ModelSpec
from vaelab.models.model import Model
from vaelab.networks import Modules
from vaelab.spec import Spec, classes_in

# The key of the file's metadata, a single one, since safetensors writes several in random order; its value is JSON.
_HEADER = "vaelab"
# The key in that JSON of the checksum of everything else.
_CHECKSUM = "sha256"
# The keys of files without a checksum, from version 0.1.0 and before. Any other key is damage.
_UNCHECKED = frozenset(
    {"format", "vaelab", "model", "images", "classifier", "skipped", "epoch", "step", "seconds", "best"}
)


def write_tensors(path: Path, tensors: Mapping[str, Tensor], about: dict[str, Any]) -> None:
    """Write tensors and metadata to a safetensors file, atomically, with a checksum of both.

    Raises:
        UserError: the file cannot be written.
    """
    # safetensors stores contiguous tensors; loading copies them into the memory format of a module.
    plain: dict[str, Tensor] = {}
    stored: set[int] = set()
    for name, tensor in tensors.items():
        array = tensor.detach().cpu().contiguous()
        # Tied weights share memory, which safetensors refuses; the module ties them again when they are loaded.
        start = array.untyped_storage().data_ptr()
        plain[name] = array.clone() if start in stored or _is_view(array) else array
        stored.add(start)
    header = {"format": FORMAT, "vaelab": __version__, **about}
    header[_CHECKSUM] = _checksum(plain, header)
    write_atomically(path, to_bytes(plain, {_HEADER: json.dumps(header)}))


def _is_view(array: Tensor) -> bool:
    """Whether a tensor uses only a part of its memory."""
    return array.untyped_storage().nbytes() != array.nbytes


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the tensors and metadata that `write_tensors` wrote.

    A file of version 0.1.0 or older has no checksum; a warning says so.

    Raises:
        UserError: the file is absent or damaged, was not written by vaelab, or was written by a newer version.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist; name a .safetensors file or a run folder")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path} is not a complete safetensors file ({' '.join(str(error).split())})") from None
    if _HEADER not in metadata:
        raise UserError(f"{path} holds weights, but not of a vaelab model: its header has no composition")
    try:
        about = parse_json(metadata[_HEADER])
    except ValueError as error:
        raise UserError(f"{path} is damaged: its header is no JSON ({error}); restore it from a copy") from None
    if not isinstance(about, dict):
        raise UserError(f"{path} is damaged: its header holds no settings; restore it from a copy")
    check_format(about, path)
    expected = about.pop(_CHECKSUM, None)
    if expected != _checksum(tensors, about) if expected is not None else set(about) - _UNCHECKED:
        raise UserError(f"{path} is damaged: its content does not match its checksum; restore it from a copy")
    if expected is None:
        warnings.warn(
            f"{path} has no checksum, since an earlier version wrote it, so damage to it cannot be noticed",
            stacklevel=3,
        )
    return tensors, about


def _checksum(tensors: Mapping[str, Tensor], header: dict[str, Any]) -> str:
    """sha256 of a file's header and tensors, in the order of their names."""
    digest = hashlib.sha256(json.dumps(header).encode())
    for name in sorted(tensors):
        _add(digest, name, tensors[name])
    return digest.hexdigest()


def weights_digest(model: nn.Module) -> str:
    """sha256 of a model's weights and their names, to tell whether two models are the same."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        _add(digest, name, tensor.detach().cpu().contiguous())
    return digest.hexdigest()


def _add(digest: Any, name: str, tensor: Tensor) -> None:
    """Add the name, type, shape and bytes of a tensor to a digest."""
    digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
    digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)


def save(model: Model, path: str | Path) -> None:
    """Save a model to one `.safetensors` file, from which `load` rebuilds it bit for bit.

    Raises:
        UserError: the file cannot be written.
    """
    about = {"model": encode(model.spec), "images": encode(model.format)}
    write_tensors(Path(path), model.state_dict(), about)


def load(path: str | Path, *, specs: Sequence[type[Spec]] = (), modules: tuple[Any, Any] | None = None) -> Model:
    """Load a saved model on the CPU, for inference: in evaluation mode, without gradients for its weights.

    `model.requires_grad_(True)` turns gradients on.

    Args:
        path: a file that `save` wrote, or a run folder, whose last weights are loaded (its `best.safetensors` has the
            weights with the lowest total on the test split).
        specs: spec classes from outside this package that are not imported yet.
        modules: encoder and decoder of a model whose network is `Modules`.

    Raises:
        UserError: the file is absent or damaged, was written by a newer version, or needs a class or modules that are
            not given.
    """
    file = _file(path)
    tensors, about = read_tensors(file)
    format = decode(DataFormat, about.get("images"), f"{file}: images")
    spec: ModelSpec = decode(ModelSpec, about.get("model"), f"{file}: model", specs)
    spec = with_modules(spec, modules)
    # The fresh weights are overwritten, so they must not advance the caller's generator.
    with torch.random.fork_rng(devices=[]):
        model = spec.build(format)
    restore(model, tensors, str(file))
    return model.eval().requires_grad_(False)


def restore(module: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    """Load weights and buffers into a module; `source` is named in errors.

    Raises:
        UserError: names, shapes or types are not the module's, or a number is not finite.
    """
    expected = module.state_dict()
    for name, tensor in tensors.items():
        if name in expected and tensor.dtype != expected[name].dtype:
            raise UserError(
                f"{source}: {name} is {tensor.dtype}, but must be {expected[name].dtype}; restore it from a copy"
            )
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise UserError(f"{source}: {name} has values that are not finite; restore it from a copy")
    try:
        module.load_state_dict(dict(tensors))
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        raise UserError(f"{source}: its weights do not fit its composition ({lines[min(1, len(lines) - 1)]})") from None


def with_modules(spec: ModelSpec, modules: tuple[Any, Any] | None) -> ModelSpec:
    """Add to a spec the encoder and decoder that files cannot hold; None adds nothing.

    Raises:
        UserError: the network of the spec is not `Modules`.
    """
    if modules is None:
        return spec
    network = getattr(spec, "network", None)
    if not isinstance(network, Modules):
        raise UserError(f"modules are given, but the network is {type(network).__name__}, which has its own; drop them")
    if not isinstance(modules, tuple | list) or len(modules) != 2:
        raise UserError(f"modules is {brief(modules)}, but must be (encoder, decoder)")
    encoder, decoder = modules
    changed: Any = dataclasses.replace(network, encoder=encoder, decoder=decoder)
    whole: Any = spec
    return cast(ModelSpec, dataclasses.replace(whole, network=changed))


def load_beside(model: Model, path: str | Path) -> Model:
    """Load a model of a composition like that of `model`, whose own classes and modules it may need.

    Raises:
        UserError: as `load`.
    """
    network = getattr(model.spec, "network", None)
    modules = (network.encoder, network.decoder) if isinstance(network, Modules) else None
    return load(path, specs=classes_in(model.spec), modules=modules)


def begin_with(model: Model, path: str | Path) -> None:
    """Initialise a model with the weights of a saved one; only the priors may differ.

    Raises:
        UserError: the file is absent or damaged, or the compositions differ in more than the prior.
    """
    file = _file(path)
    saved = load_beside(model, file)
    differing = [
        field.name
        for field in dataclasses.fields(model.spec)
        if getattr(saved.spec, field.name, None) != getattr(model.spec, field.name)
    ]
    if saved.format != model.format:
        differing.append("images")
    if set(differing) - {"prior"}:
        raise UserError(
            f"start is {str(path)!r}, whose model differs in {', '.join(differing)}; only the prior may differ"
        )
    # A different prior keeps its fresh weights.
    fresh = {name: tensor for name, tensor in model.state_dict().items() if name.startswith("prior.")}
    given = {name: tensor for name, tensor in saved.state_dict().items() if not name.startswith("prior.")}
    model.load_state_dict(given | fresh if differing else saved.state_dict())


def _file(path: str | Path) -> Path:
    """The given file, or the last weights of a run folder."""
    return Path(path) / "last.safetensors" if Path(path).is_dir() else Path(path)
