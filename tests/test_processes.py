"""Several processes: losses, gradients and state equal those of one."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import vaelab as vl
from vaelab.cli import main
from vaelab.evaluation.results import read_evaluation
from vaelab.metrics.evidence import (
    annealed_bound,
    exact_evidence,
    hamiltonian_bound,
    importance_bound,
    inference_gaps,
)
from vaelab.models.files import save
from vaelab.processes import count
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


def costly(measurement: vl.Measurement) -> vl.Section:
    """What takes long in an evaluation, in little time."""
    model, x = measurement.model, measurement.x
    assert ("decode" in vars(model.network)) == (count() > 1), "its rows are shared out"
    exact = exact_evidence(model, x, tolerance=1.0).log_p
    gaps = inference_gaps(model, x, exact, steps=3, samples=2, evaluation=20, refinement=1)
    found = {
        "exact": exact,
        "gaps": gaps.amortisation,
        "left after refinement": gaps.remaining,
        "Hamiltonian": hamiltonian_bound(model, x, steps=1, samples=5, pilots=2).bound,
        "importance": importance_bound(model, x, samples=30, seed=1).log_p,
        "annealed": annealed_bound(model, x, temperatures=3, chains=2, seed=1).log_p,
        "refined": vl.refine(model, x, steps=2, samples=2, evaluation=20).mean[:, 0],
        "means": torch.from_numpy(measurement.test_binarised.means[:, 0]),
    }
    return vl.Section("costly", (), curves={name: tuple(values.tolist()) for name, values in found.items()})


def numbers(model: vl.Model, data: vl.ImageData) -> list[list[float]]:
    """What an evaluation finds for each image."""
    part, budget = vl.Part("costly", "what takes long", costly), vl.Budget(n_images=13)
    found = vl.evaluate(model, data, vl.Static(), only="costly", budget=budget, parts=[part])
    return [list(curve) for curve in found.section("costly").curves.values()]


def compare_evaluations(rank: int) -> None:
    """Compare an evaluation with and without the other processes."""
    images = np.random.default_rng(0).integers(0, 256, (40, 1, 8, 8), np.uint8)
    data = vl.ImageData("noise", images, splits={"train": range(25), "test": range(25, 40)})
    torch.manual_seed(0)
    model = vl.VAE(latent=2, network=vl.Mlp((8,))).build(data.format)
    environment = {name: os.environ.pop(name) for name in ("RANK", "WORLD_SIZE")}
    alone = numbers(model, data)
    os.environ.update(environment)
    np.testing.assert_allclose(numbers(model, data), alone, rtol=1e-6, atol=1e-5)
    with pytest.raises(vl.UserError, match=r"settings of process 1 differ|says why"):
        vl.evaluate(model, data, only=["elbo"], budget=vl.Budget(n_images=5 + rank))


def in_a_process(model: str) -> None:
    """Compare each case with and without the other processes; then give command lines to all of them."""
    rank = int(os.environ["RANK"])
    compare_evaluations(rank)
    with joined(torch.device("cpu")):
        assert any_process(rank == 1)
        assert not any_process(False)
        with pytest.raises(vl.UserError, match="settings of process 1 differ"):
            require_alike({"settings": str(rank)})
        for spec, objective in CASES:
            for images in (8, 5):
                alone, together = (step(spec, objective, images, shared) for shared in (False, True))
                for one, other in zip(alone, together, strict=True):
                    scale = max(1.0, one.abs().max().item())
                    torch.testing.assert_close(other, one, rtol=0, atol=1e-6 * scale)
    assert main(["evaluate", model, "--data", "digits", "--only", "elbo", "--images", "20", "--device", "cpu"]) == 0
    assert main(["explore", model]) == 2


def test_two_processes_compute_and_print_what_one_does(tmp_path: Path) -> None:
    """Losses, gradients, state and evaluations; one of them prints, or says what it refuses."""
    from . import warm  # this file is also run as a program, which has no package

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    model = tmp_path / "model.safetensors"
    save(vl.VAE(network=vl.Mlp((8,))).build(vl.ImageFormat(1, 28, 28)), model)
    together = os.environ | {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    running = [warm.start(__file__, model, environment=together | {"RANK": str(rank)}) for rank in range(2)]
    (printed, said), (printed_by_other, said_by_other) = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0, 0], said + said_by_other
    assert "results: " in printed
    assert "vaelab: vaelab explore runs in one process, but torchrun started 2; start it without torchrun" in said
    assert printed_by_other == ""
    assert "vaelab:" not in said_by_other
    assert read_evaluation(tmp_path / "model.evaluation.json").section("elbo").value("active units") >= 0


if __name__ == "__main__":
    in_a_process(sys.argv[1])
