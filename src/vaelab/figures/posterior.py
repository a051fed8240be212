"""True posteriors of real images over the latent plane, compared with those of the encoder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal

from vaelab.figures.posterior_map import Floats, PosteriorMap, posterior_map
from vaelab.figures.source import FigureSource
from vaelab.metrics.evidence import Joint, exact_evidence, importance_bound, inference_gaps
from vaelab.metrics.images import batches, eval_mode
from vaelab.plots import true_posterior as draw_true_posterior

# Images in the figure, and candidates among which they are chosen.
_IMAGES, _CANDIDATES = 6, 100
# Candidates are ranked by importance samples. A coarse integral then locates the posteriors of the chosen images; the
# numbers in the figure are sums over a window around each.
_SAMPLES, _TOLERANCE, _POINTS = 50, 0.3, 20_000
# Steps of optimisation after which the best Gaussian has converged: three hundred change its ELBO by about 0.01 nats.
_STEPS, _EVALUATION = 40, 100
# Standard deviations from each mean to the edge of a window, and bounds on the points along each axis.
_REACH, _MIN_POINTS, _MAX_POINTS = 5.0, 60, 160


@dataclass(frozen=True)
class Inferred:
    """The true posterior of an image, the encoder's posterior and the best Gaussian.

    Args:
        row: index of the image.
        posterior: the true posterior.
        q: mean and covariance of the encoder's posterior.
        best: mean and covariance of the best Gaussian of the encoder's family.
    """

    row: int
    posterior: PosteriorMap
    q: tuple[Floats, Floats]
    best: tuple[Floats, Floats]

    @property
    def total(self) -> float:
        """KL(q || p(z | x)) = log p(x) - ELBO, nats."""
        return self.posterior.kl(*self.q)

    @property
    def approximation(self) -> float:
        """Approximation gap: KL of the best Gaussian to p(z | x), nats."""
        return self.posterior.kl(*self.best)


def true_posterior(source: FigureSource) -> tuple[Figure, str]:
    """True posteriors of six images, from the one that the encoder fits best to the one that it fits worst."""
    candidates = _candidates(source)
    images = inferred(source, candidates)
    figure = draw_true_posterior(
        source.measured.pixels[[image.row for image in images]].numpy(),
        [image.posterior.ticks for image in images],
        [np.exp(image.posterior.log_density) for image in images],
        (np.stack([image.q[0] for image in images]), np.stack([image.q[1] for image in images])),
        (np.stack([image.best[0] for image in images]), np.stack([image.best[1] for image in images])),
        [(image.approximation, image.total - image.approximation) for image in images],
        title=source.heading("true posteriors"),
    )
    grey = (
        source.model.likelihood.score_name(source.measured.binarisation.binary(source.measured.data)) == "cross-entropy"
    )
    divergence = (
        "Pixels are grey, so the true posterior is proportional to p(z) exp(-cross-entropy), although "
        "exp(-cross-entropy) is not a density of images. KL, in nats, is from q(z | x) to this posterior."
        if grey
        else "KL, in nats, is KL(q(z | x) || p(z | x)) = log p(x) - ELBO."
    )
    which = f"{_of_class(source, candidates)}, from the best fitted to the worst, ranked by importance samples"
    return figure, (
        f"{len(images)} of {len(candidates)} test images{which}. Right of each image: its true posterior, darker where "
        "the density is higher (one colour scale per panel), with the encoder's q(z | x) and the best Gaussian of q's "
        f"family. {divergence} Approximation is the KL of the best Gaussian, amortisation the KL added by one encoder "
        "for all images (Cremer et al. 2018). Look for true posteriors that are tilted, curved or multimodal, which "
        "the dashed ellipses may not fit, and for solid ellipses away from the blue region, where the encoder is wrong."
    )


def _of_class(source: FigureSource, rows: Tensor) -> str:
    """Caption words for the class that all rows of a conditional model share; empty for none."""
    labels, classes = source.measured.labels, source.model.format.classes
    if not source.model.spec.conditional or labels is None or not classes:
        return ""
    present = np.unique(labels[rows])
    return f" of class {classes[present[0]]}" if len(present) == 1 else ""


def _candidates(source: FigureSource) -> Tensor:
    """Rows of up to a hundred images, evenly spaced.

    For a conditional model they share one condition, or two if the first has fewer images than the figure: each
    condition needs a separate integral.
    """
    measured = source.measured
    rows = torch.arange(measured.n_images)
    if source.model.spec.conditional and measured.condition is not None:
        if measured.labels is not None:
            rows = torch.from_numpy(np.flatnonzero(measured.labels >= 0))
        _, which = measured.condition[rows].unique(dim=0, return_inverse=True)
        selected = which == which[0]
        if selected.sum() < _IMAGES and not selected.all():
            selected |= which == which[~selected][0]
        rows = rows[selected]
    return rows[np.unique(np.linspace(0, len(rows) - 1, _CANDIDATES).round().astype(int))]


def inferred(source: FigureSource, candidates: Tensor) -> list[Inferred]:
    """Six of the candidates, at quantiles 0, 0.2, ..., 1 of log p(x) - ELBO, from the best fitted to the worst.

    Importance samples estimate log p(x) for the choice; a sum over a window gives it for the chosen images.

    Args:
        source: a model with a latent plane, and images.
        candidates: rows of images.

    Raises:
        UserError: the posterior is not Gaussian, the latent is not two-dimensional, or weights are not finite.
    """
    model = source.model
    y = (
        source.measured.condition[candidates]
        if model.spec.conditional and source.measured.condition is not None
        else None
    )
    ((x, y),) = batches(model, source.measured.pixels[candidates], y, len(candidates))
    bound = importance_bound(model, x, y, _SAMPLES, allow_cross_entropy=True)
    rank = (bound.log_p - bound.elbo).argsort()
    rows = rank[np.unique(np.linspace(0, len(rank) - 1, _IMAGES).round().astype(int))]
    x, y = x[rows], None if y is None else y[rows]
    integral = exact_evidence(model, x, y, _TOLERANCE, _POINTS, allow_cross_entropy=True)
    with torch.no_grad(), eval_mode(model):
        q = _moments(Joint(model, x, y).posterior)
    # Widened by half a step, since a posterior narrower than the step can lie anywhere within it.
    ticks = _windows((integral.mean, integral.covariance + torch.diag_embed((integral.step / 2).square())), q)
    maps = [posterior_map(model, x[[n]], None if y is None else y[[n]], ticks[n]) for n in range(len(rows))]
    means, covariances = (torch.from_numpy(np.stack(part)) for part in zip(*(one.moments for one in maps), strict=True))
    log_p = torch.tensor([one.log_p for one in maps], dtype=torch.float64)
    gaps = inference_gaps(model, x, log_p, y, (means, covariances), steps=_STEPS, evaluation=_EVALUATION)
    best = gaps.mean.double(), gaps.covariance.double()
    images = [
        Inferred(row, one, (q[0][n].numpy(), q[1][n].numpy()), (best[0][n].numpy(), best[1][n].numpy()))
        for n, (row, one) in enumerate(zip(candidates[rows].tolist(), maps, strict=True))
    ]
    return sorted(images, key=lambda image: image.total)


def _moments(q: Distribution) -> tuple[Tensor, Tensor]:
    """Means (N, 2) and covariances (N, 2, 2) of Gaussians, float64."""
    covariance = q.covariance_matrix if isinstance(q, MultivariateNormal) else torch.diag_embed(q.variance)
    return q.mean.double(), covariance.double()


def _windows(*gaussians: tuple[Tensor, Tensor]) -> list[Floats]:
    """Ticks (2, T) of one square per image that contains all its Gaussians and resolves the narrowest."""
    centres = torch.stack([mean for mean, _ in gaussians])
    covariances = torch.stack([covariance for _, covariance in gaussians])
    reach = _REACH * covariances.diagonal(dim1=-2, dim2=-1).sqrt()
    low, high = (centres - reach).amin(0), (centres + reach).amax(0)
    halves, narrowest = (high - low).amax(1) / 2, torch.linalg.eigvalsh(covariances).amin((0, 2)).sqrt()
    # Two points per standard deviation.
    counts = (4 * halves / narrowest).clamp(_MIN_POINTS, _MAX_POINTS).int().tolist()
    middles = ((high + low) / 2)[:, :, None].numpy()
    return [
        middle + half * np.linspace(-1, 1, count)
        for middle, half, count in zip(middles, halves.tolist(), counts, strict=True)
    ]
