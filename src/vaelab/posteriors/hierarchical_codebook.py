"""Hierarchical residual quantisation with codes that are drawn in training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize, one_hot

from vaelab.contract import Network
from vaelab.posteriors.annealed import AnnealedPosterior
from vaelab.posteriors.residual import ResidualPosterior
from vaelab.schedules import ScheduleSpec
from vaelab.sizes import CodeSpace

# Each codebook starts this much shorter than the one before it.
_SHRINK = 0.5


class HierarchicalCodebookPosterior(AnnealedPosterior, ResidualPosterior):
    """Codebooks for residuals, trained through Gumbel-softmax with hard codes (Hosking, Tang and Lapata 2022).

    With r the residual of a level, code = argmax_k (-|r - e_k|^2 + g_k), and the gradient is that of
    softmax((-|r - e_k|^2 + g_k) / T). In training g is standard Gumbel noise, and the sum of the levels is cut off
    before each with the probability `depth_dropout`; otherwise g is zero, and each code the nearest.

    Args:
        network, latent, size, levels: as in `ResidualCodebookPosterior`.
        temperature: T, at each step of training.
        depth_dropout: probability of a cut before each level.
        norm_weight, norm_ratio: of the penalty on codes that are longer than those of the level before.
    """

    def __init__(
        self,
        network: Network,
        latent: int,
        size: int,
        levels: int,
        temperature: ScheduleSpec,
        depth_dropout: float,
        norm_weight: float,
        norm_ratio: float,
    ) -> None:
        super().__init__(network, latent, CodeSpace(network.positions * levels, size))
        lengths = _SHRINK ** torch.arange(levels)[:, None, None]
        self.codebooks = nn.Parameter(normalize(torch.randn(levels, size, latent), dim=-1) * lengths)
        self.depth_dropout = depth_dropout
        self.norm_weight, self.norm_ratio = norm_weight, norm_ratio
        self.anneal(temperature)

    @property
    def by_level(self) -> Sequence[Tensor]:
        """The codebooks, one parameter."""
        return list(self.codebooks)

    def quantise(self, vectors: Tensor, learn: bool) -> tuple[Tensor, Tensor]:
        """The sums of the levels' vectors, and the codes of each level; with `learn` drawn and cut off."""
        residual, parts, codes = vectors, [], []
        for codebook in self.codebooks:
            score = -(residual[..., None, :] - codebook).square().sum(-1)
            if learn:
                # The logarithm of an exponential variable, with the other sign, is a standard Gumbel variable.
                score = score - torch.empty_like(score).exponential_().log()
            shares = (score / self.temperature).softmax(-1)
            codes.append(score.argmax(-1))
            hard = one_hot(codes[-1], self.code_space.size) + (shares - shares.detach())
            parts.append(hard @ codebook)
            residual = residual - parts[-1]
        levels = torch.stack(parts)
        if learn:
            kept = torch.rand_like(levels[..., :1]) >= self.depth_dropout
            levels = levels * kept.cumprod(0)
        return levels.sum(0), torch.stack(codes, -1)

    def penalty(self, vectors: Tensor, quantised: Tensor) -> Float[Tensor, " B"]:
        """norm_weight (max(norm_ratio |e_l| / |e_(l-1)|, 1) - 1)^2 of the nearest codes, summed over levels, (B,)."""
        each = self.codes_of(vectors).unbind(-1)
        lengths = torch.stack([book[code].norm(dim=-1) for book, code in zip(self.codebooks, each, strict=True)])
        excess = (self.norm_ratio * lengths[1:] / lengths[:-1].clamp(min=1e-6)).clamp(min=1) - 1
        total: Tensor = excess.square().sum((0, 2))
        return self.norm_weight * total
