"""What a model makes of a whole split: each picture once, with the weights as they are."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vaelab.data import Binarisation, Grey, ImageData
from vaelab.models.vae import VAEModel
from vaelab.trace import Trace
from vaelab.training.device import autocast


@dataclass(frozen=True)
class Totals:
    """Means over images, in nats an image: summed over pixels and latent dimensions, KL before any beta."""

    reconstruction: float
    kl: float

    @property
    def total(self) -> float:
        """Reconstruction plus KL, the negative ELBO where reconstruction is a negative log-likelihood."""
        return self.reconstruction + self.kl

    @property
    def ratio(self) -> float:
        """Reconstruction over KL; infinite for a collapsed posterior."""
        return self.reconstruction / self.kl if self.kl > 0 else float("inf")


def batch_sums(trace: Trace) -> Tensor:
    """(reconstruction, KL) averaged over samples and summed over the batch's images, without gradient."""
    return torch.stack([trace.reconstruction.mean(0).sum(), trace.kl.sum(0).mean(0).sum()]).detach()


def accumulator(device: torch.device) -> Tensor:
    """Zeros to add `batch_sums` to, on the device; in double precision where it has that."""
    return torch.zeros(2, device=device, dtype=torch.float32 if device.type == "mps" else torch.float64)


@torch.no_grad()
def full_pass(
    model: VAEModel,
    data: ImageData,
    binarisation: Binarisation | None = None,
    samples: int = 1,
    batch_size: int = 500,
    bf16: bool = False,
    seed: int = 0,
) -> Totals:
    """Reconstruction and KL over all of `data`, each picture once, z drawn from the posterior.

    The same seed gives the same draws, and the caller's random numbers are left as they were.

    Args:
        model: the model, on any device.
        data: the pictures of one split.
        binarisation: from bytes to pixels; grey by default.
        samples: draws of z a picture.
        batch_size: pictures at a time; it changes memory and time, and the numbers only by the draws.
        bf16: compute the networks in bf16.
        seed: of the draws.
    """
    binarisation = binarisation or Grey()
    device = next(model.parameters()).device
    images = torch.from_numpy(binarisation.prepare(data.images))
    labels = None if data.labels is None else torch.from_numpy(data.labels)
    was_training = model.training
    model.eval()
    sums = accumulator(device)
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        for start in range(0, len(images), batch_size):
            part = slice(start, start + batch_size)
            x = binarisation.pixels(images[part].to(device))
            y = None if labels is None else labels[part].to(device)
            with autocast(device, bf16):
                trace = model(x, y, samples)
            sums += batch_sums(trace)
    model.train(was_training)
    reconstruction, kl = (sums / len(images)).tolist()
    return Totals(reconstruction, kl)
