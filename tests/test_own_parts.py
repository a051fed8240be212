"""Custom parts and data in Python: supported uses, and refusals before any training."""

from __future__ import annotations

import copy
import io
import json
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import Dataset, TensorDataset

import vaelab as vl
from vaelab.cli import main
from vaelab.codec import decode, encode
from vaelab.models.files import read_tensors, weights_digest

X = (np.random.default_rng(0).random((60, 8, 8)) < 0.3).astype(np.uint8) * np.uint8(255)
Y = np.where(np.arange(60) % 3, "cat", "dog")


def pair() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(5)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU())
    return encoder, nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 64))


def experiment(**changes: Any) -> vl.Experiment:
    """A small experiment with custom modules."""
    plain = vl.Experiment(
        model=vl.VAE(latent=2, network=vl.Modules(*pair())), training=vl.Training(epochs=2, batch_size=16)
    )
    return replace(plain, **changes)


# Modules


def test_two_modules_train_resume_save_and_load(tmp_path: Path) -> None:
    run = vl.train(experiment(), tmp_path / "run", data=(X, Y))
    assert run.rows[-1]["test_total"] < run.rows[0]["test_total"]
    with pytest.raises(vl.UserError, match=r"needs its own modules, torch.*Sequential.*modules=\(encoder, decoder\)"):
        vl.load(tmp_path / "run")
    again = vl.load(tmp_path / "run", modules=pair())
    assert weights_digest(again) == weights_digest(run.model)
    vl.save(again, tmp_path / "model.safetensors")
    assert weights_digest(vl.load(tmp_path / "model.safetensors", modules=pair())) == weights_digest(run.model)

    longer = vl.resume(tmp_path / "run", epochs=4, data=(X, Y), modules=pair())
    uninterrupted = vl.train(experiment(training=vl.Training(epochs=4, batch_size=16)), tmp_path / "whole", data=(X, Y))
    assert weights_digest(longer.model) == weights_digest(uninterrupted.model)


def test_a_frozen_encoder_keeps_its_weights_and_its_running_statistics(tmp_path: Path) -> None:
    """In training, when resumed, in the saved file and when loaded; heads and decoder learn."""
    normalised = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.5))
    decoder = nn.Linear(2, 64)
    before = {name: value.clone() for name, value in normalised.state_dict().items()}
    spec = vl.VAE(network=vl.Modules(normalised, decoder, frozen=True))
    training = vl.Training(
        epochs=1, batch_size=50, average=0.9, validation=0, optimiser=vl.Adam(0.01, weight_decay=0.1)
    )
    x = np.random.default_rng(0).random((120, 8, 8)).round()
    run = vl.train(vl.Experiment(model=spec, training=training), tmp_path / "run", data=x)
    vl.resume(tmp_path / "run", epochs=2, data=x, modules=(normalised, decoder))
    loaded: Any = vl.load(tmp_path / "run", modules=(normalised, decoder))
    assert loaded.spec == spec
    # Other weights are given, and those of the file are taken.
    fresh: Any = vl.load(tmp_path / "run", modules=(copy.deepcopy(normalised).apply(_zeroed), decoder))
    for model in (run.model, loaded, fresh):
        encoder = model.network.encoder.module
        for name, value in before.items():
            assert torch.equal(encoder.state_dict()[name], value), name
        assert not any(weight.requires_grad for weight in encoder.parameters())
    assert not torch.equal(loaded.network.decoder.weight, decoder.weight)

    built: Any = spec.build(vl.ImageFormat(1, 8, 8)).train()
    assert built.network.training
    assert not any(module.training for module in built.network.encoder.module.modules())
    images = torch.rand(5, 1, 8, 8, requires_grad=True)
    features = built.network.encode(images, None)
    torch.testing.assert_close(features, normalised.eval()(images))
    # Gradients still reach its input, such as the pseudo-inputs of a VampPrior.
    assert torch.autograd.grad(features.sum(), images)[0].any()
    shared = nn.Linear(64, 64)
    own = vl.Modules(nn.Sequential(nn.Flatten(), shared), nn.Sequential(nn.Linear(2, 64), shared), frozen=True)
    with pytest.raises(vl.UserError, match="frozen is True, but encoder and decoder share weights"):
        vl.VAE(network=own).build(vl.ImageFormat(1, 8, 8))


def _zeroed(module: nn.Module) -> None:
    for weight in module.parameters(recurse=False):
        weight.data.zero_()


def test_modules_are_copied_so_that_two_models_do_not_share_weights() -> None:
    spec = vl.VAE(latent=2, network=vl.Modules(*pair()))
    first, second = (spec.build(vl.ImageFormat(1, 8, 8)) for _ in range(2))
    with torch.no_grad():
        next(first.network.parameters()).zero_()
    assert next(second.network.parameters()).abs().sum() > 0


def test_the_width_of_the_features_is_inferred_from_the_encoder() -> None:
    assert vl.VAE(network=vl.Modules(*pair())).build(vl.ImageFormat(1, 8, 8)).network.features == 16
    with pytest.raises(vl.UserError, match="features is 9, but the encoder returns 16 numbers per image"):
        vl.VAE(network=vl.Modules(*pair(), features=9)).build(vl.ImageFormat(1, 8, 8))


def test_modules_with_one_argument_get_the_condition_concatenated_to_their_input(tmp_path: Path) -> None:
    encoder = nn.Sequential(nn.Conv2d(1 + 2, 4, 3, stride=2, padding=1), nn.ReLU())
    decoder = nn.Linear(2 + 2, 64)
    model = vl.VAE(latent=2, conditional=True, network=vl.Modules(encoder, decoder))
    run = vl.train(experiment(model=model), tmp_path / "run", data=(X, Y))
    assert run.model.network.features == 4 * 4 * 4
    assert run.model.generate(y=[0, 1, 1]).shape == (3, 1, 8, 8)


def test_modules_with_two_arguments_get_the_condition() -> None:
    conditions: list[Any] = []

    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.line = nn.Linear(64, 5)

        def forward(self, x: torch.Tensor, c: torch.Tensor | None) -> Any:
            conditions.append(c)
            return self.line(x.flatten(1))

    network = vl.Modules(Encoder(), nn.Linear(2 + 2, 64))
    model = vl.VAE(latent=2, conditional=True, network=network).build(vl.ImageFormat(1, 8, 8, ("a", "b")))
    model.encode(X[:3, None] / 255, [0, 1, 1])
    assert conditions[-1].tolist() == [[1, 0], [0, 1], [0, 1]]


# Callables


class Tied(nn.Module):
    """Two layers with one weight, and a layer that another module can share."""

    def __init__(self, last: nn.Module) -> None:
        super().__init__()
        self.a, self.b, self.last = nn.Linear(64, 64), nn.Linear(64, 64), last
        self.b.weight = self.a.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.b(torch.relu(self.a(x.flatten(1)))))


def test_tied_weights_and_shared_layers_stay_tied(tmp_path: Path) -> None:
    shared = nn.Linear(64, 64)
    decoder = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), shared)
    modules = (Tied(shared), decoder)
    run = vl.train(experiment(model=vl.VAE(network=vl.Modules(*modules))), tmp_path / "run", data=(X, Y))
    whole = vl.resume(tmp_path / "run", epochs=3, data=(X, Y), modules=modules)
    for model in (run.model, whole.model):
        network = model.network
        assert network.encoder.b.weight is network.encoder.a.weight
        assert network.decoder[2] is network.encoder.last
    loaded = vl.load(tmp_path / "run", modules=modules)
    assert weights_digest(loaded) == weights_digest(whole.model) != weights_digest(run.model)


class Weighed(nn.Module):
    """An objective with a weight of its own, which is learned: w + total / w is least at w = sqrt(total)."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(()))

    def forward(self, trace: vl.Trace, progress: vl.Progress) -> torch.Tensor:
        return trace.total.mean() / self.w.abs() + self.w.abs()


def test_the_weights_of_an_objective_module_are_trained_and_resumed(tmp_path: Path) -> None:
    mine = Weighed()
    once = vl.train(experiment(objective=mine), tmp_path / "once", data=(X, Y))
    weights = [read_tensors(tmp_path / "once" / "checkpoint.safetensors")[0]]
    assert mine.w == 1.0, "the user's module is copied"
    (name,) = (name for name in weights[0] if name.endswith(".w"))
    assert weights[0][name] > 1.001
    short = replace(experiment(objective=mine), training=replace(experiment().training, epochs=1))
    vl.train(short, tmp_path / "resumed", data=(X, Y))
    again = vl.train(experiment(objective=mine), tmp_path / "resumed", data=(X, Y), resume=True)
    assert weights_digest(again.model) == weights_digest(once.model)
    assert read_tensors(tmp_path / "resumed" / "checkpoint.safetensors")[0][name] == weights[0][name]


def doubled(trace: vl.Trace, progress: vl.Progress) -> torch.Tensor:
    return 2 * trace.total.mean()


def test_callables_are_objectives_and_schedules(tmp_path: Path) -> None:
    adam = vl.Adam(schedule=lambda progress: 0.5**progress.elapsed)
    own = experiment(objective=doubled, training=vl.Training(epochs=2, batch_size=16, optimiser=adam))
    run = vl.train(own, tmp_path / "run", data=X)
    assert run.rows[1]["learning_rate"] == pytest.approx(run.rows[0]["learning_rate"] / 2)
    stored = json.loads((tmp_path / "run" / "experiment.json").read_text())["experiment"]
    assert stored["objective"]["name"].endswith(":doubled")
    # The record can be read without the function; using the function then raises an error.
    opened = vl.open_run(tmp_path / "run", modules=pair())
    assert opened.experiment == run.experiment
    with pytest.raises(vl.UserError, match="doubled is a Python function, which files cannot hold; pass it again"):
        vl.resume(tmp_path / "run", data=X, modules=pair())
    again = vl.train(own, tmp_path / "run", data=X, resume=True)
    assert weights_digest(again.model) == weights_digest(run.model)


def test_a_number_is_a_constant_schedule() -> None:
    assert vl.Elbo(beta=4.0) == vl.Elbo(beta=vl.Constant(4.0))
    assert vl.Adam(schedule=1).schedule == vl.Constant(1)
    with pytest.raises(vl.UserError, match=r"Elbo.beta is 'high', but must be of type ScheduleSpec"):
        vl.Elbo(beta="high")  # type: ignore[arg-type]


# Subclasses and custom classes


@dataclass(frozen=True)
class Wider(vl.Mlp):
    """A subclass of a built-in part."""

    hidden: tuple[int, ...] = (24,)


@dataclass(frozen=True)
class Cautious(vl.Elbo):
    """A subclass of the ELBO."""


def test_a_subclass_is_written_under_its_own_name(tmp_path: Path) -> None:
    own = experiment(model=vl.VAE(network=Wider()), objective=Cautious())
    run = vl.train(own, tmp_path / "run", data=X)
    stored = json.loads((tmp_path / "run" / "experiment.json").read_text())["experiment"]
    assert stored["objective"]["kind"] == f"{__name__}:Cautious"
    assert stored["model"]["network"]["kind"] == f"{__name__}:Wider"
    specs = [Wider, Cautious]
    assert type(vl.load(tmp_path / "run", specs=specs).spec.network) is Wider
    assert type(vl.open_run(tmp_path / "run", specs=specs).experiment.objective) is Cautious
    assert vl.resume(tmp_path / "run", epochs=3, data=X, specs=specs).rows[-1]["epoch"] == 3
    assert weights_digest(vl.load(tmp_path / "run", specs=specs)) != weights_digest(run.model)


def test_a_class_defined_in_a_function_trains(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Local(vl.Mlp):
        """A class that cannot be imported."""

    run = vl.train(experiment(model=vl.VAE(network=Local(hidden=(8,)))), tmp_path / "run", data=X)
    assert type(run.model.spec.network) is Local
    with pytest.raises(vl.UserError, match=r"needs the class .*<locals>\.Local, which is not imported"):
        vl.load(tmp_path / "run")
    assert type(vl.load(tmp_path / "run", specs=[Local]).spec.network) is Local


def test_specs_in_tuples_and_optional_fields_survive_json() -> None:
    @dataclass(frozen=True)
    class Stack(vl.PriorSpec):
        first: vl.PriorSpec | None = None
        rest: tuple[vl.PriorSpec, ...] = (vl.Mixture(3), vl.StandardNormal())

        def build(self, sizes: vl.PriorSizes) -> vl.Prior:
            raise NotImplementedError

    for stack in (Stack(), Stack(first=vl.Vamp(2), rest=())):
        assert decode(vl.PriorSpec, json.loads(json.dumps(encode(stack))), specs=[Stack]) == stack


# Data


class Pairs(Dataset[Any]):
    """A map-style dataset of (PIL image, label) pairs."""

    def __init__(self, sizes: tuple[int, ...] = (8,) * 20) -> None:
        self.sizes = sizes

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, index: int) -> Any:
        return Image.new("RGB", (self.sizes[index],) * 2, (index, 0, 0)), index % 2


def png(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (6, 5), value).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("x", "y", "shape", "classes"),
    [
        (X, None, (1, 8, 8), ()),
        (X / 255, Y, (1, 8, 8), ("cat", "dog")),
        (torch.from_numpy(X[:, None]), torch.arange(60) % 4, (1, 8, 8), ("0", "1", "2", "3")),
        (X.tolist(), list(Y), (1, 8, 8), ("cat", "dog")),
        (X > 0, Y, (1, 8, 8), ("cat", "dog")),
        (np.stack([X, X, X], -1), None, (3, 8, 8), ()),
        (np.stack([X, X, X], 1), None, (3, 8, 8), ()),
        (TensorDataset(torch.from_numpy(X[:, None]), torch.arange(60) % 2), None, (1, 8, 8), ("0", "1")),
        (Pairs(), None, (3, 8, 8), ("0", "1")),
        ([{"image": Image.fromarray(image), "label": "x"} for image in X[:4]], None, (1, 8, 8), ("x",)),
        (pd.Series([png(value) for value in range(6)]), pd.Series(list("ababab")), (1, 5, 6), ("a", "b")),
        (
            pa.array([{"bytes": png(value), "path": ""} for value in range(6)]),
            pa.array([0, 1] * 3),
            (1, 5, 6),
            ("0", "1"),
        ),
        ([torch.zeros(3, 4, 4), torch.ones(3, 4, 4)], None, (3, 4, 4), ()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_images_in_any_usual_format_become_image_data(x: Any, y: Any, shape: Any, classes: Any) -> None:
    data = vl.as_data(x, y)
    assert data.format.shape == shape
    assert data.classes == classes
    assert set(data.splits) == {"train", "test"}


def test_values_and_labels_keep_their_images() -> None:
    data = vl.as_data(Pairs(), test=0.25)
    assert len(data.split("test")) == 5
    for image, label in zip(data.images, data.labels if data.labels is not None else (), strict=True):
        assert image[0].max() % 2 == label
    floats = vl.as_data(X / 255.0)
    assert np.array_equal(floats.images, vl.as_data(X).images)


def test_a_given_test_split_is_used() -> None:
    data = vl.as_data(X, Y, test=(X[:10], Y[:10]))
    assert data.splits == {"train": range(60), "test": range(60, 70)}
    assert np.array_equal(data.split("test").images[:, 0], X[:10])


@pytest.mark.parametrize("encoded", [False, True])
def test_sixteen_bits_are_scaled_whether_encoded_or_not(encoded: bool) -> None:
    values = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1024
    image = Image.fromarray(values)
    file = io.BytesIO()
    image.save(file, "png")
    data = vl.as_data([file.getvalue() if encoded else image] * 4)
    assert data.images.shape == (4, 1, 8, 8)
    assert (data.images[0, 0] == values >> 8).all()


def test_a_test_split_keeps_integer_labels_and_attributes() -> None:
    labelled = vl.as_data(X[:20], np.arange(20) % 2)
    data = vl.as_data(X[20:], np.arange(40) % 2, test=labelled)
    assert data.classes == ("0", "1")
    assert (data.split("test").labels == labelled.labels).all()
    rows = np.random.default_rng(0).random((60, 2)).astype(np.float32)
    described = vl.as_data(X[20:], rows[20:], test=vl.as_data(X[:20], rows[:20]))
    assert described.split("test").attributes.shape == (20, 2)


def test_floats_with_more_than_256_levels_are_rounded_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="more than 256 levels"):
        vl.as_data(np.linspace(0, 1, 640).reshape(10, 8, 8))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vl.as_data(torch.from_numpy(X).float() / 255)


def test_attributes_are_rows_of_floats() -> None:
    data = vl.as_data(X, np.random.default_rng(0).random((60, 2)), attribute_names=("slant", "size"))
    assert data.format.attributes == ("slant", "size")


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.where(np.eye(8), np.nan, 0)[None].repeat(3, 0), None, "values that are NaN"),
        (np.full((3, 8, 8), 200.0), None, "runs from 200 to 200, but floating-point pixels must be in [0, 1]; divide"),
        (np.full((3, 8, 8), -0.5), None, "scale it to [0, 1]"),
        (np.full((3, 8, 8), 300), None, "integer pixels must be from 0 to 255"),
        (X[:3] // 255, None, "x holds the integers 0 and 1, but white is 255; give bool, or multiply by 255"),
        ([Image.fromarray(np.ones((8, 8), np.float32))] * 3, None, "has pixels of 32 bits (PIL's mode F)"),
        ({"x": X}, None, "x is {'x': array("),
        (X[:3], 5, "y is 5, but must be one label"),
        (np.zeros((4, 3, 8, 3)), None, 'whose channels may be first or last; say channels="first"'),
        (np.zeros((4, 2, 8, 8)), None, "neither axis 1 nor the last is 1 or 3 channels"),
        (np.zeros((4, 8), np.uint8), None, "images must be (N, H, W)"),
        (Pairs((8, 8, 9)), None, "image 2 is uint8 of shape (9, 9, 3), but image 0 is uint8 of shape (8, 8, 3)"),
        ([np.zeros((3, 3)), np.zeros((4, 4))], None, "image 1 is float64 of shape (4, 4)"),
        (X, [1, "two"] * 30, "labels of mixed types, int and str"),
        (X, [1, 2], "labels have shape (2,), but there are 60 images"),
        (X, np.linspace(0, 1, 60), "must be labels, integers or text of shape (N,)"),
        (X, -np.ones(60, int), "number the classes from 0"),
        (["a", "b"], None, "image 0 is str, but must be an array"),
        ([b"no image"], None, "image 0 cannot be decoded"),
        ([(X[0], 1), X[1]], None, "has no label, but others have"),
        (X.astype("U"), None, "images must be uint8 in 0 to 255 or floats"),
    ],
)
def test_invalid_data_is_refused_in_one_line(x: Any, y: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(vl.UserError) as caught:
        vl.train(experiment(), tmp_path / "run", data=(x, y))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_runs_on_data_in_memory_resume_only_with_the_same_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = vl.train(experiment(model=vl.VAE(network=vl.Mlp(hidden=(8,)))), tmp_path / "run", data=(X, Y))
    assert run.experiment.data == vl.InMemory()
    assert run.load_data().digest == run.record.data_sha256
    opened = vl.open_run(str(tmp_path / "run"))
    with pytest.raises(vl.UserError, match="were in memory, and no file holds them"):
        opened.load_data()
    assert main(["train", "--resume", str(tmp_path / "run"), "--epochs", "3"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "in memory" in line
    assert vl.resume(tmp_path / "run", epochs=3, data=(X, Y)).rows[-1]["epoch"] == 3
    named = vl.as_data(X, Y, name="blots")
    assert vl.resume(tmp_path / "run", epochs=4, data=named).rows[-1]["epoch"] == 4, "the same images by another name"
    with pytest.raises(vl.UserError, match="holds a run on other images"):
        vl.resume(tmp_path / "run", epochs=5, data=(X[:50], Y[:50]))


def test_data_from_a_source_keeps_its_source(tmp_path: Path) -> None:
    small = vl.preset("vae", network=vl.Mlp(hidden=(4,)), epochs=1)
    for given in ("digits", vl.Digits(), vl.open_data("digits")):
        run = vl.train(small, tmp_path / type(given).__name__, data=given)
        assert run.experiment.data == vl.Digits()


def test_a_field_of_the_wrong_type_is_named() -> None:
    with pytest.raises(vl.UserError, match=r"VAE.network is .*, but must be of type NetworkSpec"):
        vl.VAE(network=nn.Linear(2, 2))  # type: ignore[arg-type]
    with pytest.raises(vl.UserError, match=r"Conv.channels\[1\] is 0, but must be >= 1"):
        vl.Conv(channels=(4, 0))


# Inference


def test_inference_takes_arrays_and_lists_and_tracks_no_gradients() -> None:
    model = vl.VAE(conditional=True, network=vl.Mlp(hidden=(8,))).build(vl.ImageFormat(1, 8, 8, ("a", "b")))
    means = model.encode(X[:3, None] / 255, [0, 1, 0]).mean
    assert means.numpy().shape == (3, 2)
    assert model.decode([[0.0, 1.0]], [1]).mean.numpy().shape == (1, 1, 8, 8)
    assert model.generate(y=[1, 0, 1]).shape == (3, 1, 8, 8)
    assert model.generate(2, y=np.int64(1)).shape == (2, 1, 8, 8)
    assert model.encode(X[:3, None] / 255, [0, 1, 0], gradients=True).mean.requires_grad
    assert torch.equal(model.encode(X[:3, None] > 0, [0, 1, 0]).mean, means)
    assert torch.equal(model.encode(torch.from_numpy(X[:3, None] / 255), [0, 1, 0]).mean, means)
    assert model.decode([[0, 1]], [1]).mean.shape == (1, 1, 8, 8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model: model.encode(X[:2, None]), "x is torch.uint8, but must be real numbers in [0, 1]"),
        (lambda model: model.encode(X[:2, None].astype(float)), "pixels from 0 to 255, but they must be in [0, 1]"),
        (lambda model: model.encode([["a"]]), "x is [['a']], which is not an array of numbers"),
        (lambda model: model.encode(X[:2, None] * np.nan), "x has pixels that are NaN or infinite"),
        (lambda model: model.generate(0), "n is 0, but must be an integer >= 1"),
        (lambda model: model.generate(3, temperature=float("nan")), "temperature is nan, but must be a number >= 0"),
        (lambda model: model.generate(), "n is None; give the number of images"),
    ],
)
def test_inference_refuses_invalid_input(call: Any, message: str) -> None:
    model = vl.VAE(network=vl.Mlp(hidden=(8,))).build(vl.ImageFormat(1, 8, 8))
    with pytest.raises(vl.UserError) as caught:
        call(model)
    assert message in str(caught.value)


def test_a_loaded_model_has_weights_without_gradients(tmp_path: Path) -> None:
    model = vl.VAE(network=vl.Mlp(hidden=(8,)), prior=vl.Flow(transforms=1, hidden=(4,))).build(vl.ImageFormat(1, 8, 8))
    vl.save(model, tmp_path / "model.safetensors")
    loaded = vl.load(tmp_path / "model.safetensors")
    assert not any(weight.requires_grad for weight in loaded.parameters())
    assert loaded.prior_of(None, 1).mean.numpy().shape == (2,)


# Presets and summaries


def test_a_preset_takes_settings_of_every_part() -> None:
    chosen = vl.preset("vae", data="digits", latent=8, beta=4.0, prior=vl.Mixture(3), learning_rate=0.01, epochs=2)
    assert chosen.model == vl.VAE(latent=8, prior=vl.Mixture(3))
    assert chosen.objective == vl.Elbo(beta=vl.Constant(4.0))
    assert (chosen.training.epochs, chosen.training.optimiser.learning_rate) == (2, 0.01)
    assert vl.preset("vae", objective=vl.Iwae(3)).objective == vl.Iwae(3)
    assert vl.preset("vae", latent=np.int64(8), beta=np.float32(4)).model.latent == 8
    with pytest.raises(vl.UserError, match="'latnt' is no setting of this preset; did you mean latent"):
        vl.preset("vae", latnt=8)
    with pytest.raises(vl.UserError, match=r"preset is 'vea', .*; did you mean vae"):
        vl.preset("vea")


def test_summaries_are_short(tmp_path: Path) -> None:
    run = vl.train(experiment(), tmp_path / "run", data=(X, Y))
    trace = run.model(torch.rand(4, 1, 8, 8))
    for thing in (run, run.load_data(), trace, trace.latents[0]):
        assert len(repr(thing)) < 300
        assert "\n" not in repr(thing)
    assert "2 epochs" in repr(run)
    assert "60 images of 1 x 8 x 8" in repr(run.load_data())
    assert "4 images" in repr(trace)
