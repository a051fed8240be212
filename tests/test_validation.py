"""The validation split: images that a run neither trains on nor reports, and by which alone it chooses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vaelab import PRESETS, VAE, Experiment, ImageData, Mlp, Training, UserError, open_run, resume, train
from vaelab.data import training_and_validation
from vaelab.models.files import read_tensors
from vaelab.optimisers import Adam
from vaelab.training import Run, Totals

from .conftest import Cli

_EPOCHS = 4


def experiment(**training: object) -> Experiment:
    # A rate so high that totals go up and down.
    settings = {"epochs": _EPOCHS, "batch_size": 32, "snapshot_every": 1, "optimiser": Adam(learning_rate=0.02)}
    return Experiment(model=VAE(network=Mlp(hidden=(16,))), training=Training(**settings | training))  # type: ignore[arg-type]


def weights(path: Path) -> dict[str, torch.Tensor]:
    return read_tensors(path)[0]


def same(a: Path, b: Path) -> bool:
    one, other = weights(a), weights(b)
    return all(torch.equal(one[name], other[name]) for name in one)


def best_epoch(run: Run) -> int:
    totals = [row["validation_total"] for row in run.rows]
    return int(np.argmin(totals)) + 1


def with_other(digits: ImageData, rows: np.ndarray) -> ImageData:
    """The same data with other images in some rows."""
    images = digits.images.copy()
    images[rows] = 255 - images[rows]
    return replace(digits, images=images)


def test_best_weights_are_those_of_the_epoch_with_the_lowest_validation_total(
    digits: ImageData, tmp_path: Path
) -> None:
    run = train(experiment(validation=60), tmp_path / "run", data=digits)
    folder = run.folder
    chosen = best_epoch(run)
    assert same(folder / "best.safetensors", folder / "snapshots" / f"epoch-{chosen:04d}.safetensors")
    assert len(run.validation()) == 60


def test_test_images_choose_nothing(digits: ImageData, tmp_path: Path) -> None:
    """The lowest test total of inverted images is in another epoch, which must not change the choice."""
    plain = train(experiment(), tmp_path / "plain", data=digits)
    inverted = train(experiment(), tmp_path / "inverted", data=with_other(digits, np.arange(300, 360)))
    assert [row["validation_total"] for row in plain.rows] == [row["validation_total"] for row in inverted.rows]
    assert best_epoch(inverted) != np.argmin([row["test_total"] for row in inverted.rows]) + 1
    assert same(plain.folder / "best.safetensors", inverted.folder / "best.safetensors")


def test_validation_images_are_not_trained_on(digits: ImageData, tmp_path: Path) -> None:
    rows, validation = training_and_validation(digits, 50)
    assert validation is not None
    others = np.setdiff1d(np.arange(300), rows)
    assert np.array_equal(digits.images[others], validation.images)
    assert np.array_equal(digits.labels[others], validation.labels)  # type: ignore[index]
    plain = train(experiment(validation=50), tmp_path / "plain", data=digits)
    changed = train(experiment(validation=50), tmp_path / "changed", data=with_other(digits, others))
    assert same(plain.folder / "last.safetensors", changed.folder / "last.safetensors")
    assert plain.rows[-1]["validation_total"] != changed.rows[-1]["validation_total"]


def test_every_seed_holds_out_the_same_images(digits: ImageData, tmp_path: Path) -> None:
    runs = [train(experiment(epochs=1, seed=seed), tmp_path / str(seed), data=digits) for seed in (0, 1)]
    assert np.array_equal(runs[0].validation().images, runs[1].validation().images)


@pytest.mark.parametrize(("n_images", "held_out"), [(11, 0), (12, 1), (300, 25), (60_000, 5000), (200_000, 5000)])
def test_by_default_five_thousand_images_are_held_out_or_a_twelfth_of_few(n_images: int, held_out: int) -> None:
    blank = np.zeros((n_images + 1, 1, 1, 1), np.uint8)
    data = ImageData("blank", blank, splits={"train": range(n_images), "test": range(n_images, n_images + 1)})
    rows, validation = training_and_validation(data, None)
    assert len(rows) == n_images - held_out
    assert (0 if validation is None else len(validation)) == held_out


def test_data_with_a_validation_split_of_its_own_keeps_all_training_images(digits: ImageData, tmp_path: Path) -> None:
    splits = {"train": range(260), "validation": range(260, 300), "test": range(300, 360)}
    data = replace(digits, splits=splits)
    run = train(experiment(epochs=1), tmp_path / "run", data=data)
    assert np.array_equal(run.validation().images, digits.images[260:300])
    assert len(training_and_validation(data, None)[0]) == 260
    # A number asks for so many training images instead.
    assert len(training_and_validation(data, 30)[0]) == 230


def test_the_study_keeps_its_images_and_writes_no_best(digits: ImageData, tmp_path: Path) -> None:
    for name in ("vae", "cvae"):
        assert PRESETS[name][1].training.validation == 0
    assert PRESETS["vamp"][1].training.validation is None
    run = train(experiment(validation=0, epochs=1), tmp_path / "run", data=digits)
    assert not (run.folder / "best.safetensors").exists()
    assert not [name for name in run.rows[0] if "validation" in name]
    with pytest.raises(UserError, match="held out no validation images"):
        run.validation()


def test_patience_stops_a_run_and_a_resumed_one_at_the_same_epoch(
    digits: ImageData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    totals = iter([9.0, 8.0, 7.0, 7.5, 7.0, 6.0])

    def measured(model: object, split: object, **settings: object) -> Totals:
        validation = len(split.stored) == 25  # type: ignore[attr-defined]
        return Totals(next(totals) if validation else 5.0, 0.0)

    monkeypatch.setattr("vaelab.training.epoch.measure", measured)
    patient = experiment(epochs=6, patience=2)
    run = train(patient, tmp_path / "run", data=digits, show=True)
    assert "the last 2 epochs have not lowered the validation total" in capsys.readouterr().err
    assert [row["validation_total"] for row in run.rows] == [9, 8, 7, 7.5, 7]
    assert same(run.folder / "best.safetensors", run.folder / "snapshots" / "epoch-0003.safetensors")
    events = [json.loads(line) for line in (run.folder / "events.jsonl").read_text().splitlines()]
    assert (events[-1]["event"], events[-1]["epochs"]) == ("finished", 5)
    again = train(patient, run.folder, data=digits, resume=True)
    assert len(again.rows) == 5


def test_a_resumed_run_keeps_the_best_of_all_epochs(digits: ImageData, tmp_path: Path) -> None:
    whole = train(experiment(), tmp_path / "whole", data=digits)
    train(experiment(epochs=1), tmp_path / "resumed", data=digits)
    run = resume(tmp_path / "resumed", epochs=_EPOCHS, data=digits)
    assert same(whole.folder / "best.safetensors", run.folder / "best.safetensors")
    assert best_epoch(run) == best_epoch(whole)


def test_a_run_without_the_setting_in_its_record_held_out_nothing(digits: ImageData, tmp_path: Path) -> None:
    """Records of version 0.1 know no validation, and their runs go on with the images that they began with."""
    run = train(experiment(validation=0, epochs=1), tmp_path / "run", data=digits)
    record = json.loads((run.folder / "experiment.json").read_text())
    del record["experiment"]["training"]["validation"], record["experiment"]["training"]["patience"]
    (run.folder / "experiment.json").write_text(json.dumps(record))
    assert open_run(run.folder).experiment.training.validation == 0
    assert len(resume(run.folder, epochs=2, data=digits).rows) == 2


def test_unsuitable_numbers_are_refused_before_training(cli: Cli, digits_file: Path, tmp_path: Path) -> None:
    words = ["train", "vamp", "--data", f"npz:{digits_file}", "--epochs", "1", "--out", tmp_path / "run"]
    for flags, says in (
        (["--validation", "300"], "300 training images; leave at least one to train on"),
        (["--validation", "0", "--patience", "3"], "patience is 3, but no validation images are held out"),
        (["--validation", "-1"], "validation"),
        (["--patience", "-1"], "patience"),
    ):
        refused = cli(*words, *flags, code=2)
        assert says in refused.stderr
        assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()
