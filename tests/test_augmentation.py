"""Augmentation: what each does to known images, on the grid of grey values, in training alone, and when resumed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

import vaelab as vl
from vaelab.cli.train import Train
from vaelab.codec import decode, encode
from vaelab.data import augmented
from vaelab.models.files import read_tensors
from vaelab.testing import check_spec
from vaelab.training import epoch
from vaelab.training.full_pass import DeviceSplit

ALL = (vl.Flip(), vl.Crop(3), vl.Brightness(0.5), vl.Contrast(0.5))


def grid(*values: Any) -> Tensor:
    """Grey values as stored pixels give them."""
    return torch.tensor(values, dtype=torch.uint8).float().div_(255)


def small(**settings: Any) -> vl.Experiment:
    return vl.preset("vae", "digits", network=vl.Mlp(hidden=(8,)), **{"epochs": 2, "batch_size": 100} | settings)


def test_a_flip_mirrors_about_half_of_the_images_and_leaves_the_others() -> None:
    image = grid([[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]])
    mirrored = {
        "horizontal": grid([[3, 2, 1], [6, 5, 4]], [[9, 8, 7], [12, 11, 10]]),
        "vertical": grid([[4, 5, 6], [1, 2, 3]], [[10, 11, 12], [7, 8, 9]]),
    }
    for axis, other in mirrored.items():
        torch.manual_seed(0)
        found = vl.Flip(axis)(image.expand(1000, -1, -1, -1))  # type: ignore[arg-type]
        flipped = (found == other).flatten(1).all(1)
        assert ((found == image).flatten(1).all(1) | flipped).all()
        assert 430 < flipped.sum() < 570  # 4.4 standard deviations


def test_a_crop_shifts_each_image_by_every_offset_and_fills_with_zeros() -> None:
    image = np.arange(1, 25, dtype=np.uint8).reshape(2, 3, 4)
    wanted = set()
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            shifted = np.zeros_like(image)
            for row in range(3):
                for column in range(4):
                    if 0 <= row - down < 3 and 0 <= column - right < 4:
                        shifted[:, row, column] = image[:, row - down, column - right]
            wanted.add(shifted.tobytes())
    torch.manual_seed(0)
    x = torch.from_numpy(image).float().expand(500, -1, -1, -1)
    found = [each.tobytes() for each in vl.Crop(1)(x).to(torch.uint8).numpy()]
    assert set(found) == wanted
    assert min(found.count(each) for each in wanted) > 25  # of 56 expected


def test_jitter_has_the_factors_and_the_mean_of_its_equations() -> None:
    torch.manual_seed(0)
    x = torch.rand(1, 3, 4, 5).expand(4000, -1, -1, -1)
    factors = vl.Brightness(0.3)(x) / x
    torch.testing.assert_close(factors, factors[:, :1, :1, :1].expand_as(x))
    changed = vl.Contrast(0.3)(x)
    mean = x.mean((1, 2, 3), keepdim=True)
    torch.testing.assert_close(changed.mean((1, 2, 3), keepdim=True), mean)
    spread = (changed - mean)[:, 0, 0, 0] / (x - mean)[:, 0, 0, 0]
    for each in factors[:, 0, 0, 0], spread:
        assert 0.7 <= each.min() < 0.705
        assert 1.295 < each.max() <= 1.3001
        assert abs(each.mean() - 1) < 0.012  # 4.4 standard errors


def test_grey_images_stay_on_the_grid_and_binary_ones_binary() -> None:
    torch.manual_seed(0)
    levels = torch.arange(256, dtype=torch.uint8).float().div_(255)
    x = levels[torch.randint(256, (64, 3, 9, 9))]
    for each in (*((one,) for one in ALL), ALL):
        changed = augmented(each, x)
        assert not torch.equal(changed, x)
        # Bit for bit what a stored byte gives.
        assert torch.isin(changed, levels).all()
    bits = (x > 0.5).float()
    assert augmented((vl.Flip(), vl.Crop()), bits).unique().tolist() == [0, 1]


def test_training_images_alone_are_changed(
    digits: vl.ImageData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The objective sees changed images; full passes over validation and test images see them as they are."""
    batch, passes, trained = DeviceSplit.batch, [], []

    def recorded(self: DeviceSplit, rows: Any) -> Any:
        x, y = batch(self, rows)
        (passes if isinstance(rows, slice) else trained).append(x.clone())
        return x, y

    shown: list[Tensor] = []
    measured: list[Tensor] = []
    forward = vl.Model.__call__

    def seen(self: Any, x: Tensor, *rest: Any) -> Any:
        (shown if self.training else measured).append(x.clone())
        return forward(self, x, *rest)

    monkeypatch.setattr(DeviceSplit, "batch", recorded)
    monkeypatch.setattr(vl.Model, "__call__", seen)
    vl.train(small(epochs=1, validation=50, augmentation=(vl.Flip(),)), tmp_path / "run", data=digits)
    assert len(trained) == len(shown) == 3
    for stored, x in zip(trained, shown, strict=True):
        same = (stored == x).flatten(1).all(1)
        mirrored = (stored.flip(-1) == x).flatten(1).all(1)
        assert (same | mirrored).all()
        assert same.any()
        assert mirrored.any()
    assert len(passes) == 2
    # The first forward pass is the one before training.
    for stored, x in zip(passes, measured[1:], strict=True):
        assert torch.equal(stored, x)


def test_a_resumed_run_equals_an_uninterrupted_one_and_differs_from_one_without(
    digits: vl.ImageData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = small(augmentation=ALL, checkpoint_seconds=0.0)
    vl.train(experiment, tmp_path / "whole", data=digits)
    vl.train(small(checkpoint_seconds=0.0), tmp_path / "without", data=digits)
    written, stops = epoch.write_checkpoint, 0

    def write_and_stop(*arguments: Any) -> None:
        written(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(epoch, "write_checkpoint", write_and_stop)
    while stops < 50:
        try:
            vl.train(experiment, tmp_path / "stopped", data=digits, resume=True)
            break
        except KeyboardInterrupt:
            stops += 1
    assert stops == 2 * (3 + 1)
    whole, stopped, without = (
        read_tensors(tmp_path / run / "last.safetensors")[0] for run in ("whole", "stopped", "without")
    )
    assert all(torch.equal(whole[name], stopped[name]) for name in whole)
    assert not all(torch.equal(whole[name], without[name]) for name in whole)


def test_flags_and_json_hold_augmentations() -> None:
    words = ["--out", "x", "--augmentation", "flip:vertical", "crop:4", "brightness", "contrast:0.3"]
    given = Train.parse("vaelab train vae", words, Train(experiment=small())).experiment
    assert given.training.augmentation == (vl.Flip("vertical"), vl.Crop(4), vl.Brightness(0.2), vl.Contrast(0.3))
    assert decode(vl.Experiment, encode(given)) == given
    assert encode(given)["training"]["augmentation"][1] == {"pad": 4, "kind": "crop"}


@dataclass(frozen=True)
class Noise(vl.AugmentationSpec):
    """An augmentation of a user's own."""

    scale: float = 0.1
    after_colon: ClassVar[str] = "scale"
    new_values: ClassVar[bool] = True

    def __call__(self, x: Tensor) -> Tensor:
        return x + self.scale * torch.randn_like(x)


@dataclass(frozen=True)
class Halved(vl.AugmentationSpec):
    new_values: ClassVar[bool] = False

    def __call__(self, x: Tensor) -> Tensor:
        return x[..., ::2]


@dataclass(frozen=True)
class OneDraw(vl.AugmentationSpec):
    new_values: ClassVar[bool] = False

    def __call__(self, x: Tensor) -> Tensor:
        return x.roll(int(torch.randint(9, ())), -1)


@dataclass(frozen=True)
class Mistaken(Noise):
    new_values: ClassVar[bool] = False


def test_an_augmentation_of_a_users_own_trains_and_is_checked(digits: vl.ImageData, tmp_path: Path) -> None:
    assert "each image has its own draw" in check_spec(Noise()).passed
    words = ["--out", "x", "--augmentation", "noise:0.3"]
    assert Train.parse("", words, Train(experiment=small())).experiment.training.augmentation == (Noise(0.3),)
    run = vl.train(small(epochs=1, augmentation=(Noise(),)), tmp_path / "run", data=digits)
    assert run.experiment.training.augmentation == (Noise(),)
    for spec, fault in (
        (Halved(), "must return torch.float32 of shape"),
        (OneDraw(), "all images of a batch have one draw"),
        (Mistaken(), "binary pixels do not stay binary"),
    ):
        with pytest.raises(vl.UserError, match=fault):
            check_spec(spec)


def test_what_does_not_go_with_the_data_is_refused_in_one_line(digits: vl.ImageData, tmp_path: Path) -> None:
    grey = small(augmentation=(vl.Flip(), vl.Contrast(0.5)))
    table = vl.preset("table", augmentation=(vl.Crop(4),))
    cases: list[tuple[vl.Experiment, Any, str]] = [
        (replace(grey, binarisation=vl.Dynamic()), digits, "augmentation has 'contrast:0.5', which changes values"),
        (table, None, "augmentation is 'crop:4', which changes images, but wine is a table"),
        (small(augmentation=(Halved(),)), digits, "augmentation Halved returned torch.float32 of shape"),
    ]
    for number, (experiment, data, says) in enumerate(cases):
        with pytest.raises(vl.UserError) as caught:
            vl.train(experiment, tmp_path / str(number), data=data)
        assert says in str(caught.value)
        assert "\n" not in str(caught.value)
    for words, says in (("turn", "augmentation is 'turn', but must be one of"), ("crop:x", "pad is 'x', but must be")):
        with pytest.raises(vl.UserError, match=says):
            Train.parse("", ["--out", "x", "--augmentation", words], Train(experiment=small()))


def test_a_record_whose_augmentation_is_no_list_is_refused_in_one_line() -> None:
    record = encode(small())
    record["training"]["augmentation"] = 5
    with pytest.raises(vl.UserError, match=r"training.augmentation: is 5, but must be a list of AugmentationSpec"):
        decode(vl.Experiment, record, "experiment.json")


def test_binary_images_take_flips_and_crops(digits: vl.ImageData, tmp_path: Path) -> None:
    experiment = replace(small(epochs=1, augmentation=(vl.Flip(), vl.Crop())), binarisation=vl.Dynamic())
    assert len(vl.train(experiment, tmp_path / "run", data=digits).rows) == 1
