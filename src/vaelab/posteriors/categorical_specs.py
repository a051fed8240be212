"""Posteriors over categorical codes that are drawn, not rounded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from vaelab.posteriors.posterior import PosteriorSpec
from vaelab.schedules import AnySchedule, Linear

if TYPE_CHECKING:
    from vaelab.contract import Network, Posterior


@dataclass(frozen=True)
class CategoricalPosterior(PosteriorSpec):
    """Independent categorical codes, drawn without a gradient (Mnih and Rezende 2016).

    q(code | x) = prod_i Cat(code_i; softmax(logits_i(x))). Objectives with a score function train it; others are
    refused. The KL to `UniformCodes` is exact, that to `AutoregressiveCodes` is sampled.
    """

    size: Annotated[int, Ge(2)] = 10
    """Number of classes of each variable."""
    variables: Annotated[int, Ge(1)] = 1
    """Categorical variables, and codes, per position."""
    learned: bool = True
    """The decoder reads a learned vector per class, added up over variables; otherwise one-hot vectors, concatenated,
    whose `variables` x `size` dimensions must be those of z."""
    discrete: ClassVar[bool] = True
    reparameterised: ClassVar[bool] = False

    def build(self, network: Network, latent: int) -> Posterior:
        """Build the posterior, with `variables` codes per position of the network.

        Raises:
            UserError: one-hot vectors of another number of dimensions than `latent`.
        """
        from vaelab.posteriors.categorical import CategoricalCodesPosterior

        return CategoricalCodesPosterior(network, latent, self.size, self.variables, self.learned)


@dataclass(frozen=True)
class GumbelSoftmax(PosteriorSpec):
    """Categorical codes trained through their Gumbel-softmax relaxation (Jang et al. 2017; Maddison et al. 2017).

    y = softmax((logits + g) / T), g_k = -log(-log u_k): Jang, Gu and Poole (2017), equation 2. The model itself has
    discrete codes: evidence, encoding and generation use them, and evaluation draws codes. In training the decoder
    reads the relaxed y, and the KL is that of the categorical distributions, exact under `UniformCodes`, as in Jang et
    al.; so the training loss is no bound, and its gradient has a bias that falls with T. Importance-weighted losses,
    and priors without an exact KL, are refused; `AutoregressiveCodes` is fitted afterwards.
    """

    size: Annotated[int, Ge(2)] = 10
    """Number of classes of each variable."""
    variables: Annotated[int, Ge(1)] = 1
    """Categorical variables, and codes, per position."""
    learned: bool = True
    """The decoder reads a learned vector per class, added up over variables; otherwise one-hot vectors, concatenated,
    whose `variables` x `size` dimensions must be those of z."""
    temperature: AnySchedule = Linear(epochs=10, start=1.0, stop=0.5, smooth=True)
    """T, above 0; the training loop sets it before each step."""
    straight_through: bool = False
    """Decode the code itself in training too, with the gradient of y (section 2.2 of Jang et al.)."""
    discrete: ClassVar[bool] = True
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
