"""Several processes: losses, gradients and state equal those of one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest
import torch
from torch import nn

import vaelab as vl
from vaelab.schedules import Progress
from vaelab.training.by_rows import computed_by_rows
from vaelab.training.group import any_process, joined, require_alike

OBJECTIVES = (
    vl.Elbo(),
    vl.TotalCorrelation(),
    vl.Wae(),
    vl.Info(),
    vl.SlicedWasserstein(),
    vl.DipI(),
    vl.DipII(),
    vl.Factor(),
    vl.Adversarial(),
    vl.Iwae(samples=3),
    vl.Dreg(samples=3),
    vl.SemiAmortised(steps=1),
    vl.Lagging(),
    vl.NeighbourEmbedding(),
)


CASES = [(vl.VAE(network=vl.Mlp((8,))), objective) for objective in OBJECTIVES] + [
    (vl.VAE(network=vl.Mlp((8,)), posterior=vl.Codebook(size=5), prior=vl.UniformCodes()), vl.Elbo()),
    (vl.VAE(network=vl.Mlp((8,)), prior=vl.Vamp(components=3)), vl.Elbo()),
    (vl.Ladder(groups=(1, 1), width=4, latent=2), vl.Elbo()),
]


def step(model: vl.ModelSpec, objective: vl.ObjectiveSpec, images: int, shared: bool) -> list[torch.Tensor]:
    """Loss, gradients, buffers and the next random number of a step."""
    torch.manual_seed(0)
    built = model.build(vl.ImageFormat(1, 8, 8)).train()
    loss_of = objective.build_for(sum(built.widths), built.format)
    x = torch.rand(images, 1, 8, 8)
    with computed_by_rows(built.by_row if shared else []):
        loss = loss_of(built(x, None, objective.samples), Progress(1, 0, 2, 1, 100))
        loss.backward()
    weights = [*built.parameters(), *(loss_of.parameters() if isinstance(loss_of, nn.Module) else ())]
    slopes = [torch.tensor(-1.0) if weight.grad is None else weight.grad for weight in weights]
    return [loss.detach(), *slopes, *(buffer.float() for buffer in built.buffers()), torch.rand(1)]


def in_a_process() -> None:
    """Compare each case with and without the other processes."""
    rank = int(os.environ["RANK"])
    with joined(torch.device("cpu")):
        assert any_process(rank == 1)
        assert not any_process(False)
        with pytest.raises(vl.UserError, match="settings of process 1 differ"):
            require_alike({"settings": str(rank)})
        for model, objective in CASES:
            for images in (8, 5):
                alone, together = (step(model, objective, images, shared) for shared in (False, True))
                for one, other in zip(alone, together, strict=True):
                    scale = max(1.0, float(one.abs().max()))
                    torch.testing.assert_close(other, one, rtol=0, atol=1e-6 * scale)


def test_losses_gradients_and_state_of_two_processes_are_those_of_one() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    together = os.environ | {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    running = [
        subprocess.Popen(
            [sys.executable, __file__], env=together | {"RANK": str(rank)}, stderr=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    for process in running:
        _, said = process.communicate()
        assert process.returncode == 0, said


if __name__ == "__main__":
    in_a_process()
