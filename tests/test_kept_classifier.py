"""A classifier of images is trained once per data set, and a file that cannot be used costs no evaluation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vaelab.data import ImageData
from vaelab.metrics.samples import ImageClassifier, kept_classifier, train_classifier


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bars are told apart after thirty steps, and how long a training takes is no matter here."""
    monkeypatch.setattr("vaelab.metrics.samples.classifier._STEPS", 30)


@pytest.fixture
def bars() -> ImageData:
    """Vertical and horizontal bars of 8 x 8 pixels."""
    images = np.zeros((40, 1, 8, 8), np.uint8)
    labels = np.arange(40) % 2
    images[labels == 0, :, :, 3:5] = 255
    images[labels == 1, :, 3:5] = 255
    return ImageData("bars", images, labels, classes=("vertical", "horizontal"))


def weights(classifier: ImageClassifier) -> np.ndarray:
    return np.concatenate([weight.detach().numpy().ravel() for weight in classifier.state_dict().values()])


def test_the_second_one_comes_from_the_file(bars: ImageData, tmp_path: Path) -> None:
    said: list[str] = []
    first = kept_classifier(bars, folder=tmp_path, say=said.append)
    (file,) = tmp_path.glob("*.safetensors")
    written = file.stat().st_mtime_ns
    second = kept_classifier(bars, folder=tmp_path, say=said.append)
    assert said == ["training a classifier of images"]
    assert file.stat().st_mtime_ns == written
    np.testing.assert_array_equal(weights(first), weights(second))
    np.testing.assert_array_equal(weights(first), weights(train_classifier(bars)))


def test_other_images_labels_and_seeds_have_files_of_their_own(bars: ImageData, tmp_path: Path) -> None:
    assert bars.labels is not None
    inverted = ImageData("bars", 255 - bars.images, bars.labels, classes=bars.classes)
    swapped = ImageData("bars", bars.images, 1 - bars.labels, classes=bars.classes)
    for data, seed in ((bars, 0), (inverted, 0), (swapped, 0), (bars, 1)):
        kept_classifier(data, seed, folder=tmp_path)
    assert len(list(tmp_path.glob("*.safetensors"))) == 4
    assert kept_classifier(swapped, folder=tmp_path).predict(bars.images / np.float32(255)).tolist() == [1, 0] * 20


def test_a_damaged_file_is_written_anew(bars: ImageData, tmp_path: Path) -> None:
    right = kept_classifier(bars, folder=tmp_path)
    (file,) = tmp_path.glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:100])
    np.testing.assert_array_equal(weights(kept_classifier(bars, folder=tmp_path)), weights(right))
    np.testing.assert_array_equal(weights(ImageClassifier.load(file)), weights(right))


def test_without_a_place_to_keep_it_there_is_a_warning(bars: ImageData, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.warns(UserWarning, match="is not kept for the next evaluation") as caught:
        found = kept_classifier(bars, folder=tmp_path / "file" / "folder")
    assert "\n" not in str(caught[0].message)
    np.testing.assert_array_equal(weights(found), weights(train_classifier(bars)))
