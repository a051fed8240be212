"""A mixture of the posteriors of the views."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool
from torch import Tensor
from torch.distributions import Distribution

from vaelab.contract import Experts
from vaelab.distributions import StratifiedMixture, exporting


class MixtureOfExpertsModule(Experts):
    """The mixture of the posteriors of the views, with equal weights: Shi et al. (2019), section 3."""

    def forward(
        self, experts: Sequence[Distribution], present: Bool[Tensor, "V B"], prior: Distribution
    ) -> Distribution:
        """q(z | views), of batch shape (B,)."""
        return mixture_of(experts, present, prior)


def mixture_of(components: Sequence[Distribution], present: Bool[Tensor, "K B"], prior: Distribution) -> Distribution:
    """The mixture of the components that are present in each row, with equal weights; the prior where none is."""
    none = ~present.any(0)
    # Some priors are slow to draw from, so they take part only where they are needed.
    if not exporting() and bool(none.any()):
        components, present = [*components, prior.expand(none.shape)], torch.cat([present, none[None]])
    weights = present.T.to(components[0].mean.dtype)
    return StratifiedMixture(components, weights / weights.sum(-1, keepdim=True))
