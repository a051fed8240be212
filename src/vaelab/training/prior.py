"""What is particular to a run that fits the prior alone: modes, and a start from the codes of the training images."""

from __future__ import annotations

import torch

from vaelab.models.model import Model
from vaelab.models.vae import VAEModel
from vaelab.precision import autocast
from vaelab.training.device import fork_rng
from vaelab.training.full_pass import DeviceSplit

_BATCH = 500


def training_mode(model: Model, fit: str) -> None:
    """Set the modules that are trained to training mode, and the others, which are fixed, to evaluation mode."""
    model.train(fit == "all")
    if isinstance(model, VAEModel):
        model.prior.train()


@torch.no_grad()
def start_from_codes(model: VAEModel, split: DeviceSplit, rows: torch.Tensor, bf16: bool, seed: int) -> None:
    """Let the prior start from one draw of the posterior per training image, see `Prior.fit`.

    The draws depend on the seed alone, and the RNG state is restored.
    """
    codes, conditions = [], []
    with fork_rng(model.device):
        torch.manual_seed(seed)
        for some in rows.split(_BATCH):
            with autocast(model.device, bf16):
                draw, c = model.draw_of(*split.batch(some))
            model.prior.see(draw.q)
            codes.append(draw.code[0])
            if c is not None:
                conditions.append(c)
        model.prior.fit(torch.cat(codes), torch.cat(conditions) if conditions else None)
