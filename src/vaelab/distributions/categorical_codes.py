"""Independent categorical codes: the posterior of a model that draws codes."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor
from torch.distributions import Categorical, Independent

from vaelab.distributions.codes import Codes


class CategoricalCodes(Codes, Independent):  # type: ignore[type-arg]  # not generic in every supported torch
    """q(code) = prod_i q(code_i) over integers; its KL to `UniformCodes` is exact, by torch.

    Args:
        logits: of each value of each slot.
        mean: the mean of the vectors that the codes stand for, (B, D).
        levels: codes per position; slots are ordered by position, then by level.

    >>> import torch
    >>> q = CategoricalCodes(torch.tensor([[[0.0, 0.0], [0.0, 9.0]]]), torch.zeros(1, 3))
    >>> q.codes.tolist(), q.probs.shape
    ([[0, 1]], torch.Size([1, 2, 2]))
    """

    def __init__(self, logits: Float[Tensor, "B slots size"], mean: Float[Tensor, "B D"], levels: int = 1) -> None:
        super().__init__(Categorical(logits=logits, validate_args=False), 1, validate_args=False)
        self.size, self.levels, self._mean = logits.shape[-1], levels, mean

    @property
    def codes(self) -> Int[Tensor, "B slots"]:  # type: ignore[override]  # computed where a point mass holds it
        """The most likely codes."""
        return self.logits.argmax(-1)

    @property
    def logits(self) -> Float[Tensor, "B slots size"]:
        """Log probabilities of each value of each slot."""
        log_probabilities: Tensor = self.base_dist.logits
        return log_probabilities

    @property
    def probs(self) -> Float[Tensor, "B slots size"]:
        """Probabilities of each value of each slot."""
        probabilities: Tensor = self.base_dist.probs
        return probabilities

    @property
    def mean(self) -> Float[Tensor, "B D"]:
        """The mean of the vectors, E_q[z]."""
        return self._mean
