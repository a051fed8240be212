"""The evidence and the true posterior by quadrature over the latent, exact where it has few dimensions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vaelab.errors import UserError
from vaelab.metrics.evidence.lattice import FIRST, Lattice
from vaelab.metrics.evidence.support import refuse_broken_weights, refuse_cross_entropy, refuse_without_density
from vaelab.metrics.images import eval_mode, seeded
from vaelab.metrics.intervals import Interval, bootstrap_interval
from vaelab.models.model import Model
from vaelab.models.vae import VAEModel

# An image's mass is sought as far below the highest point as twice what its highest points differ by on the first
# lattice, a quarter of it at each halving: where they differ much, a narrow posterior lies between the points, and
# which of them is highest is chance.
_UNEVEN = 2
# The step is halved where the posterior of some image is denser than a thousandth of the tolerance, a cell of the
# first lattice: of a normal posterior, as much lies outside. While the step is still coarse, all counts that lies
# within so many nats of the highest point.
_TRACES, _COARSE = 20.0, 2
# A step of so many deviations of a normal posterior leaves an error of 5e-4.
_STEPS = 1.6
# Points that a lattice has in all, looked at or not, at most: memory grows with them.
_GRID = 150_000_000
# Pairs of a point of the first lattice and an image that are remembered at a time, a byte each.
_MARKS = 100_000_000
_DRAWS = 4096


@dataclass(frozen=True)
class Quadrature:
    """log p(x) of N images by quadrature, and the moments of their true posteriors p(z | x).

    Args:
        log_p: log p(x), nats, (N,).
        refining: what halving the step for the last time added to it, nats, (N,). The error that is left is smaller: of
            a decoder with kinks, such as ReLU, it falls at least fourfold with each halving.
        widening: how much more there is beyond two thirds of the range, nats, (N,).
        mean: of the true posterior, (N, D).
        covariance: of the true posterior, (N, D, D).
        step: the last step along each axis, (N, D); an image whose integral stands still is refined no more.
        points: codes that were decoded, in all.
    """

    log_p: Float[Tensor, " N"]
    refining: Float[Tensor, " N"]
    widening: Float[Tensor, " N"]
    mean: Float[Tensor, "N D"]
    covariance: Float[Tensor, "N D D"]
    step: Float[Tensor, "N D"]
    points: int

    @property
    def interval(self) -> Interval:
        """Of the mean, 95 %, by drawing the images anew."""
        return bootstrap_interval(self.log_p.numpy(force=True))

    @property
    def error(self) -> float:
        """What refining and widening moved the mean by, nats, both together."""
        return float(self.refining.mean().abs() + self.widening.mean().abs())


def exact_evidence(
    model: Model,
    x: Float[Tensor, "N C H W"],
    y: Tensor | None = None,
    tolerance: float = 0.05,
    max_points: int = 5_000_000,
) -> Quadrature:
    r"""log p(x) = log \int p(x | z) p(z) dz of each image, by the trapezoidal rule over one, two or three dimensions.

    The images share one lattice of codes: decoded once, its log-likelihoods of all images are a matrix product
    where pixels are Bernoulli. The lattice reaches twice as far as draws of the prior; its step is halved, cell by
    cell where any image's posterior has mass, until no image's log p(x) moves by more than `tolerance`. For a
    smooth integrand that dies away the rule converges exponentially (Trefethen and Weideman 2014, section 5): with a
    step of the posterior's width it is off by some 1e-8. The kinks of a decoder of ReLUs leave an error of the order
    of the step squared, whose sign differs from image to image.

    Args:
        model: one latent of at most three real numbers.
        x: images in [0, 1].
        y: labels or attributes, for a conditional model; each distinct one has a lattice of its own.
        tolerance: nats.
        max_points: codes that may be decoded, all lattices together. Where they do not suffice, `refining` tells what
            accuracy was reached.

    Raises:
        UserError: no density over one latent of at most three numbers, grey pixels under a Bernoulli likelihood,
            weights that are not finite, a tolerance that is not positive, or too few points for any refinement.
    """
    refuse_cross_entropy(model, x)
    return exact_integral(model, x, y, tolerance, max_points)


@torch.no_grad()
def exact_integral(
    model: Model,
    x: Float[Tensor, "N C H W"],
    y: Tensor | None = None,
    tolerance: float = 0.05,
    max_points: int = 5_000_000,
) -> Quadrature:
    r"""`exact_evidence` whatever the pixels: log of the integral of p(z) exp(-reconstruction) over z.

    On grey pixels under a Bernoulli likelihood that is no log p(x), since exp(-cross-entropy) is no density of x; its
    posterior, and differences from it such as inference gaps, are true all the same.

    Raises:
        UserError: as `exact_evidence`, but for grey pixels.
    """
    refuse_without_density(model)
    refuse_broken_weights(model)
    assert isinstance(model, VAEModel)
    (dimensions,) = model.widths
    if dimensions > 3:
        raise UserError(
            f"model has {dimensions} latent dimensions, but a grid is affordable for at most 3; bound the evidence by "
            "importance samples instead"
        )
    if not tolerance > 0:
        raise UserError(f"tolerance is {tolerance}, but must be > 0, in nats")
    parts: list[tuple[Tensor, Quadrature]] = []
    with eval_mode(model):
        left = max_points
        groups = list(_by_condition(model, y, len(x)))
        for number, (rows, condition) in enumerate(groups):
            plane = _Plane(model, x[rows].to(model.device, next(model.parameters()).dtype), condition)
            found = plane.integrate(tolerance, left // (len(groups) - number))
            parts.append((rows, found))
            left -= found.points
    return _joined(parts)


class _Plane:
    """The latent of a model, under one condition, with the images whose posteriors are sought in it."""

    def __init__(self, model: VAEModel, x: Tensor, condition: Tensor | None) -> None:
        self.model, self.x, self.condition = model, x, condition
        self.prior = model.prior_of(condition, 1)
        with seeded(model.device, 0):
            draws = self.prior.sample(torch.Size((_DRAWS,))).flatten(0, -2)
        encoded = model.encode(x, self._conditions(len(x))).mean
        low, high = draws.amin(0), draws.amax(0)
        self.centre = (low + high) / 2
        # Where the encoder sends an image counts too, be it ever so unlikely under the prior.
        self.reach = torch.maximum(0.75 * (high - low), 1.25 * (encoded - self.centre).abs().amax(0))

    def integrate(self, tolerance: float, max_points: int) -> Quadrature:
        """Halve the step until every image's integral stands still."""
        self.faint = tolerance / 1000
        rows = torch.arange(len(self.x), device=self.x.device)
        lattice = Lattice.over(self.centre, 1.5 * self.reach, len(rows))
        if 2 * len(lattice) > max_points:
            raise UserError(
                f"max_points is {max_points}, but the first two lattices need {2 * len(lattice)} a condition; allow "
                "more, or give images of fewer conditions"
            )
        highest, self.uneven = self._highest(lattice)
        rough = self._sums(lattice, rows, highest, highest)
        found, spent = rough.quadrature(lattice), 2 * len(lattice)
        sums = self._sums(lattice, rows, found.log_p, highest)
        moving = torch.ones_like(rows, dtype=torch.bool)
        while moving.any() and lattice.mask.numel() * 2**lattice.mask.ndim <= _GRID:
            finer = lattice.refined(sums.active(moving), sums.near(moving, len(lattice.near)))
            if spent + len(finer) > max_points:
                break
            rows, highest = rows[moving], torch.maximum(highest, sums.highest)[moving]
            before = found.log_p[rows]
            sums = self._sums(finer, rows, before, highest)
            latest, spent, lattice = sums.quadrature(finer), spent + len(finer), finer
            latest = replace(latest, refining=latest.log_p - before)
            found = _overwritten(found, rows, latest)
            # An integral that stands still proves nothing as long as the posterior is narrower than the step.
            narrow = torch.linalg.eigvalsh(latest.covariance)[:, 0].clamp(min=0).sqrt() * _STEPS < lattice.step.max()
            moving = ~(latest.refining.abs() <= tolerance) | narrow | (lattice.level == 1)
        if not bool(found.log_p.isfinite().all()):
            raise UserError(
                f"log p(x) of {int((~found.log_p.isfinite()).sum())} image(s) is not finite: posteriors are too "
                "narrow for a grid, or the model gives numbers that are not finite; bound the evidence by importance "
                "samples instead"
            )
        return replace(found, points=spent)

    def _conditions(self, n: int) -> Tensor | None:
        """The one condition, for n codes or images."""
        return None if self.condition is None else self.condition.expand(n, *self.condition.shape[1:])

    def _highest(self, lattice: Lattice) -> tuple[Float[Tensor, " N"], Float[Tensor, " N"]]:
        """The highest log p(x, z) on a lattice for every image, and by how much its 3^D highest points differ."""
        most = 3 ** len(self.centre)
        highest = torch.full((most, len(self.x)), -math.inf, dtype=torch.float64, device=self.x.device)
        for _, z, rows in lattice.tiles():
            both = torch.cat([highest[:, rows], self._log_joint(z, rows).double()])
            highest[:, rows] = both.topk(most, dim=0).values
        return highest[0], highest[0] - highest[-1]

    def _log_joint(self, z: Float[Tensor, "G D"], rows: Int[Tensor, " R"]) -> Float[Tensor, "G R"]:
        """log p(x, z) of every point with every image of the rows."""
        log_p = self.model.likelihood.pairwise_log_prob(self.model.decode(z, self._conditions(len(z))), self.x[rows])
        return log_p + self.prior.log_prob(z[:, None])

    def _sums(
        self, lattice: Lattice, rows: Int[Tensor, " R"], scale: Float[Tensor, " R"], highest: Float[Tensor, " R"]
    ) -> _Sums:
        """Sums over a lattice of p(x, z) exp(-scale), and of what the posterior's moments need."""
        dimensions = len(self.centre)
        moments = torch.zeros(2 + dimensions + dimensions**2, len(rows), dtype=torch.float64, device=rows.device)
        least = scale + math.log(self.faint) - lattice.log_first_cell
        uneven = self.uneven[rows] * _UNEVEN / 4**lattice.level
        # Where the step is still coarse for an image, far fainter traces count.
        least = torch.minimum(least, highest - uneven.clamp(min=_TRACES * (lattice.level < _COARSE)))
        relative, found, dense = scale.clone(), highest.clone(), []
        for tile, z, seen in lattice.tiles():
            log_joint = self._log_joint(z, rows[seen])
            dense.append((tile, seen, log_joint > least[seen].to(z.dtype)))
            within = ((z - self.centre).abs() <= self.reach).all(1, keepdim=True).to(z.dtype)
            seconds = (z[:, :, None] * z[:, None, :]).flatten(1)
            features = torch.cat([torch.ones_like(within), within, z, seconds], 1)
            # Relative to the highest so far: a coarse lattice may have missed a narrow posterior by thousands of nats.
            top = log_joint.amax(0)
            sums = features.T @ (log_joint - top).exp_()
            found[seen] = torch.maximum(found[seen], top.double())
            above = torch.maximum(relative[seen], top.double())
            moments[:, seen] *= (relative[seen] - above).exp()
            moments[:, seen] += sums.double() * (top.double() - above).exp()
            relative[seen] = above
        return _Sums(relative, found, moments, dense)


@dataclass(frozen=True)
class _Sums:
    """What a lattice sums up to for R images.

    Args:
        scale: what the sums are relative to, nats, (R,).
        highest: the highest log p(x, z) so far, (R,).
        moments: of one, of one within the range, of z and of z z^T, (2 + D + D^2, R).
        dense: tile by tile its number, the images it was shown, (seen,), and which of its points hold mass of whose
            posterior, (G, seen).
    """

    scale: Float[Tensor, " R"]
    highest: Float[Tensor, " R"]
    moments: Float[Tensor, "features R"]
    dense: list[tuple[int, Tensor, Tensor]]

    def active(self, chosen: Bool[Tensor, " R"]) -> Bool[Tensor, " G"]:
        """The points that hold mass of one of the images chosen, tile by tile."""
        return torch.cat([dense[:, chosen[seen]].any(1) for _, seen, dense in self.dense])

    def near(self, chosen: Bool[Tensor, " R"], tiles: int) -> Bool[Tensor, "tiles chosen"]:
        """Those of the images chosen whose posterior has mass in each tile."""
        near = chosen.new_zeros(tiles, len(chosen))
        for tile, seen, dense in self.dense:
            near[tile, seen] |= dense.any(0)
        return near[:, chosen]

    def quadrature(self, lattice: Lattice) -> Quadrature:
        """The integral and the moments of the posterior."""
        whole, within, *_ = self.moments
        dimensions = len(lattice.step)
        mean = (self.moments[2 : 2 + dimensions] / whole).T
        seconds = (self.moments[2 + dimensions :] / whole).T.unflatten(1, (dimensions, dimensions))
        log_p = self.scale + lattice.log_cell + whole.log()
        return Quadrature(
            log_p,
            torch.full_like(log_p, math.inf),
            whole.log() - within.log(),
            mean,
            seconds - mean[:, :, None] * mean[:, None, :],
            lattice.step.double().expand(len(log_p), -1),
            len(lattice),
        )


def _by_condition(model: VAEModel, y: Tensor | None, n: int) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Rows of images that share a condition, so many at a time, and that condition, (1,) or (1, A)."""
    if not model.spec.conditional or y is None:
        model.prior_of(y, n)  # refuses a conditional model without labels
        for rows in torch.arange(n).split(_images_at_a_time(model)):
            yield rows, None
        return
    distinct, which = y.unique(dim=0, return_inverse=True)
    for number, condition in enumerate(distinct):
        for rows in (which == number).nonzero()[:, 0].cpu().split(_images_at_a_time(model)):
            yield rows, condition[None].to(model.device)


def _images_at_a_time(model: VAEModel) -> int:
    """Memory grows with the points of the first lattice and the images that share it."""
    (dimensions,) = model.widths
    points: int = FIRST[dimensions - 1] ** dimensions
    return max(1, _MARKS // points)


_FIELDS = ("log_p", "refining", "widening", "mean", "covariance", "step")


def _overwritten(found: Quadrature, rows: Tensor, latest: Quadrature) -> Quadrature:
    """The same with later numbers for some images."""
    changed = {name: getattr(found, name).clone() for name in _FIELDS}
    for name, values in changed.items():
        values[rows] = getattr(latest, name)
    return replace(found, **changed)


def _joined(parts: list[tuple[Tensor, Quadrature]]) -> Quadrature:
    """The images of all conditions, in their own order."""
    order = torch.cat([rows for rows, _ in parts]).argsort()
    whole = {name: torch.cat([getattr(found, name).cpu() for _, found in parts])[order] for name in _FIELDS}
    return Quadrature(**whole, points=sum(found.points for _, found in parts))
