"""Priors p(z), conditional on a label where they use it.

A new one is a dataclass here and a file with the module that it builds.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from vaelab.errors import UserError
from vaelab.spec import Spec, any_of

if TYPE_CHECKING:
    from vaelab.contract import Prior, PriorSizes


class PriorSpec(Spec, room=True):
    """Base of the priors.

    A subclass that says nothing of itself is taken for a prior over real vectors, for models with or without a
    condition, whose draws carry no gradient.
    """

    discrete: ClassVar[bool] = False
    """Over the integers of a codebook, instead of real vectors."""
    needs_condition: ClassVar[bool] = False
    """Only for conditional models."""
    reparameterised: ClassVar[bool] = False
    """Draws from it carry gradients to its weights."""

    @abstractmethod
    def build(self, sizes: PriorSizes) -> Prior:
        """The prior with fresh weights: a `vaelab.contract.Prior` over `sizes.latent` dimensions or codes."""


@dataclass(frozen=True)
class StandardNormal(PriorSpec):
    """p(z) = N(0, I), without parameters (Kingma and Welling 2014)."""

    reparameterised: ClassVar[bool] = True

    def build(self, sizes: PriorSizes) -> Prior:
        """The prior over `sizes.latent` dimensions."""
        from vaelab.priors.standard_normal import StandardNormalPrior

        return StandardNormalPrior(sizes.latent)


@dataclass(frozen=True)
class ConditionalNormal(PriorSpec):
    """p(z | c) = N(z; m(c), diag(s(c)^2)), one learned normal a class (Sohn, Lee and Yan 2015)."""

    needs_condition: ClassVar[bool] = True
    reparameterised: ClassVar[bool] = True

    def build(self, sizes: PriorSizes) -> Prior:
        """The prior over `sizes.latent` dimensions, with fresh weights."""
        from vaelab.priors.conditional_normal import ConditionalNormalPrior

        return ConditionalNormalPrior(sizes.latent, sizes.condition)


@dataclass(frozen=True)
class Mixture(PriorSpec):
    """A mixture of Gaussians, p(z) = sum_k w_k N(z; m_k, diag(s_k^2)), all learned (Tomczak and Welling 2018)."""

    components: Annotated[int, Ge(1)] = 10

    def build(self, sizes: PriorSizes) -> Prior:
        """The prior over `sizes.latent` dimensions, with fresh weights."""
        from vaelab.priors.mixture import MixturePrior

        return MixturePrior(self.components, sizes.latent)


@dataclass(frozen=True)
class Vamp(PriorSpec):
    """A mixture of the model's own posteriors at learned pseudo-inputs (Tomczak and Welling 2018, eq. 9)."""

    components: Annotated[int, Ge(1)] = 500
    """K, pseudo-inputs."""

    def build(self, sizes: PriorSizes) -> Prior:
        """The prior, with fresh pseudo-inputs."""
        from vaelab.priors.vamp import VampPrior

        return VampPrior(self.components, sizes.image, sizes.condition)


@dataclass(frozen=True)
class Flow(PriorSpec):
    """A neural spline flow (Durkan et al. 2019) from N(0, I), given the condition where there is one."""

    transforms: Annotated[int, Ge(1)] = 3
    """Autoregressive transformations, one after another."""
    hidden: tuple[Annotated[int, Ge(1)], ...] = (64, 64)
    """Widths of the network of each."""

    reparameterised: ClassVar[bool] = True

    def build(self, sizes: PriorSizes) -> Prior:
        """The prior over `sizes.latent` dimensions, with fresh weights."""
        from vaelab.priors.flow import FlowPrior

        return FlowPrior(sizes.latent, sizes.condition, self.transforms, self.hidden)


@dataclass(frozen=True)
class UniformCodes(PriorSpec):
    """Every code equally likely: log p = -slots log(size) (van den Oord et al. 2017, section 3.1)."""

    discrete: ClassVar[bool] = True

    def build(self, sizes: PriorSizes) -> Prior:
        """The prior over `sizes.code_space`."""
        from vaelab.priors.uniform_codes import UniformCodesPrior

        assert sizes.code_space is not None
        return UniformCodesPrior(sizes.code_space)


@dataclass(frozen=True)
class AutoregressiveCodes(PriorSpec):
    """p(code) = prod_i p(code_i | code_<i, c), a causal transformer; fitted with the model or after it."""

    layers: Annotated[int, Ge(1)] = 2
    width: Annotated[int, Ge(4)] = 128
    """Numbers in each position's state; a multiple of `heads`."""
    heads: Annotated[int, Ge(1)] = 4
    """Attention heads."""
    discrete: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % self.heads:
            raise UserError(
                f"AutoregressiveCodes.width is {self.width}, but must be a multiple of its {self.heads} heads"
            )

    def build(self, sizes: PriorSizes) -> Prior:
        """The prior over `sizes.code_space`, with fresh weights."""
        from vaelab.priors.autoregressive import AutoregressivePrior

        assert sizes.code_space is not None
        return AutoregressivePrior(sizes.code_space, sizes.condition, self.layers, self.width, self.heads)


AnyPrior = Annotated[PriorSpec, any_of(PriorSpec)]

__all__ = [
    "AnyPrior",
    "AutoregressiveCodes",
    "ConditionalNormal",
    "Flow",
    "Mixture",
    "PriorSpec",
    "StandardNormal",
    "UniformCodes",
    "Vamp",
]
