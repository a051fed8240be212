"""What a model makes of a whole split: each image once, with the weights as they are."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vaelab.contract import Trace
from vaelab.data import BinarisationSpec, Grey, ImageData, ImageFormat
from vaelab.models.model import Model
from vaelab.training.device import autocast, fork_rng


@dataclass(frozen=True)
class Totals:
    """Means over images, in nats per image: summed over pixels and latent dimensions, KL before any beta."""

    reconstruction: float
    kl: float
    code_use: CodeUse | None = None
    """How a codebook is used, for models that have one."""

    @property
    def total(self) -> float:
        """Reconstruction plus KL, the negative ELBO where reconstruction is a negative log-likelihood."""
        return self.reconstruction + self.kl

    @property
    def ratio(self) -> float:
        """Reconstruction over KL; infinite for a collapsed posterior."""
        return self.reconstruction / self.kl if self.kl > 0 else float("inf")


@dataclass(frozen=True)
class CodeUse:
    """How often each code was used, all places together.

    Args:
        counts: of each code, a row a level: codebooks in a row are of codes that mean different things.
    """

    counts: tuple[tuple[int, ...], ...]

    @property
    def size(self) -> int:
        """Codes in a codebook."""
        return len(self.counts[0])

    @property
    def perplexity(self) -> float:
        """exp of the entropy of the codes' frequencies, so many codes used equally; the mean over levels."""
        shares = [[count / sum(level) for count in level if count] for level in self.counts]
        entropies = [-sum(share * math.log(share) for share in level) for level in shares]
        return sum(map(math.exp, entropies)) / len(entropies)

    @property
    def dead(self) -> float:
        """Share of codes that were never used, in [0, 1]."""
        return sum(level.count(0) for level in self.counts) / (len(self.counts) * self.size)


@torch.no_grad()
def batch_sums(trace: Trace) -> Tensor:
    """(reconstruction, KL) averaged over samples and summed over the batch's images, without gradient."""
    return torch.stack([trace.reconstruction.mean(0).sum(), trace.kl.sum(0).mean(0).sum()]).detach()


def accumulator(device: torch.device) -> Tensor:
    """Zeros to add `batch_sums` to, on the device; in double precision where it has that."""
    return torch.zeros(2, device=device, dtype=torch.float32 if device.type == "mps" else torch.float64)


@dataclass(frozen=True)
class DeviceSplit:
    """A split that lies on the device as bytes, to be made pixels by batch.

    Args:
        images: uint8, (N, C, H, W).
        conditions: labels, int64 (N,), or attributes, float32 (N, A), or None.
        binarisation: from bytes to pixels.
    """

    images: Tensor
    conditions: Tensor | None
    binarisation: BinarisationSpec

    def batch(self, rows: Tensor | slice) -> tuple[Tensor, Tensor | None]:
        """Pixels, float32, and conditions of the rows named."""
        return self.binarisation.pixels(self.images[rows]), None if self.conditions is None else self.conditions[rows]


def to_device(data: ImageData, binarisation: BinarisationSpec, device: torch.device) -> DeviceSplit:
    """A split on a device."""
    images = torch.from_numpy(binarisation.prepare(data.images)).to(device)
    conditions = None if data.condition is None else torch.from_numpy(data.condition).to(device)
    return DeviceSplit(images, conditions, binarisation)


def full_pass(
    model: Model,
    data: ImageData,
    binarisation: BinarisationSpec | None = None,
    samples: int = 1,
    batch_size: int = 500,
    bf16: bool = False,
    seed: int = 0,
) -> Totals:
    """Reconstruction and KL over all of `data`, each image once, z drawn from the posterior.

    The same seed gives the same draws, and the caller's random numbers are left as they were.

    Args:
        model: the model, on any device.
        data: the images of one split.
        binarisation: from bytes to pixels; grey by default.
        samples: draws of z an image.
        batch_size: images at a time; it changes memory and time, and the numbers only by the draws.
        bf16: compute the networks in bf16.
        seed: of the draws.

    Raises:
        UserError: the images have another shape than the model's, or a conditional model has no labels.

    >>> from vaelab import VAE, open_data
    >>> data = open_data("digits").split("test")
    >>> full_pass(VAE().build(data.format), data).reconstruction > 500  # nats, before any training
    True
    """
    device = next(model.parameters()).device
    return measure(model, to_device(data, binarisation or Grey(), device), samples, batch_size, bf16, seed)


@torch.no_grad()
def measure(
    model: Model, split: DeviceSplit, samples: int = 1, batch_size: int = 500, bf16: bool = False, seed: int = 0
) -> Totals:
    """`full_pass` over a split that lies on the model's device already."""
    device = split.images.device
    was_training = model.training
    model.eval()
    sums, counts = accumulator(device), None
    with fork_rng(device):
        torch.manual_seed(seed)
        for start in range(0, len(split.images), batch_size):
            x, y = split.batch(slice(start, start + batch_size))
            with autocast(device, bf16):
                trace = model(x, y, samples)
            sums += batch_sums(trace)
            if trace.point_mass is not None:
                used = trace.point_mass.counts()
                counts = used if counts is None else counts + used
    model.train(was_training)
    code_use = None if counts is None else CodeUse(tuple(map(tuple, counts.tolist())))
    return replace(mean_over(sums, len(split.images)), code_use=code_use)


def bits_per_dimension(nats: float, format: ImageFormat) -> float:
    """nats / (D ln 2), D the pixels times channels of an image: for masses of discrete pixels alone.

    >>> bits_per_dimension(784 * math.log(256), ImageFormat(1, 28, 28))
    8.0
    """
    return nats / (math.prod(format.shape) * math.log(2))


def mean_over(sums: Tensor, images: int) -> Totals:
    """Means from the sums of so many images."""
    reconstruction, kl = (sums / images).tolist()
    return Totals(reconstruction, kl)
