"""The contract test of a whole model: all objectives have one trace, and each is checked as if it were alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from vaelab import VAE, Elbo, Mlp, UserError
from vaelab.objectives import FunctionObjective
from vaelab.schedules import Progress
from vaelab.testing.models import check_model

MODEL = VAE(3, network=Mlp(hidden=(8,)))


def without_decoder(trace: Any, progress: Progress) -> Tensor:
    """The decoder's weights get no gradient."""
    loss: Tensor = trace.kl.sum()
    return loss


def of_zero(trace: Any, progress: Progress) -> Tensor:
    """All gradients are zero."""
    loss: Tensor = 0 * trace.total.sum()
    return loss


def of_nan(trace: Any, progress: Progress) -> Tensor:
    """A finite loss, whose gradient is zero times infinity."""
    loss: Tensor = 0 * (0 * trace.total).sum().sqrt() + trace.total.mean()
    return loss


def hooking(trace: Any, progress: Progress) -> Tensor:
    """Doubles the gradient at the draws for everything that is computed from them."""
    trace.latents[0].code.register_hook(lambda slope: 2 * slope)
    loss: Tensor = trace.cost().mean()
    return loss


@pytest.mark.parametrize(
    ("loss", "fault"),
    [
        (without_decoder, r"the parameter network\.\S+ gets no gradient"),
        (of_zero, "the gradient of .* is zero everywhere"),
        (of_nan, "the gradient of .* is not finite"),
    ],
)
def test_a_fault_of_one_objective_is_reported_among_others(loss: Callable[..., Tensor], fault: str) -> None:
    with pytest.raises(UserError, match=f"^VAE: {fault}"):
        check_model(MODEL, objectives=(Elbo(), FunctionObjective.of(loss), Elbo()))


def test_an_objective_changes_nothing_for_those_after_it() -> None:
    """One hooks into the draws, and others draw random numbers."""
    slopes, draws = [], []

    def seen(trace: Any, progress: Progress) -> Tensor:
        loss: Tensor = trace.cost().mean()
        draws.append(torch.rand(3))
        slopes.append(torch.autograd.grad(loss, trace.latents[0].code, retain_graph=True)[0])
        return loss

    objective, hooked = FunctionObjective.of(seen), FunctionObjective.of(hooking)
    check_model(MODEL, objectives=(objective, hooked, objective, objective))
    assert all(slope.equal(slopes[0]) for slope in slopes)
    assert all(draw.equal(draws[0]) for draw in draws)
    assert len(slopes) == 3
