"""The loss of `Lagging`, with its record of the mutual information."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vaelab.contract import Latent, Trace
from vaelab.objectives.sides import inference_weights, restricted
from vaelab.schedules import Progress


class LaggingLoss(nn.Module):
    """The base's loss, whose gradient leaves out the decoder and the prior at most steps while the encoder lags.

    He et al. (2019), algorithm 1. Buffers hold the state, so that a resumed run goes on as it would have.

    Args:
        base: the loss.
        steps: encoder steps per decoder step.
    """

    lags: Tensor
    epoch: Tensor
    batches: Tensor
    information: Tensor
    before: Tensor

    def __init__(self, base: Callable[[Trace, Progress], Tensor], steps: int) -> None:
        super().__init__()
        self.base, self.steps = base, steps
        self._read: tuple[int, bool] | None = None
        for name, value in {"lags": 1.0, "epoch": 0.0, "batches": 0.0, "information": 0.0, "before": 0.0}.items():
            self.register_buffer(name, torch.tensor(value))

    def forward(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        loss = self.base(trace, progress)
        if not self._lags_in(progress.epoch):
            return loss
        (latent,) = trace.latents
        self.information += mutual_information(latent).mean()
        self.batches += 1
        step = (progress.epoch - 1) * progress.steps + progress.step
        # A run that fits the prior alone has no encoder to train.
        if (step + 1) % self.steps == 0 or not (encoder := inference_weights(trace)):
            return loss
        return restricted(loss, [*encoder, *self.parameters()])

    def _lags_in(self, epoch: int) -> bool:
        """Whether the encoder still lags. Buffers are read once per epoch, since that synchronises an accelerator."""
        if self._read is None or self._read[0] != epoch:
            if int(self.epoch) != epoch:
                self._begin(epoch)
            self._read = epoch, bool(self.lags)
        return self._read[1]

    def _begin(self, epoch: int) -> None:
        """Compare the information of the epoch that ended with that of the one before, and begin another sum."""
        now = self.information / self.batches.clamp(min=1)
        if int(self.batches) and bool(now < self.before):
            self.lags.zero_()
        self.before.copy_(now)
        self.information.zero_()
        self.batches.zero_()
        self.epoch.fill_(epoch)


@torch.no_grad()
def mutual_information(latent: Latent) -> Float[Tensor, "S B"]:
    """log q(z | x) - log q(z) of each draw, nats, with the mean of q(z | x) over the batch as q(z).

    Their mean estimates I_q(x, z) and is at most log B: He et al. (2019), section 4.2.
    """
    # [s, i, j] is log q(z_i | x_j): each draw under each image's posterior.
    each: Tensor = latent.q.log_prob(latent.code[:, :, None])
    own = each.diagonal(dim1=1, dim2=2)
    return own - each.logsumexp(2) + math.log(each.shape[2])
