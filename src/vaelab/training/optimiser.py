"""The trained parameters, their optimiser and their moving average."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from vaelab.errors import UserError
from vaelab.experiment import Adam
from vaelab.models.model import Model
from vaelab.objectives.objective import Loss
from vaelab.training.muon import Muon


def moving_average(model: Model, memory: float) -> AveragedModel:
    """Exponential moving average of the weights: memory x average + (1 - memory) x weight after each step."""
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(memory)).eval()


def parts_with_weights(
    model: Model, average: nn.Module | None, objective: Loss, device: torch.device
) -> dict[str, nn.Module]:
    """The modules that a checkpoint contains, by name."""
    parts: dict[str, nn.Module] = {"model": model}
    if average is not None:
        parts["average"] = average
    if isinstance(objective, nn.Module):
        parts["objective"] = objective.to(device)
    return parts


def trained_parameters(model: Model, objective: Loss, fit: str) -> list[nn.Parameter]:
    """The trained parameters: those of the prior alone, or those of the model and of the objective.

    Raises:
        UserError: `fit` is "prior" and the prior has no parameters.
    """
    if fit == "prior":
        prior: nn.Module = model.prior  # type: ignore[assignment]  # Experiment.check allows this for a VAE only
        model.requires_grad_(False)
        prior.requires_grad_(True)
        parameters = list(prior.parameters())
        if not parameters and not model.spec.prior.fitted_at_once:
            raise UserError(
                "fit is 'prior', but the model's prior has nothing to learn; choose another, such as prior:flow"
            )
        return parameters
    learned = objective.parameters() if isinstance(objective, nn.Module) else ()
    return [*model.parameters(), *learned]


def clip_gradient(parameters: list[nn.Parameter], loss: Tensor, settings: Adam) -> bool:
    """Clip the gradient if requested; return whether to take the step."""
    if not (settings.gradient_clip or settings.gradient_skip):
        return True
    norm = clip_grad_norm_(parameters, settings.gradient_clip or math.inf)
    # Synchronises an accelerator, with gradient_skip only.
    return not settings.gradient_skip or bool(loss.isfinite() & (norm < settings.gradient_skip))


def make_optimiser(settings: Adam, parameters: list[nn.Parameter]) -> torch.optim.AdamW:
    """AdamW with one fused kernel; without weight decay it is Adam. If requested, Muon for hidden convolutions."""
    betas = (settings.beta1, settings.beta2)
    adam: dict[str, Any] = {
        "lr": settings.learning_rate,
        "betas": betas,
        "weight_decay": settings.weight_decay,
        "fused": True,
    }
    if settings.muon:
        return Muon(parameters, settings.muon / settings.learning_rate, **adam)
    # As a group, since torch refuses an empty list, which is what a prior that is fitted at once has.
    return torch.optim.AdamW([{"params": parameters}], **adam)
