"""Pixels, conditions and batches for metrics, and contexts for the random state and the inference mode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.data import BinarisationSpec, Data, Grey
from vaelab.data.mapped import as_tensor
from vaelab.loops import counted
from vaelab.models.model import Model
from vaelab.traits import Trait


def pixels_of(data: Data, binarisation: BinarisationSpec | None = None, seed: int = 0) -> Float[Tensor, "N ..."]:
    """The pixels of a split as a model takes them, float32 in [0, 1].

    Stochastic binarisation draws the same pixels for the same seed, so that all metrics use the same images.

    Args:
        data: the images of one split.
        binarisation: from bytes to pixels; grey by default.
        seed: of the draws.
    """
    protocol = binarisation or Grey()
    with seeded(torch.device("cpu"), seed):
        stored, to_x = data.stored(protocol)
        return to_x(as_tensor(stored))


def condition_of(data: Data, model: Model) -> Tensor | None:
    """Labels or attributes of a split, as a model is given them beside x; None if the split has neither.

    None as well for a model of which they are a view, so that it is measured as a model of x alone.
    """
    alone = data.condition is None or Trait.label_view in model.spec.traits
    return None if alone else torch.from_numpy(data.condition)


@contextmanager
def seeded(device: torch.device, seed: int) -> Iterator[None]:
    """Seed the global generators of the CPU and the device, and restore their states on exit."""
    others = [] if device.type == "cpu" else [device]
    with torch.random.fork_rng(devices=others, device_type=device.type if others else "cuda"):
        torch.manual_seed(seed)
        yield


@contextmanager
def eval_mode(model: Model) -> Iterator[None]:
    """Put a model in inference mode, so that codebooks and moving averages do not change; restore the mode on exit."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def batches(
    model: Model, x: Tensor, y: Tensor | None, batch_size: int
) -> Iterator[tuple[Float[Tensor, "B ..."], Tensor | None]]:
    """Batches of images and conditions, on the model's device and with its dtype."""
    dtype = next(model.parameters()).dtype
    starts = range(0, len(x), batch_size)
    for start in counted(starts, len(starts)):
        rows = slice(start, start + batch_size)
        yield x[rows].to(model.device, dtype), None if y is None else y[rows].to(model.device)
