"""Foreign parts that break the contract are refused in one line, before any training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import vaelab as vl

from .test_own_parts import X, Y, experiment, pair


@dataclass(frozen=True)
class BuildsNothing(vl.NetworkSpec):
    def build(self, sizes: vl.Sizes) -> Any:
        return None


class Flat(vl.Network):
    """A network with the wrong number of pixels."""

    def __init__(self, sizes: vl.Sizes) -> None:
        super().__init__()
        self.features = 4
        self.down, self.up = nn.Linear(64, 4), nn.Linear(sizes.latent, 60)

    def encode(self, x: Any, c: Any) -> Any:
        return self.down(x.flatten(1))

    def decode(self, z: Any, c: Any) -> Any:
        return self.up(z).reshape(len(z), 1, 6, 10)


@dataclass(frozen=True)
class WrongShape(vl.NetworkSpec):
    def build(self, sizes: vl.Sizes) -> vl.Network:
        return Flat(sizes)


@dataclass(frozen=True)
class Unstored(vl.Mlp):
    """A spec with a field that JSON cannot store."""

    layer: Any = nn.Linear(1, 1)


@dataclass(frozen=True)
class Untaken(vl.NetworkSpec):
    """A spec whose `build` does not take the sizes."""

    def build(self) -> vl.Network:  # type: ignore[override]
        raise AssertionError


@dataclass(frozen=True)
class Featureless(vl.NetworkSpec):
    def build(self, sizes: vl.Sizes) -> vl.Network:
        network = Flat(sizes)
        del network.features
        return network


class Broken(nn.Module):
    """An encoder with NaN in its output."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 8)

    def forward(self, x: Any) -> Any:
        return self.linear(x.flatten(1)) * torch.tensor(float("nan"))


class Expanded(nn.Module):
    """An encoder with a buffer whose numbers share one place in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 8)
        self.register_buffer("ones", torch.ones(1).expand(5))

    def forward(self, x: Any) -> Any:
        return self.linear(x.flatten(1))


def only_small_batches(trace: vl.Trace, progress: vl.Progress) -> Any:
    return trace.total.mean() if trace.total.shape[1] < 5 else 1 / 0


def trained_with(schedule: Any) -> vl.Training:
    return vl.Training(epochs=1, batch_size=16, optimiser=vl.Adam(schedule=schedule))


ENCODER, DECODER = pair()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": vl.VAE(network=BuildsNothing())}, "BuildsNothing.build returned NoneType, but must return"),
        ({"model": vl.VAE(network=WrongShape())}, "WrongShape"),
        ({"model": vl.VAE(network=vl.Modules(ENCODER, nn.Linear(2, 60)))}, "but the likelihood needs (1, 1, 8, 8)"),
        (
            {"model": vl.VAE(network=vl.Modules(nn.Linear(9, 9), DECODER))},
            "encoder is Linear, which for input",
        ),
        (
            {"objective": lambda trace, progress: trace.total},
            "returned torch.float32 of shape (1, 16), but must return a real scalar",
        ),
        ({"objective": lambda trace, progress: 1.0}, "returned float, but must return a real scalar tensor"),
        ({"objective": lambda trace, progress: torch.zeros(())}, "does not depend on any weight"),
        ({"objective": lambda trace, progress: trace.nothing}, "AttributeError"),
        ({"objective": vl.Elbo(beta=lambda progress: "x")}, "returned 'x', but must return a finite number >= 0"),
        ({"model": vl.VAE(network=Unstored())}, "Unstored.layer is"),
        ({"objective": lambda trace, progress: trace.total.mean() * math.nan}, "the loss is nan before the first step"),
        ({"objective": lambda trace, progress: trace.total.mean() * 1j}, "returned torch.complex64"),
        ({"objective": vl.Elbo(beta=1e300)}, "the loss is inf before the first step"),
        ({"objective": only_small_batches}, "only_small_batches raises ZeroDivisionError: division by zero"),
        ({"model": vl.VAE(network=vl.Modules(Broken(), DECODER))}, "the KL is nan"),
        ({"training": trained_with(lambda progress: None)}, "returned None, but must return a finite number >= 0"),
        ({"training": trained_with(lambda progress: -1.0)}, "returned -1.0, but must return a finite number >= 0"),
        ({"training": trained_with(lambda progress: math.nan)}, "returned nan, but must return a finite number >= 0"),
        ({"training": trained_with(lambda progress: 1 / 0)}, "raises ZeroDivisionError: division by zero"),
        ({"training": trained_with(lambda: 1.0)}, "raises TypeError: "),
        ({"model": vl.VAE(network=Untaken())}, "Untaken.build raises TypeError: "),
        ({"model": vl.VAE(network=Featureless())}, "Featureless.build returned Flat, which has no features"),
        (
            {"model": vl.VAE(network=vl.Modules(lambda: ENCODER, DECODER))},
            "encoder is a function that raises TypeError",
        ),
        ({"model": vl.VAE(network=vl.Modules(Expanded(), DECODER))}, "cannot be saved and loaded"),
    ],
)
def test_parts_that_break_the_contract_are_refused_before_any_training(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(vl.UserError) as caught:
        vl.train(experiment(**changes), tmp_path / "run", data=(X, Y))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists(), "a failed attempt leaves no folder behind"


def test_a_spec_that_is_no_frozen_dataclass_is_refused() -> None:
    class Forgotten(vl.PriorSpec):
        def build(self, sizes: vl.Sizes) -> vl.Prior:
            raise AssertionError

    @dataclass
    class Mutable(Forgotten):
        width: int = 3

    for spec in (Forgotten(), Mutable()):
        with pytest.raises(
            vl.UserError, match=r"is no frozen dataclass; decorate the class with @dataclass\(frozen=True"
        ):
            vl.VAE(prior=spec)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: vl.VAE(network=nn.Linear(2, 2)), "vaelab.Modules(encoder, decoder)"),
        (lambda: vl.VAE(network=vl.Mlp), "must be of type NetworkSpec"),
        (lambda: vl.VAE(prior=vl.Mixture), "give an instance, Mixture()"),
        (lambda: vl.preset("vae", data=(X, Y)), "ndarray of shape (60, 8, 8)"),
        (lambda: vl.train("vae", "run"), "experiment is 'vae', but must be an Experiment"),
        (lambda: vl.train(vl.VAE(), "run"), "but must be an Experiment"),
        (lambda: vl.train(experiment(), None), "out is None, but must be the path of a folder"),
        (lambda: vl.evaluate(None, (X, Y)), "model is a NoneType, but must be a model"),
    ],
)
def test_arguments_of_the_wrong_kind_get_one_short_line(make: Any, message: str) -> None:
    with pytest.raises(vl.UserError) as caught:
        make()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250
