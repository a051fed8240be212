"""What a model is shown while it is measured, and how it is held meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.data import BinarisationSpec, Grey, ImageData
from vaelab.models.model import Model


def pixels_of(data: ImageData, binarisation: BinarisationSpec | None = None, seed: int = 0) -> Float[Tensor, "N C H W"]:
    """What a model sees of a split, float32 in [0, 1], each image once.

    Where pixels are drawn, as by dynamic binarisation, they are always the same for a seed, so that everything that is
    measured with it is measured on the same images.

    Args:
        data: the images of one split.
        binarisation: from bytes to pixels; grey by default.
        seed: of the draws.
    """
    protocol = binarisation or Grey()
    with seeded(torch.device("cpu"), seed):
        return protocol.pixels(torch.from_numpy(protocol.prepare(data.images)))


def condition_of(data: ImageData) -> Tensor | None:
    """Labels or attributes of a split, as a model takes them; None where there are none."""
    return None if data.condition is None else torch.from_numpy(data.condition)


@contextmanager
def seeded(device: torch.device, seed: int) -> Iterator[None]:
    """Random numbers that begin alike for a seed, and leave the caller's as they were."""
    others = [] if device.type == "cpu" else [device]
    with torch.random.fork_rng(devices=others, device_type=device.type if others else "cuda"):
        torch.manual_seed(seed)
        yield


@contextmanager
def eval_mode(model: Model) -> Iterator[None]:
    """Hold a model as it is used, not as it learns: a codebook or a moving variance would follow the images."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def batches(
    model: Model, x: Tensor, y: Tensor | None, batch_size: int
) -> Iterator[tuple[Float[Tensor, "B C H W"], Tensor | None]]:
    """Images and their conditions, some at a time, where the model lies and in its precision."""
    dtype = next(model.parameters()).dtype
    for start in range(0, len(x), batch_size):
        rows = slice(start, start + batch_size)
        yield x[rows].to(model.device, dtype), None if y is None else y[rows].to(model.device)
