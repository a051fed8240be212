"""An adversarial term. The loss and its discriminator are in `adversarial_reconstruction_loss`, which imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge

from vaelab.data import DataFormat
from vaelab.objectives.elbo import Elbo
from vaelab.objectives.objective import Loss, image_format
from vaelab.objectives.wrapper import AnyBase, Wrapper


@dataclass(frozen=True)
class AdversarialReconstruction(Wrapper):
    """Another objective plus an adversarial term, as in the training of image tokenizers (Esser et al. 2021).

    loss = base - weight lambda E_q[D(y)] + 1/2 E[max(0, 1 - D(x)) + max(0, 1 + D(y))], y the decoded mean and D the
    logits of overlapping patches (Isola et al. 2017), with lambda = |d base| / (|d E_q[D(y)]| + 1e-6), where d is the
    gradient with respect to the weights of the decoder's last layer: Esser, Rombach and Ommer (2021), equation 7. The
    KL has none there, so of an ELBO this is the gradient of the reconstruction.

    The last term trains D alone, the others the model alone. D is part of the objective: the run's optimiser trains it,
    and checkpoints contain it, but the saved model does not. With `base=Perceptual(...)`, a small weight of the KL and
    the network `AutoencoderKl` it is the autoencoder of latent diffusion (Rombach et al. 2022, appendix G).
    """

    base: AnyBase = Elbo()
    """The objective that the term is added to."""
    weight: Annotated[float, Ge(0)] = 0.5
    """Weight of the adversarial term."""
    start: Annotated[float, Ge(0)] = 1.0
    """Epochs before it, in which the base alone is trained."""
    adaptive: bool = True
    """Multiply the weight by lambda; otherwise lambda is 1."""
    width: Annotated[int, Ge(1)] = 64
    """Channels of the discriminator's first convolution."""
    halvings: Annotated[int, Ge(0)] = 3
    """Times that the discriminator halves the image; fewer for small images."""
    of_images: ClassVar[bool] = True

    def build_for(self, latent: int, format: DataFormat) -> Loss:
        """Build the loss, with a fresh discriminator.

        Raises:
            UserError: the data are rows of a table, or images of fewer than three pixels on a side.
        """
        from vaelab.objectives.adversarial_reconstruction_loss import AdversarialReconstructionLoss

        shape = image_format(format, self).shape
        return AdversarialReconstructionLoss(self, self.base.build_for(latent, format), shape)
