"""An exported part compared with PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.export.graphs import Graph

BATCHES = (1, 7, 64)
"""Sizes of the batches that are compared."""
TOLERANCE = 1e-5
"""The largest difference that is accepted: absolute, or relative to the largest number where that is above 1."""
# Vectors halfway between two codes may take either.
_CODES = 1e-3


def largest_error(graph: Graph, content: bytes, part: str) -> float:
    """The largest difference of an exported part from PyTorch, over all outputs and batches.

    |a - b| / max(1, max |b|), for integers the share of those that differ.

    Raises:
        UserError: it is larger than the tolerance.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # The check is short, and threads that wait for it would take the other cores.
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    found: dict[str, list[tuple[NDArray[Any], NDArray[Any]]]] = {name: [] for name in graph.outputs}
    for n in BATCHES:
        inputs = graph.inputs(n)
        expected = graph(*inputs.values())
        given = session.run(list(graph.outputs), {name: array.numpy() for name, array in inputs.items()})
        for name, ours, theirs in zip(graph.outputs, expected, given, strict=True):
            found[name].append((ours.numpy(), theirs))
    worst = 0.0
    for name, pairs in found.items():
        if any(ours.shape != theirs.shape for ours, theirs in pairs):
            raise UserError(
                f"{part}: {name} has shape {pairs[0][1].shape} in onnxruntime, but {pairs[0][0].shape} here"
            )
        ours, theirs = (np.concatenate(side) for side in zip(*pairs, strict=True))
        codes = np.issubdtype(ours.dtype, np.integer)
        error = float((ours != theirs).mean()) if codes else _difference(ours, theirs)
        if not error <= (_CODES if codes else TOLERANCE):
            raise UserError(
                f"{part}: {name} differs by {error:.2g} between onnxruntime and PyTorch, but may by "
                f"{_CODES if codes else TOLERANCE:g}; leave the part out"
            )
        worst = max(worst, error)
    return worst


def _difference(ours: NDArray[Any], theirs: NDArray[Any]) -> float:
    return float(np.abs(ours - theirs).max() / max(1.0, float(np.abs(ours).max())))
