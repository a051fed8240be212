"""The loss of `Adversarial`, with its discriminator."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import softplus

from vaelab.contract import Trace
from vaelab.objectives.discriminators import cross_entropy, discriminator, with_fixed_weights
from vaelab.objectives.matching import prior_draws
from vaelab.schedules import Progress


class AdversarialLoss(nn.Module):
    """Reconstruction - weight E[log D(z)], plus the discriminator's cross-entropy on draws of prior and posterior.

    Makhzani et al. (2016), section 2, with both updates from one backward pass: in the model's term the discriminator's
    weights are detached, in the discriminator's term the latents are. One optimiser, with the run's learning rate and
    clipping, trains both, where the paper alternates two.

    Args:
        weight: weight of the model's term.
        latent: D, dimensions of z.
        hidden: widths of the discriminator.
    """

    def __init__(self, weight: float, latent: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = weight
        self.discriminator = discriminator(latent, hidden)

    def forward(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        (latent,) = trace.latents
        z, priors = latent.code.flatten(0, 1), prior_draws(latent).flatten(0, 1)
        confusion = softplus(-with_fixed_weights(self.discriminator, z)).mean()
        if priors.requires_grad:  # a prior with weights moves towards the posterior
            confusion = confusion + softplus(with_fixed_weights(self.discriminator, priors)).mean()
        entropy = cross_entropy(self.discriminator, priors, z)
        return trace.penalised_reconstruction.mean() + self.weight * confusion + entropy
