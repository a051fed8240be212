"""The loss of `VaeGan`, with its discriminator."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from vaelab.contract import Trace
from vaelab.objectives.discriminators import ImageDiscriminator, with_fixed_weights
from vaelab.objectives.vae_gan import VaeGan
from vaelab.schedules import Progress


class VaeGanLoss(nn.Module):
    """KL, feature reconstruction and adversarial term of the model, plus the discriminator's cross-entropy.

    Larsen et al. (2016), algorithm 1, with all updates from one backward pass. In the model's terms the discriminator's
    weights are detached, in the discriminator's term the images are. The adversarial term sees images decoded from
    detached latents, so that it trains the decoder alone, and the feature reconstruction does not train the
    discriminator. There are two differences from the paper: the decoder maximises log D instead of
    minimising log(1 - D) (Goodfellow et al. 2014, section 3), and one optimiser trains everything.

    Args:
        spec: the settings.
        shape: (C, H, W) of the images.
    """

    def __init__(self, spec: VaeGan, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.spec = spec
        self.discriminator = ImageDiscriminator(shape, spec.channels)

    def forward(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        (latent,) = trace.latents
        samples, images = latent.code.shape[:2]
        drawn = latent.p.sample((samples,) if latent.p.batch_shape else (samples, images))
        # Reconstructions that train the decoder alone, and images of the prior.
        fakes = torch.cat([trace.at(code).p.mean.flatten(0, 1) for code in (latent.code.detach(), drawn)])

        with torch.no_grad():
            features, _ = self.discriminator(trace.x)
        decoded, _ = with_fixed_weights(self.discriminator, trace.p.mean.flatten(0, 1))
        difference = decoded.unflatten(0, (samples, images)) - features
        _, logits = with_fixed_weights(self.discriminator, fakes)

        _, real = self.discriminator(trace.x)
        _, fake = self.discriminator(fakes.detach())
        # Reconstructions and images of the prior count as much as real images each, so the mean over both twice.
        cross_entropy = softplus(-real).mean() + 2 * softplus(fake).mean()
        loss: Tensor = (
            self.spec.beta(progress) * trace.kl.sum(0).mean()
            + trace.penalty.mean()
            + difference.square().sum(-1).mean() / 2
            + self.spec.adversarial * 2 * softplus(-logits).mean()
            + self.spec.pixels * trace.reconstruction.mean()
            + cross_entropy
        )
        return loss
