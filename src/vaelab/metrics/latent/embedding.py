"""Codes of images: the means of their posteriors."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from vaelab.metrics.images import batches, eval_mode
from vaelab.models.model import Model


@torch.no_grad()
def posterior_means(
    model: Model, x: Float[Tensor, "N C H W"], y: Tensor | None = None, batch_size: int = 500
) -> Float[NDArray[np.float64], "N D"]:
    """E_q(z | x)[z] of each image: the mean, not a draw, so that a code is the same each time it is asked for.

    Args:
        model: any model; of a hierarchy the latents that `Model.encode` gives.
        x: images in [0, 1].
        y: labels or attributes, for a conditional model.
        batch_size: images at a time.

    Raises:
        UserError: images of another shape, or a conditional model without labels.
    """
    with eval_mode(model):
        parts = [model.encode(*some).mean.flatten(1) for some in batches(model, x, y, batch_size)]
    codes: NDArray[np.float64] = torch.cat(parts).double().numpy(force=True)
    return codes
