"""Annealing from several starts: each has its own path, tuned to it, and a share of the estimate."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.loops import counted
from vaelab.metrics.evidence.joint import Joint
from vaelab.metrics.evidence.path import Annealing, log_mean_exp
from vaelab.metrics.evidence.starts import Start


class SeveralStarts:
    r"""Annealing of B images along K paths, and the share of each.

        p(x) ~ sum_k a_k 1/S sum_s w_ks,      a_k = p_k / sum_j p_j

    p_k is the pilot's estimate of p(x) from start k. The pilots are independent of the chains that are weighed, so a is
    fixed when these begin: an average of unbiased estimates with fixed shares is unbiased. A start that fails therefore
    costs little, as the others have nearly all of the shares.

    A mixture of the starts would be one density with one path and one step size. Chains from a narrow start then need a
    small step, which is too small for the others; and its peak stays a mode of the path until beta is close to 1.

    Args:
        joint: p(x, z).
        starts: densities at beta = 0.
        temperatures: T, increments of beta.
        leapfrog: steps per trajectory.
    """

    def __init__(self, joint: Joint, starts: Sequence[Start], temperatures: int, leapfrog: int) -> None:
        self.paths = [Annealing(joint, start, temperatures, leapfrog) for start in counted(starts, len(starts))]
        # A pilot without any finite weight counts as the smallest number.
        lowest = torch.finfo(torch.float64).min
        pilots = torch.stack([path.pilot for path in self.paths]).nan_to_num(lowest, neginf=lowest)
        self.log_share: Float[Tensor, "K B"] = pilots.log_softmax(0)

    def forward(self, chains: int) -> tuple[Float[Tensor, "K S B"], Float[Tensor, " B"]]:
        """log w of the chains of each start, and their mean acceptance."""
        return _stacked([path.forward(chains) for path in counted(self.paths, len(self.paths))])

    def backward(self, z: Float[Tensor, "S B D"]) -> tuple[Float[Tensor, "K S B"], Float[Tensor, " B"]]:
        """log w of chains from posterior draws z back to each start, and their mean acceptance."""
        return _stacked([path.backward(z) for path in counted(self.paths, len(self.paths))])


def combined(log_weight: Float[Tensor, "K S B"], log_share: Float[Tensor, "K B"]) -> Float[Tensor, " B"]:
    """log sum_k a_k 1/S sum_s w_ks."""
    return (log_share + log_mean_exp(log_weight.transpose(0, 1))).logsumexp(0)


def _stacked(
    runs: Sequence[tuple[Float[Tensor, "S B"], Float[Tensor, " B"]]],
) -> tuple[Float[Tensor, "K S B"], Float[Tensor, " B"]]:
    log_weight, acceptance = (torch.stack(part) for part in zip(*runs, strict=True))
    return log_weight, acceptance.mean(0)
