"""Models: compositions of network, posterior, prior and likelihood."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Ge
from pydantic import Field

from vaelab.data.images import ImageFormat
from vaelab.errors import UserError
from vaelab.likelihoods import Bernoulli, Likelihood
from vaelab.networks import Bottleneck, Cell, Conv, Network
from vaelab.piece import Piece, Tag
from vaelab.posteriors import Gaussian, Posterior
from vaelab.priors import Prior, StandardNormal
from vaelab.traits import Trait

if TYPE_CHECKING:
    from vaelab.models.ladder import LadderModel
    from vaelab.models.vae import VAEModel


class ModelPiece(Piece):
    """A model that can be chosen."""

    conditional: bool
    """Give the model the label, or for pictures without labels the attributes."""
    likelihood: Likelihood

    @property
    def summary(self) -> str:
        """The model in a few words, for messages."""
        return type(self).__name__

    def check(self, images: ImageFormat) -> None:
        """Refuse, before anything is built, what cannot be composed.

        Raises:
            UserError: a conditional model of pictures without labels or attributes, or pieces that do not go
                together.
        """
        if self.conditional and not images.condition_size:
            raise UserError("conditional is True, but the data has no labels; give labelled data or drop --conditional")


@dataclass(frozen=True)
class VAE(ModelPiece):
    """A variational autoencoder with one latent z.

    >>> model = VAE(latent=2, conditional=True).build(ImageFormat(1, 28, 28, ("cat", "dog")))
    >>> model.generate(3).shape
    torch.Size([3, 1, 28, 28])
    """

    latent: Annotated[int, Ge(1)] = 2
    """Dimensions of z; with a network that keeps a map of latents, of each place."""
    conditional: bool = False
    """Give encoder and decoder the label, or for pictures without labels the attributes: a CVAE."""
    network: Network = Conv()
    posterior: Posterior = Gaussian()
    prior: Prior = StandardNormal()
    likelihood: Likelihood = Bernoulli()
    kind: Tag[Literal["vae"]] = field(default="vae", repr=False, kw_only=True)

    @property
    def traits(self) -> frozenset[Trait]:
        """What objectives can rely on."""
        reparameterised = {Trait.reparameterised_prior} if self.prior.reparameterised else set()
        return self.posterior.traits | {Trait.one_latent} | reparameterised

    @property
    def summary(self) -> str:
        """The model in a few words, for messages."""
        return f"VAE with posterior {type(self.posterior).__name__} and prior {type(self.prior).__name__}"

    def check(self, images: ImageFormat) -> None:
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
        super().check(images)
        prior, posterior = type(self.prior).__name__, type(self.posterior).__name__
        if self.prior.discrete != self.posterior.discrete:
            over = {True: "over integers", False: "over real numbers"}
            raise UserError(
                f"prior is {prior}, {over[self.prior.discrete]}, but posterior is {posterior}, "
                f"{over[self.posterior.discrete]}; choose both alike"
            )
        if self.prior.needs_condition and not self.conditional:
            raise UserError(f"prior is {prior}, but the model is not conditional; add --conditional or choose another")

    def build(self, images: ImageFormat) -> VAEModel:
        """The model with fresh weights, drawn from torch's global generator.

        Raises:
            UserError: the pieces, or a piece and the pictures, do not go together.
        """
        from vaelab.models.vae import VAEModel

        self.check(images)
        return VAEModel(self, images)


@dataclass(frozen=True)
class Ladder(ModelPiece):
    """A top-down hierarchical VAE: groups of latents at several resolutions, each given all above it.

    Vahdat and Kautz (2020), NVAE; Child (2021), VDVAE; Sonderby et al. (2016), ladder VAE.

    >>> import torch
    >>> model = Ladder(groups=(1, 2), width=8).build(ImageFormat(1, 28, 28))
    >>> [latent.z.shape[-1] for latent in model(torch.rand(1, 1, 28, 28)).latents]
    [196, 784, 784]
    """

    groups: tuple[int, ...] = (1, 2, 2)
    """Groups of latents at each resolution, from the coarsest; the finest is half the picture's, each other half
    of the next."""
    latent: Annotated[int, Ge(1)] = 4
    """Channels of z in each group."""
    width: Annotated[int, Ge(4)] = 32
    """Channels of the maps that are passed down."""
    cells: Annotated[int, Ge(1)] = 1
    """Residual cells before each group, and as many after each halving in the encoder."""
    cell: Cell = Bottleneck()
    conditional: bool = False
    """Give encoder and decoder the label, or for pictures without labels the attributes."""
    likelihood: Likelihood = Bernoulli()
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.real_codes})
    kind: Tag[Literal["ladder"]] = field(default="ladder", repr=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.groups or min(self.groups) < 0 or self.groups[0] < 1:
            raise UserError(
                f"Ladder.groups is {self.groups}, but needs numbers of groups from the coarsest resolution on, "
                "the first of them >= 1"
            )

    def build(self, images: ImageFormat) -> LadderModel:
        """The model with fresh weights, drawn from torch's global generator.

        Raises:
            UserError: a conditional model of pictures without labels.
        """
        from vaelab.models.ladder import LadderModel

        self.check(images)
        return LadderModel(self, images)


Model = Annotated[VAE | Ladder, Field(discriminator="kind")]

__all__ = ["VAE", "Ladder", "Model", "ModelPiece"]
