"""The gallery: figures hold the model's own output in the right places, and what cannot be drawn is said."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch.distributions import MultivariateNormal, kl_divergence

from vaelab import (
    VAE,
    AutoregressiveCodes,
    Codebook,
    ConditionalNormal,
    DiscretisedLogistic,
    Experiment,
    FiniteScalar,
    Flow,
    FlowPosterior,
    FullGaussian,
    Gaussian,
    GaussianPixels,
    ImageData,
    Ladder,
    Mixture,
    Mlp,
    ResidualCodebook,
    ResNet,
    Training,
    UniformCodes,
    UserError,
    Vamp,
)
from vaelab.cli import main
from vaelab.data import Digits, Threshold
from vaelab.figures import ENTRIES, Need, chosen, draw_figures
from vaelab.figures.film import write_film_of
from vaelab.figures.paths import STEPS, linear, spherical
from vaelab.figures.plane import TICKS
from vaelab.figures.rows import first_of_each_class, typical_of_each_class
from vaelab.figures.source import FigureSource
from vaelab.measured import MeasuredModel
from vaelab.training import Run, train

from .conftest import Cli
from .test_mathematics import exact_evidence

BY_NAME = {entry.name: entry for entry in ENTRIES}


@pytest.fixture(scope="module")
def runs(digits: ImageData, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """A VAE and a CVAE, trained a little on real digits, their models kept."""
    folder = tmp_path_factory.mktemp("runs")
    settings = Training(epochs=2, batch_size=32, snapshot_every=1)
    return {
        name: train(
            Experiment(Digits(), model=VAE(conditional=name == "cvae"), training=settings), folder / name, data=digits
        )
        for name in ("vae", "cvae")
    }


@pytest.fixture(scope="module")
def vae(runs: dict[str, Run], digits: ImageData) -> FigureSource:
    return FigureSource.of_run(runs["vae"], digits)


@pytest.fixture(scope="module")
def cvae(runs: dict[str, Run], digits: ImageData) -> FigureSource:
    return FigureSource.of_run(runs["cvae"], digits)


def untrained(spec: VAE | Ladder, data: ImageData) -> FigureSource:
    torch.manual_seed(0)
    return FigureSource(MeasuredModel(spec.build(data.format).eval(), data.split("test"), title="untrained"))


@pytest.fixture(scope="module")
def others(digits: ImageData) -> dict[str, FigureSource]:
    return {
        "five dimensions": untrained(VAE(latent=5), digits),
        "ladder": untrained(Ladder(groups=(1, 2), width=8), digits),
        "codebook": untrained(
            VAE(4, network=ResNet((8, 8), spatial=True), posterior=Codebook(16), prior=UniformCodes()), digits
        ),
    }


def sheet(figure: Figure) -> Any:
    return np.asarray(figure.axes[0].images[0].get_array())


def tile(
    figure: Figure, row: int, column: int, gaps: tuple[tuple[int, ...], tuple[int, ...]] = ((), ()), side: int = 28
) -> Any:
    """The image at a place of a grid, whatever gaps are before it."""
    gap = round(side / 7)
    top = row * side + gap * sum(row >= before for before in gaps[0])
    left = column * side + gap * sum(column >= before for before in gaps[1])
    return sheet(figure)[top : top + side, left : left + side]


def same(shown: Any, image: Any) -> None:
    np.testing.assert_allclose(shown, np.asarray(image).squeeze(), atol=1e-5)


def test_every_figure_is_drawn_for_some_model(
    vae: FigureSource, cvae: FigureSource, others: dict[str, FigureSource]
) -> None:
    drawn = set()
    for subject in (vae, cvae, *others.values()):
        for entry in chosen(subject):
            image = entry.render(subject)
            assert len(image.caption) > 40, entry.name
            assert image.caption.endswith("."), entry.name
            assert "Look " in image.caption, entry.name
            drawn.add(entry.name)
    without = {entry.name for entry in ENTRIES if Need.umap in entry.needs and Need.umap not in vae.has}
    assert drawn | without == set(BY_NAME)


def test_the_plane_holds_the_decoders_images_at_their_codes(vae: FigureSource) -> None:
    figure = BY_NAME["latent-plane"].render(vae).figure
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("z1", "z2")
    last = len(TICKS) - 1
    for row, column in ((0, 0), (0, last), (last, 0), (3, 8)):
        z = torch.tensor([[TICKS[column], TICKS[last - row]]], dtype=torch.float32)
        with torch.no_grad():
            same(tile(figure, row, column), vae.model.decode(z).mean[0])
    # Labels name the coordinates that the images have.
    assert [text.get_text() for text in axes.get_xticklabels()][::2] == ["-3", "-2", "-1", "0", "1", "2", "3"]
    assert axes.get_yticklabels()[0].get_text() == "3"


def test_the_plane_by_quantiles_is_equally_likely_everywhere(vae: FigureSource) -> None:
    figure = BY_NAME["latent-plane-quantiles"].render(vae).figure
    normal = torch.distributions.Normal(0.0, 1.0)
    ticks = normal.icdf((torch.arange(15) + 0.5) / 15)
    with torch.no_grad():
        same(tile(figure, 0, 0), vae.model.decode(torch.stack([ticks[0], ticks[14]])[None]).mean[0])
        same(tile(figure, 7, 14), vae.model.decode(torch.stack([ticks[14], ticks[7]])[None]).mean[0])


def test_the_scatter_holds_the_posterior_means_by_class(vae: FigureSource) -> None:
    figure = BY_NAME["latent-scatter"].render(vae).figure
    x, _ = vae.measured.data.tensors()
    with torch.no_grad():
        means = vae.model.encode(x).mean.numpy()
    drawn = np.concatenate(
        [np.asarray(part.get_offsets()) for part in figure.axes[0].collections if len(part.get_offsets())]
    )
    for point in means:
        assert np.abs(drawn - point).sum(1).min() < 1e-4
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert set(vae.measured.data.classes) <= set(texts)
    # Each point has the colour of its class, and of no other.
    points = next(part for part in figure.axes[0].collections if len(part.get_offsets()) == len(means))
    np.testing.assert_allclose(points.get_offsets(), means, atol=1e-5)
    colours = {tuple(colour) for colour in points.get_facecolor().round(4)}
    of_class = {
        (label, tuple(c)) for label, c in zip(vae.measured.data.labels, points.get_facecolor().round(4), strict=True)
    }
    assert len(colours) == len(of_class) == 10


@pytest.mark.parametrize("posterior", [Gaussian(), FullGaussian()], ids=lambda posterior: posterior.kind)
def test_true_posteriors_are_the_exact_ones_of_a_linear_model(posterior: Any) -> None:
    """Probabilistic PCA: its posterior is a normal that is known, and so is the KL of every other normal from it."""
    spec = VAE(2, network=Mlp(hidden=()), likelihood=GaussianPixels(sigma=0.3), posterior=posterior)
    images = np.random.default_rng(0).integers(0, 255, (40, 1, 3, 4), np.uint8)
    subject = untrained(spec, ImageData("noise", images, splits={"test": range(40)}))
    subject.model.requires_grad_(False)
    x = torch.from_numpy(images).float() / 255
    _, truth = exact_evidence(subject.model, x)
    q = subject.model.encode(x)
    if posterior == Gaussian():
        q = MultivariateNormal(q.mean, torch.diag_embed(q.variance))
    total = kl_divergence(q, truth)
    # The best of diagonal normals has the precision's diagonal; of all normals it is the posterior itself.
    best = truth.covariance_matrix.logdet() + truth.precision_matrix.diagonal(dim1=1, dim2=2).log().sum(1)
    approximation = best / 2 if posterior == Gaussian() else torch.zeros(40)

    figure = BY_NAME["true-posterior"].render(subject).figure
    panels, rows, told = figure.axes[1::2], [], []
    for beside, panel in zip(figure.axes[::2], panels, strict=True):
        distance = np.abs(x[:, 0].numpy() - np.asarray(beside.images[0].get_array())).sum((1, 2))
        row = int(distance.argmin())
        assert distance[row] < 1e-4
        rows.append(row)
        density = np.asarray(panel.images[0].get_array())
        left, right, low, _ = panel.images[0].get_extent()
        side = (right - left) / len(density)
        middle = side * (np.arange(len(density)) + 0.5)
        points = torch.from_numpy(np.stack(np.meshgrid(left + middle, low + middle), -1)).float()
        exact = MultivariateNormal(truth.mean[row], truth.covariance_matrix[row]).log_prob(points).exp().numpy()
        np.testing.assert_allclose(density, exact, atol=2e-3 * exact.max())
        assert density.sum() * side**2 == pytest.approx(1, abs=1e-6)
        for line, radius in zip(panel.lines[::2], (1, 2), strict=True):
            away = torch.from_numpy(np.transpose(line.get_data())).float() - q.mean[row]
            square = (away @ q.precision_matrix[row] * away).sum(1)
            torch.testing.assert_close(square, torch.full_like(square, radius**2), rtol=1e-3, atol=0)
        assert panel.lines[1].get_linestyle() == "--"
        told.append([float(one) for one in re.findall(r"[+-]?[0-9.]+", panel.get_title(loc="left").replace("−", "-"))])
    np.testing.assert_allclose(np.array(told)[:, 0], total[rows], atol=0.02)
    np.testing.assert_allclose(np.array(told)[:, 1], approximation[rows], atol=0.02)
    np.testing.assert_allclose(np.array(told)[:, 2], (total - approximation)[rows], atol=0.03)
    # Six images, from one that is fitted well to one that is fitted badly.
    ranks = total.argsort().argsort()[rows].tolist()
    assert len(set(rows)) == 6
    assert ranks == sorted(ranks)
    assert ranks[0] < 8
    assert ranks[-1] > 31


def test_the_caption_of_true_posteriors_says_what_they_are_of() -> None:
    images = np.random.default_rng(0).integers(0, 255, (40, 1, 3, 4), np.uint8)
    labels, classes = np.arange(40) % 3, ("a", "b", "c")
    data = ImageData("noise", images, labels, classes, {"test": range(40)})
    plain, told = (untrained(VAE(2, network=Mlp(hidden=(8,)), conditional=own), data) for own in (False, True))
    entry = BY_NAME["true-posterior"]
    # Under a Bernoulli likelihood there is a density of binary pixels alone.
    black = FigureSource(MeasuredModel(plain.model, data.split("test"), Threshold()))
    grey, binary = (entry.render(source).caption for source in (plain, black))
    assert "exp(-cross-entropy)" in grey
    assert "log p(x)" not in grey
    assert "= log p(x) - ELBO" in binary
    assert "cross-entropy" not in binary
    assert grey.startswith("6 of 40 test images, from the best fitted")
    # Images of one class, under which the decoder is asked.
    assert entry.render(told).caption.startswith("6 of 14 test images of class a, from the best fitted")
    few = FigureSource(told.measured.take(np.array([2, 1, 0, 5])))
    assert entry.render(few).caption.startswith("3 of 3 test images, from the best fitted")


def test_a_true_posterior_needs_a_plane_and_a_gaussian(others: dict[str, FigureSource], digits: ImageData) -> None:
    entry = BY_NAME["true-posterior"]
    flow = untrained(VAE(2, posterior=FlowPosterior()), digits)
    for subject, lacking in (
        (untrained(VAE(3), digits), "needs one latent of two real numbers, which"),
        (
            others["codebook"],
            "needs one latent of two real numbers and a Gaussian posterior",
        ),
        (others["ladder"], "needs one latent of two real numbers and"),
        (flow, "needs a Gaussian posterior, which"),
        (FigureSource(MeasuredModel(VAE(2).build(digits.format))), "needs images to show the model, which"),
    ):
        with pytest.raises(UserError, match=lacking):
            entry.render(subject)


def recorded(monkeypatch: pytest.MonkeyPatch, name: str) -> list[Any]:
    """What the gallery hands to a function of `figures`."""
    calls: list[Any] = []

    def record(*arguments: Any, **named: Any) -> Figure:
        calls.append((arguments, named))
        return Figure()

    monkeypatch.setattr(f"vaelab.figures.latent.{name}", record)
    return calls


def test_the_aggregate_posterior_is_of_draws_and_ellipses_are_of_deviations(
    vae: FigureSource, others: dict[str, FigureSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    aggregate, scatter = (recorded(monkeypatch, f"draw_{name}") for name in ("aggregate_posterior", "latent_scatter"))
    panels, units = recorded(monkeypatch, "class_panels"), recorded(monkeypatch, "draw_active_units")
    for name in ("aggregate-posterior", "posterior-ellipses", "latent-by-class"):
        BY_NAME[name].render(vae)
    x, _ = vae.measured.data.tensors()
    with torch.no_grad():
        q = vae.model.encode(x)
    ((z,), _) = aggregate[0]
    # One draw an image: about as far from the mean as its deviation says, never at it.
    distance = np.abs(z - q.mean.numpy()) / q.stddev.numpy()
    assert distance.min() > 0
    assert distance.mean() == pytest.approx(np.sqrt(2 / np.pi), abs=0.15)
    (_, ellipses) = scatter[0]
    assert len(ellipses["deviations"]) == len(x)
    np.testing.assert_allclose(ellipses["deviations"], q.stddev.numpy(), rtol=1e-4)
    ((means, labels, classes), _) = panels[0]
    np.testing.assert_allclose(means, q.mean.numpy(), atol=1e-5)
    assert (labels.tolist(), classes) == (vae.measured.data.labels.tolist(), vae.measured.data.classes)

    deep = others["five dimensions"]
    BY_NAME["active-units"].render(deep)
    ((variance, nats, threshold), _) = units[0]
    with torch.no_grad():
        q = deep.model.encode(x)
    np.testing.assert_allclose(variance, q.mean.var(0, correction=0).numpy(), rtol=1e-4)
    kl = 0.5 * (q.mean**2 + q.stddev**2 - 1) - q.stddev.log()
    np.testing.assert_allclose(nats, kl.mean(0).numpy(), rtol=1e-3)
    assert threshold == 0.01


def test_circles_of_the_normal_are_drawn_about_codes_of_that_prior_alone(
    vae: FigureSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    mixture = replace(vae.model.spec, prior=Mixture(3)).build(vae.model.format).eval()
    other = replace(vae, measured=vae.measured.with_model(mixture))
    for subject, drawn in ((vae, True), (other, False)):
        for name in ("latent-scatter", "posterior-ellipses"):
            figure = BY_NAME[name].render(subject).figure
            keys = [
                text.get_text()
                for legend in (*figure.legends, figure.axes[0].get_legend())
                if legend
                for text in legend.get_texts()
            ]
            assert any("N(0, I)" in key for key in keys) == drawn, (name, keys)


def test_the_caption_of_a_plane_says_which_class_it_is_of(vae: FigureSource, cvae: FigureSource) -> None:
    for name in ("latent-plane", "latent-plane-quantiles"):
        of_vae, of_cvae = (BY_NAME[name].render(subject) for subject in (vae, cvae))
        assert "class" in of_vae.caption
        assert "One condition throughout, class 0." in of_cvae.caption
        assert of_cvae.figure.axes[0].get_title().endswith(", class 0")


def test_at_most_5000_test_images_are_shown_always_the_same(mnist: ImageData) -> None:
    subject = FigureSource(MeasuredModel(VAE(2).build(mnist.format).eval(), mnist.split("test"), title="VAE"))
    assert subject.measured.n_images == 5000
    again = FigureSource(MeasuredModel(subject.model, mnist.split("test"), title="VAE"))
    np.testing.assert_array_equal(again.measured.data.images, subject.measured.data.images)
    # Neither the first nor the last 5,000, which differ in difficulty.
    half = {image.tobytes() for image in mnist.split("test").images[:5000]}
    assert 2300 < sum(image.tobytes() in half for image in subject.measured.data.images) < 2700


def test_a_conditional_model_is_given_the_labels_of_the_images(cvae: FigureSource) -> None:
    x, y = cvae.measured.data.tensors()
    with torch.no_grad():
        np.testing.assert_allclose(cvae.measured.means, cvae.model.encode(x, y).mean.numpy(), atol=1e-5)


def test_reconstructions_stand_beneath_their_images(vae: FigureSource) -> None:
    figure = BY_NAME["reconstructions"].render(vae).figure
    x, _ = vae.measured.data.tensors()
    for column, row in enumerate(first_of_each_class(vae.measured)):
        same(tile(figure, 0, column), x[row])
        with torch.no_grad():
            same(tile(figure, 1, column), vae.model.decode(vae.model.encode(x[row : row + 1]).mean).mean[0])
    names = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert names == [
        vae.measured.data.classes[vae.measured.data.labels[row]] for row in first_of_each_class(vae.measured)
    ]


def test_interpolations_go_from_one_code_to_the_other(vae: FigureSource) -> None:
    figure = BY_NAME["interpolations"].render(vae).figure
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names[:2] == ["3 to 8, linear", "3 to 8, spherical"]
    rows = typical_of_each_class(vae.measured)
    start, stop = rows[3], rows[8]
    gaps = (tuple(range(2, 8, 2)), (1, STEPS + 1))
    means = vae.measured.means
    for line, path in enumerate((linear, spherical)):
        same(tile(figure, line, 0, gaps), vae.measured.pixels[start])
        same(tile(figure, line, STEPS + 1, gaps), vae.measured.pixels[stop])
        decoded = vae.measured.decode(path(means[start], means[stop]))
        for step in (0, 4, STEPS - 1):
            same(tile(figure, line, step + 1, gaps), decoded[step])


def test_paths_begin_and_end_at_their_codes_and_the_sphere_keeps_the_length() -> None:
    random = np.random.default_rng(0)
    for width in (1, 2, 7):
        a, b = random.standard_normal((2, width)).astype(np.float32)
        for path in (linear, spherical):
            points = path(a, b, 10)
            assert points.shape == (10, width)
            np.testing.assert_allclose(points[[0, -1]], [a, b], atol=1e-5)
        lengths = np.linalg.norm(spherical(a, b, 10), axis=1)
        if width > 1:
            np.testing.assert_allclose(lengths, np.linspace(np.linalg.norm(a), np.linalg.norm(b), 10), atol=1e-4)
    # Opposite codes have no great circle of their own, nor has the origin.
    a = np.array([1.0, 2.0], np.float32)
    np.testing.assert_allclose(spherical(a, -a, 5), linear(a, -a, 5), atol=1e-6)
    np.testing.assert_allclose(spherical(a, 0 * a, 5), linear(a, 0 * a, 5), atol=1e-6)


def test_traversals_change_one_dimension_alone(others: dict[str, FigureSource]) -> None:
    subject = others["five dimensions"]
    figure = BY_NAME["traversals"].render(subject).figure
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert sorted(names) == ["z1", "z2", "z3", "z4", "z5"]
    most = int(subject.measured.means.var(0).argmax())
    assert names[0] == f"z{most + 1}"
    code = subject.measured.means[first_of_each_class(subject.measured)[0]].copy()
    code[most] = 3
    same(tile(figure, 0, 10), subject.measured.decode(code[None])[0])


def test_style_transfer_shows_real_images_and_their_code_under_every_class(cvae: FigureSource) -> None:
    figure = BY_NAME["style-transfer"].render(cvae).figure
    rows = first_of_each_class(cvae.measured)
    gaps: tuple[tuple[int, ...], tuple[int, ...]] = ((), (1,))
    for line in (0, 7):
        same(tile(figure, line, 0, gaps), cvae.measured.pixels[rows[line]])
        for label in (0, 3, 9):
            same(
                tile(figure, line, label + 1, gaps),
                cvae.measured.decode(cvae.measured.means[rows[line]][None], label)[0],
            )
    columns = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert columns == ["image", *cvae.model.format.classes]


def test_one_path_under_two_labels_has_the_same_codes_in_both_rows(cvae: FigureSource) -> None:
    figure = BY_NAME["class-interpolation"].render(cvae).figure
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names[:2] == ["path 1, class 1", "path 1, class 7"]
    labels = cvae.measured.data.labels
    a, b = (int(np.flatnonzero(labels == label)[0]) for label in (1, 7))
    path = linear(cvae.measured.means[a], cvae.measured.means[b])
    gaps: tuple[tuple[int, ...], tuple[int, ...]] = ((2, 4), ())
    for line, label in enumerate((1, 7)):
        same(tile(figure, line, 6, gaps), cvae.measured.decode(path, label)[6])


def test_a_row_of_shared_style_is_one_code_under_every_class(cvae: FigureSource) -> None:
    figure = BY_NAME["shared-style"].render(cvae).figure
    with cvae.measured.seeded():
        codes = torch.randn(10, 2).numpy()
    for line, label in ((0, 0), (0, 9), (9, 4)):
        same(tile(figure, line, label), cvae.measured.decode(codes[line][None], label)[0])


def test_class_figures_keep_the_order_of_the_classes(cvae: FigureSource) -> None:
    traversals = BY_NAME["class-traversals"].render(cvae).figure
    planes = BY_NAME["class-planes"].render(cvae).figure
    names = [text.get_text() for text in traversals.axes[0].get_yticklabels()]
    assert names == list(cvae.model.format.classes)
    zero = np.zeros((1, 2), np.float32)
    for label in (0, 5):
        # The fourth of seven steps is zero, in both halves.
        for column in (3, 10):
            same(tile(traversals, label, column, ((), (7,))), cvae.measured.decode(zero, label)[0])
    corner = np.array([[-2.5, 2.5]], np.float32)
    gaps = ((6,), (6, 12, 18, 24))
    same(tile(planes, 0, 0, gaps), cvae.measured.decode(corner, 0)[0])
    same(tile(planes, 6, 12, gaps), cvae.measured.decode(corner, 7)[0])


def test_groups_that_are_held_are_held(others: dict[str, FigureSource]) -> None:
    subject = others["ladder"]
    figure = BY_NAME["held-groups"].render(subject).figure
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names == ["0 of 3", "1 of 3", "2 of 3", "3 of 3"]
    gaps: tuple[tuple[int, ...], tuple[int, ...]] = ((), (1,))
    row = first_of_each_class(subject.measured)[0]
    same(tile(figure, 0, 0, gaps), subject.measured.pixels[row])
    # With every group held nothing is left to draw; with none, draws differ.
    held = [tile(figure, 3, column, gaps) for column in range(1, 11)]
    same(held[0], subject.measured.decode(subject.measured.means[row : row + 1])[0])
    same(held[0], held[9])
    assert np.abs(tile(figure, 0, 1, gaps) - tile(figure, 0, 2, gaps)).max() > 1e-4


def test_code_usage_counts_every_place_of_every_image(others: dict[str, FigureSource]) -> None:
    subject = others["codebook"]
    figure = BY_NAME["code-usage"].render(subject).figure
    x, _ = subject.measured.data.tensors()
    with torch.no_grad():
        codes = subject.model.encode(x).codes
    shares = np.sort(np.bincount(codes.flatten().numpy(), minlength=16))[::-1] / codes.numel()
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), shares[shares > 0])


def test_the_same_figure_twice_is_the_same_and_random_numbers_are_left_alone(vae: FigureSource) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second = (sheet(BY_NAME["samples"].render(vae).figure) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_figure_that_a_model_cannot_have_is_refused_by_name(vae: FigureSource, runs: dict[str, Run]) -> None:
    with pytest.raises(UserError, match=r"'held-groups' needs groups of latents, which VAE on digits does not have"):
        chosen(vae, ["held-groups"])
    with pytest.raises(UserError, match=r"only has 'scatter', but the figures are: training-curves, "):
        chosen(vae, ["scatter"])
    # Without images there are figures still.
    names = [image.name for image in draw_figures(runs["vae"], None)]
    assert names == ["training-curves", "latent-plane", "latent-plane-quantiles", "samples"]
    other = replace(vae.model.spec, prior=Mixture(3)).build(vae.model.format)
    assert "aggregate-posterior" not in [
        entry.name for entry in chosen(replace(vae, measured=vae.measured.with_model(other)))
    ]


def test_a_model_of_attributes_is_drawn_with_those_of_real_images() -> None:
    tilts = np.linspace(-1, 1, 40, dtype=np.float32)[:, None]
    images = np.random.default_rng(0).integers(0, 255, (40, 1, 8, 8), np.uint8)
    data = ImageData("bars", images, attributes=tilts, attribute_names=("tilt",), splits={"test": range(40)})
    subject = untrained(VAE(2, conditional=True), data)
    names = [entry.render(subject).name for entry in chosen(subject)]
    assert {"samples", "latent-plane", "traversals", "interpolations"} <= set(names)
    assert not {"class-samples", "style-transfer", "latent-by-class"} & set(names)


def test_coloured_images_without_labels_have_figures(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (30, 3, 12, 10), np.uint8)
    subject = untrained(VAE(3), ImageData("colours", images, splits={"test": range(30)}))
    assert {entry.render(subject).name for entry in chosen(subject)} >= {"reconstructions", "map-pca", "map-tsne"}


@pytest.mark.parametrize("labels", [[3], [3, 3], [1] * 12, list(range(10)), [0, 5] * 6])
def test_few_images_and_few_classes_have_the_figures_that_they_can(labels: list[int], digits: ImageData) -> None:
    rows = [int(np.flatnonzero(digits.labels == label)[0]) for label in labels]
    data = replace(digits.take(np.array(rows)), splits={"test": range(len(rows))})
    for spec in (VAE(2), VAE(3), VAE(2, conditional=True), VAE(1, conditional=True), Ladder((1, 1), width=8)):
        torch.manual_seed(0)
        subject = FigureSource(MeasuredModel(spec.build(data.format).eval(), data, title="few"))
        drawn = [entry.render(subject).name for entry in chosen(subject)]
        assert {"reconstructions", "samples"} <= set(drawn)


COMPOSITIONS = [
    VAE(1),
    VAE(2, posterior=FullGaussian()),
    VAE(2, posterior=FlowPosterior()),
    VAE(3, prior=Vamp(5)),
    VAE(2, prior=Flow(), likelihood=DiscretisedLogistic()),
    VAE(2, conditional=True, prior=ConditionalNormal()),
    VAE(3, network=ResNet((8, 8), spatial=True), posterior=FiniteScalar((3, 3, 3)), prior=UniformCodes()),
    VAE(4, network=ResNet((8, 8), spatial=True), posterior=ResidualCodebook(8), prior=AutoregressiveCodes()),
    Ladder((1, 1), width=8, conditional=True),
]


@pytest.mark.parametrize("spec", COMPOSITIONS, ids=lambda spec: spec.summary)
def test_every_family_has_the_figures_that_it_can(spec: VAE | Ladder, digits: ImageData) -> None:
    subject = untrained(spec, digits)
    drawn = [entry.render(subject) for entry in chosen(subject)]
    assert {"reconstructions", "samples"} <= {image.name for image in drawn}
    for image in drawn:
        image.figure.draw_without_rendering()


def test_forty_seven_classes_are_shown_twelve_at_a_time(digits: ImageData) -> None:
    names = tuple(f"letter {index}" for index in range(47))
    labels = np.arange(len(digits)) % 47
    data = replace(digits, labels=labels, classes=names, splits={"test": range(len(digits))})
    subject = untrained(VAE(2, conditional=True), data)
    for entry in chosen(subject):
        image = entry.render(subject)
        figure = image.figure
        assert max(figure.get_size_inches()) < 13, entry.name
        if entry.name.startswith("class-") and entry.name not in ("class-interpolation", "class-usage"):
            assert "The first 12 of 47 classes are shown." in image.caption, entry.name


def test_images_of_another_shape_are_refused(vae: FigureSource) -> None:
    images = ImageData("small", np.zeros((4, 1, 8, 8), np.uint8), splits={"test": range(4)})
    with pytest.raises(UserError, match=r"data has images of shape \(1, 8, 8\), but the model takes \(1, 28, 28\)"):
        FigureSource(MeasuredModel(vae.model, images))


def frames_of(path: Path) -> list[Any]:
    """The left half of each frame below its title: the scatter."""
    with Image.open(path) as image:
        frames = []
        for index in range(image.n_frames):
            image.seek(index)
            frames.append(np.asarray(image.convert("L")).astype(float)[80:, :420])
    return frames


def test_a_film_has_a_frame_an_epoch(cvae: FigureSource, others: dict[str, FigureSource], tmp_path: Path) -> None:
    write_film_of(cvae, tmp_path / "film.gif")
    frames = frames_of(tmp_path / "film.gif")
    assert len(frames) == 3  # before training, and after each of two epochs
    assert np.abs(frames[0] - frames[2]).max() > 50
    # Two epochs of one model look alike, so it is the models that the frames show.
    (_, first), (_, last) = cvae.snapshots[0], cvae.snapshots[-1]
    write_film_of(replace(cvae, snapshots=[(0, last), (1, last), (2, first)]), tmp_path / "still.gif")
    still = frames_of(tmp_path / "still.gif")
    assert np.abs(still[0] - still[1]).max() < 5
    assert np.abs(still[1] - still[2]).max() > 50
    with pytest.raises(UserError, match=r"the film needs one latent of two real numbers and models of earlier epochs"):
        write_film_of(others["ladder"], tmp_path / "none.gif")


def test_the_command_writes_a_file_a_figure(cli: Cli, digits_file: Path, tmp_path: Path) -> None:
    cli(
        "train",
        "cvae",
        "--data",
        f"npz:{digits_file}",
        "--epochs",
        "1",
        "--snapshot-every",
        "1",
        "--out",
        "run",
        "--quiet",
    )
    done = cli("figures", "run", "--film")
    names = {path.name for path in (tmp_path / "run" / "figures").iterdir()}
    assert {"latent-scatter.png", "style-transfer.png", "training-curves.png", "film.gif"} <= names
    assert sorted(done.stdout.split()) == sorted(f"run/figures/{name}" for name in names)
    cli("figures", "run", "--only", "latent-plane", "samples", "--format", "svg", "--out", "drawn", "--quiet")
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == ["latent-plane.svg", "samples.svg"]
    # A model's file alone, which has no training to show.
    cli("figures", "run/last.safetensors", "--data", f"npz:{digits_file}", "--only", "latent-plane", "--format", "pdf")
    assert (tmp_path / "run" / "figures" / "latent-plane.pdf").read_bytes().startswith(b"%PDF")


def test_the_command_writes_one_page_of_several_runs(
    runs: dict[str, Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their images are not at hand under the name that they were trained by, which the page says."""
    page = tmp_path / "both.html"
    assert main(["report", *(str(run.folder) for run in runs.values()), "--out", str(page)]) == 0
    assert capsys.readouterr().out.split() == [str(page)]
    text = page.read_text()
    assert "vae and cvae on digits" in text
    assert text.count("those at hand are not the ones it was trained on") == 2
    # Training curves of both side by side, and for each the command that makes it again.
    assert {f"Training curves of {name}, seed 0" for name in runs} <= set(re.findall('alt="([^"]*)"', text))
    assert text.count("<span>--config</span>") == 2
    for words, message in (
        (["report"], "no folder is named"),
        (["report", str(tmp_path)], "holds no run and no study"),
    ):
        assert main(words) == 2
        stderr = capsys.readouterr().err
        assert message in stderr
        assert len(stderr.splitlines()) == 1


def test_what_is_wrong_is_one_line(
    digits_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def code(*words: str) -> int:
        return main(["figures", *words])

    assert main(["train", "vae", "--data", f"npz:{digits_file}", "--epochs", "1", "--out", "run", "--quiet"]) == 0
    (tmp_path / "empty").mkdir()
    capsys.readouterr()
    for words, message in (
        (["run", "--only", "nothing"], "only has 'nothing', but the figures are"),
        (["run", "--film"], "models of earlier epochs (train with --snapshot-every 1)"),
        (["run", "--only", "class-samples"], "a conditional model of classes"),
        (["absent"], "run is 'absent', which is no folder"),
        (["empty"], "no run"),
        (["run", "--data", "digits:x"], "data is 'digits:x'"),
    ):
        assert code(*words) == 2
        stderr = capsys.readouterr().err
        assert message in stderr
        assert len(stderr.strip().splitlines()) == 1, stderr
    assert not (tmp_path / "run" / "figures").exists()
    # Other images under the same name, such as a folder that has grown.
    with np.load(digits_file) as stored:
        values = dict(stored)
    values["images"] = values["images"][::-1]
    np.savez(tmp_path / "digits.npz", **values)
    record = json.loads((tmp_path / "run" / "experiment.json").read_text())
    record["experiment"]["data"]["path"] = str(tmp_path / "digits.npz")
    (tmp_path / "run" / "experiment.json").write_text(json.dumps(record))
    assert code("run", "--only", "reconstructions") == 2
    lines = capsys.readouterr().err.splitlines()
    assert "has changed since run was trained on it" in lines[0]
    assert "'reconstructions' needs images to show the model" in lines[1]
    assert code("run", "--film") == 2
    # What needs no images is drawn all the same.
    assert code("run") == 0
    drawn = {path.stem for path in (tmp_path / "run" / "figures").iterdir()}
    assert drawn == {"training-curves", "latent-plane", "latent-plane-quantiles", "samples"}
