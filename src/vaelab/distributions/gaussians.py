"""Gaussians, one per image, and the fit of each to a density that is known up to a constant."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from vaelab.distributions.normal import MultivariateNormal, diagonal_normal
from vaelab.errors import UserError
from vaelab.loops import counted

# Bound on the length of a gradient in units of q's scale, so that a start far off does not diverge.
_LONGEST = 2.0

LogDensity = Callable[[Tensor], Tensor]
"""log p of draws, (S, B, D) to (S, B), up to a constant for each of the B images."""


@dataclass(frozen=True)
class Gaussians:
    """N(mean, L L^T) per image.

    Args:
        mean: (B, D).
        factor: L, lower triangular, (B, D, D); or its diagonal, (B, D), where it has no other entries.
    """

    mean: Float[Tensor, "B D"]
    factor: Float[Tensor, "B D"] | Float[Tensor, "B D D"]

    @classmethod
    def of(cls, q: Distribution) -> Gaussians:
        """The same Gaussians as a distribution of torch.

        Raises:
            UserError: the distribution is not Gaussian.
        """
        if isinstance(q, torch.distributions.MultivariateNormal):
            return cls(q.mean, q.scale_tril)
        if isinstance(q, Independent) and isinstance(q.base_dist, Normal):
            return cls(q.mean, q.stddev)
        raise UserError(
            f"posterior gives a {type(q).__name__}, but only Gaussians are refined; choose Gaussian or FullGaussian"
        )

    @classmethod
    def matching(cls, mean: Tensor, covariance: Tensor, full: bool) -> Gaussians:
        """Gaussians with these moments; a diagonal one has the inverse of the precision's diagonal as its variances.

        Among diagonal Gaussians these minimise KL(q || p) if p is Gaussian.
        """
        dimensions = covariance.shape[-1]
        ridge = 1e-6 * covariance.diagonal(dim1=-2, dim2=-1).mean(-1) + 1e-12
        solid = covariance.double() + ridge.double()[:, None, None] * torch.eye(dimensions, device=mean.device)
        if full:
            return cls(mean, torch.linalg.cholesky(solid).to(mean))
        precision = torch.linalg.inv(solid).diagonal(dim1=-2, dim2=-1)
        return cls(mean, (precision.clamp(min=1e-12) ** -0.5).to(mean))

    @property
    def full(self) -> bool:
        """Whether the covariance is full; otherwise it is diagonal."""
        return self.factor.ndim == 3

    @property
    def covariance(self) -> Float[Tensor, "B D D"]:
        """L L^T."""
        return self.factor @ self.factor.mT if self.full else torch.diag_embed(self.factor.square())

    @property
    def distribution(self) -> Distribution:
        """The same Gaussians as a distribution of torch, of batch shape (B,)."""
        if self.full:
            return MultivariateNormal(self.mean, scale_tril=self.factor, validate_args=False)
        return diagonal_normal(self.mean, self.factor)

    @property
    def entropy(self) -> Float[Tensor, " B"]:
        """E[-log q], nats."""
        diagonal = self.factor.diagonal(dim1=-2, dim2=-1) if self.full else self.factor
        entropy: Tensor = diagonal.log().sum(-1) + self.mean.shape[-1] * (1 + math.log(2 * math.pi)) / 2
        return entropy

    def stretched(self, noise: Float[Tensor, "... B D"]) -> Float[Tensor, "... B D"]:
        """L noise."""
        return (self.factor @ noise[..., None])[..., 0] if self.full else self.factor * noise

    def draw(self, noise: Float[Tensor, "S B D"]) -> Float[Tensor, "S B D"]:
        """mean + L noise."""
        return self.mean + self.stretched(noise)

    def slope_of_log_q(self, noise: Float[Tensor, "S B D"]) -> Float[Tensor, "S B D"]:
        """d log q(z) / dz at z = mean + L noise, which is -L^-T noise."""
        if not self.full:
            return -noise / self.factor
        slope: Tensor = -torch.linalg.solve_triangular(self.factor.mT, noise[..., None], upper=True)[..., 0]
        return slope

    def moved(self, step: Step) -> Gaussians:
        """mean + L shift and L (diag(exp(log_scale)) + below): a step in units of these Gaussians' own scale."""
        mean = self.mean + self.stretched(step.shift)
        if step.below is None:
            return Gaussians(mean, self.factor * step.log_scale.exp())
        return Gaussians(mean, self.factor @ (torch.diag_embed(step.log_scale.exp()) + step.below.tril(-1)))

    def where(self, better: Tensor, other: Gaussians) -> Gaussians:
        """The other Gaussians for the images for which they are better, and these for the rest."""
        rows = better[:, None, None] if self.full else better[:, None]
        return Gaussians(
            torch.where(better[:, None], other.mean, self.mean), torch.where(rows, other.factor, self.factor)
        )

    def detached(self) -> Gaussians:
        """The same numbers, without gradients."""
        return Gaussians(self.mean.detach(), self.factor.detach())


@dataclass(frozen=True)
class Step:
    """A change of Gaussians, in units of their scale: of the mean, of the log scales, and below the diagonal of L."""

    shift: Float[Tensor, "B D"]
    log_scale: Float[Tensor, "B D"]
    below: Float[Tensor, "B D D"] | None

    @classmethod
    def none(cls, start: Gaussians) -> Step:
        """No change, ready to be learned."""
        mean, factor = start.mean.detach(), start.factor.detach()
        below = torch.zeros_like(factor).requires_grad_() if start.full else None
        return cls(torch.zeros_like(mean).requires_grad_(), torch.zeros_like(mean).requires_grad_(), below)

    @property
    def tensors(self) -> list[Tensor]:
        """The parts that are not None."""
        return [self.shift, self.log_scale] + ([] if self.below is None else [self.below])

    @classmethod
    def along(cls, slopes: list[Tensor], rate: float) -> Step:
        """A step along gradients, (B, ...) each; its length is bounded smoothly for each image."""
        length = torch.stack([slope.flatten(1).square().sum(-1) for slope in slopes]).sum(0)
        scale = rate * (1 + length / _LONGEST**2).rsqrt()
        shift, log_scale, *below = (slope * scale.reshape(-1, *[1] * (slope.ndim - 1)) for slope in slopes)
        return cls(shift, log_scale, below[0] if below else None)


def ascent(
    log_density: LogDensity, start: Gaussians, step: Step, noise: Float[Tensor, "S B D"], beta: float, through: bool
) -> list[Tensor]:
    """The gradient in `step` of E_q[log p(z) - beta log q(z)], q = start.moved(step), summed over images.

    The draws are start.moved(step).draw(noise), and the gradient follows them alone: it leaves out the score function,
    which has mean zero, so its noise vanishes where q is p (Roeder, Wu and Duvenaud 2017).

    Args:
        log_density: log p.
        start: the Gaussians that the step begins at.
        step: the change so far.
        noise: standard normal numbers.
        beta: weight of the entropy.
        through: keep the graph, so that the gradient has gradients itself.
    """
    q = start.moved(step)
    z = q.draw(noise)
    (slope,) = torch.autograd.grad(log_density(z).sum(), z, create_graph=through)
    slope = (slope - beta * q.slope_of_log_q(noise)) / len(noise)
    if not through:
        slope = slope.detach()
    return list(torch.autograd.grad(z, step.tensors, slope, create_graph=through))


def mirrored(samples: int, like: Float[Tensor, "B D"]) -> Float[Tensor, "S B D"]:
    """Standard normal numbers in mirrored pairs, so that odd terms add no noise to the gradient of the scale."""
    half = torch.randn(-(-samples // 2), *like.shape, dtype=like.dtype, device=like.device)
    return torch.cat([half, -half])[:samples]


def fitted(log_density: LogDensity, start: Gaussians, steps: int, samples: int, rate: float = 0.1) -> Gaussians:
    """The Gaussians of highest E_q[log p(z) - log q(z)]: Adam on the step from `start`, with a cosine decay."""
    start = start.detached()
    step = Step.none(start)
    optimiser = torch.optim.Adam(step.tensors, lr=rate, betas=(0.9, 0.99))
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    with torch.enable_grad():
        for _ in counted(range(steps), steps):
            slopes = ascent(log_density, start, step, mirrored(samples, start.mean), 1.0, through=False)
            for learned, slope in zip(step.tensors, slopes, strict=True):
                learned.grad = -slope
            optimiser.step()
            decay.step()
    return start.moved(step).detached()


def climbed(
    log_density: LogDensity,
    start: Gaussians,
    steps: int,
    samples: int,
    rate: float,
    beta: float = 1.0,
    through: bool = False,
) -> Gaussians:
    """The Gaussians after `steps` of gradient ascent on E_q[log p(z) - beta log q(z)] from `start`.

    Args:
        log_density: log p.
        start: the first Gaussians.
        steps: number of steps.
        samples: draws per image and step.
        rate: of a step, in units of q's current scale, so that the mean follows the natural gradient; a step of an
            image is shorter than twice the rate.
        beta: weight of the entropy.
        through: let gradients flow through the steps, to `start` and to the weights that log p depends on.
    """
    q = start if through else start.detached()
    with torch.enable_grad():
        for _ in counted(range(steps), steps):
            slopes = ascent(log_density, q, Step.none(q), mirrored(samples, q.mean), beta, through)
            q = q.moved(Step.along(slopes, rate))
            q = q if through else q.detached()
    return q
