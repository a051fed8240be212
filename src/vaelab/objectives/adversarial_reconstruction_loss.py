"""The loss of `AdversarialReconstruction`, with its discriminator."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from vaelab.contract import Trace
from vaelab.objectives.adversarial_reconstruction import AdversarialReconstruction
from vaelab.objectives.discriminators import PatchDiscriminator, with_fixed_weights
from vaelab.objectives.objective import Loss
from vaelab.schedules import Progress

_DELTA = 1e-6


class AdversarialReconstructionLoss(nn.Module):
    """A loss plus an adversarial term with an adaptive weight, plus the discriminator's hinge loss.

    Esser, Rombach and Ommer (2021), equations 6 and 7, and Lim and Ye (2017) for the hinge, with both updates from one
    backward pass: in the model's term the discriminator's weights are detached, in the discriminator's term the images
    are. One optimiser, with the run's learning rate and clipping, trains both.

    Args:
        spec: the settings.
        base: the loss that the term is added to.
        shape: (C, H, W) of the images.
    """

    def __init__(self, spec: AdversarialReconstruction, base: Loss, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.spec, self.base = spec, base
        self.discriminator = PatchDiscriminator(shape, spec.width, spec.halvings)

    def forward(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        loss: Tensor = self.base(trace, progress)
        if progress.elapsed < self.spec.start:
            return loss
        decoded = trace.p.mean.flatten(0, 1)
        adversarial = -with_fixed_weights(self.discriminator, decoded).mean()
        real, fake = self.discriminator(trace.x), self.discriminator(decoded.detach())
        hinge = (relu(1 - real).mean() + relu(1 + fake).mean()) / 2
        weight = self.spec.weight * self._ratio(loss, adversarial, trace.model)
        total: Tensor = loss + weight * adversarial + hinge
        return total

    def _ratio(self, loss: Tensor, adversarial: Tensor, model: Any) -> Tensor | float:
        """lambda, the ratio of gradients at the decoder's last layer; 1 where that is not trained."""
        layer = getattr(model, "last_layer", None)
        if not self.spec.adaptive or layer is None or not layer.requires_grad:
            return 1.0
        base, added = (torch.autograd.grad(term, layer, retain_graph=True)[0] for term in (loss, adversarial))
        ratio: Tensor = base.norm() / (added.norm() + _DELTA)
        return ratio
