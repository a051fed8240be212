"""Models: compositions of network, posterior, prior and likelihood."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge

from vaelab.data.images import ImageFormat
from vaelab.errors import UserError
from vaelab.likelihoods import AnyLikelihood, Bernoulli
from vaelab.networks import AnyCell, AnyNetwork, Bottleneck, Conv
from vaelab.posteriors import AnyPosterior, Gaussian
from vaelab.priors import AnyPrior, StandardNormal
from vaelab.spec import Spec, Trait, any_of

if TYPE_CHECKING:
    from vaelab.models.ladder import LadderModel
    from vaelab.models.model import Model
    from vaelab.models.vae import VAEModel


class ModelSpec(Spec, room=True):
    """Base of the models."""

    conditional: bool = False
    """Give the model the label, or for images without labels the attributes."""
    likelihood: AnyLikelihood = Bernoulli()

    @property
    def traits(self) -> frozenset[Trait]:
        """The properties that objectives, figures and evidence can rely on; none are known by default."""
        return frozenset()

    @abstractmethod
    def build(self, format: ImageFormat) -> Model:
        """The model with fresh weights, drawn from torch's global generator: a `vaelab.models.model.Model`."""

    @property
    def summary(self) -> str:
        """The model in a few words, for messages."""
        return type(self).__name__

    def check(self, format: ImageFormat) -> None:
        """Refuse, before anything is built, what cannot be composed.

        Raises:
            UserError: a conditional model of images without labels or attributes, or parts that do not go
                together.
        """
        if self.conditional and not format.condition_size:
            raise UserError(
                "conditional is True, but the data has no labels",
                python="give labelled data or conditional=False",
                flags="give labelled data or drop --conditional",
            )


@dataclass(frozen=True)
class VAE(ModelSpec):
    """A variational autoencoder with one latent z.

    >>> model = VAE(latent=2, conditional=True).build(ImageFormat(1, 28, 28, ("cat", "dog")))
    >>> model.generate(3).shape
    torch.Size([3, 1, 28, 28])
    """

    latent: Annotated[int, Ge(1)] = 2
    """Dimensions of z; with a network that keeps a map of latents, of each place."""
    conditional: bool = False
    """Give encoder and decoder the label, or for images without labels the attributes: a CVAE."""
    network: AnyNetwork = Conv()
    posterior: AnyPosterior = Gaussian()
    prior: AnyPrior = StandardNormal()
    likelihood: AnyLikelihood = Bernoulli()

    @property
    def traits(self) -> frozenset[Trait]:
        """The properties that objectives, figures and evidence can rely on."""
        reparameterised = {Trait.reparameterised_prior} if self.prior.reparameterised else set()
        real = set() if self.posterior.discrete else {Trait.real_codes}
        return self.posterior.traits | {Trait.one_latent} | real | reparameterised

    @property
    def summary(self) -> str:
        """The model in a few words, for messages."""
        return f"VAE with posterior {type(self.posterior).__name__} and prior {type(self.prior).__name__}"

    def check(self, format: ImageFormat) -> None:
        """Refuse, before anything is built, what cannot be composed.

        >>> from vaelab import UniformCodes
        >>> VAE(prior=UniformCodes()).check(ImageFormat(1, 28, 28))
        Traceback (most recent call last):
        ...
        vaelab.errors.UserError: prior is UniformCodes, over integers, but posterior is Gaussian, over real numbers; \
choose both alike

        Raises:
            UserError: a prior of another kind of code than the posterior's, or one that needs a conditional model.
        """
        super().check(format)
        prior, posterior = type(self.prior).__name__, type(self.posterior).__name__
        if self.prior.discrete != self.posterior.discrete:
            over = {True: "over integers", False: "over real numbers"}
            raise UserError(
                f"prior is {prior}, {over[self.prior.discrete]}, but posterior is {posterior}, "
                f"{over[self.posterior.discrete]}; choose both alike"
            )
        if self.prior.needs_condition and not self.conditional:
            raise UserError(
                f"prior is {prior}, but the model is not conditional",
                python="set conditional=True or choose another",
                flags="add --conditional or choose another",
            )

    def build(self, format: ImageFormat) -> VAEModel:
        """The model with fresh weights, drawn from torch's global generator.

        Raises:
            UserError: the parts, or a part and the images, do not go together.
        """
        from vaelab.models.vae import VAEModel

        self.check(format)
        return VAEModel(self, format)


@dataclass(frozen=True)
class Ladder(ModelSpec):
    """A top-down hierarchical VAE: groups of latents at several resolutions, each given all above it.

    Vahdat and Kautz (2020), NVAE; Child (2021), VDVAE; Sonderby et al. (2016), ladder VAE.

    >>> import torch
    >>> model = Ladder(groups=(1, 2), width=8).build(ImageFormat(1, 28, 28))
    >>> [latent.z.shape[-1] for latent in model(torch.rand(1, 1, 28, 28)).latents]
    [196, 784, 784]
    """

    groups: tuple[Annotated[int, Ge(0)], ...] = (1, 2, 2)
    """Groups of latents at each resolution, from the coarsest; the finest is half the image's, each other half
    of the next."""
    latent: Annotated[int, Ge(1)] = 4
    """Channels of z in each group."""
    width: Annotated[int, Ge(4)] = 32
    """Channels of the maps that are passed down."""
    cells: Annotated[int, Ge(1)] = 1
    """Residual cells before each group, and as many after each halving in the encoder."""
    cell: AnyCell = Bottleneck()
    conditional: bool = False
    """Give encoder and decoder the label, or for images without labels the attributes."""
    likelihood: AnyLikelihood = Bernoulli()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.groups or self.groups[0] < 1:
            raise UserError(
                f"Ladder.groups is {self.groups}, but needs numbers of groups from the coarsest resolution on, "
                "the first of them >= 1"
            )

    @property
    def traits(self) -> frozenset[Trait]:
        """The properties that objectives, figures and evidence can rely on."""
        return frozenset({Trait.real_codes})

    def build(self, format: ImageFormat) -> LadderModel:
        """The model with fresh weights, drawn from torch's global generator.

        Raises:
            UserError: a conditional model of images without labels.
        """
        from vaelab.models.ladder import LadderModel

        self.check(format)
        return LadderModel(self, format)


AnyModel = Annotated[ModelSpec, any_of(ModelSpec)]

__all__ = ["VAE", "AnyModel", "Ladder", "ModelSpec"]
