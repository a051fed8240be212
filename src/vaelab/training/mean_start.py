"""A start at the mean of the training images, by the bias of the decoder's last layer."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.errors import UserError
from vaelab.models.model import Model
from vaelab.training.device import fork_rng
from vaelab.training.full_pass import DeviceSplit

_BATCH = 500


@torch.no_grad()
def start_at_mean(model: Model, split: DeviceSplit, rows: Tensor, seed: int) -> None:
    """Set the bias of the decoder's last layer such that a decoder without weights gives the mean training image.

    bias = theta with E[x | theta] = mean image, of `Likelihood.parameters_of`. A layer whose bias is the same at every
    pixel, as that of a convolution, gets the mean colour instead. The RNG state is restored.

    Raises:
        UserError: the likelihood does not know its theta, or the last layer has no such bias.
    """
    likelihood, bias = model.likelihood, getattr(model, "last_bias", None)
    mean = mean_of(split, rows, model.device, seed)
    outputs = likelihood.outputs(len(mean))
    if bias is None or bias.numel() % outputs:
        raise UserError(
            f"start_at_mean is on, but the last layer of {model.spec.summary} has no bias for each parameter",
            python="choose another network, or set start_at_mean=False",
            flags="choose another network, or drop --start-at-mean",
        )
    shifts = bias.view(outputs, -1)
    if bias.numel() != outputs * mean[0].numel():
        mean = mean.flatten(1).mean(1).view(-1, *[1] * (mean.ndim - 1)).expand_as(mean)
    try:
        theta = likelihood.parameters_of(mean)
    except NotImplementedError:
        raise UserError(
            f"start_at_mean is on, but likelihood is {type(model.spec.likelihood).__name__}, which does not know the "
            "parameters of a mean",
            python="choose another, such as vaelab.Bernoulli(), or set start_at_mean=False",
            flags="choose another, such as likelihood:bernoulli, or drop --start-at-mean",
        ) from None
    shifts.copy_(theta.reshape(outputs, -1)[:, : shifts.shape[1]])


def mean_of(split: DeviceSplit, rows: Tensor, device: torch.device, seed: int) -> Float[Tensor, "C ..."]:
    """The mean of x over the given rows, on the device; missing values are left out."""
    total: Tensor | float = 0.0
    observed: Tensor | float = 0.0
    with fork_rng(device):
        # Pixels may be drawn anew whenever an image is shown.
        torch.manual_seed(seed)
        for some in rows.split(_BATCH):
            x, _ = split.batch(some)
            total = total + x.nansum(0).double().cpu()
            observed = observed + x.isfinite().sum(0).cpu()
    mean = torch.as_tensor(total) / torch.as_tensor(observed).clamp(min=1)
    return mean.float().to(device)
