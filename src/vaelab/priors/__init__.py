"""Priors p(z), or p(z | c) for models with a condition c.

To add one, write a dataclass here and a file with the module that it builds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from vaelab.errors import UserError
from vaelab.flows import AnyTransform, FlowSizes, Spline
from vaelab.priors.manifold_specs import (
    GammaPrior as GammaPrior,
    PoincareNormal as PoincareNormal,
    UniformManifold as UniformManifold,
    UniformSphere as UniformSphere,
)
from vaelab.priors.prior import PriorSpec as PriorSpec
from vaelab.spec import any_of

if TYPE_CHECKING:
    from vaelab.contract import Prior
    from vaelab.sizes import PriorSizes


@dataclass(frozen=True)
class StandardNormal(PriorSpec):
    """Standard normal prior, p(z) = N(0, I), without parameters (Kingma and Welling 2014)."""

    reparameterised: ClassVar[bool] = True
    learned: ClassVar[bool] = False

    def build(self, sizes: PriorSizes) -> Prior:
        """Build the prior over `sizes.latent` dimensions."""
        from vaelab.priors.standard_normal import StandardNormalPrior

        return StandardNormalPrior(sizes.latent)


@dataclass(frozen=True)
class ConditionalNormal(PriorSpec):
    """Conditional normal prior, one learned normal per class (Sohn, Lee and Yan 2015, section 4).

    p(z | c) = N(z; m(c), diag(s(c)^2)); where the label is unknown, the mixture over labels with equal weights.
    """

    needs_condition: ClassVar[bool] = True
    reparameterised: ClassVar[bool] = True

    def build(self, sizes: PriorSizes) -> Prior:
        """Build the prior over `sizes.latent` dimensions, with fresh weights."""
        from vaelab.priors.conditional_normal import ConditionalNormalPrior

        return ConditionalNormalPrior(sizes.latent, sizes.condition, sizes.labels)


@dataclass(frozen=True)
class Mixture(PriorSpec):
    """Mixture-of-Gaussians prior with learned components (Tomczak and Welling 2018).

    p(z) = sum_k w_k N(z; m_k, diag(s_k^2)), or with full covariances. Fitted after training, it starts from what
    expectation-maximisation finds for codes of the training images (Ghosh et al. 2020).
    """

    components: Annotated[int, Ge(1)] = 10
    """Number of Gaussians."""
    full: bool = False
    """Full covariances, instead of diagonal ones."""

    def build(self, sizes: PriorSizes) -> Prior:
        """Build the prior over `sizes.latent` dimensions, with fresh weights."""
        from vaelab.priors.mixture import MixturePrior

        return MixturePrior(self.components, sizes.latent, self.full)


@dataclass(frozen=True)
class Vamp(PriorSpec):
    """VampPrior, a mixture of the model's posteriors at learned pseudo-inputs (Tomczak and Welling 2018).

    p(z) = 1/K sum_k q(z | u_k).
    """

    components: Annotated[int, Ge(1)] = 500
    """Number of pseudo-inputs."""
    of_posteriors: ClassVar[bool] = True

    def build(self, sizes: PriorSizes) -> Prior:
        """Build the prior, with fresh pseudo-inputs."""
        from vaelab.priors.vamp import VampPrior

        return VampPrior(self.components, sizes.shape, sizes.condition)


@dataclass(frozen=True)
class Flow(PriorSpec):
    """Normalising-flow prior, by default with neural splines, conditional in a conditional model (Durkan et al. 2019).

    p(z) = N(f(z); 0, I) |det df/dz|.
    """

    transforms: Annotated[int, Ge(1)] = 3
    """Number of transformations."""
    hidden: tuple[Annotated[int, Ge(1)], ...] = (64, 64)
    """Widths of each transformation's network."""
    transform: AnyTransform = Spline()
    """What the flow is made of."""

    reparameterised: ClassVar[bool] = True

    def build(self, sizes: PriorSizes) -> Prior:
        """Build the prior over `sizes.latent` dimensions, with fresh weights."""
        from vaelab.priors.flow import FlowPrior

        flow = FlowSizes(sizes.latent, sizes.condition, self.transforms, self.hidden, draws=False)
        return FlowPrior(self.transform.build(flow))


@dataclass(frozen=True)
class Diffusion(PriorSpec):
    """Diffusion prior, learned by denoising (Song et al. 2021; Vahdat, Kreis and Kautz 2021; Wehenkel and Louppe 2021).

    dz/dt = sin(t) f(z, t) carries latents to N(0, I); conditional in a conditional model. In evaluation log p(z) and
    draws are those of this flow. In training the KL is an estimate of an upper bound, so importance-weighted objectives
    are refused.
    """

    hidden: tuple[Annotated[int, Ge(1)], ...] = (128, 128)
    """Widths of the network f."""
    steps: Annotated[int, Ge(1)] = 30
    """Runge-Kutta steps of a density or a draw."""

    reparameterised: ClassVar[bool] = True
    weighable: ClassVar[bool] = False

    def build(self, sizes: PriorSizes) -> Prior:
        """Build the prior over `sizes.latent` dimensions, with fresh weights."""
        from vaelab.priors.diffusion import DiffusionPrior

        return DiffusionPrior(sizes.latent, sizes.condition, self.hidden, self.steps)


@dataclass(frozen=True)
class TwoStage(PriorSpec):
    """A second VAE over the latents of the first, conditional in a conditional model (Dai and Wipf 2019, section 4).

    p(z) = E p(z | u) with u from N(0, I). Draws are exact; log p(z) is estimated from below, in training with one draw
    of u, in evaluation with fixed ones, so log p(x) is never called exact.
    """

    hidden: tuple[Annotated[int, Ge(1)], ...] = (128, 128)
    """Widths of the encoder of the second stage; its decoder has them in reverse."""
    draws: Annotated[int, Ge(1)] = 128
    """Points u in evaluation."""

    # Draws carry gradients, but none to the encoder of the second stage, without which log p(z) cannot be estimated, so
    # an objective that reads draws alone is refused.
    reparameterised: ClassVar[bool] = False
    exact: ClassVar[bool] = False

    def build(self, sizes: PriorSizes) -> Prior:
        """Build the prior over `sizes.latent` dimensions, with fresh weights."""
        from vaelab.priors.two_stage import TwoStagePrior

        return TwoStagePrior(sizes.latent, sizes.condition, self.hidden, self.draws)


@dataclass(frozen=True)
class UniformCodes(PriorSpec):
    """Uniform prior over discrete codes (van den Oord et al. 2017, section 3.1).

    log p(code) = -slots log(size).
    """

    discrete: ClassVar[bool] = True
    learned: ClassVar[bool] = False
    independent_codes: ClassVar[bool] = True

    def build(self, sizes: PriorSizes) -> Prior:
        """Build the prior over `sizes.code_space`."""
        from vaelab.priors.uniform_codes import UniformCodesPrior

        assert sizes.code_space is not None
        return UniformCodesPrior(sizes.code_space)


@dataclass(frozen=True)
class AutoregressiveCodes(PriorSpec):
    """Autoregressive prior over discrete codes, a causal transformer (van den Oord et al. 2017, section 3.3).

    p(code | c) = prod_i p(code_i | code_<i, c), fitted with the model or afterwards.
    """

    layers: Annotated[int, Ge(1)] = 2
    """Number of transformer layers."""
    width: Annotated[int, Ge(4)] = 128
    """Width of the transformer; a multiple of `heads`."""
    heads: Annotated[int, Ge(1)] = 4
    """Number of attention heads."""
    discrete: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % self.heads:
            raise UserError(
                f"AutoregressiveCodes.width is {self.width}, but must be a multiple of heads = {self.heads}"
            )

    def build(self, sizes: PriorSizes) -> Prior:
        """Build the prior over `sizes.code_space`, with fresh weights."""
        from vaelab.priors.autoregressive import AutoregressivePrior

        assert sizes.code_space is not None
        return AutoregressivePrior(sizes.code_space, sizes.condition, self.layers, self.width, self.heads)


@dataclass(frozen=True)
class PixelCnn(PriorSpec):
    """Gated PixelCNN over a map of discrete codes (van den Oord et al. 2016, "Conditional image generation").

    p(code | c) = prod_i p(code_i | code_<i, c) row by row, fitted with the model or afterwards. Codes without a map, as
    of a network with one position, are one row.
    """

    layers: Annotated[int, Ge(1)] = 6
    """Number of gated layers; each sees (kernel - 1) / 2 codes further."""
    width: Annotated[int, Ge(1)] = 64
    """Channels of the layers."""
    kernel: Annotated[int, Ge(3)] = 5
    """Extent of the filters, an odd number."""
    discrete: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kernel % 2 == 0:
            raise UserError(f"PixelCnn.kernel is {self.kernel}, but must be odd, so that filters have a centre")

    def build(self, sizes: PriorSizes) -> Prior:
        """Build the prior over `sizes.code_space`, with fresh weights."""
        from vaelab.priors.pixel_cnn import PixelCnnPrior

        assert sizes.code_space is not None
        extent = sizes.map or (1, sizes.code_space.slots)
        return PixelCnnPrior(sizes.code_space, sizes.condition, extent, self.layers, self.width, self.kernel)


AnyPrior = Annotated[PriorSpec, any_of(PriorSpec)]
