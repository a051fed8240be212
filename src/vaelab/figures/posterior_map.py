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

# Codes that are decoded at a time: memory depends on it.
_CODES = 2000


@dataclass(frozen=True)
class PosteriorMap:
    """p(z | x) = p(x, z) / p(x) of one image at T x T points of a window of the plane.

    Args:
        ticks: z1 and z2 of the points, rising, (2, T).
        log_density: log p(z | x), rows z2, columns z1, (T, T); the density sums to 1 over the window's cells.
        log_p: log p(x), nats, by the same sum.
    """

    ticks: Floats
    log_density: Floats
    log_p: float

    @property
    def points(self) -> Floats:
        """The codes, (T, T, 2)."""
        return np.stack(np.meshgrid(*self.ticks), -1)

    @property
    def moments(self) -> tuple[Floats, Floats]:
        """Mean and covariance, (2,) and (2, 2)."""
        points, weight = self.points.reshape(-1, 2), np.exp(self.log_density).ravel()
        mean = np.average(points, 0, weight)
        return mean, np.cov(points.T, aweights=weight, ddof=0)

    def kl(self, mean: Floats, covariance: Floats) -> float:
        """KL(q || p(z | x)) of a Gaussian q, nats: log p(x) less the ELBO of q, summed over the window, without draws.

        Args:
            mean: of q, (2,).
            covariance: of q, (2, 2).
        """
        from scipy.special import logsumexp
        from scipy.stats import multivariate_normal

        log_q = multivariate_normal(mean, covariance).logpdf(self.points)
        # As shares of the window, in which all of q lies but a millionth.
        log_share = log_q - logsumexp(log_q)
        difference = log_share - _log_cell(self.ticks) - self.log_density
        return float((np.exp(log_share) * difference).sum())


def _log_cell(ticks: Floats) -> float:
    """log of the area of a cell of evenly spaced points."""
    return float(np.log(ticks[:, 1] - ticks[:, 0]).sum())


@torch.no_grad()
def posterior_map(model: Model, x: Tensor, y: Tensor | None, ticks: Floats) -> PosteriorMap:
    r"""The true posterior of one image, by log p(x, z) at every point of a window.

        p(z | x) = p(x, z) / \int p(x, z) dz,    the integral by the trapezoidal rule, to which the edges add nothing

    Args:
        model: one latent of two real numbers.
        x: the image, (1, C, H, W).
        y: its condition, (1,) or (1, A), for a conditional model.
        ticks: z1 and z2 of the points, rising evenly, (2, T).

    Raises:
        UserError: the model has no density over one latent of real numbers.
    """
    joint, size = Joint(model, x, y), ticks.shape[1]
    codes = torch.from_numpy(np.stack(np.meshgrid(*ticks), -1).reshape(-1, 1, 2)).to(x)
    with eval_mode(model):
        log_joint = torch.cat([joint.log_prob(part)[:, 0] for part in codes.split(_CODES)]).double()
    log_p = float(log_joint.logsumexp(0)) + _log_cell(ticks)
    return PosteriorMap(ticks, (log_joint - log_p).reshape(size, size).numpy(), log_p)
