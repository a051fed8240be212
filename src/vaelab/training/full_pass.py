"""Reconstruction and KL over a whole split, each image once, with fixed weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from vaelab.contract import Trace
from vaelab.data import BinarisationSpec, Data, DataFormat, Grey
from vaelab.data.mapped import blocks, in_file, rows_of
from vaelab.models.model import Model
from vaelab.precision import autocast
from vaelab.training.device import fork_rng


@dataclass(frozen=True)
class Totals:
    """Means over images, in nats, summed over pixels and latent dimensions; the KL without any beta."""

    reconstruction: float
    kl: float
    code_use: CodeUse | None = None
    """Use of the codebook, for models that have one."""

    @property
    def total(self) -> float:
        """Reconstruction plus KL: the negative ELBO where reconstruction is a negative log-likelihood.

        It is no bound for a posterior without a density, see `ModelSpec.no_bound`.
        """
        return self.reconstruction + self.kl

    @property
    def ratio(self) -> float:
        """Reconstruction over KL; infinite for a collapsed posterior."""
        return self.reconstruction / self.kl if self.kl > 0 else float("inf")


@dataclass(frozen=True)
class CodeUse:
    """Frequencies of the codes, all positions together.

    Args:
        counts: uses of each code, one row per level, since each level has its own codebook.
    """

    counts: tuple[tuple[int, ...], ...]

    @property
    def size(self) -> int:
        """Number of codes in a codebook."""
        return len(self.counts[0])

    @property
    def perplexity(self) -> float:
        """exp(entropy) of the code frequencies, averaged over levels; `size` if all codes are used equally."""
        shares = [[count / sum(level) for count in level if count] for level in self.counts]
        entropies = [-sum(share * math.log(share) for share in level) for level in shares]
        return sum(map(math.exp, entropies)) / len(entropies)

    @property
    def dead(self) -> float:
        """Share of codes that were never used, in [0, 1]."""
        return sum(level.count(0) for level in self.counts) / (len(self.counts) * self.size)


@torch.no_grad()
def batch_sums(trace: Trace) -> Tensor:
    """(reconstruction, KL), (2,), averaged over samples and summed over the images of the batch, nats."""
    return torch.stack([trace.reconstruction.mean(0).sum(), trace.kl.sum(0).mean(0).sum()]).detach()


def accumulator(device: torch.device) -> Tensor:
    """Zeros on the device, to which `batch_sums` are added; in float64 if the device supports it."""
    return torch.zeros(2, device=device, dtype=torch.float32 if device.type == "mps" else torch.float64)


@dataclass(frozen=True)
class DeviceSplit:
    """A split stored on the device, images as bytes, which are converted to x batch by batch; or one in a mapped file.

    Args:
        stored: images, uint8, (N, C, H, W), or vectors, float32, (N, F): on the device, or an array in a file.
        conditions: labels, int64 (N,), or attributes, float32 (N, A), or None; on the CPU if `stored` is in a file.
        to_x: the conversion of a batch of them to x, float32.
        device: of x and the conditions of a batch.
    """

    stored: Tensor | NDArray[Any]
    conditions: Tensor | None
    to_x: Callable[[Tensor], Tensor]
    device: torch.device

    def __len__(self) -> int:
        return len(self.stored)

    @property
    def home(self) -> torch.device:
        """Where the numbers of rows are needed: the device, or the CPU for a file, which reads without waiting."""
        return self.stored.device if isinstance(self.stored, Tensor) else torch.device("cpu")

    def batch(self, rows: Tensor | slice) -> tuple[Tensor, Tensor | None]:
        """x, float32, and conditions of the given rows, which are numbered at `home`."""
        stored = self.stored[rows] if isinstance(self.stored, Tensor) else self._to_device(rows_of(self.stored, rows))
        x = self.to_x(stored)
        return x, None if self.conditions is None else self._to_device(self.conditions[rows])

    def _to_device(self, some: Tensor) -> Tensor:
        if self.device.type == "cuda" and some.device.type == "cpu":
            some = some.pin_memory()
        return some.to(self.device, non_blocking=True)


def to_device(data: Data, binarisation: BinarisationSpec, device: torch.device) -> DeviceSplit:
    """Copy a split to a device.

    One in a mapped file stays there, and is read batch by batch, unless it takes less than a quarter of the memory that
    is free on a GPU.
    """
    stored, to_x = data.stored(binarisation)
    conditions = None if data.condition is None else torch.from_numpy(data.condition)
    if in_file(stored):
        free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0
        if stored.nbytes > free / 4:
            return DeviceSplit(stored, conditions, to_x, device)
        whole = torch.cat([torch.from_numpy(block.copy()).to(device) for block in blocks(stored)])
    else:
        whole = torch.from_numpy(stored).to(device)
    return DeviceSplit(whole, None if conditions is None else conditions.to(device), to_x, device)


def full_pass(
    model: Model,
    data: Data,
    binarisation: BinarisationSpec | None = None,
    samples: int = 1,
    batch_size: int = 500,
    bf16: bool = False,
    seed: int = 0,
) -> Totals:
    """Mean reconstruction and KL over `data`, each image once, with z drawn from the posterior.

    The same seed gives the same draws; the RNG state is restored on exit.

    Args:
        model: the model, on any device.
        data: the images of one split.
        binarisation: the conversion from bytes to pixels; grey by default.
        samples: draws of z per image.
        batch_size: images per batch; it affects memory and time, and the result only through the draws.
        bf16: compute the networks in bf16.
        seed: the seed of the draws.

    Raises:
        UserError: images of a shape other than the model's, or missing labels for a conditional model.

    >>> from vaelab import VAE, open_data
    >>> data = open_data("digits").split("test")
    >>> full_pass(VAE().build(data.format), data).reconstruction > 500  # nats, before any training
    True
    """
    device = next(model.parameters()).device
    data = data.like(model.format)
    return measure(model, to_device(data, binarisation or Grey(), device), samples, batch_size, bf16, seed)


@torch.no_grad()
def measure(
    model: Model, split: DeviceSplit, samples: int = 1, batch_size: int = 500, bf16: bool = False, seed: int = 0
) -> Totals:
    """`full_pass` over a split that is already on the model's device."""
    device = split.device
    was_training = model.training
    model.eval()
    sums, counts = accumulator(device), None
    with fork_rng(device):
        torch.manual_seed(seed)
        for start in range(0, len(split), batch_size):
            x, y = split.batch(slice(start, start + batch_size))
            with autocast(device, bf16):
                trace = model(x, y, samples)
            sums += batch_sums(trace)
            if (used := trace.code_counts) is not None:
                counts = used if counts is None else counts + used
    model.train(was_training)
    code_use = None if counts is None else CodeUse(tuple(map(tuple, counts.tolist())))
    return replace(mean_over(sums, len(split)), code_use=code_use)


def bits_per_dimension(nats: float, format: DataFormat) -> float:
    """nats / (D ln 2), D the number of pixels times channels; meaningful only for a mass on discrete pixels.

    >>> from vaelab import ImageFormat
    >>> bits_per_dimension(784 * math.log(256), ImageFormat(1, 28, 28))
    8.0
    """
    return nats / (math.prod(format.shape) * math.log(2))


def mean_over(sums: Tensor, images: int) -> Totals:
    """Means from sums over a number of images."""
    reconstruction, kl = (sums / images).tolist()
    return Totals(reconstruction, kl)
