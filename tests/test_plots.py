"""Plots show the given numbers and are legible."""

from __future__ import annotations

import io
import itertools
import time
from collections.abc import Callable, Iterator
from math import gamma
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import LogNorm, to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from PIL import Image

from vaelab.errors import UserError
from vaelab.plots import (
    active_units,
    aggregate_posterior,
    class_colours,
    class_panels,
    code_usage,
    image_grid,
    latent_dimensions,
    latent_frame,
    latent_scatter,
    save_figure,
    seed_curves,
    shape_maps,
    share_axes,
    training_curves,
    true_posterior,
    write_film,
)
from vaelab.plots.themed import PAPER, shown

N = 400
GARMENTS = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
DIGITS = tuple("0123456789")
rng = np.random.default_rng(0)
LABELS = rng.integers(0, 10, N)
TURN = 2 * np.pi * np.arange(10) / 10
RING = 2 * np.stack([np.cos(TURN), np.sin(TURN)], 1)
APART = RING[LABELS] + 0.2 * rng.normal(size=(N, 2))
MIXED = rng.normal(size=(N, 2))
DEVIATIONS = rng.uniform(0.05, 0.3, (N, 2))
TICKS = np.linspace(-3, 3, 15)
PLANE = np.meshgrid(TICKS, TICKS)
TILTED = np.array([[0.04, 0.03], [0.03, 0.04]])


def normal_in_the_plane(ticks: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """The density of a normal on a grid of ticks: rows z2, columns z1."""
    away = np.stack(np.meshgrid(*ticks), -1) - mean
    squared = np.einsum("...i,ij,...j->...", away, np.linalg.inv(covariance), away)
    return np.exp(-squared / 2) / (2 * np.pi * np.sqrt(np.linalg.det(covariance)))


def posteriors(n: int, channels: int = 1, mean: tuple[float, float] = (1.0, -2.0)) -> Figure:
    """A plot of tilted normal true posteriors, with shifted q and gaps that sum to the KL in the title."""
    ticks = [
        np.stack([np.linspace(mean[0] - 1, mean[0] + 1, 40 + k), np.linspace(mean[1] - 1, mean[1] + 1, 40 + k)])
        for k in range(n)
    ]
    return true_posterior(
        rng.random((n, channels, 28, 28)),
        ticks,
        [normal_in_the_plane(window, np.array(mean), TILTED) for window in ticks],
        (np.array([(mean[0] + 0.4, mean[1])] * n), np.array([np.diag([0.01, 0.02])] * n)),
        (np.array([mean] * n), np.array([np.diag(1 / np.diag(np.linalg.inv(TILTED)))] * n)),
        np.array([[0.41, 107.22]] * n),
        title="VAE on mnist: true posteriors",
    )


LONG = ["a class with a name of some length", "b"] * 3

# Every plot, with arguments that make its layout hard: long names, few or many panels, labels on all sides.
PLOTS: dict[str, Callable[[], Figure]] = {
    "scatter": lambda: latent_scatter(APART, LABELS, GARMENTS, DEVIATIONS, title="VAE, 400 test images"),
    "mixed": lambda: latent_scatter(MIXED, LABELS, GARMENTS),
    "map": lambda: latent_scatter(900 * APART + 400, LABELS, GARMENTS, axes=("t-SNE 1", "t-SNE 2"), prior=False),
    "plain": lambda: latent_scatter(MIXED),
    "many classes": lambda: latent_scatter(MIXED, np.arange(N) % 47, [f"{i}" for i in range(47)]),
    "panels": lambda: class_panels(APART, LABELS, GARMENTS, title="VAE"),
    "three panels": lambda: class_panels(MIXED, np.arange(N) % 3, GARMENTS[:3]),
    "aggregate 1": lambda: aggregate_posterior(MIXED[:, :1], title="one dimension"),
    "aggregate 2": lambda: aggregate_posterior(APART, title="two dimensions"),
    "aggregate 20": lambda: aggregate_posterior(rng.normal(size=(N, 20)), title="twenty dimensions"),
    "active 32": lambda: active_units(np.geomspace(1, 1e-5, 32), np.linspace(2, 0, 32), title="32 dimensions"),
    "active 128": lambda: active_units(np.geomspace(1, 1e-5, 128), np.linspace(2, 0, 128)),
    "codes": lambda: code_usage(rng.poisson(3, (4, 128)), title="residual codes"),
    "dimensions": lambda: latent_dimensions([2, 4, 8, 16, 32, 64], *rng.uniform(50, 150, (3, 6, 3)), title="MNIST"),
    "seeds": lambda: seed_curves(np.arange(1, 31), {"warm-up": rng.random((3, 30))}, "KL (nats per image)", "KL"),
    "maps": lambda: shape_maps(
        TICKS, TICKS, dict.fromkeys(("slant (degrees)", "scale (pixels)", "weight"), PLANE[0]), {"weight": (-90, -0.5)}
    ),
    "1 x 10": lambda: image_grid(rng.random((1, 10, 1, 28, 28)), columns=DIGITS, row_axis="a long row axis"),
    "20 x 20": lambda: image_grid(
        rng.random((20, 20, 3, 8, 8)), GARMENTS * 2, GARMENTS * 2, "row", "column", "title", gaps=((10,), (10,))
    ),
    "20 x 1": lambda: image_grid(rng.random((20, 1, 1, 64, 64)), title="a title wider than the images beneath it"),
    "6 x 2": lambda: image_grid(rng.random((6, 2, 1, 8, 8)), LONG, LONG[:2], title="long names"),
    "1 x 1": lambda: image_grid(rng.random((1, 1, 1, 28, 28)), columns=["a label wider than its image"]),
    "training": lambda: training_curves(*np.arange(1, 121).reshape(4, 30), title="VAE"),
    "frame": lambda: latent_frame(APART, LABELS, GARMENTS, rng.random((15, 15, 1, 8, 8)), 7, title="VAE"),
    "true posteriors": lambda: posteriors(6),
    "true posterior": lambda: posteriors(1, 3, (-103.0, 0.02)),
    "frame alone": lambda: latent_frame(MIXED, LABELS, GARMENTS),
}


def pixels(figure: Figure) -> np.ndarray:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return np.asarray(Image.open(buffer).convert("RGB"))


@pytest.fixture(scope="module", params=list(PLOTS))
def drawn(request: pytest.FixtureRequest) -> tuple[Figure, np.ndarray]:
    figure = PLOTS[request.param]()
    return figure, pixels(figure)


def test_nothing_is_cut_off(drawn: tuple[Figure, np.ndarray]) -> None:
    """The outermost pixels of a figure are background, so nothing crosses the edge."""
    image = drawn[1]
    for side in (image[0], image[-1], image[:, 0], image[:, -1]):
        assert (side == 255).all()


def test_labels_do_not_overlap(drawn: tuple[Figure, np.ndarray]) -> None:
    """Tick labels, axis labels, titles and legends do not overlap."""
    figure = drawn[0]
    boxes = []
    for axes in figure.axes + [child for parent in figure.axes for child in parent.child_axes]:
        if not axes.get_visible():
            continue
        texts = [axes.xaxis.label, axes.yaxis.label, axes.title, axes._left_title]
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            texts += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
        boxes += [text for text in texts if text.get_visible() and text.get_text().strip()]
    boxes += [text for text in figure.texts if text.get_text()] + figure.legends
    assert boxes
    for one, other in itertools.combinations(boxes, 2):
        a, b = one.get_window_extent(), other.get_window_extent()
        # One pixel of overlap of the boxes is padding.
        assert not a.padded(-1).overlaps(b.padded(-1)), (one, other)


def test_a_figure_fits_a_page(drawn: tuple[Figure, np.ndarray]) -> None:
    width, height = drawn[0].get_size_inches()
    assert width <= 8.5
    assert height <= 9.5


def test_the_same_figure_gives_the_same_file(tmp_path: Path) -> None:
    """The files are written a second apart, so they hold no date."""
    written: list[list[bytes]] = []
    for time_of in range(2):
        time.sleep(1.1 * time_of)
        figure = latent_scatter(APART, LABELS, DIGITS, DEVIATIONS, title="VAE")
        paths = [tmp_path / f"{time_of}.{kind}" for kind in ("png", "svg", "pdf")]
        for path in paths:
            save_figure(figure, path)
        written.append([path.read_bytes() for path in paths])
    assert written[0] == written[1]
    assert [content[:4] for content in written[0]] == [b"\x89PNG", b"<?xm", b"%PDF"]
    with pytest.raises(UserError, match=r"\.png, \.svg or \.pdf"):
        save_figure(figure, tmp_path / "figure.bmp")


# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
VISION = {
    "all cones": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB of linear sRGB under D65."""
    to_xyz = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    )
    t = to_xyz @ rgb / to_xyz.sum(1)
    x, y, z = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / 3 / (6 / 29) ** 2 + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("vision", VISION)
def test_ten_classes_are_distinct_with_any_colour_vision(vision: str, scheme: str) -> None:
    perceived = []
    for colour in [shown(colour, scheme) for colour in class_colours(10)]:
        c = np.array(to_rgba(colour)[:3])
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        perceived.append(lab(np.clip(np.array(VISION[vision]) @ linear, 0, 1)))
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(perceived, 2)) >= 16
    # Each is also distinct from the background.
    paper = np.array(to_rgba(PAPER[scheme])[:3])
    behind = lab(np.where(paper <= 0.04045, paper / 12.92, ((paper + 0.055) / 1.055) ** 2.4))
    assert min(np.linalg.norm(a - behind) for a in perceived) >= 20


def test_more_classes_have_more_colours() -> None:
    assert len(set(class_colours(47))) >= 45  # black has no darker shade
    assert class_colours(3) == class_colours(47)[:3]


def test_the_scatter_shows_each_image_in_its_classs_colour() -> None:
    figure = latent_scatter(APART, LABELS, GARMENTS, DEVIATIONS)
    axes = figure.axes[0]
    points, ellipses = axes.collections
    np.testing.assert_allclose(points.get_offsets(), APART)
    colours = np.array([to_rgba(colour)[:3] for colour in class_colours(10)])
    np.testing.assert_allclose(points.get_facecolors()[:, :3], colours[LABELS])
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_aspect()) == ("z1", "z2", 1)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names[:10] == list(GARMENTS)
    handles = figure.legends[0].legend_handles
    assert [to_rgba(handle.get_color())[:3] for handle in handles[:10]] == [tuple(colour) for colour in colours]
    assert sorted(patch.radius for patch in axes.patches if isinstance(patch, Circle)) == [1, 2, 3]

    # An ellipse extends one standard deviation to each side; 150 evenly spaced images have one.
    centres = np.asarray(ellipses.get_offsets())
    rows = [int(np.flatnonzero((centre == APART).all(1))[0]) for centre in centres]
    assert len(rows) == 150
    assert (rows[0], rows[-1]) == (0, N - 1)
    assert max(np.diff(rows)) <= 3
    np.testing.assert_allclose(ellipses.get_widths(), 2 * DEVIATIONS[rows, 0])
    np.testing.assert_allclose(ellipses.get_heights(), 2 * DEVIATIONS[rows, 1])
    np.testing.assert_allclose(ellipses.get_edgecolors()[:, :3], colours[LABELS[rows]])


def test_ellipses_match_the_scale_of_the_axes() -> None:
    figure = latent_scatter([[0.0, 0.0]], deviations=[[1.0, 0.5]], prior=True)
    image = pixels(figure).astype(int)
    blue = np.argwhere(image[..., 2] - image[..., 0] > 100)
    expected = np.ptp(figure.axes[0].transData.transform([[-1, -0.5], [1, 0.5]]), axis=0)
    np.testing.assert_allclose(np.ptp(blue, axis=0)[::-1], expected, atol=2)


def test_class_names_are_at_the_class_means() -> None:
    figure = latent_scatter(APART, LABELS, DIGITS)
    names = {text.get_text(): text for text in figure.axes[0].texts}
    assert list(names) == list(DIGITS)
    for number, name in enumerate(DIGITS):
        np.testing.assert_allclose(names[name].xy, APART[number == LABELS].mean(0))
        assert names[name].get_position() == (0, 0)
    assert not latent_scatter(APART, LABELS, DIGITS, centroids=False).axes[0].texts
    # A class without images is in the legend only.
    nine_classes = latent_scatter(APART[LABELS < 9], LABELS[LABELS < 9], DIGITS)
    assert [text.get_text() for text in nine_classes.axes[0].texts] == list(DIGITS[:9])


@pytest.mark.parametrize("scale", [0.5, 0.8])
def test_class_names_never_overlap(scale: float) -> None:
    """Names that would overlap are moved apart, with a line to each class mean."""
    centres = scale * RING
    means = np.concatenate([centres + offset for offset in ([0, 3], [0, -3], [3, 0], [-3, 0])])
    figure = latent_scatter(means, np.tile(np.arange(10), 4), GARMENTS)
    pixels(figure)
    window = figure.axes[0].get_window_extent()
    texts = figure.axes[0].texts
    # Without the line, which the extent of an annotation includes.
    boxes = [super(type(text), text).get_window_extent() for text in texts]
    assert len(boxes) == 10
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    for text, box, centre in zip(texts, boxes, centres, strict=True):
        assert window.x0 - 1 <= box.x0 < box.x1 <= window.x1 + 1
        np.testing.assert_allclose(text.xy, centre, atol=1e-12)
        if np.linalg.norm(text.get_position()) > 9:
            assert text.arrow_patch is not None


@pytest.mark.parametrize("scale", [0.0, 0.05])
def test_mixed_classes_have_no_names_in_the_plane(scale: float) -> None:
    """The class means coincide, so names would say nothing; the legend still has them."""
    means = np.concatenate([scale * RING + offset for offset in ([0, 3], [0, -3], [3, 0], [-3, 0])])
    figure = latent_scatter(means, np.tile(np.arange(10), 4), GARMENTS)
    assert not figure.axes[0].texts
    assert [text.get_text() for text in figure.legends[0].get_texts()][:10] == list(GARMENTS)
    assert not latent_frame(means, np.tile(np.arange(10), 4), GARMENTS).axes[0].texts


def test_the_plane_of_a_scatter_has_the_whole_width_and_holds_all_ellipses() -> None:
    figure = latent_scatter(APART, LABELS, DIGITS)
    figure.draw_without_rendering()
    plane = figure.axes[0].get_window_extent()
    assert plane.width > 0.85 * figure.bbox.width
    # The highest point has a wide posterior.
    high = latent_scatter([[0.0, 4.0], [0.0, -1.0]], deviations=[[0.1, 2.0], [0.1, 0.1]]).axes[0]
    assert high.get_ylim()[1] > 6


def test_a_map_other_than_the_latent_plane_has_named_axes() -> None:
    axes = latent_scatter(APART, LABELS, DIGITS, axes=("UMAP 1", "UMAP 2"), prior=False, title="map").axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("UMAP 1", "UMAP 2", "map")
    assert not axes.patches


def test_many_points_are_rasterised_in_a_vector_file() -> None:
    few, many = (latent_scatter(np.zeros((n, 2))).axes[0].collections[0].get_rasterized() for n in (5_000, 60_000))
    assert (bool(few), bool(many)) == (False, True)


def test_class_panels_show_a_class_over_all_others() -> None:
    figure = class_panels(APART, LABELS, GARMENTS, title="VAE")
    assert [axes.get_title() for axes in figure.axes] == list(GARMENTS)
    for number, (axes, colour) in enumerate(zip(figure.axes, class_colours(10), strict=True)):
        others, own = axes.collections
        np.testing.assert_allclose(own.get_offsets(), APART[number == LABELS])
        np.testing.assert_allclose(others.get_offsets(), APART[number != LABELS])
        assert tuple(own.get_facecolors()[0]) == to_rgba(colour)
        assert own.get_zorder() > others.get_zorder()
        assert len(set(others.get_facecolors()[0][:3])) == 1  # grey
        assert axes.get_xlim() == figure.axes[0].get_xlim()
        assert axes.get_xlim()[0] < APART[:, 0].min() < APART[:, 0].max() < axes.get_xlim()[1]
        assert axes.get_ylim()[0] < APART[:, 1].min() < APART[:, 1].max() < axes.get_ylim()[1]


def normal(x: np.ndarray) -> np.ndarray:
    return np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)


def test_the_aggregate_posterior_of_a_plane_is_a_density_with_the_priors_contours() -> None:
    z = np.random.default_rng(1).normal(size=(20_000, 2)) * [1.0, 0.5] + [1.0, 0.0]
    figure = aggregate_posterior(z)
    plane = figure.axes[0]
    above, right_of_it = plane.child_axes
    density = np.asarray(plane.images[0].get_array())
    left, right, low, high = plane.images[0].get_extent()
    side = (right - left) / len(density)
    assert density.sum() * side**2 == pytest.approx(1, abs=0.01)
    assert (left, right) == (low, high)
    # Its mean is that of the draws: rows rise with z2, columns with z1.
    middle = left + side * (np.arange(len(density)) + 0.5)
    assert (density.sum(0) @ middle) * side**2 == pytest.approx(1, abs=0.03)
    assert (density.sum(1) @ middle) * side**2 == pytest.approx(0, abs=0.03)
    assert sorted(patch.radius for patch in plane.patches if isinstance(patch, Circle)) == [1, 2, 3]

    x, curve = above.lines[0].get_data()
    np.testing.assert_allclose(curve, normal(x))
    curve, y = right_of_it.lines[0].get_data()
    np.testing.assert_allclose(curve, normal(y))
    for axes, spread, centre in ((above, 1.0, 1.0), (right_of_it, 0.5, 0.0)):
        heights, edges, _ = axes.patches[0].get_data()
        middles = (edges[1:] + edges[:-1]) / 2
        np.testing.assert_allclose(heights, normal((middles - centre) / spread) / spread, atol=0.06)
    # The marginals share the plane's axes, so that they line up with it.
    assert above.get_xlim() == plane.get_xlim()
    assert right_of_it.get_ylim() == plane.get_ylim()


def test_a_true_posterior_is_drawn_with_both_gaussians_over_it() -> None:
    figure = posteriors(2)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "true posterior",
        "q(z|x), 1 and 2 s.d.",
        "best Gaussian",
    ]
    for panel in figure.axes[1::2]:
        assert (panel.get_xlabel(), panel.get_ylabel(), panel.get_aspect()) == ("z1", "z2", 1)
        assert panel.get_title(loc="left") == "KL 107.63 nats =\n0.41 approximation\n+107.22 amortisation"
        # The densest point is the mean: rows rise with z2, columns with z1.
        (image,) = panel.images
        density, (left, right, low, _) = np.asarray(image.get_array()), image.get_extent()
        side = (right - left) / len(density)
        middle = left + side * (np.arange(len(density)) + 0.5)
        assert density.sum() * side**2 == pytest.approx(1, abs=1e-3)
        assert density.sum(0) @ middle * side**2 == pytest.approx(1, abs=1e-3)
        middle = low + side * (np.arange(len(density)) + 0.5)
        assert density.sum(1) @ middle * side**2 == pytest.approx(-2, abs=1e-3)
        # Tilted upwards, with the correlation of its covariance.
        rows, columns = np.nonzero(density > density.max() / 2)
        assert np.corrcoef(columns, rows)[0, 1] == pytest.approx(0.75, abs=0.05)
        # Solid for q, dashed for the best Gaussian; each line is one or two deviations from its mean.
        best = 1 / np.diag(np.linalg.inv(TILTED))
        for number, line in enumerate(panel.lines):
            radius, dashed = 1 + number // 2, number % 2
            assert line.get_linestyle() == ("--" if dashed else "-")
            mean, variance = ((1, -2), best) if dashed else ((1.4, -2), (0.01, 0.02))
            away = (np.transpose(line.get_data()) - mean) ** 2 / variance
            np.testing.assert_allclose(away.sum(1), radius**2, rtol=1e-9)
        assert len(panel.lines) == 4
        # The panel shows all ellipses and the tails of the posterior, without the empty margin of the window.
        for line in panel.lines:
            assert panel.get_xlim()[0] < line.get_xdata().min() < line.get_xdata().max() < panel.get_xlim()[1]
            assert panel.get_ylim()[0] < line.get_ydata().min() < line.get_ydata().max() < panel.get_ylim()[1]
        assert 0.4 + 3 * 0.2 < np.ptp(panel.get_xlim()) < 1.9


def test_the_density_is_on_a_log_scale_from_one_draw_on() -> None:
    z = np.random.default_rng(1).normal(size=(5_000, 2))
    image = aggregate_posterior(z).axes[0].images[0]
    density = np.asarray(image.get_array())
    assert isinstance(image.norm, LogNorm)
    least = density[density > 0].min()
    assert image.get_clim() == pytest.approx((least / 2, density.max()))
    # A cell with one draw is visible, an empty one is not.
    colours = image.to_rgba(np.ma.masked_equal(density, 0))
    assert colours[density > 0][:, 3].min() > 0.4
    assert colours[density == 0][:, 3].max() == 0


def test_a_constant_beta_has_no_panel() -> None:
    epochs = np.arange(1, 6)
    for beta, labels in ((np.ones(5), 3), (np.minimum(1, epochs / 3), 4)):
        figure = training_curves(epochs, epochs + 100.0, epochs + 5.0, beta, epochs + 101.0, epochs + 5.5)
        names = [axes.get_ylabel() for axes in figure.axes]
        assert len(names) == labels
        assert ("beta" in names) == (labels == 4)
        keys = [text.get_text() for text in figure.legends[0].get_texts()]
        assert keys[:2] == ["train, running average", "test, full pass"]
        assert ("warm-up" in keys) == (labels == 4)


def test_plots_side_by_side_share_their_axes() -> None:
    near, far = (latent_scatter(scale * APART, LABELS, DIGITS) for scale in (1, 4))
    wide = far.axes[0].get_xlim()
    assert near.axes[0].get_xlim() != wide
    share_axes([near, far])
    assert near.axes[0].get_xlim() == far.axes[0].get_xlim() == wide
    first, second = (aggregate_posterior(scale * APART) for scale in (1, 3))
    share_axes([first, second])
    assert first.axes[0].get_xlim() == second.axes[0].get_xlim()
    tops = [figure.axes[0].child_axes[0].get_ylim()[1] for figure in (first, second)]
    assert tops[0] == tops[1]
    # Each keeps the scale of its own colours.
    assert first.axes[1].get_ylim() != second.axes[1].get_ylim()


def test_an_ellipse_of_a_full_covariance_is_tilted() -> None:
    window = np.stack([TICKS, TICKS])
    density = normal_in_the_plane(window, np.zeros(2), np.eye(2))
    image, gaps = np.zeros((1, 1, 8, 8)), [[0.1, 0.2]]
    full, plain = (np.zeros((1, 2)), TILTED[None]), (np.zeros((1, 2)), np.eye(2)[None])
    line = true_posterior(image, [window], [density], full, plain, gaps).axes[1].lines[0]
    points = np.transpose(line.get_data())
    np.testing.assert_allclose(np.einsum("ni,ij,nj->n", points, np.linalg.inv(TILTED), points), 1, rtol=1e-9)
    assert np.corrcoef(points.T)[0, 1] > 0.5
    for change, message in (
        ({"ticks": [window, window]}, r"ticks has 2 entries, but images has 1"),
        ({"density": [density[:, :9]]}, r"density\[0\] has shape \(15, 9\), but must be \(T, T\) with T = 15"),
        ({"q": (np.zeros((1, 2)), -np.eye(2)[None])}, r"q\[1\] holds .* not positive definite"),
        ({"images": np.zeros((1, 2, 8, 8))}, r"images has 2 channels"),
    ):
        given = {"images": image, "ticks": [window], "density": [density], "q": plain, "best": plain, "gaps": gaps}
        with pytest.raises(UserError, match=message):
            true_posterior(**{**given, **change})


@pytest.mark.parametrize("dimensions", [1, 3, 8, 20])
def test_the_aggregate_posterior_of_other_spaces_has_marginals_and_the_norm(dimensions: int) -> None:
    z = np.random.default_rng(1).normal(size=(20_000, dimensions))
    figure = aggregate_posterior(z)
    *marginals, norm = figure.axes
    assert [axes.get_xlabel() for axes in marginals] == [f"z{i + 1}" for i in range(min(dimensions, 8))]
    for axes in figure.axes:
        heights, edges, _ = axes.patches[0].get_data()
        assert (heights * np.diff(edges)).sum() == pytest.approx(1, abs=0.01)
        # Draws from the prior lie on the prior's curve.
        x, curve = axes.lines[0].get_data()
        middles = (edges[1:] + edges[:-1]) / 2
        rest = middles > (0.5 if axes is norm else -9)  # chi-squared is steep at zero
        np.testing.assert_allclose(
            heights[rest], np.interp(middles[rest], x, curve), atol=0.06 if axes is not norm else 0.06 * curve.max()
        )
    x, curve = marginals[0].lines[0].get_data()
    np.testing.assert_allclose(curve, normal(x))
    x, curve = norm.lines[0].get_data()
    k = dimensions / 2
    np.testing.assert_allclose(curve, x ** (k - 1) * np.exp(-x / 2) / 2**k / gamma(k))
    assert f"{dimensions} degrees" in norm.get_xlabel() or dimensions == 1


def test_active_units_are_sorted_and_coloured() -> None:
    variance, kl = [0.001, 0.8, 0.0, 0.3, 0.02], [0.01, 2.0, 0.0, 1.0, 0.1]
    above, below = active_units(variance, kl, threshold=0.01).axes
    order = [1, 3, 4, 0, 2]
    bars = above.containers[0].patches
    np.testing.assert_allclose([bar.get_height() for bar in bars], np.array(variance)[order])
    np.testing.assert_allclose([bar.get_height() for bar in below.containers[0].patches], np.array(kl)[order])
    assert [label.get_text() for label in below.get_xticklabels()] == ["2", "4", "5", "1", "3"]
    colours = [bar.get_facecolor() for bar in bars]
    assert colours[0] == colours[2] != colours[3] == colours[4]
    assert above.lines[0].get_ydata()[0] == 0.01
    assert above.get_yscale() == "log"
    assert "nats" in below.get_ylabel()
    assert "3 of 5 dimensions active" in [text.get_text() for text in above.get_legend().get_texts()]


def test_code_usage_states_perplexity_and_unused_codes() -> None:
    even, single, half = [5, 5, 5, 5], [0, 7, 0, 0], [0, 2, 6, 0]
    figure = code_usage([even, single, half])
    axes = figure.axes[0]
    *levels, uniform = axes.lines
    np.testing.assert_allclose(levels[0].get_ydata(), [0.25] * 4)
    np.testing.assert_allclose(levels[1].get_ydata(), [1])
    np.testing.assert_allclose(levels[2].get_ydata(), [0.75, 0.25])
    np.testing.assert_allclose(levels[2].get_xdata(), [1, 2])
    assert uniform.get_ydata()[0] == 0.25
    assert axes.get_yscale() == "log"
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "level 1: perplexity 4.0, 0 of 4 codes unused",
        "level 2: perplexity 1.0, 3 of 4 codes unused",
        f"level 3: perplexity {np.exp(entropy):.1f}, 2 of 4 codes unused",
        "uniform: perplexity 4",
    ]
    assert code_usage(half).legends[0].get_texts()[0].get_text().startswith("perplexity 1.8, 2 of 4")


def test_latent_dimensions_shows_mean_and_spread_over_seeds() -> None:
    dimensions = [8, 2, 4]
    r, k = rng.uniform(80, 140, (3, 4)), rng.uniform(5, 25, (3, 4))
    above, below = latent_dimensions(dimensions, r, k, r + k, reconstruction_is="cross-entropy").axes
    order = [1, 2, 0]
    for line, values in ((above.lines[0], r + k), (above.lines[2], r), (below.lines[0], k)):
        np.testing.assert_allclose(line.get_xdata(), [2, 4, 8])
        np.testing.assert_allclose(line.get_ydata(), values.mean(1)[order])
    points = below.lines[1]
    assert set(zip(points.get_xdata(), points.get_ydata(), strict=True)) == {
        (d, value) for d, row in zip(dimensions, k, strict=True) for value in row
    }
    band = below.collections[0].get_paths()[0].vertices
    at_two = band[band[:, 0] == 2, 1]
    assert (at_two.max(), at_two.min()) == pytest.approx(
        (k[1].mean() + k[1].std(ddof=1), k[1].mean() - k[1].std(ddof=1))
    )
    assert [text.get_text() for text in above.get_legend().get_texts()] == ["total", "cross-entropy"]
    assert [label.get_text() for label in below.get_xticklabels()] == ["2", "4", "8"]
    # Doublings are equally spaced.
    steps = np.diff(below.transData.transform([[d, 10] for d in (2, 4, 8)])[:, 0])
    assert steps[0] == pytest.approx(steps[1])
    assert not latent_dimensions([2, 4], r[:2, :1], k[:2, :1], r[:2, :1]).axes[0].collections


def test_seed_curves_has_a_thin_line_per_seed_and_a_thick_mean() -> None:
    epoch = np.arange(1, 6)
    groups = {"with warm-up": rng.random((3, 5)), "without": rng.random((2, 5))}
    axes = seed_curves(epoch, groups, "KL (nats per image)").axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "KL (nats per image)")
    wide = max(line.get_linewidth() for line in axes.lines)
    means = [line for line in axes.lines if line.get_linewidth() == wide]
    seeds = [line for line in axes.lines if line.get_linewidth() < wide / 2]
    np.testing.assert_allclose([line.get_ydata() for line in seeds], np.concatenate(list(groups.values())))
    np.testing.assert_allclose([line.get_ydata() for line in means], [rows.mean(0) for rows in groups.values()])
    assert [line.get_label() for line in means] == ["with warm-up, 3 seeds", "without, 2 seeds"]
    # Groups differ in dashes as well as in colour.
    assert means[0].get_color() != means[1].get_color()
    assert means[0].get_linestyle() != means[1].get_linestyle()
    assert [line.get_color() for line in seeds] == [means[0].get_color()] * 3 + [means[1].get_color()] * 2


@pytest.mark.parametrize("up", [1, -1])
def test_shape_maps_are_drawn_at_their_coordinates(up: int) -> None:
    """A value is drawn at its z1 and z2, for rising and falling ticks."""
    z1, z2 = TICKS[:4], TICKS[::up]
    values = np.add.outer(10 * z2, z1)
    values[0, 0] = np.nan
    figure = shape_maps(z1, z2, {"slant (degrees)": values, "scale": values}, {"slant (degrees)": (30.0, -0.9)})
    figure.draw_without_rendering()
    panel, other = figure.axes[:2]
    mesh = panel.collections[0]
    corners = mesh.get_coordinates()
    centres = (corners[:-1, :-1] + corners[1:, 1:]) / 2
    values_drawn = np.ma.filled(np.ma.reshape(mesh.get_array(), values.shape), np.nan)
    np.testing.assert_allclose(values_drawn, np.where(np.isnan(values), np.nan, centres @ [1, 10]))
    bars = [axes.get_ylabel() for axes in figure.axes[2:]]
    assert bars == ["slant (degrees)", "scale"]

    (arrow,) = panel.texts
    step = np.subtract(arrow.xy, arrow.xyann)
    assert np.degrees(np.arctan2(step[1], step[0])) == pytest.approx(30)
    assert panel.get_title() == "along 30°: rank corr. −0.90"
    assert not other.texts
    low, high = (panel.transData.transform([0, height])[1] for height in (-1, 1))
    assert low < high


def test_gaps_separate_groups_of_a_grid() -> None:
    """White gaps are only before the given rows and columns, and labels move with their images."""
    images = rng.uniform(0, 0.9, (4, 3, 1, 8, 10))
    figure = image_grid(images, list("abcd"), list("xyz"), gaps=((2,), (1, 2)))
    axes = figure.axes[0]
    sheet = np.asarray(axes.images[0].get_array())
    assert sheet.shape == (4 * 8 + 2, 3 * 10 + 2 * 2)
    expected = np.ones(sheet.shape)
    tops, lefts = [0, 8, 18, 26], [0, 12, 24]
    for (row, top), (column, left) in itertools.product(enumerate(tops), enumerate(lefts)):
        expected[top : top + 8, left : left + 10] = images[row, column, 0]
    np.testing.assert_allclose(sheet, expected)
    np.testing.assert_allclose(axes.get_yticks(), np.array(tops) + 3.5)
    np.testing.assert_allclose(axes.get_xticks(), np.array(lefts) + 4.5)
    assert [label.get_text() for label in axes.get_xticklabels()] == list("xyz")
    for gaps in (((4,), ()), ((), (0,)), ((), (3,))):
        with pytest.raises(UserError, match="gaps"):
            image_grid(images, gaps=gaps)


def test_images_of_a_grid_are_square_on_the_page_and_not_too_small_or_large() -> None:
    for r, k in ((1, 10), (20, 20), (20, 2), (1, 1), (2, 40)):
        figure = image_grid(rng.random((r, k, 1, 8, 8)))
        figure.draw_without_rendering()
        box = figure.axes[0].get_window_extent()
        wide, high = box.width / k / figure.dpi, box.height / r / figure.dpi
        assert wide == pytest.approx(high, rel=1e-3)
        assert 0.1 < wide < 1.6


def flat_frame(shade: float, size: tuple[float, float] = (2, 1)) -> Figure:
    return Figure(figsize=size, facecolor=(shade, 0.2, 0.1))


def test_a_film_stores_its_frames_and_durations(tmp_path: Path) -> None:
    def frames() -> Iterator[Figure]:
        for shade in (0.2, 0.6, 1.0):
            yield flat_frame(shade)

    path = tmp_path / "deep" / "film.gif"
    write_film(path, frames(), seconds=0.25, hold=1.5)
    with Image.open(path) as film:
        assert (film.n_frames, film.size, film.info["loop"]) == (3, (200, 100), 0)
        times = []
        for number, shade in enumerate((0.2, 0.6, 1.0)):
            film.seek(number)
            times.append(film.info["duration"])
            middle = np.array(film.convert("RGB").getpixel((100, 50)))
            np.testing.assert_allclose(middle, np.array([shade, 0.2, 0.1]) * 255, atol=9)
        assert times == [250, 250, 1750]
    assert [file.name for file in path.parent.iterdir()] == ["film.gif"]
    first = path.read_bytes()
    write_film(path, frames(), seconds=0.25, hold=1.5)
    assert path.read_bytes() == first


def test_colours_of_a_film_do_not_flicker(tmp_path: Path) -> None:
    """Static pixels are the same in every frame, white stays white, and classes keep their colours."""
    plane = rng.random((15, 15, 1, 8, 8))
    drawn = []

    def frames() -> Iterator[Figure]:
        for epoch in range(3):
            shift = (LABELS < 5)[:, None] * epoch * 0.3
            figure = latent_frame(APART + shift, LABELS, DIGITS, plane * epoch / 2, epoch, title="VAE")
            drawn.append(pixels(figure))
            yield figure

    path = tmp_path / "film.gif"
    write_film(path, frames())
    with Image.open(path) as film:
        stored = []
        for number in range(film.n_frames):
            film.seek(number)
            stored.append(np.asarray(film.convert("RGB")))
    same = (drawn[0] == drawn[2]).all(-1)
    assert 0.3 < same.mean() < 0.99
    np.testing.assert_array_equal(stored[0][same], stored[2][same])
    for before, after in zip(drawn, stored, strict=True):
        assert (after[(before == 255).all(-1)] == 255).all()
        coloured = np.ptp(before.astype(int), -1) > 60
        assert np.abs(after[coloured].astype(int) - before[coloured]).max(-1).mean() < 12


def test_frames_of_a_film_differ_only_in_their_data() -> None:
    first, last = (
        latent_frame(scale * APART, LABELS, DIGITS, rng.random((15, 15, 1, 8, 8)), epoch, (-4, 4))
        for scale, epoch in ((0.1, 0), (1.5, 30))
    )
    for one, other in zip(first.axes, last.axes, strict=True):
        assert one.get_position().bounds == other.get_position().bounds
        assert (one.get_xlim(), one.get_ylim()) == (other.get_xlim(), other.get_ylim())
    left, right = last.axes
    assert left.get_xlim() == left.get_ylim() == (-4, 4)
    np.testing.assert_allclose(left.collections[0].get_offsets(), 1.5 * APART)
    assert left._left_title.get_text() == "epoch 30"
    # The plane's outermost images have their centres at -3 and 3, the first row at the highest z2.
    low, high = right.get_xlim()
    assert low + (high - low) / 30 == pytest.approx(-3)
    assert high - (high - low) / 30 == pytest.approx(3)
    assert right.images[0].origin == "upper"
    assert len(latent_frame(APART, LABELS, DIGITS).axes) == 1


def test_a_frame_is_drawn_in_less_than_a_second() -> None:
    """31 frames of 5,000 points take less than 20 s, even on a busy core."""
    many = np.random.default_rng(0).normal(size=(5_000, 2))
    labels = np.arange(5_000) % 10
    latent_frame(many, labels, DIGITS)
    start = time.process_time()
    for epoch in range(3):
        pixels(latent_frame(many, labels, DIGITS, rng.random((15, 15, 1, 28, 28)), epoch))
    assert (time.process_time() - start) / 3 < 0.6


WRONG: list[tuple[Callable[[], object], str]] = [
    (lambda: latent_scatter(MIXED[:, :1]), r"means has shape \(400, 1\), but must be \(N, 2\)"),
    (lambda: latent_scatter(MIXED, LABELS[:7], DIGITS), r"labels has shape \(7,\).*N = 400"),
    (lambda: latent_scatter(MIXED, LABELS, DIGITS[:3]), "labels holds .* 3 classes"),
    (lambda: latent_scatter(MIXED, LABELS - 2, DIGITS), "labels holds -2"),
    (lambda: latent_scatter(MIXED, LABELS + 0.5, DIGITS), r"labels holds \d\.5"),
    (lambda: latent_scatter(MIXED, LABELS, DIGITS, DEVIATIONS[:5]), "deviations has shape"),
    (lambda: latent_scatter(np.full((3, 2), np.nan)), "means has 6 values that are not finite"),
    (lambda: class_panels(MIXED, LABELS[:7], DIGITS), "labels has shape"),
    (lambda: aggregate_posterior(MIXED[:, 0]), "z has shape"),
    (lambda: aggregate_posterior(np.zeros((0, 2))), "z has shape .* not empty"),
    (lambda: active_units([1, 2], [1, 2, 3]), "kl has shape"),
    (lambda: active_units([-1, 2], [1, 2]), "variance holds -1"),
    (lambda: active_units([1, 2], [1, 2], 0), "threshold is 0"),
    (lambda: code_usage([[0, 0]]), "counts"),
    (lambda: code_usage([[1, -1]]), "counts"),
    (lambda: latent_dimensions([1, 2], [[1], [2]], [[1], [2]], [[1, 2], [3, 4]]), "total has shape .* S = 1"),
    (lambda: latent_dimensions([0], [[1]], [[1]], [[1]]), "dimensions holds 0"),
    (lambda: seed_curves([1, 2], {}, "KL"), "groups is empty"),
    (lambda: seed_curves([1, 2], {"a": [[1, 2, 3]]}, "KL"), r"groups\['a'\] has shape .* E = 2"),
    (lambda: shape_maps([1, 2], [1, 2, 3], {"a": np.zeros((2, 3))}), r"maps\['a'\] has shape"),
    (lambda: shape_maps([1, 2], [1, 2], {}), "maps is empty"),
    (lambda: shape_maps([1, 2], [1, 2], {"a": np.zeros((2, 2))}, {"b": (0, 0)}), "directions names 'b'"),
    (lambda: image_grid(np.zeros((2, 2, 8, 8))), "images has shape"),
    (lambda: image_grid(np.zeros((2, 2, 2, 8, 8))), "images has 2 channels"),
    (lambda: image_grid(np.zeros((2, 2, 1, 8, 8)), rows=["a"]), "rows has 1 labels for 2 rows"),
    (lambda: latent_frame(MIXED, LABELS, DIGITS, limits=(3, -3)), "limits"),
    (lambda: latent_frame(MIXED, LABELS, DIGITS, np.zeros((2, 3, 1, 8, 8))), "plane has shape"),
    (lambda: write_film(Path("film.mp4"), [flat_frame(1)]), r"end its name in \.gif"),
    (lambda: write_film(Path("film.gif"), []), "figures is empty"),
    (lambda: write_film(Path("film.gif"), [flat_frame(1), flat_frame(1, (1, 1))]), "200 x 100 and 100 x 100"),
    (lambda: write_film(Path("film.gif"), [flat_frame(1)], seconds=0), "seconds is 0"),
]


@pytest.mark.parametrize(("draw", "message"), WRONG)
def test_invalid_arguments_are_refused_by_name(
    draw: Callable[[], object], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message) as refused:
        draw()
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())
