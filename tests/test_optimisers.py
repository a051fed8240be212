"""Optimisers of a user's own: rates, resuming, and what is refused."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import vaelab as vl
from vaelab.models.files import read_tensors
from vaelab.testing import check_spec


class Counting(torch.optim.Optimizer):
    """Gradient descent whose step falls with a count: one in its group, one for each parameter, beside an average."""

    def __init__(self, groups: Iterable[Any], lr: float) -> None:
        super().__init__(groups, {"lr": lr, "count": 0})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            group["count"] += 1
            for parameter in group["params"]:
                state = self.state[parameter]
                state["mean"] = 0.9 * state.get("mean", 0.0) + 0.1 * parameter.grad
                state["times"] = state.get("times", 0) + 1
                parameter.sub_(group["lr"] / (1 + group["count"]) / (1 + state["times"]) * state["mean"])


@dataclass(frozen=True)
class Decreasing(vl.OptimiserSpec):
    """Biases have a group of their own, with a tenth of the rate."""

    learning_rate: float = 0.1

    def build(self, parameters: Any) -> torch.optim.Optimizer:
        biases = [parameter for parameter in parameters if parameter.ndim == 1]
        others = [parameter for parameter in parameters if parameter.ndim > 1]
        groups = [{"params": others}, {"params": biases, "lr": self.learning_rate / 10}]
        return Counting(groups, self.learning_rate)


def experiment(optimiser: Any) -> vl.Experiment:
    model = vl.VAE(network=vl.Mlp(hidden=(16,)))
    training = vl.Training(epochs=2, batch_size=50, validation=0, precision="fp32", checkpoint_seconds=0.0)
    return vl.Experiment(model=model, training=replace(training, optimiser=optimiser))


OWN = {
    "groups and numbers": Decreasing(0.01, schedule=vl.Cosine(start=1.0, stop=0.0), gradient_clip=5.0),
    "a function": functools.partial(torch.optim.RMSprop, lr=1e-3, momentum=0.5),
}


def test_an_optimiser_of_ones_own_keeps_the_contract() -> None:
    assert "goes on after a checkpoint" in check_spec(Decreasing()).passed


@pytest.mark.parametrize("own", OWN)
def test_it_trains_and_resumes_bit_for_bit(
    own: str, digits: vl.ImageData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vaelab.training import epoch

    whole = vl.train(experiment(OWN[own]), tmp_path / "whole", data=digits)
    assert whole.rows[-1]["train_running_total"] < whole.rows[0]["train_running_total"]
    written = epoch.write_checkpoint

    def write_and_stop(*arguments: Any) -> None:
        written(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as stopping:
        stopping.setattr(epoch, "write_checkpoint", write_and_stop)
        for _ in range(3):
            with pytest.raises(KeyboardInterrupt):
                vl.train(experiment(OWN[own]), tmp_path / "stopped", data=digits, resume=True)
    vl.train(experiment(OWN[own]), tmp_path / "stopped", data=digits, resume=True)
    ends = [read_tensors(tmp_path / run / "checkpoint.safetensors") for run in ("whole", "stopped")]
    assert ends[0][0].keys() == ends[1][0].keys()
    assert all(tensor.equal(ends[1][0][name]) for name, tensor in ends[0][0].items())
    assert ends[0][1]["optimiser"] == ends[1][1]["optimiser"]


def test_the_schedule_scales_every_group() -> None:
    from vaelab.training.optimiser import learning_rate, make_optimiser, set_learning_rates

    optimiser = make_optimiser(Decreasing(0.1), [nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2))])
    for factor in (1.0, 0.5, 0.25):
        set_learning_rates(optimiser, factor)
        assert [group["lr"] for group in optimiser.param_groups] == pytest.approx([0.1 * factor, 0.01 * factor])
        assert learning_rate(optimiser, factor) == pytest.approx(0.1 * factor)


class Listed(Counting):
    """It keeps a list for each parameter, which no checkpoint holds."""

    def step(self, closure: Any = None) -> Any:
        super().step()
        for parameter in self.param_groups[0]["params"]:
            self.state[parameter]["past"] = [1]


class Lost(Counting):
    """It forgets its count when it is read back."""

    def load_state_dict(self, state_dict: Any) -> None:
        super().load_state_dict(state_dict)
        self.param_groups[0]["count"] = 0


@dataclass(frozen=True)
class Broken(vl.OptimiserSpec):
    how: str = ""

    def build(self, parameters: Any) -> Any:
        return {
            "none": lambda: None,
            "some": lambda: torch.optim.SGD(parameters[:1], lr=0.1),
            "uphill": lambda: torch.optim.SGD(parameters, lr=0.1, maximize=True),
            "closure": lambda: torch.optim.LBFGS(parameters),
            "list": lambda: Listed(parameters, 0.1),
            "lost": lambda: Lost(parameters, 0.1),
        }[self.how]()


@pytest.mark.parametrize(
    ("how", "fault"),
    [
        ("none", "builds NoneType, no torch.optim.Optimizer"),
        ("some", "leaves a weight of shape"),
        ("uphill", "does not lower a sum of squares"),
        ("closure", r"step\(\) raises TypeError"),
        ("list", "keeps past, a list, in its state"),
        ("lost", "takes another step after its state was saved"),
    ],
)
def test_faults_are_reported(how: str, fault: str) -> None:
    with pytest.raises(vl.UserError, match=fault):
        check_spec(Broken(how=how))


@pytest.mark.parametrize(
    ("optimiser", "says"),
    [
        (Broken(how="none"), "the optimiser Broken builds None, but must build a torch.optim.Optimizer"),
        (Broken(how="some"), r"the optimiser Broken leaves out \d+ of \d+ parameters"),
        (Broken(how="closure"), r"the optimiser Broken raises TypeError"),
        (lambda parameters: 1 / 0, "the optimiser .*test_optimisers:.* raises ZeroDivisionError"),
    ],
)
def test_training_refuses_what_is_no_optimiser(optimiser: Any, says: str, digits: vl.ImageData, tmp_path: Path) -> None:
    with pytest.raises(vl.UserError, match=says):
        vl.train(experiment(optimiser), tmp_path / "run", data=digits)


def test_a_class_is_no_optimiser_and_a_word_chooses_one(tmp_path: Path, digits_file: Path) -> None:
    with pytest.raises(vl.UserError, match=r"optimiser is .* give an instance, Adam\(\)"):
        vl.Training(optimiser=vl.Adam)  # type: ignore[arg-type]
    from vaelab.cli import main

    words = ["train", "vae", "--data", f"npz:{digits_file}", "--epochs", "1", "--out", str(tmp_path / "run"), "--quiet"]
    assert main([*words, "network:mlp", "optimiser:muon", "--hidden-rate", "0.01", "--learning-rate", "0.002"]) == 0
    found = vl.open_run(tmp_path / "run").experiment.training.optimiser
    assert found == vl.Muon(learning_rate=0.002, hidden_rate=0.01)
