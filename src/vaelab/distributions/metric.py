"""Matrices that kernels interpolate between centroids: a Riemannian metric of a latent space, or its inverse."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class MatrixField:
    r"""M(z) = sum_i A_i exp(-|R_i^T (z - c_i)|^2), a positive definite matrix at each point.

    With M = G^-1, R_i = I / T and a last term of R = 0 it is the inverse metric of Chadebec, Mantoux and Allassonniere
    (2020): sum_i L_i L_i^T exp(-|z - c_i|^2 / T^2) + floor I. With M = G and the precision of q(z | x_i) as A_i and, up
    to a factor, as R_i R_i^T, it is the metric of Chadebec and Allassonniere (2022).

    Args:
        centroids: c, (N, D).
        matrices: A, none of them negative, and of those that reach z one positive definite, (N, D, D).
        whitening: R, (N, D, D); or its diagonal, (N, D), where it has no other entries.

    >>> field = MatrixField(torch.zeros(1, 2), torch.eye(2)[None], torch.ones(1, 2))
    >>> field.at(torch.tensor([[1.0, 0.0]])).half_log_det
    tensor([-1.])
    """

    centroids: Float[Tensor, "N D"]
    matrices: Float[Tensor, "N D D"]
    whitening: Float[Tensor, "N D"] | Float[Tensor, "N D D"]

    def at(self, z: Float[Tensor, "*S D"]) -> MatrixAt:
        """The field at points."""
        away = z[..., None, :] - self.centroids
        if self.whitening.ndim == 2:
            white = away * self.whitening
            pull = white * self.whitening
        else:
            white = torch.einsum("nij,...ni->...nj", self.whitening, away)
            pull = torch.einsum("nij,...nj->...ni", self.whitening, white)
        # Far from all centroids every weight would underflow, and the logarithm of the determinant with them.
        exponent = -white.square().sum(-1)
        log_scale = exponent.detach().amax(-1)
        weight = (exponent - log_scale[..., None]).exp()
        return MatrixAt(self.matrices, weight, pull, log_scale)


class MatrixAt:
    """M(z) at points, with its determinant and its gradients.

    Args:
        matrices: A, (N, D, D).
        weight: of each centroid, the largest 1, (*S, N).
        pull: R_i R_i^T (z - c_i), (*S, N, D).
        log_scale: log of what the weights were divided by, (*S,).
    """

    def __init__(
        self,
        matrices: Float[Tensor, "N D D"],
        weight: Float[Tensor, "*S N"],
        pull: Float[Tensor, "*S N D"],
        log_scale: Float[Tensor, "*S"],
    ) -> None:
        self._matrices, self._pull, self._log_scale = matrices, pull, log_scale
        self._weight = weight * log_scale.exp()[..., None]
        scaled = torch.einsum("...n,nij->...ij", weight, matrices)
        self.matrix: Float[Tensor, "*S D D"] = scaled * log_scale.exp()[..., None, None]
        # A point that left the range of numbers gives nan, where `cholesky` would raise.
        self._factor: Tensor = torch.linalg.cholesky_ex(scaled)[0]

    @property
    def half_log_det(self) -> Float[Tensor, "*S"]:
        """1/2 log det M, the log volume element if M is a metric."""
        half: Tensor = self._factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return half + self._matrices.shape[-1] / 2 * self._log_scale

    @property
    def factor(self) -> Float[Tensor, "*S D D"]:
        """C, lower triangular, with C C^T = M."""
        return self._factor * (self._log_scale / 2).exp()[..., None, None]

    @property
    def inverse(self) -> Float[Tensor, "*S D D"]:
        """M^-1."""
        inverse: Tensor = torch.cholesky_inverse(self._factor)
        return inverse * (-self._log_scale).exp()[..., None, None]

    def slope(self, by: Float[Tensor, "*S D D"]) -> Float[Tensor, "*S D"]:
        """The gradient of tr(by M(z)) with respect to z, `by` held fixed; with M^-1 / 2 that of 1/2 log det M."""
        traces = torch.einsum("...ij,nij->...n", by, self._matrices)
        gradient: Tensor = -2 * torch.einsum("...n,...nd->...d", self._weight * traces, self._pull)
        return gradient
