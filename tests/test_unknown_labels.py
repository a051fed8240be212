"""Labels of -1, unknown: left out where a label is needed, grey where points are drawn, and counted."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgba
from sklearn.neighbors import KNeighborsClassifier

import vaelab as vl
from vaelab.explorer.blocks import Blocks
from vaelab.explorer.contents import contents_of
from vaelab.explorer.sources import sources_of
from vaelab.figures import ENTRIES
from vaelab.figures.source import FigureSource
from vaelab.measured import MeasuredModel
from vaelab.metrics.disentanglement import factors_of
from vaelab.metrics.samples import train_classifier
from vaelab.plots import class_panels, latent_frame, latent_scatter
from vaelab.plots.style import GREY
from vaelab.studies.claims.claim import SeedRuns
from vaelab.studies.claims.latent import class_structure

MLP = vl.Mlp((8,))
MODELS = {
    "vae": vl.VAE(2, network=MLP),
    "cvae": vl.VAE(2, conditional=True, network=MLP),
    "m2": vl.M2(2, network=MLP, hidden=(4,)),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, digits: vl.ImageData) -> vl.ImageData:
    """Digits from 0 to 3 in a .npz file, of which more than half have no label."""
    assert digits.labels is not None
    rows = np.flatnonzero(digits.labels < 4)
    train = int((rows < digits.splits["train"].stop).sum())
    unknown = np.random.default_rng(0).random(len(rows)) < 0.55
    labels = np.where(unknown, -1, digits.labels[rows])
    parts = {
        "images": digits.images[rows[:train], 0],
        "labels": labels[:train],
        "test_images": digits.images[rows[train:], 0],
        "test_labels": labels[train:],
    }
    path = tmp_path_factory.mktemp("data") / "some.npz"
    np.savez(path, **parts)
    read = vl.open_data(f"npz:{path}")
    assert isinstance(read, vl.ImageData)
    return read


@pytest.fixture(scope="module")
def runs(data: vl.ImageData, tmp_path_factory: pytest.TempPathFactory) -> dict[str, vl.Run]:
    training = vl.Training(epochs=1, batch_size=32, snapshot_every=1)
    folder = tmp_path_factory.mktemp("runs")
    return {
        name: vl.train(vl.Experiment(model=model, training=training), folder / name, data=data)
        for name, model in MODELS.items()
    }


def unknown_in(data: vl.ImageData, split: str) -> tuple[int, int]:
    labels = data.split(split).labels
    assert labels is not None
    return int((labels < 0).sum()), len(labels)


def told(data: vl.ImageData) -> str:
    (train, of_train), (test, of_test) = unknown_in(data, "train"), unknown_in(data, "test")
    return (
        f"Left out where a label is needed: training split: {train} of {of_train} images have no known label; "
        f"test split: {test} of {of_test} images have no known label."
    )


@pytest.mark.parametrize("name", MODELS)
def test_an_evaluation_reads_known_labels_alone_and_counts_the_others(
    name: str, runs: dict[str, vl.Run], data: vl.ImageData
) -> None:
    """The accuracy of neighbours is that of scikit-learn on the posterior means of labelled images."""
    found = vl.evaluate(runs[name].model, data, budget=vl.Budget(n_costly=2))
    section = found.section("representation")
    means = {}
    for split in ("train", "test"):
        part = data.split(split)
        assert part.labels is not None
        x, known = torch.from_numpy(part.images).float() / 255, part.labels >= 0
        y = torch.from_numpy(part.labels)[known] if runs[name].model.spec.conditional else None
        means[split] = (runs[name].model.encode(x[known], y).mean.double().numpy(), part.labels[known])
    vote = KNeighborsClassifier(15).fit(*means["train"])
    assert section.value("kNN accuracy") == pytest.approx(vote.score(*means["test"]))
    assert section.about["test codes"] == len(means["test"][1])
    assert section.findings[0] == told(data)
    assert told(data)[:40] in str(found)
    samples = found.section("samples")
    if name == "vae":
        assert told(data) not in samples.findings
    else:
        shares = samples.value("conditional accuracy") * len(means["test"][1])
        assert shares == pytest.approx(round(shares))
        assert samples.findings[0] == told(data)


@pytest.mark.parametrize("name", MODELS)
def test_every_figure_draws_and_says_what_is_grey(name: str, runs: dict[str, vl.Run], data: vl.ImageData) -> None:
    source = FigureSource.of_run(runs[name], data)
    drawn = {entry.name: entry.render(source) for entry in ENTRIES if source.has.issuperset(entry.needs)}
    assert {"reconstructions", "latent-scatter", "latent-by-class"} <= drawn.keys()
    unknown, images = unknown_in(data, "test")
    said = f"{unknown} of {images} images have no known label and are grey."
    points = {each for each in drawn if each in {"latent-scatter", "posterior-ellipses", "latent-by-class"}}
    assert {each for each, figure in drawn.items() if said in figure.caption} == points
    columns = [text.get_text() for text in drawn["reconstructions"].figure.axes[0].get_xticklabels()]
    assert columns == [*data.classes]


def test_the_grey_points_of_a_map_of_more_dimensions_are_told(data: vl.ImageData) -> None:
    source = FigureSource(MeasuredModel(vl.VAE(3, network=MLP).build(data.format), data.split("test")))
    entry = next(entry for entry in ENTRIES if entry.name == "map-pca")
    assert "have no known label and are grey" in entry.render(source).caption


def test_points_of_unknown_labels_are_grey_below_the_others() -> None:
    means, labels = np.array([[0.0, 0], [1, 1], [2, 2], [3, 3]]), np.array([1, -1, 0, -1])
    for figure in (latent_scatter(means, labels, ("a", "b")), latent_frame(means, labels, ("a", "b"))):
        (points,) = [each for each in figure.axes[0].collections if len(each.get_offsets()) == 4]
        np.testing.assert_array_equal(points.get_offsets(), means[[1, 3, 0, 2]])
        grey = [tuple(colour[:3]) == to_rgba(GREY)[:3] for colour in points.get_facecolors()]
        assert grey == [True, True, False, False]
    (legend,) = latent_scatter(means, labels, ("a", "b")).legends
    assert "unknown" in [text.get_text() for text in legend.get_texts()]
    (legend,) = latent_scatter(means, np.array([0, 1, 0, 1]), ("a", "b")).legends
    assert "unknown" not in [text.get_text() for text in legend.get_texts()]
    counts = [[len(each.get_offsets()) for each in axes.collections] for axes in class_panels(means, labels, "ab").axes]
    assert counts == [[3, 1], [3, 1]]
    with pytest.raises(vl.UserError, match="labels holds -2"):
        latent_scatter(means, labels - 1, ("a", "b"))


@pytest.mark.parametrize("name", MODELS)
def test_the_page_knows_which_classes_are_unknown(name: str, runs: dict[str, vl.Run], data: vl.ImageData) -> None:
    """An unknown class has the number after the last; an M2 encodes its images under the label that it finds."""
    pytest.importorskip("onnxruntime")
    added: dict[str, Any] = {}

    class Kept(Blocks):
        def add(self, name: str, values: Any) -> str:
            added[name] = values
            return super().add(name, values)

    run, test = runs[name], data.split("test")
    measured = MeasuredModel(run.model, test)
    contents = contents_of(sources_of([run]), measured, Kept(), title="")
    assert test.labels is not None
    assert added["labels"].dtype == np.uint8
    np.testing.assert_array_equal(added["labels"], np.where(test.labels < 0, 4, test.labels))
    assert f", {unknown_in(data, 'test')[0]} of unknown class" in contents["images"]["name"]
    y = torch.from_numpy(test.labels) if run.model.spec.conditional else None
    expected = run.model.encode(torch.from_numpy(test.images).float() / 255, y).mean
    np.testing.assert_allclose(added["m0-moments"][0], expected.numpy(), atol=1e-4)


def test_without_any_known_label_data_count_as_unlabelled(runs: dict[str, vl.Run], data: vl.ImageData) -> None:
    none = replace(data, labels=np.full(len(data), -1))
    source = FigureSource.of_run(runs["vae"], none)
    by_name = {entry.name: entry for entry in ENTRIES}
    assert "coloured by class" not in by_name["latent-scatter"].render(source).caption
    with pytest.raises(vl.UserError, match="needs labelled images"):
        by_name["latent-by-class"].render(source)
    found = vl.evaluate(runs["m2"].model, none, budget=vl.Budget(n_costly=2))
    assert "has no labels" in found.left_out["representation"]
    assert by_name["reconstructions"].render(FigureSource.of_run(runs["m2"], none)).caption


def test_the_classifier_of_images_learns_from_known_labels_alone(data: vl.ImageData) -> None:
    train = data.split("train")
    assert train.labels is not None
    known = train.take(np.flatnonzero(train.labels >= 0))
    both = [train_classifier(part, epochs=1).state_dict() for part in (train, known)]
    assert all(torch.equal(weight, both[1][key]) for key, weight in both[0].items())
    with pytest.raises(vl.UserError):
        train_classifier(replace(train, labels=np.full(len(train), -1)))


def test_claims_and_factors_leave_them_out(runs: dict[str, vl.Run], data: vl.ImageData) -> None:
    """Numbers of a claim are those on labelled images; an unknown label is no value of a factor."""
    rows = np.flatnonzero(np.asarray(data.labels) >= 0)
    train = int((rows < data.splits["train"].stop).sum())
    known = replace(data.take(rows), splits={"train": range(train), "test": range(len(rows))})
    data = replace(data, splits={"train": data.splits["train"], "test": range(len(data))})
    classifier = partial(train_classifier, data)
    found, expected = (
        class_structure(SeedRuns({"vae": runs["vae"]}, part, classifier, 0), "vae") for part in (data, known)
    )
    assert found == pytest.approx(expected)
    factors = replace(data, attributes=np.zeros((len(data), 1), np.float32), attribute_names=("size",))
    assert factors_of(factors)[0] == ("label", "size")
    assert factors_of(replace(factors, labels=np.full(len(data), -1)))[0] == ("size",)


def test_the_explorer_and_the_command_take_such_a_file(
    runs: dict[str, vl.Run], data: vl.ImageData, cli: Any, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    cli("figures", runs["m2"].folder, "--only", "latent-scatter", "--out", tmp_path / "figures")
    assert [*(tmp_path / "figures").glob("latent-scatter.*")]
    if (Path(vl.__file__).parent / "explorer/built/page.html").is_file():
        assert vl.explore(runs["m2"], data=data).names == ("m2",)
