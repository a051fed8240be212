"""The true posterior of an image over a window of the latent plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaelab.metrics.evidence import Joint
from vaelab.metrics.images import eval_mode
from vaelab.models.model import Model

Floats = NDArray[np.float64]

# Latents per batch of the decoder, which bounds memory.
_BATCH = 2000


@dataclass(frozen=True)
class PosteriorMap:
    """The true posterior of one image at the T x T grid points of a window.

        p(z | x) = p(x, z) / p(x)

    Args:
        ticks: coordinates z1 and z2 of the grid points, ascending, (2, T).
        log_density: log p(z | x), rows z2, columns z1, (T, T), normalised over the window.
        log_p: log p(x), nats, from the same sum.
    """

    ticks: Floats
    log_density: Floats
    log_p: float

    @property
    def points(self) -> Floats:
        """Grid points z, (T, T, 2)."""
        return np.stack(np.meshgrid(*self.ticks), -1)

    @property
    def moments(self) -> tuple[Floats, Floats]:
        """Mean, (2,), and covariance, (2, 2)."""
        points, weight = self.points.reshape(-1, 2), np.exp(self.log_density).ravel()
        mean = np.average(points, 0, weight)
        return mean, np.cov(points.T, aweights=weight, ddof=0)

    def kl(self, mean: Floats, covariance: Floats) -> float:
        """KL(q || p(z | x)) = log p(x) - ELBO of a Gaussian q, nats, by a sum over the window.

        Args:
            mean: mean of q, (2,).
            covariance: covariance of q, (2, 2).
        """
        from scipy.special import logsumexp
        from scipy.stats import multivariate_normal

        log_q = multivariate_normal(mean, covariance).logpdf(self.points)
        # Normalised over the window, which contains all but a millionth of q.
        log_share = log_q - logsumexp(log_q)
        difference = log_share - _log_cell(self.ticks) - self.log_density
        return float((np.exp(log_share) * difference).sum())


def _log_cell(ticks: Floats) -> float:
    """Log area of a cell of the grid, for evenly spaced ticks."""
    return float(np.log(ticks[:, 1] - ticks[:, 0]).sum())


@torch.no_grad()
def posterior_map(model: Model, x: Tensor, y: Tensor | None, ticks: Floats) -> PosteriorMap:
    r"""The true posterior of one image, from log p(x, z) at every grid point of a window.

        p(z | x) = p(x, z) / \int p(x, z) dz

    The integral is by the trapezoidal rule; the density at the edges is assumed to be negligible.

    Args:
        model: a model with one latent of two real numbers.
        x: the image, (1, C, H, W).
        y: its condition, (1,) or (1, A), for a conditional model.
        ticks: coordinates z1 and z2 of the grid points, ascending and evenly spaced, (2, T).

    Raises:
        UserError: the model has no density over one latent of real numbers.
    """
    joint, size = Joint(model, x, y), ticks.shape[1]
    z = torch.from_numpy(np.stack(np.meshgrid(*ticks), -1).reshape(-1, 1, 2)).to(x)
    with eval_mode(model):
        log_joint = torch.cat([joint.log_prob(part)[:, 0] for part in z.split(_BATCH)]).double()
    log_p = float(log_joint.logsumexp(0)) + _log_cell(ticks)
    return PosteriorMap(ticks, (log_joint - log_p).reshape(size, size).numpy(), log_p)
