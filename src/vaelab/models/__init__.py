"""Models: compositions of network, posterior, prior and likelihood."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge

from vaelab.data.images import ImageFormat
from vaelab.errors import UserError
from vaelab.likelihoods import Bernoulli, Likelihood
from vaelab.networks import Conv, Network
from vaelab.piece import Piece, Tag
from vaelab.posteriors import Gaussian, Posterior
from vaelab.priors import Prior, StandardNormal

if TYPE_CHECKING:
    from vaelab.models.vae import VAEModel


@dataclass(frozen=True)
class VAE(Piece):
    """A variational autoencoder with one latent z.

    >>> model = VAE(latent=2, conditional=True).build(ImageFormat(1, 28, 28, ("cat", "dog")))
    >>> model.generate(3).shape
    torch.Size([3, 1, 28, 28])
    """

    latent: Annotated[int, Ge(1)] = 2
    """Dimensions of z."""
    conditional: bool = False
    """Give encoder and decoder the label: a CVAE."""
    network: Network = Conv()
    posterior: Posterior = Gaussian()
    prior: Prior = StandardNormal()
    likelihood: Likelihood = Bernoulli()
    kind: Tag[Literal["vae"]] = field(default="vae", repr=False, kw_only=True)

    def check(self, images: ImageFormat) -> None:
        """Refuse, before anything is built, what cannot be composed.

        Raises:
            UserError: a conditional model of pictures without labels.
        """
        if self.conditional and not images.classes:
            raise UserError("conditional is True, but the data has no labels; give labelled data or drop --conditional")

    def build(self, images: ImageFormat) -> VAEModel:
        """The model with fresh weights, drawn from torch's global generator.

        Raises:
            UserError: the pieces, or a piece and the pictures, do not go together.
        """
        from vaelab.models.vae import VAEModel

        self.check(images)
        return VAEModel(self, images)


# The hierarchical model joins here, as `VAE | Ladder`.
Model = VAE

__all__ = ["VAE", "Model"]
