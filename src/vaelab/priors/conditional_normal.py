"""The conditional normal prior."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaelab.contract import Infer, Prior
from vaelab.distributions import as_float32, diagonal_normal, exporting, label_mixture, scale_of


class ConditionalNormalPrior(Prior):
    r"""A normal distribution whose mean and log variance are linear in the condition.

    p(z | c) = N(z; A c, diag(exp(B c))), A and B learned: the conditional prior network of Sohn, Lee and Yan (2015),
    section 4, here linear, so that one-hot labels give one normal per class. A starts at small random values and B at
    0: all classes start near N(0, I). Log variances are bounded by `scale_of`.

    An unknown label, a condition of zeros, has the mixture over labels as its prior,

        p(z) = 1/K sum_k p(z | k)

    with equal weights, as `generate` draws missing labels: the model does not know how frequent the classes are.

    Args:
        latent: D, dimensions of z.
        condition: K, dimensions of the condition.
        labels: whether the condition is a label, instead of attributes, all of which may be zero.
    """

    def __init__(self, latent: int, condition: int, labels: bool) -> None:
        super().__init__()
        self.labels = labels
        self.mean = nn.Linear(condition, latent, bias=False)
        self.log_variance = nn.Linear(condition, latent, bias=False)
        nn.init.normal_(self.mean.weight, std=0.1)
        nn.init.zeros_(self.log_variance.weight)

    def forward(self, c: Float[Tensor, "B K"] | None = None, infer: Infer | None = None) -> Distribution:
        """The distribution of each condition, of batch shape (B,): normal, or a mixture if a label is unknown."""
        assert c is not None
        # Whether a label is unknown decides the kind of distribution; an accelerator has to be asked for it, and an
        # exported model, whose labels are not known yet, has the mixture. With known labels both have the same density.
        if not self.labels or (not exporting() and bool(c.any(1).all())):
            return self._normal(c)
        every = torch.eye(c.shape[1], dtype=c.dtype, device=c.device)
        weights = torch.where(c.any(1, keepdim=True), c, 1 / c.shape[1])
        return label_mixture(self._normal(every), as_float32(weights))

    def _normal(self, c: Float[Tensor, "N K"]) -> Distribution:
        return diagonal_normal(as_float32(self.mean(c)), scale_of(as_float32(self.log_variance(c))))
