"""Muon against torch's own and the singular value decomposition; the other weights against AdamW."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from vaelab import Adam, Muon
from vaelab.optimisers.muon import is_hidden, orthogonal_factor


def weights(*shapes: tuple[int, ...]) -> list[nn.Parameter]:
    torch.manual_seed(0)
    return [nn.Parameter(torch.randn(shape)) for shape in shapes]


def gradients(step: int, parameters: list[nn.Parameter]) -> list[Tensor]:
    """Ill-conditioned ones, of which some directions are a hundred times as large as others."""
    generator = torch.Generator().manual_seed(step)
    drawn = [torch.randn(weight.shape, generator=generator) for weight in parameters]
    return [g * torch.logspace(-1, 1, len(g)).view(-1, *(1,) * (g.ndim - 1)) for g in drawn]


@pytest.mark.parametrize("shape", [(6, 5, 3, 3), (40, 5, 2, 2)])
@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch.optim.Muon is newer than this torch")
def test_steps_are_those_of_torch(shape: tuple[int, ...]) -> None:
    """torch orthogonalises in bf16, and knows matrices alone."""
    (kernel,) = weights(shape)
    start = kernel.detach().clone()
    matrix = nn.Parameter(start.flatten(1).clone())
    ours = Muon(learning_rate=0.01, hidden_rate=0.05, weight_decay=0.1).build([kernel])
    theirs = torch.optim.Muon([matrix], lr=0.05, weight_decay=0.1 * 0.01 / 0.05, momentum=0.95, adjust_lr_fn="original")
    for step in range(4):
        (kernel.grad,) = gradients(step, [kernel])
        matrix.grad = kernel.grad.flatten(1).clone()
        ours.step()
        theirs.step()
    moved = (matrix - start.flatten(1)).norm()
    assert (kernel.flatten(1) - matrix).norm() < 0.02 * moved


@pytest.mark.parametrize("shape", [(8, 30), (30, 8), (12, 12)])
def test_the_orthogonal_factor_keeps_the_singular_vectors(shape: tuple[int, int]) -> None:
    torch.manual_seed(1)
    u, _, vt = torch.linalg.svd(torch.randn(shape, dtype=torch.float64), full_matrices=False)
    singular = torch.logspace(-1, 1, len(vt), dtype=torch.float64)
    found = u.T @ orthogonal_factor(u @ singular.diag() @ vt) @ vt.T
    torch.testing.assert_close(found, found.diagonal().diag(), rtol=0, atol=1e-10)
    assert ((found.diagonal() > 0.65) & (found.diagonal() < 1.25)).all()


def test_other_weights_are_trained_by_adamw() -> None:
    """Those of linear layers, biases, and convolutions that read or make pixels."""
    shapes = [(8, 8, 3, 3), (8, 1, 4, 4), (8, 3, 4, 4), (8, 20), (8,)]
    ours, plain = weights(*shapes), weights(*shapes)
    assert [is_hidden(weight) for weight in ours] == [True, False, False, False, False]
    settings = {"learning_rate": 0.01, "beta2": 0.9, "weight_decay": 0.1}
    optimisers = Muon(hidden_rate=0.02, **settings).build(ours), Adam(**settings).build(plain)
    for step in range(3):
        for parameters, optimiser in zip((ours, plain), optimisers, strict=True):
            for weight, gradient in zip(parameters, gradients(step, ours), strict=True):
                weight.grad = gradient
            # As a schedule does.
            optimiser.param_groups[0]["lr"] = 0.01 / (step + 1)
            optimiser.step()
    for one, other in zip(ours[1:], plain[1:], strict=True):
        assert one.equal(other)
    assert not ours[0].equal(plain[0])


def test_the_schedule_scales_both_rates() -> None:
    (kernel,) = weights((8, 8, 3, 3))
    start = kernel.detach().clone()
    optimiser = Muon(learning_rate=0.01, hidden_rate=0.02).build([kernel])
    (kernel.grad,) = gradients(0, [kernel])
    expected = start - 0.5 * 0.02 * orthogonal_factor(kernel.grad.flatten(1)).view(kernel.shape)
    optimiser.param_groups[0]["lr"] = 0.5 * 0.01
    optimiser.step()
    torch.testing.assert_close(kernel.detach(), expected)
