"""VAE/GAN. The loss and its discriminator are in `vae_gan_loss`, which imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge

from vaelab.data import DataFormat
from vaelab.errors import UserError
from vaelab.objectives.objective import Loss, ObjectiveSpec, image_format
from vaelab.schedules import AnySchedule, Constant
from vaelab.traits import Trait


@dataclass(frozen=True)
class VaeGan(ObjectiveSpec):
    """VAE/GAN, reconstruction measured by the features of a discriminator trained with it (Larsen et al. 2016).

    loss = beta KL + 1/2 E_q|D_l(x) - D_l(y)|^2 - adversarial E[log D(y') + log D(y_p)] + pixels E_q[-log p(x | z)], y
    the decoded mean, y' the same at a fixed z, and y_p that at a draw of the prior: Larsen et al. (2016),
    algorithm 1, without constants. D is trained to distinguish x from y' and y_p. It is part of the
    objective: the run's optimiser trains it, and checkpoints contain it, but the saved model does not.

    The loss is no bound on the evidence. What is reported is the ELBO of the likelihood, which is not trained unless
    `pixels` is above 0; a likelihood with a scale of its own needs that.
    """

    adversarial: Annotated[float, Ge(0)] = 1.0
    """Weight of the decoder's adversarial term, 1/gamma of the paper."""
    pixels: Annotated[float, Ge(0)] = 0.0
    """Weight of the negative log-likelihood of the pixels; none in the paper."""
    beta: AnySchedule = Constant(1.0)
    """Weight of the KL."""
    channels: tuple[Annotated[int, Ge(1)], ...] = (32, 64, 128)
    """Channels of the discriminator after each halving of the image."""
    samples: Annotated[int, Ge(1)] = 1
    """Draws of z per image."""
    needs: ClassVar[frozenset[Trait]] = frozenset({Trait.one_latent, Trait.real_codes, Trait.one_view})
    of_images: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.channels:
            raise UserError("VaeGan.channels is empty, but needs at least one number of channels")

    def build_for(self, latent: int, format: DataFormat) -> Loss:
        """Build the loss, with a fresh discriminator.

        Raises:
            UserError: the data are rows of a table.
        """
        from vaelab.objectives.vae_gan_loss import VaeGanLoss

        return VaeGanLoss(self, image_format(format, self).shape)
