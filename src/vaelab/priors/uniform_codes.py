"""The uniform prior over discrete codes."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Categorical, Distribution, Independent

from vaelab.contract import Infer, Prior
from vaelab.sizes import CodeSpace


class UniformCodesPrior(Prior):
    """The uniform distribution over codes, p(code) = size^-slots.

    The KL of a deterministic posterior to it is slots x log(size) nats: van den Oord, Vinyals and Kavukcuoglu (2017),
    section 3.1.

    Args:
        code_space: number of slots, and number of codes of each.
    """

    logits: Tensor

    def __init__(self, code_space: CodeSpace) -> None:
        super().__init__()
        self.register_buffer("logits", torch.zeros(code_space), persistent=False)

    def forward(self, c: Float[Tensor, "B K"] | None = None, infer: Infer | None = None) -> Distribution:
        """Independent uniform integers, of batch shape ()."""
        return Independent(Categorical(logits=self.logits, validate_args=False), 1, validate_args=False)

    def draw(self, n: int, c: Float[Tensor, "N K"] | None, infer: Infer | None, temperature: float) -> Tensor:
        """`n` codes; the temperature has no effect."""
        return self.forward(c, infer).sample((n,))
