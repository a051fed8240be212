"""Images drawn from known factors: their geometry in closed form, and their factors as attributes."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr

import vaelab as vl
from vaelab.codec import decode, encode
from vaelab.data import Sprites, Strokes, parse_source
from vaelab.data.drawing import sprites
from vaelab.data.drawing.glyphs import glyph
from vaelab.data.drawing.sprites import draw_sprites
from vaelab.data.drawing.strokes import draw_strokes
from vaelab.data.sprites import GRID
from vaelab.data.strokes import RANGES
from vaelab.errors import UserError
from vaelab.experiment import Experiment, read_record
from vaelab.metrics.latent import stroke_shape

from .conftest import Cli

SQUARE, ELLIPSE, HEART = range(3)
PLAIN = {"slant": 0.0, "thickness": 2.5, "scale": 16.0, "rotation": 0.0}


def centroids(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The centroid of the ink: columns from the left and rows from the top, (N, 2)."""
    weights = images[:, 0] / images.sum((1, 2, 3))[:, None, None]
    middles = np.arange(images.shape[-1]) + 0.5
    return np.stack([weights.sum(1) @ middles, weights.sum(2) @ middles], 1)


# A unit square with half discs on two sides has the area 1 + pi / 4. Its centroid is half a diagonal, plus the distance
# to the centre of the square, away from its tip.
TIP = math.sqrt(0.5) + (math.pi / 4 * math.sqrt(0.5) * (0.5 + 2 / (3 * math.pi))) / (1 + math.pi / 4)
AREAS = {SQUARE: 2.0, ELLIPSE: math.pi / 2, HEART: (1 + math.pi / 4) / TIP**2}


@pytest.mark.parametrize("shape", AREAS)
def test_sprites_have_the_area_and_the_centroid_of_their_shape(shape: int) -> None:
    size, scale = 400, np.array([0.5, 0.8, 1.0])
    x, y = np.array([0.0, 0.3, 1.0]), np.array([0.9, 0.5, 0.0])
    images = draw_sprites(shape, scale, np.array([0.3, 2.0, 4.5]), x, y, image_size=size)
    radius = 0.23 * size * scale
    np.testing.assert_allclose(images.sum((1, 2, 3)) / 255 / radius**2, AREAS[shape], rtol=5e-3)
    np.testing.assert_allclose(centroids(images), size * (0.25 + np.stack([x, y], 1) / 2), atol=0.2)
    assert set(np.unique(images)) == {0, 255}


@pytest.mark.parametrize(("shape", "turn"), [(SQUARE, math.pi / 2), (ELLIPSE, math.pi), (HEART, 2 * math.pi)])
def test_a_sprite_repeats_only_after_a_turn_by_its_symmetry(shape: int, turn: float) -> None:
    orientation = np.linspace(0, turn, 9)
    once = draw_sprites(shape, 1.0, orientation, 0.2, 0.7)
    assert np.array_equal(once, draw_sprites(shape, 1.0, orientation + turn, 0.2, 0.7))
    assert len(np.unique(once[:-1], axis=0)) == 8


def test_an_upright_heart_is_symmetric_with_its_tip_at_the_bottom() -> None:
    (heart,) = draw_sprites(HEART, 1.0, 0.0, 0.5, 0.5)[:, 0] > 0
    assert np.array_equal(heart, heart[:, ::-1])
    widths = heart[heart.any(1)].sum(1)
    assert widths[-1] <= 2 < widths[0]
    assert np.argmax(widths) < len(widths) / 2
    assert heart[:, 31:33].any(1).sum() < len(widths), "there is a notch above"


def test_sprites_move_right_and_down_and_turn_clockwise() -> None:
    start, right, down = centroids(draw_sprites(HEART, 0.7, 0.4, np.array([0.2, 0.7, 0.2]), np.array([0.2, 0.2, 0.7])))
    np.testing.assert_allclose(right - start, [16, 0], atol=1e-9)
    np.testing.assert_allclose(down - start, [0, 16], atol=1e-9)
    (ellipse,) = draw_sprites(ELLIPSE, 1.0, math.pi / 6, 0.5, 0.5)[:, 0] / 255
    # The long axis starts horizontal: measured from the vertical it turns from 90 degrees, which equals -90, to -60.
    assert stroke_shape(ellipse[None]).rotation == pytest.approx([-60], abs=1)


@pytest.mark.parametrize("size", [16, 32, 64])
def test_every_sprite_lies_inside_the_image(size: int) -> None:
    corners = np.array(list(itertools.product(range(3), np.linspace(0, 2 * math.pi, 97), (0, 1), (0, 1))))
    shape, orientation, x, y = corners.T
    images = draw_sprites(shape, 1.0, orientation, x, y, size)
    # A quarter of the size is a whole number of pixels, so a sprite in a corner is that in the middle, shifted.
    middle = draw_sprites(shape, 1.0, orientation, 0.5, 0.5, size)
    # Uncut squares and ellipses look the same upside down.
    symmetric = middle[shape != HEART]
    assert np.array_equal(symmetric, symmetric[..., ::-1, ::-1])
    for image, other, across, below in zip(images, middle, x, y, strict=True):
        shift = (int((below - 0.5) * size / 2), int((across - 0.5) * size / 2))
        assert np.array_equal(image, np.roll(other, shift, (1, 2)))
    if size == 64:
        assert images[..., 0, :].max() == images[..., -1, :].max() == 0
        assert images[..., 0].max() == images[..., -1].max() == 0


@pytest.mark.parametrize("shape", range(3))
@pytest.mark.parametrize("factor", ["scale", "orientation", "x", "y"])
def test_every_value_of_a_factor_gives_another_image(shape: int, factor: str) -> None:
    values = GRID[factor]
    # A small square may look the same after nearly a quarter turn.
    others = {"scale": 1.0 if factor == "orientation" else 0.5, "orientation": 0.0, "x": 0.0, "y": 0.0}
    images = draw_sprites(shape, **(others | {factor: values}))
    # The last orientation equals the first.
    assert len(np.unique(images, axis=0)) == len(values) - (factor == "orientation")


def test_the_grid_is_that_of_dsprites_and_holds_every_combination_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sprites, "draw_sprites", lambda shape, *_: np.zeros((len(shape), 1, 1, 1), np.uint8))
    data = Sprites(limit=10**9).load()
    assert len(data) == 737_280 == 3 * 6 * 40 * 32 * 32
    assert (len(data.split("train")), len(data.split("test"))) == (663_552, 73_728)
    assert data.classes == ("square", "ellipse", "heart")
    assert data.attribute_names == ("scale", "orientation", "x", "y")
    code = data.labels
    for column, (count, low, high) in zip(
        data.attributes.T, [(6, 0.5, 1), (40, 0, 2 * math.pi), (32, 0, 1), (32, 0, 1)], strict=True
    ):
        steps = (column.astype(np.float64) - low) / (high - low) * (count - 1)
        np.testing.assert_allclose(steps, steps.round(), atol=1e-5)
        code = code * count + steps.round().astype(np.int64)
    assert np.array_equal(np.sort(code), np.arange(737_280))


def test_sprites_are_reproducible_and_match_their_factors() -> None:
    data = Sprites(limit=200).load()
    assert data.digest == "be33e649fde4cfacdec0301ee479fc7c2f02f8aebdbd415735c0c446c132e6c9"
    assert (len(data.split("train")), len(data.split("test"))) == (180, 20)
    assert np.array_equal(data.images, draw_sprites(data.labels, *data.attributes.T.astype(np.float64)))
    small = Sprites(limit=50, image_size=32).load()
    assert small.images.shape == (50, 1, 32, 32)
    assert np.array_equal(small.split("test").attributes, data.split("test").attributes[:5])
    assert np.array_equal(small.split("train").attributes, data.split("train").attributes[:45])
    assert Sprites().limit == 60_000


def test_the_command_line_trains_on_sprites(cli: Cli, tmp_path: Path) -> None:
    words = "train vae --data sprites --limit 150 --image-size 32 --epochs 1 --out run --quiet"
    assert "nats per image" in cli(*words.split()).stdout
    assert parse_source("sprites") == Sprites()
    record = read_record(tmp_path / "run" / "experiment.json")
    assert record.experiment.data == Sprites(limit=150, image_size=32)
    assert record.data_format.shape == (1, 32, 32)


@pytest.fixture(scope="module")
def strokes() -> vl.ImageData:
    return Strokes(n_images=2100).load()


def test_strokes_are_digits_with_independent_factors_that_fill_their_ranges(strokes: vl.ImageData) -> None:
    assert strokes.images.shape == (2100, 1, 28, 28)
    assert (len(strokes.split("train")), len(strokes.split("test"))) == (1800, 300)
    assert strokes.classes == tuple("0123456789")
    assert strokes.attribute_names == ("slant", "thickness", "scale", "rotation")
    low, high = np.array(list(RANGES.values())).T
    # The mean of 2100 uniform numbers is within 4 standard errors, 0.29 / sqrt(2100) each, of the middle.
    where = (strokes.attributes - low) / (high - low)
    assert 0 <= where.min() < 0.01
    assert 0.99 < where.max() <= 1
    np.testing.assert_allclose(where.mean(0), 0.5, atol=0.026)
    everything = np.column_stack([strokes.labels, where])
    np.testing.assert_allclose(np.corrcoef(everything.T), np.eye(5), atol=4 / math.sqrt(2100))
    assert np.bincount(strokes.labels).tolist() == pytest.approx([210] * 10, abs=4 * math.sqrt(210))


def test_strokes_are_all_different_and_fixed_by_the_seed(strokes: vl.ImageData) -> None:
    assert len(np.unique(strokes.images, axis=0)) == 2100
    small = Strokes(n_images=70).load()
    assert small.digest == "1fb197be41d3edfceb6caf8d147e316ec80339aaf96717758fb8450523423535"
    assert np.array_equal(small.split("train").images, strokes.images[:60])
    assert np.array_equal(small.split("test").images, strokes.split("test").images[:10])
    assert not np.isin(Strokes(n_images=70, seed=1).load().attributes, small.attributes).any()
    assert np.array_equal(small.images, draw_strokes(small.labels, *small.attributes.T))
    assert Strokes().n_images == 70_000
    assert parse_source("strokes") == Strokes()


@pytest.mark.parametrize("digit", range(10))
def test_the_ink_of_a_digit_lies_inside_the_image_at_the_extremes(digit: int) -> None:
    factors = np.array(list(itertools.product(*RANGES.values()))).T
    large, small = draw_strokes(digit, *factors, image_size=48), draw_strokes(digit, *factors)
    assert np.array_equal(large[..., 10:-10, 10:-10], small)
    assert large.sum(dtype=np.int64) == small.sum(dtype=np.int64)
    assert (small.max((1, 2, 3)) == 255).all()


@pytest.mark.parametrize("digit", range(10))
def test_a_glyph_has_unit_height_and_is_centred_upright_and_evenly_sampled(digit: int) -> None:
    path = glyph(digit)
    np.testing.assert_allclose(path.max(0) + path.min(0), 0, atol=1e-12)
    assert np.ptp(path[:, 1]) == pytest.approx(1)
    x, y = (path - path.mean(0)).T
    assert (x * y).mean() == pytest.approx(0, abs=1e-12)
    # Neighbouring points are close, except between strokes.
    assert np.median(np.hypot(*np.diff(path, axis=0).T)) == pytest.approx(1 / 64, rel=0.05)


def test_ink_is_the_length_of_the_path_times_the_thickness() -> None:
    """True for a closed curve without crossings whose radius of curvature exceeds half the width of the pen."""
    path, thickness = glyph(0), np.array([1.5, 2.0, 3.0, 4.0])
    length = np.hypot(*(np.roll(path, -1, 0) - path).T).sum()
    ink = draw_strokes(0, 0, thickness, 18, 7).sum((1, 2, 3)) / 255
    np.testing.assert_allclose(ink / (length * 18 * thickness), 1, atol=0.01)


@pytest.mark.parametrize("digit", range(10))
def test_measured_shape_follows_each_factor(digit: int) -> None:
    measured = {
        name: getattr(stroke_shape(draw_strokes(digit, **(PLAIN | {name: true}))[:, 0] / 255.0), name)
        for name, true in ((name, np.linspace(*RANGES[name], 21)) for name in RANGES)
    }
    for name, values in measured.items():
        assert (np.diff(values) > 0).all(), name
    # In the same units, degrees and pixels. Ends, corners and crossings of a wide pen deviate from the path.
    for name, tolerance in (("slant", 5), ("thickness", 0.5), ("rotation", 5)):
        np.testing.assert_allclose(measured[name], np.linspace(*RANGES[name], 21), atol=tolerance)
    # With a thin pen, the scale is that of the path.
    path = glyph(digit)
    spread = math.sqrt(((path - path.mean(0)) ** 2).sum(1).mean())
    large = draw_strokes(digit, 0, 2, [100, 200], 0, image_size=240)
    np.testing.assert_allclose(stroke_shape(large[:, 0] / 255.0).scale, [100 * spread, 200 * spread], rtol=0.02)


@pytest.mark.parametrize("digit", range(10))
def test_measured_shape_ranks_digits_as_their_factors_do(digit: int, strokes: vl.ImageData) -> None:
    rows = np.flatnonzero(strokes.labels == digit)
    shape = stroke_shape(strokes.images[rows, 0] / 255.0)
    for column, name in ((0, "slant"), (1, "thickness"), (2, "scale")):
        assert spearmanr(getattr(shape, name), strokes.attributes[rows, column]).statistic > 0.9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Sprites(limit=1), r"Sprites\.limit is 1, but must be >= 2"),
        (lambda: Sprites(limit=2.5), r"Sprites\.limit is 2\.5, but must be of type int"),  # type: ignore[arg-type]
        (lambda: Sprites(image_size=8), r"Sprites\.image_size is 8, but must be >= 16"),
        (lambda: Strokes(n_images=1), r"Strokes\.n_images is 1, but must be >= 2"),
        (lambda: Strokes(seed=-1), r"Strokes\.seed is -1, but must be >= 0"),
        (lambda: parse_source("sprites:9"), "data is 'sprites:9', but must be one of"),
        (lambda: draw_sprites(3, 1, 0, 0, 0), r"shape\[0\] is 3, but must be in \[0, 2\]"),
        (lambda: draw_sprites(0.5, 1, 0, 0, 0), r"shape\[0\] is 0\.5, but must be one of 0 to 2"),
        (lambda: draw_sprites(0, [1, 1.1], 0, 0, 0), r"scale\[1\] is 1\.1, but must be in \[0, 1\]"),
        (lambda: draw_sprites(0, 1, np.inf, 0, 0), r"orientation\[0\] is inf, but must be finite"),
        (lambda: draw_sprites(0, 1, 0, np.nan, 0), r"x\[0\] is nan, but must be in \[0, 1\]"),
        (lambda: draw_sprites(0, 1, 0, np.zeros((1, 1)), 0), r"x has shape \(1, 1\), but must be \(N,\)"),
        (lambda: draw_sprites(0, 1, 0, [0, 1], [0, 1, 1]), r"differ in length \(x 2, y 3\)"),
        (lambda: draw_sprites(0, 1, 0, 0, 0, 15), "image_size is 15, but must be >= 16"),
        (
            lambda: draw_sprites(np.array(["square"] * 99), 1, 0, 0, 0),
            r"shape is array\(\['square', .*\[\.\.\.\], but must be numbers",
        ),
        (lambda: draw_strokes(10, 0, 2, 16, 0), r"classes\[0\] is 10, but must be in \[0, 9\]"),
        (lambda: draw_strokes(1, 90, 2, 16, 0), r"slant\[0\] is 90, but must be in \[-60, 60\]"),
        (lambda: draw_strokes(1, 0, -2, 16, 0), r"thickness\[0\] is -2, but must be finite and >= 0"),
        (lambda: draw_strokes(1, 0, 2, 16, 0, 0), "image_size is 0, but must be >= 1"),
    ],
)
def test_invalid_factors_are_named(call: object, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        call()  # type: ignore[operator]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("source", [Sprites(limit=12, image_size=20), Strokes(n_images=12, seed=3)])
def test_sources_survive_json_and_zero_images_can_be_drawn(source: Sprites | Strokes) -> None:
    assert decode(Experiment, encode(Experiment(data=source)), "here").data == source
    assert draw_sprites([], 1, 0, 0, 0).shape == (0, 1, 64, 64)
    assert draw_strokes([], 0, 2, 16, 0).shape == (0, 1, 28, 28)
