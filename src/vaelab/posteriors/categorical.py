"""The categorical posterior: codes that are drawn."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

from vaelab.contract import Draw, Network
from vaelab.distributions import CategoricalCodes, as_float32, no_autocast
from vaelab.posteriors.codes import ClassVectors, CodePosterior
from vaelab.sizes import CodeSpace


class CategoricalCodesPosterior(CodePosterior):
    """Independent categorical variables, whose logits are a linear head on the features h.

    q(code | x) = prod_i softmax(logits_i(h))[code_i]. Draws are integers, so no gradient passes through them to the
    logits; the vectors that the decoder reads are learned.

    Args:
        network: the network that computes h.
        latent: dimensions of the vector at each position.
        size: number of classes of each variable.
        variables: categorical variables per position.
        learned: as in `ClassVectors`.
    """

    def __init__(self, network: Network, latent: int, size: int, variables: int, learned: bool) -> None:
        super().__init__()
        self.code_space = CodeSpace(network.positions * variables, size)
        self.logits = network.head(variables * size)
        self.vectors = ClassVectors(network.positions, variables, size, latent, learned)

    def distribution(self, h: Float[Tensor, "B F"]) -> CategoricalCodes:
        """q(code | x), of batch shape (B,), with the mean of the vectors as its mean."""
        with no_autocast(h):
            logits = self.logits(as_float32(h)).unflatten(1, self.code_space)
            mean = self.vectors(logits.softmax(-1)).flatten(1)
        return CategoricalCodes(logits, mean, self.vectors.variables)

    def forward(self, h: Float[Tensor, "B F"], samples: int) -> Draw:
        """`samples` draws of the codes, and the vectors that they stand for."""
        q = self.distribution(h)
        code = q.sample((samples,))
        return Draw(q=q, code=code, z=self.vectors.look_up(code).flatten(2))

    def look_up(self, codes: Int[Tensor, "N slots"]) -> Float[Tensor, "N positions latent"]:
        """The vectors of the codes."""
        return self.vectors.look_up(codes)
