"""Embeddings of images: the means of their posteriors."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from vaelab.metrics.checks import at_least
from vaelab.metrics.densities import mean_of
from vaelab.metrics.images import batches, eval_mode
from vaelab.models.model import Model


@torch.no_grad()
def posterior_means(
    model: Model, x: Float[Tensor, "N ..."], y: Tensor | None = None, batch_size: int = 500
) -> Float[NDArray[np.float64], "N D"]:
    """E_q(z | x)[z] of each image, which is deterministic, unlike a draw.

    Args:
        model: any model, on any device; of a hierarchy, the latents that `Model.encode` returns.
        x: images in [0, 1].
        y: labels or attributes, for a conditional model.
        batch_size: images per pass.

    Raises:
        UserError: no image, images of another shape, a conditional model without labels, or a foreign posterior without
            a mean.
    """
    at_least("batch_size", batch_size, 1)
    at_least("the number of images", len(x), 1)
    with eval_mode(model):
        parts = [
            mean_of(model.encode(*batch), "model.posterior").flatten(1) for batch in batches(model, x, y, batch_size)
        ]
    means: NDArray[np.float64] = torch.cat(parts).double().numpy(force=True)
    return means
