"""The spec of the semi-supervised VAE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge

from vaelab.data import DataFormat
from vaelab.errors import UserError
from vaelab.models.single_latent import SingleLatent
from vaelab.traits import Trait

if TYPE_CHECKING:
    from vaelab.models.m2 import M2Model


@dataclass(frozen=True)
class M2(SingleLatent):
    """Semi-supervised VAE with a classifier q(y | x), M2 (Kingma et al. 2014, section 2).

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
    alpha: Annotated[float, Ge(0)] = 50.0
    """Weight of -log q(y | x) of each labelled image. That of Kingma et al. (2014) is 0.1 times the number of images
    over that of labelled ones, 50 for 100 labels of MNIST."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.conditional:
            raise UserError("M2.conditional is False, but the decoder of an M2 takes the label; leave it True")

    @property
    def traits(self) -> frozenset[Trait]:
        """Properties that objectives, figures and evidence may require: none of a single latent or its density."""
        exact: frozenset[Trait] = frozenset({Trait.exact_prior}) if self.prior.exact_over(self.latent) else frozenset()
        return exact | frozenset({Trait.real_codes, Trait.fixed_likelihood, Trait.reparameterised_posterior})

    def check(self, format: DataFormat) -> None:
        """Check that the parts fit each other and the data, before anything is built.

        Raises:
            UserError: as `SingleLatent.check`, data without labels, or a posterior or likelihood that cannot be
                averaged over labels.
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
