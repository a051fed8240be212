"""Figures show the model's output in the right places, and refuse models they do not apply to."""

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
from vaelab.tracking.train import train
from vaelab.training import Run

from .conftest import Cli
from .test_mathematics import exact_evidence

BY_NAME = {entry.name: entry for entry in ENTRIES}


@pytest.fixture(scope="module")
def runs(digits: ImageData, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """A VAE and a CVAE, trained briefly on real digits, with snapshots."""
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


# Of interpolations: between pairs of rows, and after the first and before the last image.
_GAPS: tuple[tuple[int, ...], tuple[int, ...]] = ((2, 4, 6), (1, STEPS + 1))

# A network whose images are decoded quickly, for figures of the true posterior, which decode a whole lattice.
SMALL = Mlp(hidden=(16,))


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
    """The image in a cell of a grid, with optional gaps between cells."""
    gap = round(side / 7)
    top = row * side + gap * sum(row >= before for before in gaps[0])
    left = column * side + gap * sum(column >= before for before in gaps[1])
    return sheet(figure)[top : top + side, left : left + side]


def assert_same_image(actual: Any, expected: Any) -> None:
    np.testing.assert_allclose(actual, np.asarray(expected).squeeze(), atol=1e-5)


@pytest.mark.usefixtures("coarse")
def test_every_figure_is_drawn_for_some_model(
    vae: FigureSource, cvae: FigureSource, others: dict[str, FigureSource]
) -> None:
    drawn = set()
    for source in (vae, cvae, *others.values()):
        for entry in chosen(source):
            drawn_figure = entry.render(source)
            assert len(drawn_figure.caption) > 40, entry.name
            assert drawn_figure.caption.endswith("."), entry.name
            assert "Look " in drawn_figure.caption, entry.name
            drawn.add(entry.name)
    without = {entry.name for entry in ENTRIES if Need.umap in entry.needs and Need.umap not in vae.has}
    assert drawn | without == set(BY_NAME)


def test_the_plane_shows_the_decoders_image_at_each_latent(vae: FigureSource) -> None:
    figure = BY_NAME["latent-plane"].render(vae).figure
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("z1", "z2")
    last = len(TICKS) - 1
    for row, column in ((0, 0), (0, last), (last, 0), (3, 8)):
        z = torch.tensor([[TICKS[column], TICKS[last - row]]], dtype=torch.float32)
        with torch.no_grad():
            assert_same_image(tile(figure, row, column), vae.model.decode(z).mean[0])
    # The tick labels are the coordinates of the images.
    assert [text.get_text() for text in axes.get_xticklabels()][::2] == ["-3", "-2", "-1", "0", "1", "2", "3"]
    assert axes.get_yticklabels()[0].get_text() == "3"


def test_the_plane_by_quantiles_has_steps_of_equal_probability(vae: FigureSource) -> None:
    figure = BY_NAME["latent-plane-quantiles"].render(vae).figure
    normal = torch.distributions.Normal(0.0, 1.0)
    ticks = normal.icdf((torch.arange(15) + 0.5) / 15)
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names == [f"{tick:.1f}" for tick in ticks.flip(0)]
    with torch.no_grad():
        assert_same_image(tile(figure, 0, 0), vae.model.decode(torch.stack([ticks[0], ticks[14]])[None]).mean[0])
        assert_same_image(tile(figure, 7, 14), vae.model.decode(torch.stack([ticks[14], ticks[7]])[None]).mean[0])


def test_the_scatter_shows_the_posterior_means_by_class(vae: FigureSource) -> None:
    figure = BY_NAME["latent-scatter"].render(vae).figure
    x, _ = vae.measured.data.tensors()
    with torch.no_grad():
        means = vae.model.encode(x).mean.numpy()
    drawn = np.concatenate(
        [np.asarray(part.get_offsets()) for part in figure.axes[0].collections if len(part.get_offsets())]
    )
    for point in means:
        assert np.abs(drawn - point).sum(1).min() < 1e-4
    keys = [text.get_text() for text in figure.legends[0].get_texts()]
    assert set(vae.measured.data.classes) <= set(keys)
    # Each point has the colour of its class.
    points = next(part for part in figure.axes[0].collections if len(part.get_offsets()) == len(means))
    np.testing.assert_allclose(points.get_offsets(), means, atol=1e-5)
    colours = {tuple(colour) for colour in points.get_facecolor().round(4)}
    of_class = {
        (label, tuple(c)) for label, c in zip(vae.measured.data.labels, points.get_facecolor().round(4), strict=True)
    }
    assert len(colours) == len(of_class) == 10


@pytest.mark.parametrize("posterior", [Gaussian(), FullGaussian()], ids=lambda posterior: posterior.kind)
def test_true_posteriors_of_a_linear_model_are_exact(posterior: Any) -> None:
    """For probabilistic PCA the true posterior is a known normal, and KLs to it have closed forms."""
    spec = VAE(2, network=Mlp(hidden=()), likelihood=GaussianPixels(sigma=0.3), posterior=posterior)
    images = np.random.default_rng(0).integers(0, 255, (40, 1, 3, 4), np.uint8)
    source = untrained(spec, ImageData("noise", images, splits={"test": range(40)}))
    source.model.requires_grad_(False)
    x = torch.from_numpy(images).float() / 255
    _, truth = exact_evidence(source.model, x)
    q = source.model.encode(x)
    if posterior == Gaussian():
        q = MultivariateNormal(q.mean, torch.diag_embed(q.variance))
    total = kl_divergence(q, truth)
    # The best diagonal normal has the diagonal of the precision; the best full normal is the posterior itself.
    best = truth.covariance_matrix.logdet() + truth.precision_matrix.diagonal(dim1=1, dim2=2).log().sum(1)
    approximation = best / 2 if posterior == Gaussian() else torch.zeros(40)

    figure = BY_NAME["true-posterior"].render(source).figure
    panels, rows, stated = figure.axes[1::2], [], []
    for image_axes, panel in zip(figure.axes[::2], panels, strict=True):
        distance = np.abs(x[:, 0].numpy() - np.asarray(image_axes.images[0].get_array())).sum((1, 2))
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
        stated.append(
            [float(number) for number in re.findall(r"[+-]?[0-9.]+", panel.get_title(loc="left").replace("−", "-"))]
        )
    np.testing.assert_allclose(np.array(stated)[:, 0], total[rows], atol=0.02)
    np.testing.assert_allclose(np.array(stated)[:, 1], approximation[rows], atol=0.02)
    np.testing.assert_allclose(np.array(stated)[:, 2], (total - approximation)[rows], atol=0.03)
    # Six images, from the best fitted to the worst.
    ranks = total.argsort().argsort()[rows].tolist()
    assert len(set(rows)) == 6
    assert ranks == sorted(ranks)
    assert ranks[0] < 8
    assert ranks[-1] > 31


def test_the_caption_of_true_posteriors_describes_the_images() -> None:
    images = np.random.default_rng(0).integers(0, 255, (40, 1, 3, 4), np.uint8)
    labels, classes = np.arange(40) % 3, ("a", "b", "c")
    data = ImageData("noise", images, labels, classes, {"test": range(40)})
    plain, conditional = (
        untrained(VAE(2, network=Mlp(hidden=(8,)), conditional=given), data) for given in (False, True)
    )
    entry = BY_NAME["true-posterior"]
    # A Bernoulli likelihood has a density only for binary pixels.
    black = FigureSource(MeasuredModel(plain.model, data.split("test"), Threshold()))
    grey, binary = (entry.render(source).caption for source in (plain, black))
    assert "exp(-cross-entropy)" in grey
    assert "log p(x)" not in grey
    assert "= log p(x) - ELBO" in binary
    assert "cross-entropy" not in binary
    assert grey.startswith("6 of 40 test images, from the best fitted")
    # Images of one class, decoded under that class.
    assert entry.render(conditional).caption.startswith("6 of 14 test images of class a, from the best fitted")
    few = FigureSource(conditional.measured.take(np.array([2, 1, 0, 5])))
    assert entry.render(few).caption.startswith("3 of 3 test images, from the best fitted")


def test_a_true_posterior_needs_two_dimensions_and_a_gaussian_posterior(
    others: dict[str, FigureSource], digits: ImageData
) -> None:
    entry = BY_NAME["true-posterior"]
    flow = untrained(VAE(2, posterior=FlowPosterior()), digits)
    for source, lacking in (
        (untrained(VAE(3), digits), "needs one latent of two real numbers, which"),
        (
            others["codebook"],
            "needs one latent of two real numbers and a Gaussian posterior",
        ),
        (others["ladder"], "needs one latent of two real numbers and"),
        (flow, "needs a Gaussian posterior, which"),
        (FigureSource(MeasuredModel(VAE(2).build(digits.format))), "needs images to encode, which"),
    ):
        with pytest.raises(UserError, match=lacking):
            entry.render(source)


def recorded(monkeypatch: pytest.MonkeyPatch, name: str) -> list[Any]:
    """The recorded calls of a plotting function in `vaelab.figures.latent`."""
    calls: list[Any] = []

    def record(*arguments: Any, **named: Any) -> Figure:
        calls.append((arguments, named))
        return Figure()

    monkeypatch.setattr(f"vaelab.figures.latent.{name}", record)
    return calls


def test_latent_figures_get_draws_deviations_and_means(
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
    # One draw per image, at a typical distance from the mean, never the mean itself.
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


def test_circles_of_the_standard_normal_need_that_prior(vae: FigureSource, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    mixture = replace(vae.model.spec, prior=Mixture(3)).build(vae.model.format).eval()
    other = replace(vae, measured=vae.measured.with_model(mixture))
    for source, expected in ((vae, True), (other, False)):
        for name in ("latent-scatter", "posterior-ellipses"):
            figure = BY_NAME[name].render(source).figure
            keys = [
                text.get_text()
                for legend in (*figure.legends, figure.axes[0].get_legend())
                if legend
                for text in legend.get_texts()
            ]
            assert any("N(0, I)" in key for key in keys) == expected, (name, keys)


def test_the_caption_of_a_plane_names_its_class(vae: FigureSource, cvae: FigureSource) -> None:
    for name in ("latent-plane", "latent-plane-quantiles"):
        of_vae, of_cvae = (BY_NAME[name].render(source) for source in (vae, cvae))
        assert "class" in of_vae.caption
        assert "One condition throughout, class 0." in of_cvae.caption
        assert of_cvae.figure.axes[0].get_title().endswith(", class 0")


def test_a_fixed_subset_of_5000_test_images_is_shown(mnist: ImageData) -> None:
    source = FigureSource(MeasuredModel(VAE(2).build(mnist.format).eval(), mnist.split("test"), title="VAE"))
    assert source.measured.n_images == 5000
    again = FigureSource(MeasuredModel(source.model, mnist.split("test"), title="VAE"))
    np.testing.assert_array_equal(again.measured.data.images, source.measured.data.images)
    # Not simply the first or the last 5,000, which differ in difficulty.
    half = {image.tobytes() for image in mnist.split("test").images[:5000]}
    assert 2300 < sum(image.tobytes() in half for image in source.measured.data.images) < 2700


def test_a_conditional_model_is_given_the_labels_of_the_images(cvae: FigureSource) -> None:
    x, y = cvae.measured.data.tensors()
    with torch.no_grad():
        np.testing.assert_allclose(cvae.measured.means, cvae.model.encode(x, y).mean.numpy(), atol=1e-5)


def test_reconstructions_are_below_their_images(vae: FigureSource) -> None:
    figure = BY_NAME["reconstructions"].render(vae).figure
    x, _ = vae.measured.data.tensors()
    for column, row in enumerate(first_of_each_class(vae.measured)):
        assert_same_image(tile(figure, 0, column), x[row])
        with torch.no_grad():
            assert_same_image(
                tile(figure, 1, column), vae.model.decode(vae.model.encode(x[row : row + 1]).mean).mean[0]
            )
    names = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert names == [
        vae.measured.data.classes[vae.measured.data.labels[row]] for row in first_of_each_class(vae.measured)
    ]


def test_interpolations_go_from_one_latent_to_the_other(vae: FigureSource) -> None:
    figure = BY_NAME["interpolations"].render(vae).figure
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names[:2] == ["3 to 8, linear", "3 to 8, spherical"]
    rows = typical_of_each_class(vae.measured)
    start, stop = rows[3], rows[8]
    gaps = (tuple(range(2, 8, 2)), (1, STEPS + 1))
    means = vae.measured.means
    for line, path in enumerate((linear, spherical)):
        assert_same_image(tile(figure, line, 0, gaps), vae.measured.pixels[start])
        assert_same_image(tile(figure, line, STEPS + 1, gaps), vae.measured.pixels[stop])
        decoded = vae.measured.decode(path(means[start], means[stop]))
        for step in (0, 4, STEPS - 1):
            assert_same_image(tile(figure, line, step + 1, gaps), decoded[step])


def test_interpolations_within_a_class_join_images_far_apart(cvae: FigureSource) -> None:
    """The label stays the same along the path, so two images of one style would show nothing that moves."""
    drawn = BY_NAME["interpolations"].render(cvae)
    labels, means = cvae.measured.labels, cvae.measured.means
    ends = [(tile(drawn.figure, row, 0, _GAPS), tile(drawn.figure, row, STEPS + 1, _GAPS)) for row in (0, 2, 4, 6)]
    for pair in ends:
        a, b = (int(np.abs(cvae.measured.pixels[:, 0].numpy() - end).sum((1, 2)).argmin()) for end in pair)
        assert labels[a] == labels[b]
        of_class = means[labels == labels[a]]
        typical = np.linalg.norm(of_class[:, None] - of_class[None], axis=-1).mean()
        assert np.linalg.norm(means[a] - means[b]) > 1.5 * typical
    assert "chosen far apart" in drawn.caption


def test_paths_reach_both_ends_and_spherical_paths_interpolate_the_norm() -> None:
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
    # Opposite points have no unique great circle, and the origin has none.
    a = np.array([1.0, 2.0], np.float32)
    np.testing.assert_allclose(spherical(a, -a, 5), linear(a, -a, 5), atol=1e-6)
    np.testing.assert_allclose(spherical(a, 0 * a, 5), linear(a, 0 * a, 5), atol=1e-6)


def test_traversals_change_only_one_dimension(others: dict[str, FigureSource]) -> None:
    source = others["five dimensions"]
    figure = BY_NAME["traversals"].render(source).figure
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert sorted(names) == ["z1", "z2", "z3", "z4", "z5"]
    most = int(source.measured.means.var(0).argmax())
    assert names[0] == f"z{most + 1}"
    z = source.measured.means[first_of_each_class(source.measured)[0]].copy()
    z[most] = 3
    assert_same_image(tile(figure, 0, 10), source.measured.decode(z[None])[0])
    # The caption says why the rows are in this order.
    order = np.argsort(-source.measured.means.var(0))
    assert names == [f"z{dimension + 1}" for dimension in order]
    assert "in the order of the variance of their posterior means" in BY_NAME["traversals"].render(source).caption


def test_style_transfer_decodes_the_latent_of_each_image_under_every_class(cvae: FigureSource) -> None:
    figure = BY_NAME["style-transfer"].render(cvae).figure
    rows = first_of_each_class(cvae.measured)
    gaps: tuple[tuple[int, ...], tuple[int, ...]] = ((), (1,))
    for line in (0, 7):
        assert_same_image(tile(figure, line, 0, gaps), cvae.measured.pixels[rows[line]])
        for label in (0, 3, 9):
            assert_same_image(
                tile(figure, line, label + 1, gaps),
                cvae.measured.decode(cvae.measured.means[rows[line]][None], label)[0],
            )
    columns = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert columns == ["image", *cvae.model.format.classes]


def test_class_interpolation_decodes_the_same_path_under_two_labels(cvae: FigureSource) -> None:
    figure = BY_NAME["class-interpolation"].render(cvae).figure
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names[:2] == ["path 1, class 1", "path 1, class 7"]
    labels = cvae.measured.data.labels
    a, b = (int(np.flatnonzero(labels == label)[0]) for label in (1, 7))
    path = linear(cvae.measured.means[a], cvae.measured.means[b])
    gaps: tuple[tuple[int, ...], tuple[int, ...]] = ((2, 4), ())
    for line, label in enumerate((1, 7)):
        assert_same_image(tile(figure, line, 6, gaps), cvae.measured.decode(path, label)[6])


def test_a_row_of_shared_style_is_one_latent_under_every_class(cvae: FigureSource) -> None:
    figure = BY_NAME["shared-style"].render(cvae).figure
    with cvae.measured.seeded():
        latents = torch.randn(10, 2).numpy()
    for line, label in ((0, 0), (0, 9), (9, 4)):
        assert_same_image(tile(figure, line, label), cvae.measured.decode(latents[line][None], label)[0])


def test_class_figures_keep_the_order_of_the_classes(cvae: FigureSource) -> None:
    traversals = BY_NAME["class-traversals"].render(cvae).figure
    planes = BY_NAME["class-planes"].render(cvae).figure
    names = [text.get_text() for text in traversals.axes[0].get_yticklabels()]
    assert names == list(cvae.model.format.classes)
    zero = np.zeros((1, 2), np.float32)
    for label in (0, 5):
        # The fourth of seven steps is zero in both halves.
        for column in (3, 10):
            assert_same_image(tile(traversals, label, column, ((), (7,))), cvae.measured.decode(zero, label)[0])
    corner = np.array([[-2.5, 2.5]], np.float32)
    gaps = ((6,), (6, 12, 18, 24))
    assert_same_image(tile(planes, 0, 0, gaps), cvae.measured.decode(corner, 0)[0])
    assert_same_image(tile(planes, 6, 12, gaps), cvae.measured.decode(corner, 7)[0])


def test_held_groups_are_the_same_in_all_draws(others: dict[str, FigureSource]) -> None:
    source = others["ladder"]
    figure = BY_NAME["held-groups"].render(source).figure
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names == ["0 of 3", "1 of 3", "2 of 3", "3 of 3"]
    gaps: tuple[tuple[int, ...], tuple[int, ...]] = ((), (1,))
    row = first_of_each_class(source.measured)[0]
    assert_same_image(tile(figure, 0, 0, gaps), source.measured.pixels[row])
    # With every group held all columns are equal; with none held they differ.
    held = [tile(figure, 3, column, gaps) for column in range(1, 11)]
    assert_same_image(held[0], source.measured.decode(source.measured.means[row : row + 1])[0])
    assert_same_image(held[0], held[9])
    assert np.abs(tile(figure, 0, 1, gaps) - tile(figure, 0, 2, gaps)).max() > 1e-4


def test_code_usage_counts_every_place_of_every_image(others: dict[str, FigureSource]) -> None:
    source = others["codebook"]
    figure = BY_NAME["code-usage"].render(source).figure
    x, _ = source.measured.data.tensors()
    with torch.no_grad():
        codes = source.model.encode(x).codes
    shares = np.sort(np.bincount(codes.flatten().numpy(), minlength=16))[::-1] / codes.numel()
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), shares[shares > 0])


def test_figures_are_reproducible_and_restore_the_rng_state(vae: FigureSource) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second = (sheet(BY_NAME["samples"].render(vae).figure) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert torch.equal(torch.get_rng_state(), before)


def test_figures_of_a_page_have_no_titles(vae: FigureSource) -> None:
    """The page has headings of its own, and the name of the run once."""
    for entry in chosen(vae, ["latent-scatter", "samples", "training-curves", "aggregate-posterior"]):
        for titled in (True, False):
            figure = entry.render(replace(vae, titled=titled)).figure
            words = figure.get_suptitle() + figure.axes[0].get_title()
            assert words.startswith("VAE on digits: ") == titled, entry.name
            assert bool(words) == titled


def test_figures_that_do_not_apply_are_refused_by_name(vae: FigureSource, runs: dict[str, Run]) -> None:
    with pytest.raises(UserError, match=r"'held-groups' needs groups of latents, which VAE on digits does not have"):
        chosen(vae, ["held-groups"])
    with pytest.raises(UserError, match=r"only has 'scatter', but the figures are: training-curves, "):
        chosen(vae, ["scatter"])
    # Some figures need no images.
    names = [image.name for image in draw_figures(runs["vae"], None)]
    assert names == ["training-curves", "latent-plane", "latent-plane-quantiles", "samples"]
    other = replace(vae.model.spec, prior=Mixture(3)).build(vae.model.format)
    assert "aggregate-posterior" not in [
        entry.name for entry in chosen(replace(vae, measured=vae.measured.with_model(other)))
    ]


def test_a_model_conditioned_on_attributes_has_figures() -> None:
    tilts = np.linspace(-1, 1, 40, dtype=np.float32)[:, None]
    images = np.random.default_rng(0).integers(0, 255, (40, 1, 8, 8), np.uint8)
    data = ImageData("bars", images, attributes=tilts, attribute_names=("tilt",), splits={"test": range(40)})
    source = untrained(VAE(2, conditional=True), data)
    names = [entry.render(source).name for entry in chosen(source)]
    assert {"samples", "latent-plane", "traversals", "interpolations"} <= set(names)
    assert not {"class-samples", "style-transfer", "latent-by-class"} & set(names)


def test_coloured_images_without_labels_have_figures(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (30, 3, 12, 10), np.uint8)
    source = untrained(VAE(3), ImageData("colours", images, splits={"test": range(30)}))
    assert {entry.render(source).name for entry in chosen(source)} >= {"reconstructions", "map-pca", "map-tsne"}


@pytest.mark.usefixtures("coarse")
@pytest.mark.parametrize("labels", [[3], [3, 3], [1] * 12, list(range(10)), [0, 5] * 6])
def test_few_images_and_few_classes_still_have_figures(labels: list[int], digits: ImageData) -> None:
    rows = [int(np.flatnonzero(digits.labels == label)[0]) for label in labels]
    data = replace(digits.take(np.array(rows)), splits={"test": range(len(rows))})
    specs = [VAE(d, conditional=c, network=SMALL) for d, c in ((2, False), (3, False), (2, True), (1, True))]
    for spec in (*specs, Ladder((1, 1), width=8)):
        torch.manual_seed(0)
        source = FigureSource(MeasuredModel(spec.build(data.format).eval(), data, title="few"))
        drawn = [entry.render(source).name for entry in chosen(source)]
        assert {"reconstructions", "samples"} <= set(drawn)


COMPOSITIONS = [
    VAE(1),
    VAE(2, posterior=FullGaussian(), network=SMALL),
    VAE(2, posterior=FlowPosterior(), network=SMALL),
    VAE(3, prior=Vamp(5), network=SMALL),
    VAE(2, prior=Flow(), likelihood=DiscretisedLogistic(), network=SMALL),
    VAE(2, conditional=True, prior=ConditionalNormal(), network=SMALL),
    VAE(3, network=ResNet((8, 8), spatial=True), posterior=FiniteScalar((3, 3, 3)), prior=UniformCodes()),
    VAE(4, network=ResNet((8, 8), spatial=True), posterior=ResidualCodebook(8), prior=AutoregressiveCodes()),
    Ladder((1, 1), width=8, conditional=True),
]


@pytest.mark.usefixtures("coarse")
@pytest.mark.parametrize("spec", COMPOSITIONS, ids=lambda spec: spec.summary)
def test_every_family_of_models_has_figures(spec: VAE | Ladder, digits: ImageData) -> None:
    source = untrained(spec, replace(digits, images=np.ascontiguousarray(digits.images[:, :, 2:26:2, 2:26:2])))
    drawn = [entry.render(source) for entry in chosen(source)]
    assert {"reconstructions", "samples"} <= {drawn_figure.name for drawn_figure in drawn}
    for drawn_figure in drawn:
        drawn_figure.figure.draw_without_rendering()


@pytest.mark.usefixtures("coarse")
def test_twelve_of_forty_seven_classes_are_shown(digits: ImageData) -> None:
    names = tuple(f"letter {index}" for index in range(47))
    labels = np.arange(len(digits)) % 47
    data = replace(digits, labels=labels, classes=names, splits={"test": range(len(digits))})
    source = untrained(VAE(2, conditional=True, network=SMALL), data)
    for entry in chosen(source):
        drawn_figure = entry.render(source)
        figure = drawn_figure.figure
        assert max(figure.get_size_inches()) < 13, entry.name
        if entry.name.startswith("class-") and entry.name not in ("class-interpolation", "class-usage"):
            assert "The first 12 of 47 classes are shown." in drawn_figure.caption, entry.name


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


def test_a_film_has_one_frame_per_epoch(cvae: FigureSource, others: dict[str, FigureSource], tmp_path: Path) -> None:
    write_film_of(cvae, tmp_path / "film.gif")
    frames = frames_of(tmp_path / "film.gif")
    assert len(frames) == 3  # before training and after each of two epochs
    assert np.abs(frames[0] - frames[2]).max() > 50
    # Frames of the same model look alike, so the frames show the snapshots.
    (_, first), (_, last) = cvae.snapshots[0], cvae.snapshots[-1]
    write_film_of(replace(cvae, snapshots=[(0, last), (1, last), (2, first)]), tmp_path / "still.gif")
    still = frames_of(tmp_path / "still.gif")
    assert np.abs(still[0] - still[1]).max() < 5
    assert np.abs(still[1] - still[2]).max() > 50
    with pytest.raises(UserError, match=r"the film needs one latent of two real numbers and models of earlier epochs"):
        write_film_of(others["ladder"], tmp_path / "none.gif")


@pytest.mark.usefixtures("coarse")
def test_the_command_writes_one_file_per_figure(cli: Cli, digits_file: Path, tmp_path: Path) -> None:
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
    # A model file alone has no training curves.
    cli("figures", "run/last.safetensors", "--data", f"npz:{digits_file}", "--only", "latent-plane", "--format", "pdf")
    assert (tmp_path / "run" / "figures" / "latent-plane.pdf").read_bytes().startswith(b"%PDF")


def test_the_command_writes_one_page_for_several_runs(
    runs: dict[str, Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page reports that the images of the runs are not available."""
    page = tmp_path / "both.html"
    assert main(["report", *(str(run.folder) for run in runs.values()), "--out", str(page)]) == 0
    assert capsys.readouterr().out.split() == [str(page)]
    text = page.read_text()
    assert "vae and cvae on digits" in text
    assert text.count("the images &#39;digits&#39; were in memory, and no file holds them") == 2
    # Training curves of both side by side. No command repeats a run on images in memory, and the page says so.
    assert {f"Training curves of {name}, seed 0" for name in runs} <= set(re.findall('alt="([^"]*)"', text))
    assert text.count("no command has them") == 2
    for words, message in (
        (["report"], "no folder is named"),
        (["report", str(tmp_path)], "holds no run and no study"),
    ):
        assert main(words) == 2
        stderr = capsys.readouterr().err
        assert message in stderr
        assert len(stderr.splitlines()) == 1


def test_errors_are_one_line(
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
        (["run", "--only", "class-samples"], "a class-conditional model"),
        (["absent"], "run is 'absent', which is no folder"),
        (["empty"], "no run"),
        (["run", "--data", "digits:x"], "data is 'digits:x'"),
    ):
        assert code(*words) == 2
        stderr = capsys.readouterr().err
        assert message in stderr
        assert len(stderr.strip().splitlines()) == 1, stderr
    assert not (tmp_path / "run" / "figures").exists()
    # Other images under the same name, for example a folder that has grown.
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
    assert "'reconstructions' needs images to encode" in lines[1]
    assert code("run", "--film") == 2
    # Figures that need no images are still drawn.
    assert code("run") == 0
    drawn = {path.stem for path in (tmp_path / "run" / "figures").iterdir()}
    assert drawn == {"training-curves", "latent-plane", "latent-plane-quantiles", "samples"}
