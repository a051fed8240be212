"""The trained parameters, their optimiser and their moving average."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from vaelab.errors import UserError, brief, reason
from vaelab.models.model import Model
from vaelab.objectives.objective import Loss
from vaelab.optimisers import OptimiserSpec
from vaelab.spec import is_own


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


def clip_gradient(parameters: list[nn.Parameter], loss: Tensor, settings: OptimiserSpec) -> bool:
    """Clip the gradient if requested; return whether to take the step."""
    if not (settings.gradient_clip or settings.gradient_skip):
        return True
    norm = clip_grad_norm_(parameters, settings.gradient_clip or math.inf)
    # Synchronises an accelerator, with gradient_skip only.
    return not settings.gradient_skip or bool(loss.isfinite() & (norm < settings.gradient_skip))


def make_optimiser(settings: OptimiserSpec, parameters: list[nn.Parameter]) -> Optimizer:
    """The optimiser of the trained parameters; each of its groups remembers its learning rate before the schedule.

    Raises:
        UserError: what is built is no optimiser, or leaves parameters out.
    """
    # A prior that is fitted at once has nothing to train, and no optimiser takes an empty list.
    optimiser: Any = settings.build(parameters or [nn.Parameter(torch.zeros(()))])
    name = getattr(settings, "name", type(settings).__name__)
    if not isinstance(optimiser, Optimizer):
        raise UserError(f"the optimiser {name} builds {brief(optimiser)}, but must build a torch.optim.Optimizer")
    trained = {id(each) for group in optimiser.param_groups for each in group["params"]}
    left_out = [parameter for parameter in parameters if id(parameter) not in trained]
    if left_out:
        raise UserError(
            f"the optimiser {name} leaves out {len(left_out)} of {len(parameters)} parameters; it must train all that "
            "it is given"
        )
    for group in optimiser.param_groups:
        group.setdefault("initial_lr", group["lr"])
    return optimiser


def take_optimiser_step(optimiser: Optimizer, settings: OptimiserSpec) -> None:
    """Take a step.

    Raises:
        UserError: an optimiser of a user's own fails.
    """
    try:
        optimiser.step()
    except Exception as error:
        if is_own(type(settings)) and not settings.python_only:
            raise
        name = getattr(settings, "name", type(settings).__name__)
        raise UserError(
            f"the optimiser {name} raises {reason(error)}; check it with vaelab.testing.check_spec"
        ) from error


def set_learning_rates(optimiser: Optimizer, factor: float) -> None:
    """Set the learning rate of each group to its own times the factor of a schedule."""
    for group in optimiser.param_groups:
        group["lr"] = group["initial_lr"] * factor


def learning_rate(optimiser: Optimizer, factor: float) -> float:
    """The learning rate of the first group."""
    rate: float = optimiser.param_groups[0]["initial_lr"] * factor
    return rate
