"""The VampPrior, a variational mixture of posteriors."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, MixtureSameFamily

from vaelab.contract import Infer, Prior


class VampPrior(Prior):
    """A mixture of the model's posteriors at K learned pseudo-inputs u_k.

    p(z) = 1/K sum_k q(z | u_k): Tomczak and Welling (2018). A sigmoid keeps the pixels of pseudo-inputs in [0, 1];
    those of a table are standardised columns, without bounds. In a conditional model each pseudo-input has a learned
    condition, so the prior is the same for all labels. The KL to it has no closed form and is sampled.

    Args:
        components: K, number of pseudo-inputs.
        shape: (C, H, W) of an image, or (F,) of a row of a table.
        condition: dimensions of the condition; 0 for none.
    """

    equal: Tensor

    def __init__(self, components: int, shape: tuple[int, ...], condition: int) -> None:
        super().__init__()
        # Dark images with faint noise that differs between components, so that their posteriors start spread out.
        # Saved weights have the name `pictures`.
        self.pixels = len(shape) == 3
        self.pictures = nn.Parameter(torch.randn(components, *shape) - 2 * self.pixels)
        self.conditions = nn.Parameter(torch.rand(components, condition)) if condition else None
        self.register_buffer("equal", torch.zeros(components), persistent=False)

    def forward(self, c: Float[Tensor, "B K"] | None = None, infer: Infer | None = None) -> Distribution:
        """The mixture, of batch shape ()."""
        assert infer is not None
        posteriors = infer(self.pictures.sigmoid() if self.pixels else self.pictures, self.conditions)
        return MixtureSameFamily(Categorical(logits=self.equal, validate_args=False), posteriors, validate_args=False)
