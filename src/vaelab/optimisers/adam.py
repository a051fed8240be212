"""Adam, alone or beside Muon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge, Gt, Lt

from vaelab.optimisers.optimiser import OptimiserSpec

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer


@dataclass(frozen=True)
class _AdamSettings(OptimiserSpec):
    """The settings of Adam."""

    learning_rate: Annotated[float, Gt(0)] = 1e-3
    """Before the schedule's factor."""
    beta1: Annotated[float, Ge(0), Lt(1)] = 0.9
    """Memory of gradients."""
    beta2: Annotated[float, Ge(0), Lt(1)] = 0.999
    """Memory of squared gradients."""
    weight_decay: Annotated[float, Ge(0)] = 0.0
    """Decoupled from the gradient."""

    @property
    def _adamw(self) -> dict[str, Any]:
        """Arguments of torch's AdamW: one fused kernel."""
        betas = (self.beta1, self.beta2)
        return {"lr": self.learning_rate, "betas": betas, "weight_decay": self.weight_decay, "fused": True}


@dataclass(frozen=True)
class Adam(_AdamSettings):
    """Adam (Kingma and Ba 2015, algorithm 1), or AdamW where weights decay (Loshchilov and Hutter 2019).

    w <- w - rate (m / (sqrt(v) + 1e-8) + weight_decay w), m and v the bias-corrected moments of the gradient.
    """

    def build(self, parameters: Sequence[nn.Parameter]) -> Optimizer:
        """AdamW; without weight decay it is Adam."""
        import torch

        return torch.optim.AdamW(parameters, **self._adamw)


@dataclass(frozen=True)
class Muon(_AdamSettings):
    """Muon (Jordan et al. 2024) for convolutions between hidden layers, Adam for all other weights.

    Muon's steps have equal size in all directions of a weight matrix; see `vaelab.optimisers.muon.MuonWithAdam`.
    """

    hidden_rate: Annotated[float, Gt(0)] = 0.02
    """Learning rate of Muon, before the schedule's factor; `learning_rate` is that of Adam."""

    def build(self, parameters: Sequence[nn.Parameter]) -> Optimizer:
        """Muon beside AdamW."""
        from vaelab.optimisers.muon import MuonWithAdam

        return MuonWithAdam(parameters, self.hidden_rate / self.learning_rate, **self._adamw)
