"""Images grouped by the condition that they share."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from vaelab.models.vae import VAEModel


def by_condition(model: VAEModel, y: Tensor | None, n: int, most: int) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Rows of images that share a condition, and that condition, (1,) or (1, A); None for a model without.

    Args:
        model: the model.
        y: labels or attributes of the images.
        n: number of images.
        most: most images of a group.

    Raises:
        UserError: missing labels for a conditional model.
    """
    if not model.spec.conditional or y is None:
        model.prior_of(y, n)  # refuses a conditional model without labels
        for rows in torch.arange(n).split(most):
            yield rows, None
        return
    distinct, which = y.unique(dim=0, return_inverse=True)
    for number, condition in enumerate(distinct):
        for rows in (which == number).nonzero()[:, 0].cpu().split(most):
            yield rows, condition[None].to(model.device)
