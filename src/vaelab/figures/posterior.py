"""The true posteriors of real images, over the plane, against what the encoder makes of them."""

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

# Images that are shown, and among how many they are chosen.
_SHOWN, _AMONG = 6, 100
# Images are ranked by so many importance samples each, and a coarse integral finds where the posteriors of those
# chosen lie: what is told of them is summed over their windows.
_SAMPLES, _TOLERANCE, _POINTS = 50, 0.3, 20_000
# The best Gaussian is as good after so many steps as it gets: three hundred move its ELBO by some 0.01 nats.
_STEPS, _EVALUATION = 40, 100
# A window reaches so many deviations beyond each mean, and has at least so many points along each axis; more where
# what lies in it is narrow, up to a bound.
_REACH, _LEAST, _MOST = 5.0, 60, 160


@dataclass(frozen=True)
class Inferred:
    """An image, its true posterior, and what inference makes of it.

    Args:
        row: of the images shown to the model.
        posterior: the true one.
        q: mean and covariance of the encoder's.
        best: those of the best Gaussian of the encoder's family.
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
        """What of it the best Gaussian leaves, nats."""
        return self.posterior.kl(*self.best)


def true_posterior(source: FigureSource) -> tuple[Figure, str]:
    """The true posteriors of six images, from the one that the encoder fits best to the one it fits worst."""
    candidates = _candidates(source)
    found = inferred(source, candidates)
    figure = draw_true_posterior(
        source.measured.pixels[[one.row for one in found]].numpy(),
        [one.posterior.ticks for one in found],
        [np.exp(one.posterior.log_density) for one in found],
        (np.stack([one.q[0] for one in found]), np.stack([one.q[1] for one in found])),
        (np.stack([one.best[0] for one in found]), np.stack([one.best[1] for one in found])),
        [(one.approximation, one.total - one.approximation) for one in found],
        title=f"{source.title}: true posteriors",
    )
    grey = (
        source.model.likelihood.score_name(source.measured.binarisation.binary(source.measured.data)) == "cross-entropy"
    )
    what = (
        "Pixels are grey, so the true posterior is that of p(z) exp(-cross-entropy), which is no density of images; "
        "KL, in nats, is from q(z | x) to it."
        if grey
        else "KL, in nats, is KL(q(z | x) || p(z | x)) = log p(x) - ELBO."
    )
    which = f"{_of_class(source, candidates)}, from the best fitted to the worst by importance samples"
    return figure, (
        f"{len(found)} of {len(candidates)} test images{which}. Each stands beside its true posterior, darker where "
        f"denser on a scale of its own, with the encoder's q(z | x) and the best Gaussian of q's family. {what} "
        "Approximation is what the best Gaussian leaves of it, amortisation what one encoder for all images adds "
        "(Cremer et al. 2018). Look for true posteriors that are tilted, bent or in parts, which the dashed ellipses "
        "cannot follow, and for solid ellipses beside the blue, where the encoder misses."
    )


def _of_class(source: FigureSource, rows: Tensor) -> str:
    """The class that all these images are of, where a conditional model's are."""
    labels, classes = source.measured.labels, source.model.format.classes
    if not source.model.spec.conditional or labels is None or not classes:
        return ""
    present = np.unique(labels[rows])
    return f" of class {classes[present[0]]}" if len(present) == 1 else ""


def _candidates(source: FigureSource) -> Tensor:
    """Rows of up to a hundred images, spread evenly over those shown.

    A conditional model's are of one condition, or of two where the first has fewer images than are to be shown: each
    costs an integral of its own.
    """
    rows = torch.arange(source.measured.n_images)
    if source.model.spec.conditional and source.measured.condition is not None:
        _, which = source.measured.condition.unique(dim=0, return_inverse=True)
        taken = which == which[0]
        if taken.sum() < _SHOWN and not taken.all():
            taken |= which == which[~taken][0]
        rows = rows[taken]
    return rows[np.unique(np.linspace(0, len(rows) - 1, _AMONG).round().astype(int))]


def inferred(source: FigureSource, candidates: Tensor) -> list[Inferred]:
    """Six of some images, at quantiles 0, 0.2, ..., 1 of log p(x) - ELBO, from the best fitted to the worst.

    log p(x) is estimated by importance samples to choose them, and summed over a window of each that is chosen.

    Args:
        source: a model with a latent plane, and what it is shown.
        candidates: rows of the images shown.

    Raises:
        UserError: another posterior than a Gaussian, no plane, or weights that are not finite.
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
    rows = rank[np.unique(np.linspace(0, len(rank) - 1, _SHOWN).round().astype(int))]
    x, y = x[rows], None if y is None else y[rows]
    integral = exact_evidence(model, x, y, _TOLERANCE, _POINTS, allow_cross_entropy=True)
    with torch.no_grad(), eval_mode(model):
        q = _moments(Joint(model, x, y).posterior)
    # A posterior that is narrower than the last step lies somewhere within it.
    ticks = _windows((integral.mean, integral.covariance + torch.diag_embed((integral.step / 2).square())), q)
    maps = [posterior_map(model, x[[n]], None if y is None else y[[n]], ticks[n]) for n in range(len(rows))]
    means, covariances = (torch.from_numpy(np.stack(part)) for part in zip(*(one.moments for one in maps), strict=True))
    log_p = torch.tensor([one.log_p for one in maps], dtype=torch.float64)
    gaps = inference_gaps(model, x, log_p, y, (means, covariances), steps=_STEPS, evaluation=_EVALUATION)
    best = gaps.mean.double(), gaps.covariance.double()
    found = [
        Inferred(row, one, (q[0][n].numpy(), q[1][n].numpy()), (best[0][n].numpy(), best[1][n].numpy()))
        for n, (row, one) in enumerate(zip(candidates[rows].tolist(), maps, strict=True))
    ]
    return sorted(found, key=lambda one: one.total)


def _moments(q: Distribution) -> tuple[Tensor, Tensor]:
    """Means and covariances of Gaussians, float64."""
    covariance = q.covariance_matrix if isinstance(q, MultivariateNormal) else torch.diag_embed(q.variance)
    return q.mean.double(), covariance.double()


def _windows(*gaussians: tuple[Tensor, Tensor]) -> list[Floats]:
    """Of each image a square that holds all of these, with as many points as the narrowest needs, (2, T)."""
    centres = torch.stack([mean for mean, _ in gaussians])
    covariances = torch.stack([covariance for _, covariance in gaussians])
    reach = _REACH * covariances.diagonal(dim1=-2, dim2=-1).sqrt()
    low, high = (centres - reach).amin(0), (centres + reach).amax(0)
    halves, narrowest = (high - low).amax(1) / 2, torch.linalg.eigvalsh(covariances).amin((0, 2)).sqrt()
    # Two points a deviation.
    counts = (4 * halves / narrowest).clamp(_LEAST, _MOST).int().tolist()
    middles = ((high + low) / 2)[:, :, None].numpy()
    return [
        middle + half * np.linspace(-1, 1, count)
        for middle, half, count in zip(middles, halves.tolist(), counts, strict=True)
    ]
