"""Regularised autoencoders. What the regularisers compute is in `regularisers`, which imports torch."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from vaelab.objectives.objective import ObjectiveSpec
from vaelab.schedules import AnySchedule, Constant, Progress
from vaelab.spec import Spec, any_of
from vaelab.traits import Trait

if TYPE_CHECKING:
    from torch import Tensor

    from vaelab.contract import Trace


class RegulariserSpec(Spec, room=True):
    """Base of the specs of regularisers of a decoder."""

    @abstractmethod
    def __call__(self, trace: Trace) -> Tensor:
        """The regulariser, a scalar, before its weight."""


@dataclass(frozen=True)
class L2(RegulariserSpec):
    """Squared norm of the decoder's weights, |theta|^2: Tikhonov regularisation (Ghosh et al. 2020, section 3.1)."""

    def __call__(self, trace: Trace) -> Tensor:
        """The sum of the squares of all weights and biases that decoding uses."""
        from vaelab.objectives.regularisers import squared_weights

        return squared_weights(trace)


@dataclass(frozen=True)
class GradientPenalty(RegulariserSpec):
    """Squared norm of the decoder's Jacobian, |dD(z) / dz|_F^2, at codes of images (Ghosh et al. 2020, section 3.1).

    D(z) is the decoded image, the mean of p(x | z). The norm is estimated without bias from random directions v ~
    N(0, I) in the space of images, |J|_F^2 = E |J^T v|^2 (Hutchinson 1990). The loss differentiates the decoder twice,
    which networks compiled by torch do not allow.
    """

    directions: Annotated[int, Ge(1)] = 1
    """Random directions per image and step."""

    def __call__(self, trace: Trace) -> Tensor:
        """The estimate, averaged over images."""
        from vaelab.objectives.regularisers import squared_jacobian

        return squared_jacobian(trace, self.directions)


AnyRegulariser = Annotated[RegulariserSpec, any_of(RegulariserSpec)]


@dataclass(frozen=True)
class Rae(ObjectiveSpec):
    """Regularised autoencoder, RAE, whose prior is fitted afterwards (Ghosh et al. 2020, section 3).

    loss = -log p(x | z) + beta |z|^2 / 2 + weight R(decoder), in nats per image, where z is the code of a
    `Deterministic` encoder. With both weights 0 it is a plain autoencoder. RAE-SN has weight 0 and the network
    `Spectral`. The prior plays no part in the loss; `vaelab fit-prior` fits one to the codes (section 4).
    """

    beta: AnySchedule = Constant(1.0)
    """Weight of half the squared norm of z; at 1 the cost of z under N(0, I)."""
    weight: Annotated[float, Ge(0)] = 0.01
    """lambda, the weight of the regulariser, nats."""
    regulariser: AnyRegulariser = L2()
    samples: Annotated[int, Ge(1)] = 1
    """Draws of z per image, all the same of a deterministic encoder."""
    needs: ClassVar[frozenset[Trait]] = frozenset({Trait.one_latent, Trait.real_codes, Trait.fixed_prior})

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        (latent,) = trace.latents
        norm = latent.z.square().sum(-1) / 2
        loss = (trace.penalised_reconstruction + self.beta(progress) * norm).mean()
        return loss + self.weight * self.regulariser(trace) if self.weight else loss
