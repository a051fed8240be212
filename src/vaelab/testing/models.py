"""The contract of whole models."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vaelab.contract import Trace
from vaelab.data import DataFormat
from vaelab.models import ModelSpec
from vaelab.models.files import load, save
from vaelab.models.model import Model
from vaelab.networks import Modules
from vaelab.objectives import Elbo, ObjectiveSpec
from vaelab.spec import classes_in
from vaelab.testing.faults import each_learns, example, formats_of, has_shape, require, trained
from vaelab.testing.objectives import MIDWAY, away
from vaelab.traits import Trait

# An odd number of rows, 15: the gradients of an absolute error are signs, of which an even number may add up to zero.
_BATCH, _DRAWS = 5, 3
# All is on the CPU. torch.manual_seed would also note for each kind of accelerator where it was called, a millisecond.
_seed = torch.default_generator.manual_seed


def check_model(
    spec: ModelSpec,
    formats: Sequence[DataFormat] = (),
    objectives: Sequence[ObjectiveSpec] = (Elbo(),),
    file: Path | None = None,
    spread: tuple[float, float] = (20, 3),
) -> list[str]:
    """A model keeps the contract for every format and with every objective that goes with it.

    Args:
        spec: the composition.
        formats: of the data; by default the first that the model takes.
        objectives: those that the model has the traits for.
        file: where to save it for the round trip; a temporary file by default.
        spread: the factor and the centre by which its posterior is moved away from the prior before training.
    """
    for format in formats or formats_of(spec.check)[:1]:
        _seed(0)
        model: Any = spec.build(format)
        require(isinstance(model, Model), spec, f"build returned {type(model).__name__}, no vaelab.Model")
        away(model, *spread)
        x, y = example(format, _BATCH), torch.rand(_BATCH, len(format.attributes))
        if format.classes:
            y = torch.arange(_BATCH) % len(format.classes)
        _trains(spec, model, objectives, x, y)
        _infers(spec, model, x, y)
        with tempfile.TemporaryDirectory() as folder:
            _survives_saving(spec, model, x, y, file or Path(folder) / "model.safetensors")
    return ["shapes of traces", "every parameter learns", "encode, decode and generate", "save and load bit for bit"]


def _trains(spec: ModelSpec, model: Any, objectives: Sequence[ObjectiveSpec], x: torch.Tensor, y: torch.Tensor) -> None:
    """Every objective trains every parameter, all from one trace: each on its own would be given the same draws."""
    trace, state, own = _traced(spec, model, x, y), torch.get_rng_state(), trained([model])
    for objective in objectives:
        # Each objective has the same draws, whichever others are tried.
        torch.set_rng_state(state)
        loss_of = objective.build_for(sum(model.widths), model.format)
        loss: Any = loss_of(trace, MIDWAY)
        has_shape(spec, f"the loss of {type(objective).__name__}", loss, ())
        of_loss = trained([loss_of]) if isinstance(loss_of, nn.Module) else []
        each_learns(spec, own + of_loss, loss, again=True)
        # A hook at the draws changes the gradients of everything computed from them.
        if any(latent.code._backward_hooks for latent in trace.latents):
            trace = _traced(spec, model, x, y)


def _traced(spec: ModelSpec, model: Any, x: torch.Tensor, y: torch.Tensor) -> Trace:
    """The trace of a batch, whose numbers have their shapes."""
    _seed(0)
    trace = model(x, y, _DRAWS)
    require(isinstance(trace, Trace), spec, f"forward returned {type(trace).__name__}, but must return a Trace")
    for name in ("reconstruction", "total", *(["log_weight"] if Trait.density in spec.traits else [])):
        has_shape(spec, f"trace.{name}", getattr(trace, name), (_DRAWS, _BATCH))
    has_shape(spec, "trace.kl", trace.kl, (len(model.widths), _DRAWS, _BATCH))
    assert isinstance(trace, Trace)
    return trace


def _infers(spec: ModelSpec, model: Any, x: torch.Tensor, y: torch.Tensor) -> None:
    width = sum(model.widths)
    mean = model.encode(x, y).mean
    has_shape(spec, "encode(x, y).mean", mean, (_BATCH, width))
    require(torch.equal(mean, model.encode(x, y).mean), spec, "encode(x, y).mean differs from call to call")
    has_shape(spec, "decode(z, y).mean", model.decode(torch.zeros(_BATCH, width), y).mean, tuple(x.shape))
    # Missing labels are drawn; attributes are real numbers, which are not.
    some = None if model.format.classes else y[:2]
    has_shape(spec, "generate(2)", model.generate(2, some), (2, *model.format.shape))
    given = model.generate(2, some, given=torch.zeros(2, width))
    has_shape(spec, "generate(2, given=z)", given, (2, *model.format.shape))


def _survives_saving(spec: ModelSpec, model: Any, x: torch.Tensor, y: torch.Tensor, file: Path) -> None:
    save(model, file)
    network = getattr(spec, "network", None)
    modules = (network.encoder, network.decoder) if isinstance(network, Modules) else None
    again: Any = load(file, specs=classes_in(spec), modules=modules)
    require(again.spec == spec, spec, f"came back from a file as {again.spec!r}")
    require(again.format == model.format, spec, "came back from a file with another format")
    loaded = again.state_dict()
    for name, tensor in model.state_dict().items():
        require(torch.equal(tensor, loaded[name]), spec, f"the weight {name} changed in a file")
    # Without gradients in both: transformers take another path through the same sums then.
    with torch.no_grad():
        _seed(1)
        before = model.eval()(x, y).total
        _seed(1)
        after = again(x, y).total
    require(torch.equal(before, after), spec, "computes other numbers after it was saved and loaded")
