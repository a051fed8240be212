"""The Hamiltonian VAE. The loss and what it learns are in `hamiltonian_loss`, which imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Gt, Le

from vaelab.errors import UserError
from vaelab.objectives.objective import Loss, ObjectiveSpec
from vaelab.traits import Trait


@dataclass(frozen=True)
class Hamiltonian(ObjectiveSpec):
    """Evidence lower bound after leapfrog steps towards p(z | x), HVAE (Caterini, Doucet and Sejdinovic 2018).

    loss = -E[log p(x, z_K) + log N(r_K; 0, I) - log q(z_0 | x) - log N(g; 0, I)], in nats per image, with z_0 from
    q(z | x), g from N(0, I), and (z_K, r_K) the end of K leapfrog steps in log p(x, z) from z_0 and r_0 =
    g / beta_0^(1/2). After step k the momentum is multiplied by (beta_(k-1) / beta_k)^(1/2), so that it cools from the
    variance 1 / beta_0 to 1. Steps and cooling together preserve volume. Step sizes, one for each dimension of z, and
    the cooling are learned with the model, as part of the objective: checkpoints contain them, the saved model does
    not. The totals that training reports are those of q(z_0 | x); `vaelab.hamiltonian_bound` measures the bound of any
    trained model.

    Without cooling there is little to gain: exact dynamics would leave the bound as it is for any number of steps.
    """

    steps: Annotated[int, Ge(0)] = 5
    """K, leapfrog steps; each decodes once. With 0 this is the ELBO with a sampled KL."""
    step_size: Annotated[float, Gt(0)] = 0.05
    """Step size of every dimension at the start, in units of z."""
    largest: Annotated[float, Gt(0)] = 0.5
    """Bound on the learned step sizes."""
    tempering: Annotated[float, Gt(0), Le(1)] = 0.5
    """beta_0 at the start; with 1 there is no tempering, and none is learned."""
    free: bool = False
    """Learn a factor on the momentum for each step, instead of beta_0 alone with a quadratic path to 1."""
    samples: Annotated[int, Ge(1)] = 1
    """Draws of z_0 and of the momentum per image, over which the bound is averaged."""
    needs: ClassVar[frozenset[Trait]] = frozenset(
        {Trait.one_latent, Trait.real_codes, Trait.density, Trait.fixed_likelihood}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.step_size >= self.largest:
            raise UserError(
                f"{type(self).__name__}.step_size is {self.step_size}, but must be below largest = {self.largest}"
            )

    def build(self, latent: int) -> Loss:
        """Build the loss, with its step sizes and its tempering, for `latent` dimensions of z."""
        from vaelab.objectives.hamiltonian_loss import HamiltonianLoss

        return HamiltonianLoss(self, latent)
