"""From parts of a model to ONNX files in memory, without a trace in the caller's settings."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from vaelab.errors import reason
from vaelab.export.check import largest_error
from vaelab.export.graphs import GRAPHS, Graph
from vaelab.export.metadata import metadata
from vaelab.export.trace import trace
from vaelab.models.model import Model

# Loggers that tell of each step of an export.
_TALKATIVE = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")


@contextmanager
def undisturbed() -> Iterator[None]:
    """No gradients, no autocast, no warnings and no log; the caller's random numbers and settings stay as they are."""
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    levels = [logger.level for logger in loggers]
    with (
        warnings.catch_warnings(),
        torch.random.fork_rng(devices=[]),
        torch.inference_mode(False),
        torch.no_grad(),
        torch.autocast("cpu", enabled=False),
    ):
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def plain_copy(model: Model) -> Model:
    """The same model in float32 on the CPU, in evaluation mode; its networks are not compiled.

    It is rebuilt from its composition, as from a file: a compiled network cannot be copied.
    """
    copy: Model = model.spec.build(model.format)
    copy.float().load_state_dict({name: tensor.detach().cpu() for name, tensor in model.state_dict().items()})
    return copy.cpu().eval().requires_grad_(False)


def to_onnx(model: Model, parts: Sequence[str]) -> tuple[dict[str, bytes], dict[str, float], dict[str, str]]:
    """Parts as ONNX files, their largest differences from PyTorch, and why others cannot be exported.

    Raises:
        UserError: a part differs from PyTorch by more than the tolerance.
    """
    graphs: dict[str, Graph] = {}
    refused: dict[str, str] = {}
    for part in parts:
        try:
            graph = GRAPHS[part](model)
            graph(*graph.inputs(2).values())
            graphs[part] = graph
        except NotImplementedError as error:
            refused[part] = str(error) or reason(error)
    try:
        protos = trace(graphs)
    except Exception:
        # One of them cannot be traced, or needs the strict trace: each on its own.
        protos = {}
        for part, graph in graphs.items():
            try:
                protos |= _trace_alone(part, graph)
            except Exception as error:
                refused[part] = f"torch.onnx cannot trace {graph.parts} ({reason(error)})"
    files: dict[str, bytes] = {}
    errors: dict[str, float] = {}
    for part, proto in protos.items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = "vaelab", metadata(model, part)
        files[part] = proto.SerializeToString()
        errors[part] = largest_error(graphs[part], files[part], part)
    return files, errors, refused


def _trace_alone(part: str, graph: Graph) -> dict[str, Any]:
    try:
        return trace({part: graph})
    except Exception as first:
        try:
            return trace({part: graph}, strict=True)
        except Exception:
            # Its message names the user's line, that of the strict trace often a part of torch.
            raise first from None
