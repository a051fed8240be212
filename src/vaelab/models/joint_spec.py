"""The settings of a model with a continuous and a discrete latent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge

from vaelab.data import DataFormat
from vaelab.errors import UserError
from vaelab.likelihoods import AnyLikelihood, Bernoulli
from vaelab.models.model_spec import ModelSpec
from vaelab.models.vae_spec import VAE
from vaelab.networks import AnyNetwork, Conv
from vaelab.posteriors import AnyPosterior, Gaussian, GumbelSoftmax
from vaelab.priors import AnyPrior, StandardNormal, UniformCodes
from vaelab.traits import Trait

if TYPE_CHECKING:
    from vaelab.models.joint import JointModel


@dataclass(frozen=True)
class Joint(ModelSpec):
    """A continuous latent z beside discrete codes c, independent given the image (Dupont 2018, JointVAE).

    p(x, z, c) = p(x | z, c) p(z) p(c), with q(z, c | x) = q(z | x) q(c | x). The decoder reads z and the vectors that
    c stands for. A trace has two latents, z and then c; their KLs add up.

    >>> from vaelab import GumbelSoftmax, ImageFormat
    >>> model = Joint(latent=10, code_latent=10, codes=GumbelSoftmax(10, learned=False)).build(ImageFormat(1, 28, 28))
    >>> model.widths
    (10, 10)
    """

    latent: Annotated[int, Ge(1)] = 10
    """Dimensions of z; with a map of latents, per position of the map."""
    code_latent: Annotated[int, Ge(1)] = 10
    """Dimensions of the vectors that the codes stand for, per position."""
    conditional: bool = False
    """Condition encoder and decoder on the label, or for images without labels on the attributes."""
    network: AnyNetwork = Conv()
    posterior: AnyPosterior = Gaussian()
    """q(z | x), over real vectors."""
    prior: AnyPrior = StandardNormal()
    """p(z)."""
    codes: AnyPosterior = GumbelSoftmax()
    """q(c | x), over codes."""
    code_prior: AnyPrior = UniformCodes()
    """p(c)."""
    likelihood: AnyLikelihood = Bernoulli()

    @property
    def sides(self) -> tuple[VAE, VAE]:
        """The two latents, each as that of a VAE with the same network and likelihood."""
        pairs = ((self.latent, self.posterior, self.prior), (self.code_latent, self.codes, self.code_prior))
        first, second = (
            VAE(latent, self.conditional, self.network, posterior, prior, self.likelihood)
            for latent, posterior, prior in pairs
        )
        return first, second

    @property
    def traits(self) -> frozenset[Trait]:
        """Properties that both latents have, and that there are two."""
        first, second = (side.traits for side in self.sides)
        shared = first & second - {Trait.one_latent, Trait.real_codes, Trait.known_moments}
        return shared | {Trait.real_and_code}

    @property
    def summary(self) -> str:
        """A short description of the model, for messages."""
        return f"Joint of {type(self.posterior).__name__} and {type(self.codes).__name__}"

    def check(self, format: DataFormat) -> None:
        """Check that each posterior fits its prior, and the network the images, before anything is built.

        Raises:
            UserError: a posterior over the other kind of codes, or parts that do not fit each other.
        """
        if self.posterior.discrete or not self.codes.discrete:
            name, kind = ("posterior", "real numbers") if self.posterior.discrete else ("codes", "integers")
            raise UserError(
                f"Joint.{name} is {type(getattr(self, name)).__name__}, which is not over {kind}; choose another"
            )
        for side in self.sides:
            side.check(format)

    def build(self, format: DataFormat) -> JointModel:
        """Build the model, with fresh weights from torch's global generator.

        Raises:
            UserError: the parts do not fit each other or the images.
        """
        from vaelab.models.joint import JointModel

        self.check(format)
        return JointModel(self, format)
