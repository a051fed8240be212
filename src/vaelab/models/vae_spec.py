"""The spec of the variational autoencoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vaelab.data import DataFormat
from vaelab.models.single_latent import SingleLatent
from vaelab.sizes import EUCLIDEAN
from vaelab.traits import Trait

if TYPE_CHECKING:
    from vaelab.models.vae import VAEModel


@dataclass(frozen=True)
class VAE(SingleLatent):
    """Variational autoencoder with one latent z.

    >>> from vaelab import ImageFormat, UniformCodes
    >>> model = VAE(latent=2, conditional=True).build(ImageFormat(1, 28, 28, ("cat", "dog")))
    >>> model.generate(3).shape
    torch.Size([3, 1, 28, 28])

    >>> VAE(prior=UniformCodes()).check(ImageFormat(1, 28, 28))
    Traceback (most recent call last):
    ...
    vaelab.errors.UserError: prior is UniformCodes, over integers, but posterior is Gaussian, over real numbers; \
choose two of the same kind
    """

    @property
    def traits(self) -> frozenset[Trait]:
        """Properties that objectives, figures and evidence may require."""
        held = {
            Trait.one_latent: True,
            Trait.one_view: True,
            Trait.independent_draws: True,
            Trait.real_codes: not self.posterior.discrete and self.posterior.space == EUCLIDEAN,
            Trait.density: self.posterior.has_density,
            Trait.random_codes: self.posterior.random,
            # A sampled KL of relaxed codes has no gradient along their path.
            Trait.reparameterised_posterior: self.posterior.reparameterised
            and (self.prior.independent_codes or not self.posterior.relaxed),
            Trait.exact_draws: not self.posterior.relaxed,
            Trait.reparameterised_prior: self.prior.reparameterised,
            Trait.fixed_prior: not self.prior.learned,
            Trait.exact_prior: self.prior.exact_over(self.latent),
            Trait.weighable_prior: self.prior.weighable,
        }
        return self.posterior.traits | {trait for trait, holds in held.items() if holds} | self._of_likelihood

    def build(self, format: DataFormat) -> VAEModel:
        """Build the model, with fresh weights from torch's global generator.

        Raises:
            UserError: the parts do not fit each other or the images.
        """
        from vaelab.models.vae import VAEModel

        self.check(format)
        return VAEModel(self, format)
