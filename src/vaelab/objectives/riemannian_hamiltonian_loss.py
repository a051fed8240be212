"""The loss of `RiemannianHamiltonian`, with its metric."""

from __future__ import annotations

from math import prod

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from vaelab.contract import Trace
from vaelab.distributions.hamiltonian import Kinetic
from vaelab.distributions.metric import MatrixField
from vaelab.distributions.riemannian import Riemannian
from vaelab.objectives.hamiltonian_loss import HamiltonianLoss
from vaelab.objectives.riemannian_hamiltonian import RiemannianHamiltonian

# softplus of it is 1.
_ONE = 0.5413


class RiemannianHamiltonianLoss(HamiltonianLoss):
    """The negative bound of a trajectory under a metric that the images of the batch and those before it span.

    The metric depends on images and weights, never on the draws that it moves, so each trajectory is a fixed map. Of
    images before the batch, centroids and factors are kept as they were, without a gradient.

    Args:
        spec: the settings.
        latent: D, dimensions of z.
        shape: of an image or a row.
    """

    remembered: Tensor
    factors_of_remembered: Tensor

    def __init__(self, spec: RiemannianHamiltonian, latent: int, shape: tuple[int, ...]) -> None:
        super().__init__(spec, latent)
        self.temperature, self.floor = spec.temperature, spec.floor
        self.network = nn.Sequential(nn.Linear(prod(shape), spec.hidden), nn.SiLU(), nn.Linear(spec.hidden, latent**2))
        # Factors of zero are images that were not seen yet.
        self.register_buffer("remembered", torch.zeros(spec.centroids, latent))
        self.register_buffer("factors_of_remembered", torch.zeros(spec.centroids, latent, latent))

    def kinetic(self, trace: Trace) -> Kinetic:
        """Momenta under the metric; the images of the trace are remembered."""
        (latent,) = trace.latents
        centroids = torch.cat([latent.q.mean, self.remembered])
        factors = torch.cat([self.factor(trace.x), self.factors_of_remembered])
        # A step that diverged is not remembered: the loss is not finite either, and training stops.
        if bool(centroids.isfinite().all() & factors.isfinite().all()):
            self.remembered.copy_(centroids[: len(self.remembered)].detach())
            self.factors_of_remembered.copy_(factors[: len(self.remembered)].detach())
        return Riemannian(self.inverse_metric(centroids, factors))

    def factor(self, x: Float[Tensor, "B ..."]) -> Float[Tensor, "B D D"]:
        """L of each image, lower triangular with a positive diagonal; near I in a fresh network."""
        # Counts have no bound, and a missing value says nothing.
        found = self.network(x.flatten(1).nan_to_num(0.0).asinh()).unflatten(1, (len(self.raw_step), -1))
        diagonal = softplus(found.diagonal(dim1=1, dim2=2) + _ONE)
        lower: Tensor = found.tril(-1) + torch.diag_embed(diagonal)
        return lower

    def inverse_metric(self, centroids: Float[Tensor, "N D"], factors: Float[Tensor, "N D D"]) -> MatrixField:
        """G^-1, with the floor as the last term."""
        last = torch.eye(centroids.shape[1]).to(centroids)[None] * self.floor
        reach = torch.full_like(centroids, 1 / self.temperature)
        return MatrixField(
            torch.cat([centroids, torch.zeros_like(last[:, 0])]),
            torch.cat([factors @ factors.mT, last]),
            torch.cat([reach, torch.zeros_like(last[:, 0])]),
        )
