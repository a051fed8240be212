"""Graphs of a model in ONNX."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vaelab.export.graphs import Graph


class Together(nn.Module):
    """Several graphs as one, side by side: each pass of torch.onnx takes half a second to begin.

    Args:
        graphs: by the names of their parts.
    """

    def __init__(self, graphs: Mapping[str, Graph]) -> None:
        super().__init__()
        self.graphs = nn.ModuleDict(graphs)
        self.counts = {name: len(graph.inputs(1)) for name, graph in graphs.items()}

    def forward(self, *arrays: Tensor) -> tuple[Tensor, ...]:
        """The outputs of all graphs, each given its own inputs."""
        outputs: list[Tensor] = []
        for name, graph in self.graphs.items():
            outputs += graph(*arrays[: self.counts[name]])
            arrays = arrays[self.counts[name] :]
        return tuple(outputs)


def trace(graphs: Mapping[str, Graph], strict: bool = False) -> dict[str, Any]:
    """Each graph as a `ModelProto` that takes any number of rows.

    Args:
        graphs: by the names of their parts.
        strict: follow Python's own functions as well, such as len(x); slower.

    Raises:
        Exception: torch cannot trace one of them.
    """
    from onnx.utils import Extractor

    inputs = {f"{part}/{name}": array for part, graph in graphs.items() for name, array in graph.inputs(2).items()}
    outputs = [f"{part}/{name}" for part, graph in graphs.items() for name in graph.outputs]
    rows = {part: torch.export.Dim(f"rows_{part}") for part in graphs}
    shapes = (tuple({0: rows[_part_of(name)]} for name in inputs),)
    program = torch.export.export(Together(graphs), tuple(inputs.values()), dynamic_shapes=shapes, strict=strict)
    exported = torch.onnx.export(
        program,
        input_names=list(inputs),
        output_names=outputs,
        dynamo=True,
        verbose=False,
        custom_translation_table={torch.ops.aten.log_sigmoid.default: _log_sigmoid},
    )
    assert exported is not None
    whole = Extractor(exported.model_proto)
    return {
        part: _named(
            whole.extract_model(
                [name for name in inputs if _part_of(name) == part],
                [name for name in outputs if _part_of(name) == part],
            ),
            f"{part}/",
        )
        for part in graphs
    }


def _log_sigmoid(logits: Any) -> Any:
    """log sigmoid(l) = -softplus(-l). torch.onnx writes Log(Sigmoid(l)), which is -inf where the sigmoid is 0."""
    from onnxscript import opset18 as op

    return op.Neg(op.Softplus(op.Neg(logits)))


def _part_of(name: str) -> str:
    return name.partition("/")[0]


def _named(proto: Any, prefix: str) -> Any:
    """The same model, whose inputs and outputs have no prefix and take any number of rows, called `batch`."""
    ends = [*proto.graph.input, *proto.graph.output]
    new = {value.name: value.name.removeprefix(prefix) for value in ends}
    # A value within that has one of these names already is given the longer one in exchange.
    new |= {short: long for long, short in new.items()}
    for graph in _graphs(proto.graph):
        for value in (*graph.input, *graph.output, *graph.initializer):
            value.name = new.get(value.name, value.name)
        for node in graph.node:
            node.input[:] = [new.get(name, name) for name in node.input]
            node.output[:] = [new.get(name, name) for name in node.output]
            # Each node tells the lines of code that it comes from, with the paths of this machine.
            node.ClearField("metadata_props")
            node.ClearField("doc_string")
    # Sizes of inner values are named after the graphs that were traced together.
    proto.graph.ClearField("value_info")
    for value in ends:
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    return proto


def _graphs(graph: Any) -> Iterator[Any]:
    """A graph and those within it, such as the branches of an `If`."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                if inner.node:
                    yield from _graphs(inner)
