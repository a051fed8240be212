"""The Riemannian Hamiltonian VAE. The loss and its metric are in `riemannian_hamiltonian_loss`, which imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Gt

from vaelab.data import DataFormat
from vaelab.objectives.hamiltonian import Hamiltonian
from vaelab.objectives.objective import Loss
from vaelab.traits import Trait


@dataclass(frozen=True)
class RiemannianHamiltonian(Hamiltonian):
    """`Hamiltonian` on a manifold whose metric is learned, RHVAE (Chadebec, Mantoux and Allassonniere 2020).

    G^-1(z) = sum_i L_i L_i^T exp(-|z - c_i|^2 / T^2) + floor I, where c_i is the mean of q(z | x_i) and L_i what a
    network makes of x_i, for the images of the batch and the latest before them. Momenta are from N(0, G(z)), and steps
    are those of the generalised leapfrog, which preserve volume (`Riemannian`), so the bound is as valid as that of
    `Hamiltonian`. Metric and network are part of the objective: checkpoints contain them, the saved model does not.
    """

    step_size: Annotated[float, Gt(0)] = 0.01
    """Step size of every dimension at the start, in units of z where the metric is I."""
    temperature: Annotated[float, Gt(0)] = 0.8
    """T, the reach of each centroid, in units of z."""
    floor: Annotated[float, Gt(0)] = 0.01
    """What is left of the inverse metric far from all centroids."""
    centroids: Annotated[int, Ge(0)] = 200
    """Images before the current batch that the metric remembers."""
    hidden: Annotated[int, Ge(1)] = 128
    """Width of the network that makes L_i."""
    needs: ClassVar[frozenset[Trait]] = Hamiltonian.needs | {Trait.known_moments}

    def build(self, latent: int) -> Loss:
        """Refuse to build a metric of images whose shape is not known.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"{type(self).__name__} has a network that reads images; call build_for(latent, format)")

    def build_for(self, latent: int, format: DataFormat) -> Loss:
        """Build the loss, with a fresh metric."""
        from vaelab.objectives.riemannian_hamiltonian_loss import RiemannianHamiltonianLoss

        return RiemannianHamiltonianLoss(self, latent, format.shape)
