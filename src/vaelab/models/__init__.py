"""Models: compositions of network, posterior, prior and likelihood."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge

from vaelab.data import DataFormat, ImageFormat
from vaelab.errors import UserError
from vaelab.likelihoods import AnyLikelihood, Bernoulli
from vaelab.networks import AnyCell, AnyNetwork, Bottleneck, Conv
from vaelab.posteriors import AnyPosterior, Gaussian
from vaelab.priors import AnyPrior, StandardNormal
from vaelab.sizes import EUCLIDEAN
from vaelab.spec import Spec, Trait, any_of

if TYPE_CHECKING:
    from vaelab.models.ladder import LadderModel
    from vaelab.models.m2 import M2Model
    from vaelab.models.model import Model
    from vaelab.models.vae import VAEModel


class ModelSpec(Spec, room=True):
    """Base of the model specs."""

    conditional: bool = False
    """Condition the model on the label, or for images without labels on the attributes."""
    likelihood: AnyLikelihood = Bernoulli()

    @property
    def traits(self) -> frozenset[Trait]:
        """Properties that objectives, figures and evidence may require; by default the likelihood's and safe ones."""
        of_posterior = {Trait.density, Trait.random_codes, Trait.exact_draws, Trait.reparameterised_posterior}
        return self._of_likelihood | of_posterior | {Trait.exact_prior, Trait.weighable_prior}

    @property
    def _of_likelihood(self) -> frozenset[Trait]:
        return frozenset() if self.likelihood.fitted_to_batch else frozenset({Trait.fixed_likelihood})

    @abstractmethod
    def build(self, format: DataFormat) -> Model:
        """Build the model, a `vaelab.models.model.Model` with fresh weights from torch's global generator."""

    @property
    def summary(self) -> str:
        """A short description of the model, for messages."""
        return type(self).__name__

    @property
    def no_bound(self) -> str:
        """Why reconstruction plus KL is no bound on log p(x), as a sentence; empty for a posterior with a density."""
        return ""

    @property
    def kl_is(self) -> str:
        """What stands as the KL in tables."""
        return "KL"

    def check(self, format: DataFormat) -> None:
        """Check that the parts fit each other and the images, before anything is built.

        Raises:
            UserError: a conditional model of images without labels or attributes, or parts that do not fit each other.
        """
        if self.conditional and not format.condition_size:
            raise UserError(
                "conditional is True, but the data has no labels",
                python="give labelled data or conditional=False",
                flags="give labelled data or drop --conditional",
            )
        self.likelihood.check(format)


@dataclass(frozen=True)
class VAE(ModelSpec):
    """Variational autoencoder with one latent z.

    >>> model = VAE(latent=2, conditional=True).build(ImageFormat(1, 28, 28, ("cat", "dog")))
    >>> model.generate(3).shape
    torch.Size([3, 1, 28, 28])
    """

    latent: Annotated[int, Ge(1)] = 2
    """Dimensions of z; with a map of latents, per position of the map."""
    conditional: bool = False
    """Condition encoder and decoder on the label, or for images without labels on the attributes: a CVAE."""
    network: AnyNetwork = Conv()
    posterior: AnyPosterior = Gaussian()
    prior: AnyPrior = StandardNormal()
    likelihood: AnyLikelihood = Bernoulli()

    @property
    def traits(self) -> frozenset[Trait]:
        """Properties that objectives, figures and evidence may require."""
        held = {
            Trait.one_latent: True,
            Trait.real_codes: not self.posterior.discrete and self.posterior.space == EUCLIDEAN,
            Trait.density: self.posterior.has_density,
            Trait.random_codes: self.posterior.random,
            # A sampled KL of relaxed codes has no gradient along their path.
            Trait.reparameterised_posterior: self.posterior.reparameterised
            and (self.prior.independent_codes or not self.posterior.relaxed),
            Trait.exact_draws: not self.posterior.relaxed,
            Trait.reparameterised_prior: self.prior.reparameterised,
            Trait.fixed_prior: not self.prior.learned,
            Trait.exact_prior: self.prior.exact,
            Trait.weighable_prior: self.prior.weighable,
        }
        return self.posterior.traits | {trait for trait, holds in held.items() if holds} | self._of_likelihood

    @property
    def codes(self) -> str:
        """Where its codes lie, for messages."""
        return "codes come from a codebook" if self.posterior.discrete else f"latents lie in {self.posterior.space}"

    @property
    def summary(self) -> str:
        """A short description of the model, for messages."""
        return f"VAE with posterior {type(self.posterior).__name__} and prior {type(self.prior).__name__}"

    @property
    def no_bound(self) -> str:
        """Why reconstruction plus KL is no bound on log p(x), as a sentence; empty for a posterior with a density."""
        if self.posterior.has_density:
            return ""
        name = type(self.posterior).__name__
        stands = "" if self.kl_is == "KL" else f"what stands as its KL is {self.kl_is}, and "
        return f"The posterior {name} has no density: {stands}the total is no bound on log p(x)."

    @property
    def kl_is(self) -> str:
        """What stands as the KL in tables."""
        return self.posterior.kl_is

    def check(self, format: DataFormat) -> None:
        """Check that the parts fit each other and the images, before anything is built.

        >>> from vaelab import UniformCodes
        >>> VAE(prior=UniformCodes()).check(ImageFormat(1, 28, 28))
        Traceback (most recent call last):
        ...
        vaelab.errors.UserError: prior is UniformCodes, over integers, but posterior is Gaussian, over real numbers; \
choose two of the same kind

        Raises:
            UserError: prior and posterior over different spaces, or a prior that needs a conditional model or a
                posterior with a density.
        """
        super().check(format)
        self.network.check(format)
        prior, posterior = type(self.prior).__name__, type(self.posterior).__name__
        if self.prior.discrete != self.posterior.discrete:
            over = {True: "over integers", False: "over real numbers"}
            raise UserError(
                f"prior is {prior}, {over[self.prior.discrete]}, but posterior is {posterior}, "
                f"{over[self.posterior.discrete]}; choose two of the same kind"
            )
        if self.prior.space != self.posterior.space:
            raise UserError(
                f"prior is {prior}, over {self.prior.space}, but posterior is {posterior}, over "
                f"{self.posterior.space}; choose two over the same space"
            )
        if self.prior.needs_condition and not self.conditional:
            raise UserError(
                f"prior is {prior}, but the model is not conditional",
                python="set conditional=True or choose another",
                flags="add --conditional or choose another",
            )
        if self.prior.of_posteriors and not self.posterior.has_density:
            raise UserError(
                f"prior is {prior}, made of the model's posteriors, but posterior is {posterior}, which has no "
                "density; choose another"
            )

    def build(self, format: DataFormat) -> VAEModel:
        """Build the model, with fresh weights from torch's global generator.

        Raises:
            UserError: the parts do not fit each other or the images.
        """
        from vaelab.models.vae import VAEModel

        self.check(format)
        return VAEModel(self, format)


@dataclass(frozen=True)
class M2(VAE):
    """Semi-supervised VAE with a classifier q(y | x), M2 (Kingma et al. 2014, section 2.1).

    p(x, y, z) = p(x | y, z) p(y) p(z) with p(y) uniform over classes. Reconstruction plus KL, in nats per image, is the
    bound L(x, y) on -log p(x, y) where the label is known (equation 6), and where it is -1, unknown,

        U(x) = sum_y q(y | x) L(x, y) - H(q(y | x))

    with all labels summed over (equation 7). The KL is that of y and z together. Known labels add alpha times -log
    q(y | x) to every objective, as a penalty (equation 9). `classify` gives q(y | x).
    """

    conditional: bool = True
    """Always True."""
    hidden: tuple[Annotated[int, Ge(1)], ...] = (256,)
    """Widths of the classifier's hidden layers."""
    alpha: Annotated[float, Ge(0)] = 1.0
    """Weight of -log q(y | x) of each labelled image; that of Kingma et al. (2014) is 0.1 times the number of images
    over that of labelled ones."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.conditional:
            raise UserError("M2.conditional is False, but the decoder of an M2 takes the label; leave it True")

    @property
    def traits(self) -> frozenset[Trait]:
        """Properties that objectives, figures and evidence may require: none of a single latent or its density."""
        exact: frozenset[Trait] = frozenset({Trait.exact_prior}) if self.prior.exact else frozenset()
        return exact | frozenset({Trait.real_codes, Trait.fixed_likelihood, Trait.reparameterised_posterior})

    @property
    def summary(self) -> str:
        """A short description of the model, for messages."""
        return super().summary.replace("VAE", "M2", 1)

    def check(self, format: DataFormat) -> None:
        """Check that the parts fit each other and the data, before anything is built.

        Raises:
            UserError: as `VAE.check`, data without labels, or a posterior or likelihood that cannot be averaged over
                labels.
        """
        super().check(format)
        if not format.classes:
            raise UserError("model is M2, which classifies, but the data has attributes and no labels; choose VAE")
        if self.posterior.discrete or not (self.posterior.has_density and self.posterior.reparameterised):
            raise UserError(
                f"posterior is {type(self.posterior).__name__}, but an M2 takes one over real vectors with a density, "
                "such as Gaussian"
            )
        if self.likelihood.fitted_to_batch:
            raise UserError(
                f"likelihood is {type(self.likelihood).__name__}, which is fitted to each batch, but an M2 decodes an "
                "image without a label under every one; choose another"
            )

    def build(self, format: DataFormat) -> M2Model:
        """Build the model, with fresh weights from torch's global generator.

        Raises:
            UserError: the parts do not fit each other or the data.
        """
        from vaelab.models.m2 import M2Model

        self.check(format)
        return M2Model(self, format)


@dataclass(frozen=True)
class Ladder(ModelSpec):
    """Top-down hierarchical VAE: groups of latents at several resolutions, each conditioned on all those above it.

    p(z) = prod_l p(z_l | z_<l): Sonderby et al. (2016), ladder VAE; Vahdat and Kautz (2020), NVAE; Child (2021), VDVAE.

    >>> import torch
    >>> model = Ladder(groups=(1, 2), width=8).build(ImageFormat(1, 28, 28))
    >>> [latent.z.shape[-1] for latent in model(torch.rand(1, 1, 28, 28)).latents]
    [196, 784, 784]
    """

    groups: tuple[Annotated[int, Ge(0)], ...] = (1, 2, 2)
    """Number of groups at each resolution, coarsest first; the finest resolution is half the image's, each other one
    half of the next."""
    latent: Annotated[int, Ge(1)] = 4
    """Channels of z in each group."""
    width: Annotated[int, Ge(4)] = 32
    """Channels of the maps in encoder and decoder."""
    cells: Annotated[int, Ge(1)] = 1
    """Number of residual cells before each group, and after each halving in the encoder."""
    cell: AnyCell = Bottleneck()
    conditional: bool = False
    """Condition encoder and decoder on the label, or for images without labels on the attributes."""
    likelihood: AnyLikelihood = Bernoulli()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.groups or self.groups[0] < 1:
            raise UserError(
                f"Ladder.groups is {self.groups}, but needs a number of groups per resolution, coarsest first, "
                "the first of them >= 1"
            )

    @property
    def traits(self) -> frozenset[Trait]:
        """Properties that objectives, figures and evidence may require."""
        return super().traits | {Trait.real_codes}

    def check(self, format: DataFormat) -> None:
        """Check that the data are images, before anything is built.

        Raises:
            UserError: rows of a table, or a conditional model of images without labels or attributes.
        """
        if not isinstance(format, ImageFormat):
            raise UserError("model is Ladder, which takes images, but the data are rows of a table; choose VAE")
        super().check(format)

    def build(self, format: DataFormat) -> LadderModel:
        """Build the model, with fresh weights from torch's global generator.

        Raises:
            UserError: a conditional model of images without labels or attributes.
        """
        from vaelab.models.ladder import LadderModel

        self.check(format)
        return LadderModel(self, format)


AnyModel = Annotated[ModelSpec, any_of(ModelSpec)]

# Below the base class, which this file imports.
from vaelab.models.joint_spec import Joint as Joint  # noqa: E402
