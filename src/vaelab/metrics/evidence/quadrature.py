"""Quadrature over the latent for images that share a condition: one lattice, refined where posteriors have mass."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vaelab.errors import UserError
from vaelab.metrics.densities import log_prob_of, mean_of, sample_of
from vaelab.metrics.evidence.lattice import Lattice
from vaelab.metrics.evidence.sums import LatticeSums
from vaelab.metrics.images import seeded
from vaelab.metrics.intervals import Interval, bootstrap_interval
from vaelab.models.vae import VAEModel

# The search for an image's mass goes down from its highest point by twice the spread of its highest points on the
# first lattice, and by a quarter of that after each halving. A large spread means that a narrow posterior lies between
# the points, and that chance decides which of them is highest.
_UNEVEN = 2
# The step is halved wherever an image's posterior mass per cell of the first lattice exceeds a thousandth of the
# tolerance: for a normal posterior, as much mass lies outside. At levels below _COARSE, the refinement includes every
# point within _TRACES nats of the highest.
_TRACES, _COARSE = 20.0, 2
# Step, in standard deviations, at which the error of a normal posterior is 5e-4.
_STEPS = 1.6
# Most points of a lattice, decoded or not; memory grows with it.
_GRID = 150_000_000
# Prior draws that determine the range of the lattice.
_DRAWS = 4096

# The points of a tile, (G, D), the images that they are compared with, (R,), and log p(x, z) of all pairs, (G, R).
Scored = tuple[Tensor, Tensor, Tensor]

_FIELDS = ("log_p", "refining", "widening", "mean", "covariance", "step")


@dataclass(frozen=True)
class Quadrature:
    """log p(x) of N images by quadrature, and the moments of their true posteriors p(z | x).

    Args:
        log_p: log p(x), nats, (N,).
        refining: change of log p(x) at the last halving of the step, nats, (N,). The remaining error is smaller: for a
            decoder with kinks, such as ReLU, it falls at least fourfold per halving.
        widening: contribution of the outer third of the range to log p(x), nats, (N,).
        mean: of the true posterior, (N, D).
        covariance: of the true posterior, (N, D, D).
        step: the last step along each axis, (N, D); an image is refined until its integral has converged.
        points: number of points z that were decoded.
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
        """95 % bootstrap interval of the mean of log p(x) over images."""
        return bootstrap_interval(self.log_p.numpy(force=True))

    @property
    def error(self) -> float:
        """Estimated error of the mean of log p(x), nats: the changes by refining and by widening together."""
        return float(self.refining.mean().abs() + self.widening.mean().abs())

    @property
    def how(self) -> str:
        """How log p(x) was computed, and how far to trust it."""
        return (
            f"quadrature, {self.points:,} points z; the last halving of the step changed the mean by "
            f"{float(self.refining.mean()):.2g}, the outer third of the range holds {float(self.widening.mean()):.2g}"
        )

    def updated(self, rows: Tensor, latest: Quadrature) -> Quadrature:
        """The same with later numbers for some images."""
        changed = {name: getattr(self, name).clone() for name in _FIELDS}
        for name, values in changed.items():
            values[rows] = getattr(latest, name)
        return replace(self, **changed)

    @classmethod
    def joined(cls, parts: Sequence[tuple[Tensor, Quadrature]]) -> Quadrature:
        """Parts and the rows of their images, put back in the order of the rows, on the CPU."""
        order = torch.cat([rows for rows, _ in parts]).argsort()
        whole = {name: torch.cat([getattr(found, name).cpu() for _, found in parts])[order] for name in _FIELDS}
        return cls(**whole, points=sum(found.points for _, found in parts))


class Integral:
    """The integral of p(x, z) over z for images that share a condition.

    Args:
        model: one latent of at most three real numbers.
        x: images in [0, 1], (N, C, H, W).
        condition: the label or the attributes of all images, (1,) or (1, A); None for a model without.
    """

    def __init__(self, model: VAEModel, x: Tensor, condition: Tensor | None) -> None:
        self.model, self.x, self.condition = model, x, condition
        self.prior = model.prior_of(condition, 1)
        with seeded(model.device, 0):
            draws = sample_of(self.prior, (_DRAWS,), "model.prior").flatten(0, -2)
        encoded = mean_of(model.posterior_of(x, self._conditions(len(x))), "model.posterior")
        low, high = draws.amin(0), draws.amax(0)
        self.centre = (low + high) / 2
        # The range includes all posterior means, even those that are improbable under the prior.
        self.reach = torch.maximum(0.75 * (high - low), 1.25 * (encoded - self.centre).abs().amax(0))

    def quadrature(self, tolerance: float, max_points: int) -> Quadrature:
        """Halve the step until the integral of every image has converged.

        Args:
            tolerance: largest change of log p(x) at the last halving, nats.
            max_points: most points to decode.

        Raises:
            UserError: too few points for any refinement, or an integral that is not finite.
        """
        self.faint = tolerance / 1000
        rows = torch.arange(len(self.x), device=self.x.device)
        lattice = Lattice.over(self.centre, 1.5 * self.reach, len(rows))
        if 2 * len(lattice) > max_points:
            raise UserError(
                f"max_points is {max_points}, but the first two lattices need {2 * len(lattice)} per condition; allow "
                "more, or give images of fewer conditions"
            )
        # Kept, since how far the sums look depends on the highest points.
        first = list(self._scored(lattice, rows))
        highest, self.uneven = self._highest(first)
        sums = self._sums(lattice, first, rows, highest, highest)
        found, spent = _result(sums, lattice), len(lattice)
        least = self._least(lattice, rows, found.log_p, highest)
        sums = replace(sums, marks=[(seen, log_joint > least[seen]) for _, seen, log_joint in first])
        del first
        moving = torch.ones_like(rows, dtype=torch.bool)
        while moving.any() and lattice.mask.numel() * 2**lattice.mask.ndim <= _GRID:
            finer = lattice.refined(sums.marks, moving)
            if spent + len(finer) > max_points:
                break
            rows, highest = rows[moving], torch.maximum(highest, sums.highest)[moving]
            before = found.log_p[rows]
            sums = self._sums(finer, self._scored(finer, rows), rows, before, highest)
            latest, spent, lattice = _result(sums, finer), spent + len(finer), finer
            latest = replace(latest, refining=latest.log_p - before)
            found = found.updated(rows, latest)
            # An integral can stop changing before the step has reached the width of the posterior.
            narrow = torch.linalg.eigvalsh(latest.covariance)[:, 0].clamp(min=0).sqrt() * _STEPS < lattice.step.max()
            moving = ~(latest.refining.abs() <= tolerance) | narrow | (lattice.level == 1)
        if not bool(found.log_p.isfinite().all()):
            raise UserError(
                f"log p(x) of {int((~found.log_p.isfinite()).sum())} image(s) is not finite: their posteriors are too "
                "narrow for a grid, or the model returns numbers that are not finite; bound the evidence with "
                "importance samples instead"
            )
        return replace(found, points=spent)

    def _conditions(self, n: int) -> Tensor | None:
        """The shared condition, repeated n times."""
        return None if self.condition is None else self.condition.expand(n, *self.condition.shape[1:])

    def _scored(self, lattice: Lattice, rows: Int[Tensor, " R"]) -> Iterator[Scored]:
        """The points of each tile, its images, and log p(x, z) of all pairs."""
        for z, seen in lattice.tiles():
            yield z, seen, self._log_joint(z, rows[seen])

    def _highest(self, scored: Sequence[Scored]) -> tuple[Float[Tensor, " N"], Float[Tensor, " N"]]:
        """The highest log p(x, z) on a lattice per image, and the spread of its 3^D highest points."""
        most = 3 ** len(self.centre)
        highest = torch.full((most, len(self.x)), -math.inf, dtype=torch.float64, device=self.x.device)
        for _, rows, log_joint in scored:
            both = torch.cat([highest[:, rows], log_joint.double()])
            highest[:, rows] = both.topk(most, dim=0).values
        return highest[0], highest[0] - highest[-1]

    def _log_joint(self, z: Float[Tensor, "G D"], rows: Int[Tensor, " R"]) -> Float[Tensor, "G R"]:
        """log p(x, z) of every point with every image of the rows."""
        # Rows are in order, so that as many rows as images are all of them, which need no copy.
        x = self.x if len(rows) == len(self.x) else self.x[rows]
        log_p = self.model.likelihood.pairwise_log_prob(self.model.decode(z, self._conditions(len(z))), x)
        return log_p + log_prob_of(self.prior, z[:, None], "model.prior")

    def _least(
        self, lattice: Lattice, rows: Int[Tensor, " R"], log_p: Float[Tensor, " R"], highest: Float[Tensor, " R"]
    ) -> Float[Tensor, " R"]:
        """The log p(x, z) above which a point holds mass of an image."""
        least = log_p + math.log(self.faint) - lattice.log_first_cell
        uneven = self.uneven[rows] * _UNEVEN / 4**lattice.level
        # While the step is still coarse for an image, much smaller densities count.
        least = torch.minimum(least, highest - uneven.clamp(min=_TRACES * (lattice.level < _COARSE)))
        return least.to(self.x.dtype)

    def _sums(
        self,
        lattice: Lattice,
        scored: Iterable[Scored],
        rows: Int[Tensor, " R"],
        scale: Float[Tensor, " R"],
        highest: Float[Tensor, " R"],
    ) -> LatticeSums:
        """Sums over a lattice of p(x, z) exp(-scale), and of the terms of the posterior's moments."""
        dimensions = len(self.centre)
        moments = torch.zeros(2 + dimensions + dimensions**2, len(rows), dtype=torch.float64, device=rows.device)
        least = self._least(lattice, rows, scale, highest)
        relative, found, marks = scale.clone(), highest.clone(), []
        for z, seen, log_joint in scored:
            marks.append((seen, log_joint > least[seen]))
            within = ((z - self.centre).abs() <= self.reach).all(1, keepdim=True).to(z.dtype)
            seconds = (z[:, :, None] * z[:, None, :]).flatten(1)
            features = torch.cat([torch.ones_like(within), within, z, seconds], 1)
            # Relative to the highest so far: a coarse lattice can miss a narrow posterior by thousands of nats. A tile
            # on which the prior is 0 has no highest.
            top = log_joint.amax(0)
            top = torch.where(top == -math.inf, relative[seen].to(top.dtype), top)
            sums = features.T @ (log_joint - top).exp_()
            found[seen] = torch.maximum(found[seen], top.double())
            above = torch.maximum(relative[seen], top.double())
            moments[:, seen] *= (relative[seen] - above).exp()
            moments[:, seen] += sums.double() * (top.double() - above).exp()
            relative[seen] = above
        return LatticeSums(relative, found, moments, marks)


def _result(sums: LatticeSums, lattice: Lattice) -> Quadrature:
    """The integral and the moments of the posterior, from their sums."""
    whole, within, *_ = sums.moments
    dimensions = len(lattice.step)
    mean = (sums.moments[2 : 2 + dimensions] / whole).T
    seconds = (sums.moments[2 + dimensions :] / whole).T.unflatten(1, (dimensions, dimensions))
    log_p = sums.scale + lattice.log_cell + whole.log()
    return Quadrature(
        log_p,
        torch.full_like(log_p, math.inf),
        whole.log() - within.log(),
        mean,
        seconds - mean[:, :, None] * mean[:, None, :],
        lattice.step.double().expand(len(log_p), -1),
        len(lattice),
    )
