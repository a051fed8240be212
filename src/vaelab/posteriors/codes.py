"""Posteriors over discrete codes: how codes are read, and the vectors of classes."""

from __future__ import annotations

from abc import abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from vaelab.contract import Posterior
from vaelab.distributions import exporting
from vaelab.errors import UserError
from vaelab.sizes import CodeSpace


class CodePosterior(Posterior):
    """Base of posteriors over codes, integers that stand for vectors."""

    code_space: CodeSpace

    @abstractmethod
    def look_up(self, codes: Tensor) -> Tensor:
        """The vectors, (N, positions, latent), that the codes, (N, slots), stand for."""

    def read(self, codes: Int[Tensor, "N slots"]) -> Float[Tensor, "N D"]:
        """The vectors that the codes stand for, ordered by position.

        Raises:
            UserError: the number of codes differs from the number of slots, or a code is not in the codebook.
        """
        slots, size = self.code_space
        if exporting():
            return self.look_up(codes).flatten(1)
        if codes.shape[1] != slots:
            raise UserError(
                f"codes has {codes.shape[1]} codes per image, but the model has {slots} slots; give one code per slot"
            )
        if len(codes) and not bool(((codes >= 0) & (codes < size)).all()):
            raise UserError(f"codes run from {codes.min()} to {codes.max()}, but must be from 0 to {size - 1}")
        return self.look_up(codes).flatten(1)


class ClassVectors(nn.Module):
    """The vector of each position, from the classes of its variables: their learned vectors added up, or one-hot.

    All positions share the vectors.

    Args:
        positions: places with a vector each.
        variables: categorical variables per position.
        size: number of classes of each.
        latent: dimensions of the vector at each position.
        learned: a learned vector for each class of each variable; otherwise the one-hot vectors, concatenated.

    Raises:
        UserError: one-hot vectors of another number of dimensions than `latent`.
    """

    one_hot: Tensor

    def __init__(self, positions: int, variables: int, size: int, latent: int, learned: bool) -> None:
        super().__init__()
        if not learned and latent != variables * size:
            raise UserError(
                f"latent is {latent}, but {variables} one-hot vectors of {size} classes have {variables * size} "
                f"dimensions; set latent to {variables * size} or learned to True"
            )
        self.positions, self.variables = positions, variables
        # A sum over the variables then has variance one.
        self.vectors = nn.Parameter(torch.randn(variables, size, latent) / variables**0.5) if learned else None
        self.register_buffer("one_hot", torch.eye(size), persistent=False)

    def forward(self, shares: Float[Tensor, "*N slots size"]) -> Float[Tensor, "*N positions latent"]:
        """The vectors averaged with the shares of their classes."""
        if self.vectors is None:
            concatenated: Tensor = shares.unflatten(-2, (self.positions, -1)).flatten(-2)
            return concatenated
        mean: Tensor = torch.einsum("...pvk,vkd->...pd", shares.unflatten(-2, (self.positions, -1)), self.vectors)
        return mean

    def look_up(self, codes: Int[Tensor, "*N slots"]) -> Float[Tensor, "*N positions latent"]:
        """The vectors of certain classes."""
        by_variable = codes.unflatten(-1, (self.positions, -1))
        if self.vectors is None:
            found = self.one_hot[by_variable].flatten(-2)
        else:
            found = self.vectors[torch.arange(self.variables, device=codes.device), by_variable].sum(-2)
        return found
