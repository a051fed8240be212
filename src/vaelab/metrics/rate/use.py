"""What a decoder makes of its code."""

from __future__ import annotations

import numpy as np
import torch

from vaelab.data import BinarisationSpec, ImageData
from vaelab.errors import UserError
from vaelab.metrics.checks import at_least
from vaelab.metrics.evidence.support import refuse_broken_weights
from vaelab.metrics.images import batches, condition_of, eval_mode, pixels_of, seeded
from vaelab.models.model import Model


@torch.no_grad()
def decoder_use(
    model: Model, data: ImageData, binarisation: BinarisationSpec | None = None, batch_size: int = 500, seed: int = 0
) -> float:
    """How much a decoder's images vary with z: their variance over codes, in shares of the images' own variance.

    E |g(z, y) - g(z', y)|^2 / 2, summed over pixels, where g is the mean of p(x | z, y), z a code of an image with
    the condition y and z' that of another image, drawn; over the summed variance of the pixels. With one condition
    for all it is the variance of the reconstructions. 0 is a decoder that ignores z, and a decoder that gives back
    each image is near 1.

    Args:
        model: any model, on any device.
        data: the images of one split.
        binarisation: from bytes to pixels; grey by default.
        batch_size: images at a time.
        seed: of the draws.

    Raises:
        UserError: fewer than two images, images that are all the same, or a model that is broken or has no labels.
    """
    at_least("the number of images", len(data), 2)
    refuse_broken_weights(model)
    x, y = pixels_of(data, binarisation, seed), condition_of(data)
    of_images = float(x.var(0, correction=0).sum())
    if of_images == 0:
        raise UserError(f"data {data.name} has {len(data)} images that are all the same; give some that differ")
    with seeded(model.device, seed), eval_mode(model):
        z = torch.cat(
            [
                torch.cat([latent.z[0] for latent in model(some, conditions).latents], -1)
                for some, conditions in batches(model, x, y, batch_size)
            ]
        )
        other = z[np.random.default_rng(seed).permutation(len(z))]
        squares = 0.0
        for start, (_, conditions) in zip(range(0, len(x), batch_size), batches(model, x, y, batch_size), strict=True):
            rows = slice(start, start + batch_size)
            own, swapped = (model.decode(codes[rows], conditions).mean for codes in (z, other))
            squares += float((own - swapped).double().square().sum())
    # A permutation leaves a code in its place with a chance of 1 / N, as a draw from all N codes would.
    return squares / (2 * len(x)) / of_images
