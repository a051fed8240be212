"""Posteriors over codes that are drawn, at least in training, not rounded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Lt

from vaelab.posteriors.posterior import PosteriorSpec
from vaelab.schedules import AnySchedule, Linear

if TYPE_CHECKING:
    from vaelab.contract import Network, Posterior


@dataclass(frozen=True)
class CategoricalVariables(PosteriorSpec):
    """Base of the posteriors over categorical variables: their number, and what the decoder reads."""

    size: Annotated[int, Ge(2)] = 10
    """Number of classes of each variable."""
    variables: Annotated[int, Ge(1)] = 1
    """Categorical variables, and codes, per position."""
    learned: bool = True
    """The decoder reads a learned vector per class, added up over variables; otherwise one-hot vectors, concatenated,
    whose `variables` x `size` dimensions must be those of z."""
    discrete: ClassVar[bool] = True


@dataclass(frozen=True)
class CategoricalPosterior(CategoricalVariables):
    """Independent categorical codes, drawn without a gradient (Mnih and Rezende 2016).

    q(code | x) = prod_i Cat(code_i; softmax(logits_i(x))). Objectives with a score function train it; others are
    refused. The KL to `UniformCodes` is exact, that to `AutoregressiveCodes` is sampled.
    """

    reparameterised: ClassVar[bool] = False

    def build(self, network: Network, latent: int) -> Posterior:
        """Build the posterior, with `variables` codes per position of the network.

        Raises:
            UserError: one-hot vectors of another number of dimensions than `latent`.
        """
        from vaelab.posteriors.categorical import CategoricalCodesPosterior

        return CategoricalCodesPosterior(network, latent, self.size, self.variables, self.learned)


@dataclass(frozen=True)
class GumbelSoftmax(CategoricalVariables):
    """Categorical codes trained through their Gumbel-softmax relaxation (Jang et al. 2017; Maddison et al. 2017).

    y = softmax((logits + g) / T), g_k = -log(-log u_k): Jang, Gu and Poole (2017), equation 2. The model itself has
    discrete codes: evidence, encoding and generation use them, and evaluation draws codes. In training the decoder
    reads the relaxed y, and the KL is that of the categorical distributions, exact under `UniformCodes`, as in Jang et
    al.; so the training loss is no bound, and its gradient has a bias that falls with T. Importance-weighted losses,
    and priors without an exact KL, are refused; `AutoregressiveCodes` is fitted afterwards.
    """

    temperature: AnySchedule = Linear(epochs=3, start=5.0, stop=0.5, smooth=True)
    """T, above 0; the training loop sets it before each step. It starts high, since at T = 1 all images can get the
    same code within the first steps, in which the decoder learns the mean image; their logits are then too large for a
    gradient. `Training.start_at_mean` is the better cure."""
    straight_through: bool = False
    """Decode the code itself in training too, with the gradient of y (section 2.2 of Jang et al.)."""
    relaxed: ClassVar[bool] = True

    def build(self, network: Network, latent: int) -> Posterior:
        """Build the posterior, with `variables` codes per position of the network.

        Raises:
            UserError: one-hot vectors of another number of dimensions than `latent`, or a temperature that is 0.
        """
        from vaelab.posteriors.gumbel_softmax import GumbelSoftmaxPosterior

        return GumbelSoftmaxPosterior(
            network, latent, self.size, self.variables, self.learned, self.temperature, self.straight_through
        )


@dataclass(frozen=True)
class HierarchicalCodebook(PosteriorSpec):
    """Hierarchical residual quantisation with drawn codes, HRQ-VAE (Hosking, Tang and Lapata 2022).

    code_l = argmax_k (-|r_l - e_k|^2 + g_k), r_l what the levels before leave of the vector; the gradient is that of
    the Gumbel-softmax. In evaluation there is no noise g, and the code is the nearest. In training the sum over levels
    is cut off at random depths, so that early levels learn to stand alone; the training loss is then no bound, that of
    evaluation is one. The penalty is on codes that are long beside those of the level before. The paper's KL between
    the softmax and a uniform prior is left out, as `q` is a point mass. Without `Training.start_at_mean` all images may
    get one code: while a decoder learns the mean image, their vectors grow in one common direction.
    """

    size: Annotated[int, Ge(2)] = 64
    """Number of vectors in each codebook."""
    levels: Annotated[int, Ge(1)] = 3
    """Number of codebooks, and of codes per position."""
    temperature: AnySchedule = Linear(epochs=10, start=1.0, stop=0.5, smooth=True)
    """T, above 0; the training loop sets it before each step."""
    depth_dropout: Annotated[float, Ge(0), Lt(1)] = 0.05
    """Probability of a cut before each level in training."""
    norm_weight: Annotated[float, Ge(0)] = 0.05
    """Weight of the penalty on long codes of deep levels."""
    norm_ratio: Annotated[float, Ge(0)] = 1.5
    """How many times shorter than the level before a code must be to cost nothing."""
    discrete: ClassVar[bool] = True
    random: ClassVar[bool] = False

    def build(self, network: Network, latent: int) -> Posterior:
        """Build the posterior, with `levels` codes per position of the network.

        Raises:
            UserError: a temperature that is 0.
        """
        from vaelab.posteriors.hierarchical_codebook import HierarchicalCodebookPosterior

        return HierarchicalCodebookPosterior(
            network,
            latent,
            self.size,
            self.levels,
            self.temperature,
            self.depth_dropout,
            self.norm_weight,
            self.norm_ratio,
        )
