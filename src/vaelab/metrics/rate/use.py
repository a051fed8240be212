"""The decoder's use of z."""

from __future__ import annotations

import numpy as np
import torch

from vaelab.data import BinarisationSpec, Data
from vaelab.errors import UserError
from vaelab.metrics.checks import at_least
from vaelab.metrics.densities import mean_of
from vaelab.metrics.images import batches, condition_of, eval_mode, pixels_of, seeded
from vaelab.metrics.support import refuse_broken_weights
from vaelab.models.model import Model


@torch.no_grad()
def decoder_use(
    model: Model, data: Data, binarisation: BinarisationSpec | None = None, batch_size: int = 500, seed: int = 0
) -> float:
    """Variance of the decoded images due to z, as a share of the variance of the data.

        E |g(z, y) - g(z', y)|^2 / 2  over  sum over pixels of Var[x]

    g(z, y) is the mean of p(x | z, y), z a posterior draw of an image with condition y, and z' that of another image
    at random; squares are summed over pixels. If all images have one condition, the numerator is the variance of the
    reconstructions. The share is 0 for a decoder that ignores z, and near 1 for perfect reconstructions.

    Args:
        model: any model, on any device.
        data: the images of one split.
        binarisation: from bytes to pixels; grey by default.
        batch_size: images per pass.
        seed: of all draws.

    Raises:
        UserError: fewer than two images, images that are all the same, weights that are not finite, or a conditional
            model without labels.
    """
    at_least("the number of images", len(data), 2)
    refuse_broken_weights(model)
    x, y = pixels_of(data.like(model.format), binarisation, seed), condition_of(data, model)
    # Over the values that are not missing.
    variance = float((x - x.nanmean(0)).square().nanmean(0).sum())
    if variance == 0:
        raise UserError(f"data {data.name} has {len(data)} images that are all the same; give images that differ")
    with seeded(model.device, seed), eval_mode(model):
        z = torch.cat(
            [
                torch.cat([latent.z[0] for latent in model(*batch).latents], -1)
                for batch in batches(model, x, y, batch_size)
            ]
        )
        other = z[np.random.default_rng(seed).permutation(len(z))]
        squares = 0.0
        for start, (_, conditions) in zip(range(0, len(x), batch_size), batches(model, x, y, batch_size), strict=True):
            rows = slice(start, start + batch_size)
            own, swapped = (mean_of(model.decode(part[rows], conditions), "model.likelihood") for part in (z, other))
            squares += float((own - swapped).double().square().sum())
    # A permutation leaves a draw in its place with probability 1 / N, like a choice among all N draws.
    return squares / (2 * len(x)) / variance
