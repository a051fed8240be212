"""Priors p(z), conditional on a label where they use it.

Adding one is a dataclass here and a file with the module it builds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Ge
from pydantic import Field

from vaelab.errors import UserError
from vaelab.piece import Piece, Tag

if TYPE_CHECKING:
    from vaelab.priors.prior import Prior as PriorModule
    from vaelab.sizes import PriorSizes


class PriorPiece(Piece):
    """A prior that can be chosen."""

    discrete: ClassVar[bool] = False
    """Over integers that a codebook numbers, instead of real vectors."""
    needs_condition: ClassVar[bool] = False
    """Only for conditional models."""
    reparameterised: ClassVar[bool] = True
    """Draws from it carry gradients to its weights."""


@dataclass(frozen=True)
class StandardNormal(PriorPiece):
    """p(z) = N(0, I), without parameters (Kingma and Welling 2014)."""

    kind: Tag[Literal["standard-normal"]] = field(default="standard-normal", repr=False, kw_only=True)

    def build(self, sizes: PriorSizes) -> PriorModule:
        """The prior over `sizes.latent` dimensions."""
        from vaelab.priors.standard_normal import StandardNormalPrior

        return StandardNormalPrior(sizes.latent)


@dataclass(frozen=True)
class ConditionalNormal(PriorPiece):
    """p(z | c) = N(z; m(c), diag(s(c)^2)), one learned normal a class (Sohn, Lee and Yan 2015)."""

    needs_condition: ClassVar[bool] = True
    kind: Tag[Literal["conditional-normal"]] = field(default="conditional-normal", repr=False, kw_only=True)

    def build(self, sizes: PriorSizes) -> PriorModule:
        """The prior over `sizes.latent` dimensions, with fresh weights."""
        from vaelab.priors.conditional_normal import ConditionalNormalPrior

        return ConditionalNormalPrior(sizes.latent, sizes.condition)


@dataclass(frozen=True)
class Mixture(PriorPiece):
    """A mixture of Gaussians, p(z) = sum_k w_k N(z; m_k, diag(s_k^2)), all learned (Tomczak and Welling 2018)."""

    components: Annotated[int, Ge(1)] = 10
    reparameterised: ClassVar[bool] = False
    kind: Tag[Literal["mixture"]] = field(default="mixture", repr=False, kw_only=True)

    def build(self, sizes: PriorSizes) -> PriorModule:
        """The prior over `sizes.latent` dimensions, with fresh weights."""
        from vaelab.priors.mixture import MixturePrior

        return MixturePrior(self.components, sizes.latent)


@dataclass(frozen=True)
class Vamp(PriorPiece):
    """A mixture of the model's own posteriors at learned pseudo-inputs (Tomczak and Welling 2018, eq. 9)."""

    components: Annotated[int, Ge(1)] = 500
    """K, pseudo-inputs."""
    reparameterised: ClassVar[bool] = False
    kind: Tag[Literal["vamp"]] = field(default="vamp", repr=False, kw_only=True)

    def build(self, sizes: PriorSizes) -> PriorModule:
        """The prior, with fresh pseudo-inputs."""
        from vaelab.priors.vamp import VampPrior

        return VampPrior(self.components, sizes.image, sizes.condition)


@dataclass(frozen=True)
class Flow(PriorPiece):
    """A neural spline flow (Durkan et al. 2019) from N(0, I), given the condition where there is one."""

    transforms: Annotated[int, Ge(1)] = 3
    """Autoregressive transformations, one after another."""
    hidden: tuple[int, ...] = (64, 64)
    """Widths of the network of each."""
    kind: Tag[Literal["flow"]] = field(default="flow", repr=False, kw_only=True)

    def build(self, sizes: PriorSizes) -> PriorModule:
        """The prior over `sizes.latent` dimensions, with fresh weights."""
        from vaelab.priors.flow import FlowPrior

        return FlowPrior(sizes.latent, sizes.condition, self.transforms, self.hidden)


@dataclass(frozen=True)
class UniformCodes(PriorPiece):
    """Every code equally likely: log p = -slots log(size) (van den Oord et al. 2017, section 3.1)."""

    discrete: ClassVar[bool] = True
    kind: Tag[Literal["uniform-codes"]] = field(default="uniform-codes", repr=False, kw_only=True)

    def build(self, sizes: PriorSizes) -> PriorModule:
        """The prior over `sizes.codes`."""
        from vaelab.priors.uniform_codes import UniformCodesPrior

        assert sizes.codes is not None
        return UniformCodesPrior(sizes.codes)


@dataclass(frozen=True)
class AutoregressiveCodes(PriorPiece):
    """p(code) = prod_i p(code_i | code_<i, c), a causal transformer; fitted with the model or after it."""

    layers: Annotated[int, Ge(1)] = 2
    width: Annotated[int, Ge(4)] = 128
    """Numbers in each position's state; a multiple of `heads`."""
    heads: Annotated[int, Ge(1)] = 4
    """Attention heads."""
    discrete: ClassVar[bool] = True
    kind: Tag[Literal["autoregressive-codes"]] = field(default="autoregressive-codes", repr=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % self.heads:
            raise UserError(
                f"AutoregressiveCodes.width is {self.width}, but must be a multiple of its {self.heads} heads"
            )

    def build(self, sizes: PriorSizes) -> PriorModule:
        """The prior over `sizes.codes`, with fresh weights."""
        from vaelab.priors.autoregressive import AutoregressivePrior

        assert sizes.codes is not None
        return AutoregressivePrior(sizes.codes, sizes.condition, self.layers, self.width, self.heads)


Prior = Annotated[
    StandardNormal | ConditionalNormal | Mixture | Vamp | Flow | UniformCodes | AutoregressiveCodes,
    Field(discriminator="kind"),
]

__all__ = [
    "AutoregressiveCodes",
    "ConditionalNormal",
    "Flow",
    "Mixture",
    "Prior",
    "StandardNormal",
    "UniformCodes",
    "Vamp",
]
