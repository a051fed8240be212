"""The spec of the hierarchical VAE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge

from vaelab.data import DataFormat, ImageFormat
from vaelab.errors import UserError
from vaelab.likelihoods import AnyLikelihood, Bernoulli
from vaelab.models.model_spec import ModelSpec
from vaelab.networks import AnyCell, Bottleneck
from vaelab.traits import Trait

if TYPE_CHECKING:
    from vaelab.models.ladder import LadderModel


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
