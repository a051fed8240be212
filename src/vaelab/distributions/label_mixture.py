"""The prior of images of which some have no label: the mixture over the labels that they may have."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, MixtureSameFamily

from vaelab.distributions.normal import diagonal_normal


class LabelMixture(MixtureSameFamily):
    r"""A mixture of one normal per label, row by row with its own fixed weights.

    p(z) = sum_k w_k N(z; m_k, diag(s_k^2)), where w is one-hot for a row with a known label. Weights are fixed, so
    draws carry gradients to means and scales. `label_mixture` makes it.
    """

    has_rsample = True

    @property
    def moment_matched(self) -> Distribution:
        """The normal with the same means and variances, row by row: p(z) itself where the label is known."""
        return diagonal_normal(self.mean, self.variance.sqrt())

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Reparameterised draws: of a label, then of its normal."""
        shape = torch.Size(sample_shape)
        label = self.mixture_distribution.sample(shape)[..., None, None]
        drawn = self.component_distribution.rsample(shape)
        return drawn.take_along_dim(label, -2).squeeze(-2)


def label_mixture(normals: Distribution, weights: Tensor) -> LabelMixture:
    """The mixture of K normals, of batch shape (K,), with the weights of each row, (B, K).

    >>> normals = diagonal_normal(torch.tensor([[-1.0], [1.0]]), torch.ones(2, 1))
    >>> label_mixture(normals, torch.tensor([[1.0, 0.0], [0.5, 0.5]])).mean
    tensor([[-1.],
            [ 0.]])
    """
    labels = Categorical(logits=weights.log(), validate_args=False)
    return LabelMixture(labels, normals.expand(weights.shape), validate_args=False)
