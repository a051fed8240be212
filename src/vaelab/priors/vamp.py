"""The variational mixture of posteriors."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, MixtureSameFamily

from vaelab.contract import Infer, Prior


class VampPrior(Prior):
    """p(z) = 1/K sum_k q(z | u_k), the u_k learned pseudo-inputs.

    Tomczak and Welling (2018), equation 9. Pixels of pseudo-inputs are kept in [0, 1] by a sigmoid; in a
    conditional model each also has a learned condition of its own, so that the prior is the same for every label.
    The KL to it has no closed form and is sampled.

    Args:
        components: K, pseudo-inputs.
        image: (C, H, W) of an image.
        condition: dimensions of the condition; 0 where there is none.
    """

    equal: Tensor

    def __init__(self, components: int, image: tuple[int, int, int], condition: int) -> None:
        super().__init__()
        # Faint noise, differing from component to component: from it the posteriors spread over the prior's centre.
        self.pictures = nn.Parameter(torch.randn(components, *image) - 2)
        self.conditions = nn.Parameter(torch.rand(components, condition)) if condition else None
        self.register_buffer("equal", torch.zeros(components), persistent=False)

    def forward(self, c: Float[Tensor, "B K"] | None = None, infer: Infer | None = None) -> Distribution:
        """The mixture, of batch shape ()."""
        assert infer is not None
        posteriors = infer(self.pictures.sigmoid(), self.conditions)
        return MixtureSameFamily(Categorical(logits=self.equal, validate_args=False), posteriors, validate_args=False)
