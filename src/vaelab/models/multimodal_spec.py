"""The spec of the multimodal VAE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge

from vaelab.data import Column, ColumnType, DataFormat, TableFormat
from vaelab.errors import UserError
from vaelab.experts import AnyExperts, ProductOfExperts
from vaelab.likelihoods import AnyLikelihood, ByColumn
from vaelab.models.single_latent import SingleLatent
from vaelab.models.vae_spec import VAE
from vaelab.networks import AnyNetwork, Mlp
from vaelab.priors import StandardNormal
from vaelab.traits import Trait

if TYPE_CHECKING:
    from vaelab.models.multimodal import MultimodalModel

_GAUSSIAN = frozenset({Trait.gaussian_posterior, Trait.independent_dimensions})


@dataclass(frozen=True)
class Multimodal(SingleLatent):
    """VAE of two views, an image or a row and its label or attributes, each of which may be missing.

    p(x, y, z) = p(x | z) p(y | z) p(z), and q(z | x), q(z | y) and q(z | x, y) are made of one encoder per view by
    `experts`: a product (MVAE, Wu and Goodman 2018) or a mixture (MMVAE, Shi et al. 2019). Reconstruction plus KL, in
    nats per image, is a bound on -log p(x, y); on -log p(x) where the label is -1, unknown, or attributes are NaN, and
    on -log p(y) where all of x is NaN.

    `encode` takes any of the views, `generate(y=...)` gives images of a label, `predict(x)` labels of an image and
    `generate_pairs(n)` both. The label is seen by the encoder and the decoder of its own view alone.

    >>> from vaelab import ImageFormat
    >>> model = Multimodal(latent=2, network=Mlp((8,))).build(ImageFormat(1, 8, 8, ("cat", "dog")))
    >>> model.generate(y=[0, 1, 1]).shape, model.encode(None, [1]).mean.shape
    (torch.Size([3, 1, 8, 8]), torch.Size([1, 2]))
    """

    conditional: bool = False
    """Always False: the label is a view, and no condition."""
    experts: AnyExperts = ProductOfExperts()
    """What makes one posterior of those of the views, both of which are of the kind `posterior`."""
    label_network: AnyNetwork = Mlp(hidden=(64,))
    """Encoder and decoder of the label, as one-hot vector, or of the attributes; it takes rows."""
    label_likelihood: AnyLikelihood = ByColumn()
    """p(y | z): `ByColumn` has a softmax for labels and normal attributes with learned sigmas; `Bernoulli` has
    attributes that are 0 or 1."""
    label_weight: Annotated[float, Ge(0)] = 1.0
    """Weight of -log p(y | z) in every objective; what it adds or takes is a penalty, so that totals stay bounds."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.conditional:
            raise UserError("Multimodal.conditional is True, but the label is a view of its own; leave it False")

    @property
    def traits(self) -> frozenset[Trait]:
        """Properties that objectives, figures and evidence may require; those of q are its experts'."""
        image = VAE(self.latent, False, self.network, self.posterior, self.prior, self.likelihood)
        return (
            (image.traits - self.posterior.traits - {Trait.independent_draws, Trait.one_view})
            | self.experts.traits
            | {Trait.label_view}
        )

    @property
    def summary(self) -> str:
        """A short description of the model, for messages."""
        return f"{super().summary} and experts {type(self.experts).__name__}"

    def label_format(self, format: DataFormat) -> TableFormat:
        """The label or the attributes as a row of a table; attributes are binary if no likelihood of reals is given."""
        if format.classes:
            return TableFormat((Column("label", "categorical", categories=format.classes),))
        kind: ColumnType = "real" if "real" in self.label_likelihood.columns else "binary"
        return TableFormat(tuple(Column(name, kind) for name in format.attributes))

    def check(self, format: DataFormat) -> None:
        """Check that the parts fit each other and the data, before anything is built.

        Raises:
            UserError: as `SingleLatent.check`, data without labels and attributes, a part that does not take them, or a
                posterior or prior that the experts do not take.
        """
        super().check(format)
        if not format.condition_size:
            raise UserError(
                "model is Multimodal, whose second view is the label, but the data has no labels or attributes; give "
                "labelled data, or choose VAE"
            )
        posterior, prior = type(self.posterior).__name__, type(self.prior).__name__
        if self.posterior.discrete or not (self.posterior.has_density and self.posterior.reparameterised):
            raise UserError(
                f"posterior is {posterior}, but a Multimodal takes one over real numbers with a density, such as "
                "Gaussian"
            )
        if self.prior.of_posteriors:
            raise UserError(
                f"prior is {prior}, made of the model's posteriors, which are themselves made of the prior where views "
                "are missing; choose another"
            )
        if self.experts.of_gaussians and (
            _GAUSSIAN - self.posterior.traits or not isinstance(self.prior, StandardNormal)
        ):
            raise UserError(
                f"experts is {type(self.experts).__name__}, which multiplies normals with independent dimensions, but "
                f"posterior is {posterior} and prior is {prior}; choose Gaussian and StandardNormal, or "
                "MixtureOfExperts"
            )
        if self.likelihood.fitted_to_batch or self.label_likelihood.fitted_to_batch:
            raise UserError(
                "likelihood is OptimalGaussian, which is fitted to each batch, but views may be missing from a "
                "Multimodal's batch; choose another"
            )
        try:
            self.label_network.check(self.label_format(format))
            self.label_likelihood.check(self.label_format(format))
        except UserError as error:
            raise UserError(f"the label's {error}") from None

    def build(self, format: DataFormat) -> MultimodalModel:
        """Build the model, with fresh weights from torch's global generator.

        Raises:
            UserError: the parts do not fit each other or the data.
        """
        from vaelab.models.multimodal import MultimodalModel

        self.check(format)
        return MultimodalModel(self, format)
