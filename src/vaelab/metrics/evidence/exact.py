"""The exact evidence and the true posterior of models with at most three latent dimensions."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.errors import UserError
from vaelab.metrics.checks import at_least
from vaelab.metrics.evidence.conditions import by_condition
from vaelab.metrics.evidence.lattice import FIRST
from vaelab.metrics.evidence.quadrature import Integral, Quadrature
from vaelab.metrics.images import eval_mode
from vaelab.metrics.support import (
    refuse_broken_weights,
    refuse_cross_entropy,
    refuse_estimated_prior,
    refuse_without_density,
)
from vaelab.models.model import Model
from vaelab.models.vae import VAEModel

# Pairs of a point of the first lattice and an image that are kept at once, one byte per pair.
_MARKS = 100_000_000


@torch.no_grad()
def exact_evidence(
    model: Model,
    x: Float[Tensor, "N ..."],
    y: Tensor | None = None,
    tolerance: float = 0.05,
    max_points: int = 5_000_000,
    *,
    allow_cross_entropy: bool = False,
) -> Quadrature:
    r"""log p(x) of each image by the trapezoidal rule over one, two or three latent dimensions.

        log p(x) = log \int p(x | z) p(z) dz

    All images share one lattice of points z. It is decoded once; for Bernoulli pixels the log-likelihoods of all images
    at all points are then a matrix product. The lattice reaches twice as far as draws of the prior. Its step is
    halved, in the cells in which the posterior of some image has mass, until log p(x) of every image changes by at
    most `tolerance`. For a smooth integrand that decays the rule converges exponentially (Trefethen and Weideman 2014,
    section 5): with a step of one standard deviation of the posterior the error is about 1e-8. The kinks of a ReLU
    decoder leave an error of the order of the step squared, whose sign differs between images.

    Args:
        model: one latent of at most three real numbers.
        x: images in [0, 1].
        y: labels or attributes, for a conditional model; each distinct one has its own lattice.
        tolerance: nats.
        max_points: most points to decode, over all lattices. If they do not suffice, `refining` gives the accuracy
            that was reached.
        allow_cross_entropy: take grey pixels under a Bernoulli likelihood, and integrate p(z) exp(-cross-entropy).
            That is not log p(x), since exp(-cross-entropy) is no density of x, but its posterior, and differences from
            it such as inference gaps, are valid.

    Raises:
        UserError: no image, no density over one latent of at most three numbers, a prior that is estimated, grey
            pixels under a Bernoulli likelihood unless `allow_cross_entropy`, weights that are not finite, a tolerance
            that is not positive, or too few points for any refinement.
    """
    at_least("the number of images", len(x), 1)
    if not allow_cross_entropy:
        refuse_cross_entropy(model, x)
    vae = refuse_without_density(model)
    refuse_estimated_prior(model)
    refuse_broken_weights(vae)
    (dimensions,) = vae.widths
    if dimensions > 3:
        raise UserError(
            f"model has {dimensions} latent dimensions, but a grid is affordable for at most 3; bound the evidence "
            "with importance samples instead"
        )
    if not tolerance > 0:
        raise UserError(f"tolerance is {tolerance}, but must be > 0, in nats")
    parts: list[tuple[Tensor, Quadrature]] = []
    with eval_mode(vae):
        left = max_points
        groups = list(by_condition(vae, y, len(x), _images_at_once(vae)))
        for number, (rows, condition) in enumerate(groups):
            integral = Integral(vae, x[rows].to(vae.device, next(vae.parameters()).dtype), condition)
            found = integral.quadrature(tolerance, left // (len(groups) - number))
            parts.append((rows, found))
            left -= found.points
    return Quadrature.joined(parts)


def _images_at_once(model: VAEModel) -> int:
    """Number of images that share a lattice: memory grows with it and with the points of the first lattice."""
    (dimensions,) = model.widths
    points: int = FIRST[dimensions - 1] ** dimensions
    return max(1, _MARKS // points)
