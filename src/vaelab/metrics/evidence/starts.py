"""Initial densities of annealing: normalised, and easy to sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch.distributions import Distribution

from vaelab.metrics.checks import at_least
from vaelab.metrics.evidence.joint import Joint
from vaelab.metrics.support import refuse_without_weights

Start = Callable[[Joint], Distribution]
"""From the joint density of B images to a density of batch shape () or (B,), positive wherever the joint is."""


def from_prior(joint: Joint) -> Distribution:
    """p(z): independent of the encoder, but needs more temperatures the more dimensions there are."""
    return joint.prior


def from_posterior(joint: Joint) -> Distribution:
    """q(z | x): close to the true posterior if the encoder is good, blind to every peak that the encoder misses.

    Raises:
        UserError: a posterior without a density, which leaves `from_prior`.
    """
    refuse_without_weights(joint.model)
    return joint.posterior


def starts_of(start: Start | Sequence[Start]) -> Sequence[Start]:
    """One or several starts, as a sequence.

    Raises:
        UserError: there is none.
    """
    if callable(start):
        return (start,)
    at_least("the number of starts", len(start), 1)
    return start
