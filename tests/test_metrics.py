"""Metrics on points and images with known exact values."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from vaelab.data import Digits, ImageData
from vaelab.errors import UserError
from vaelab.metrics import latent, samples

Array = NDArray[np.float64]


def gaussian_classes(centres: Array, each: int, seed: int = 0) -> tuple[Array, NDArray[np.int64]]:
    """`each` standard normal points around every centre, labelled by the centre."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(centres)), each)
    return centres[labels] + random.normal(size=(len(labels), centres.shape[1])), labels


# Neighbours.


def test_neighbour_accuracy_reaches_the_bayes_rate() -> None:
    """For two normals at a distance d the best possible accuracy is Phi(d / 2)."""
    centres = np.array([[0.0, 0.0], [2.0, 0.0]])
    z, labels = gaussian_classes(centres, 3000)
    test_z, test_labels = gaussian_classes(centres, 3000, seed=1)
    best = 0.5 * (1 + math.erf(1 / math.sqrt(2)))
    assert latent.knn_accuracy(z, labels, test_z, test_labels, neighbours=51) == pytest.approx(best, abs=0.015)
    wrong = latent.knn_accuracy(z, labels, test_z, 1 - test_labels, neighbours=51)
    assert wrong == pytest.approx(1 - best, abs=0.015)
    nearest = latent.knn_accuracy(z, labels, z, labels, neighbours=1)
    assert nearest == 1.0


def test_neighbour_accuracy_of_noise_is_at_chance() -> None:
    random = np.random.default_rng(0)
    labels = random.choice(3, 4000, p=(0.7, 0.2, 0.1))
    z = random.normal(size=(4000, 2))
    accuracy = latent.knn_accuracy(z[:2000], labels[:2000], z[2000:], labels[2000:], neighbours=101)
    assert latent.chance_accuracy(labels) == (labels == 0).mean()
    assert accuracy == pytest.approx(latent.chance_accuracy(labels[2000:]), abs=0.01)


@pytest.mark.parametrize("shift", [0.5, 2.0])
def test_information_matches_quadrature(shift: float) -> None:
    """Three normals in the plane; quadrature gives their information about the label."""
    centres = np.array([[0.0, 0.0], [shift, 0.0], [0.0, 2 * shift]])
    axis = np.arange(-6, 11, 0.05)
    grid = np.stack(np.meshgrid(axis, axis), -1)
    density = np.exp(-((grid[..., None, :] - centres) ** 2).sum(-1) / 2) / (2 * math.pi)
    integrand = density * np.log(np.maximum(density, 1e-300) / density.mean(-1, keepdims=True).clip(1e-300)) / 3
    exact = integrand.sum() * 0.05**2
    z, labels = gaussian_classes(centres, 2000)
    assert latent.label_information(z, labels, neighbours=10) == pytest.approx(exact, abs=0.03)
    assert latent.label_information(z[:, ::-1] * 1e3, labels, neighbours=10) == pytest.approx(exact, abs=0.03)


@pytest.mark.parametrize("dimensions", [1, 2])
@pytest.mark.parametrize("neighbours", [4, None])
def test_information_matches_ross_estimator_written_out(dimensions: int, neighbours: int | None) -> None:
    """The estimator of Ross as a loop over points; the root of 18 is 4, that of 12 is 3."""
    from scipy.special import digamma

    random = np.random.default_rng(0)
    z, labels = random.normal(size=(30, dimensions)), np.repeat([0, 1], (18, 12))
    terms = []
    for i in range(30):
        away = np.abs(z - z[i]).max(1)
        own = labels == labels[i]
        k = 4 if neighbours or i < 18 else 3
        reach = np.sort(away[own])[k]
        terms.append(digamma(30) - digamma(own.sum()) + digamma(k) - digamma((away <= reach).sum() - 1))
    assert latent.label_information(z, labels, neighbours) == pytest.approx(np.mean(terms))


def test_information_on_a_line_is_that_in_space() -> None:
    """A constant second dimension changes nothing, even if numbers coincide or differ from the ninth digit on."""
    random = np.random.default_rng(0)
    labels = random.integers(4, size=600)
    normal = random.normal(size=600)
    for z in (normal.clip(0), random.integers(9, size=600) / 7, 1.0 + 1e-9 * normal):
        plane = np.stack([z, np.zeros(600)], 1)
        in_space = latent.label_information(plane, labels, 5)
        assert latent.label_information(z[:, None], labels, 5) == pytest.approx(in_space)


def test_information_of_noise_is_zero_on_average() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], (300, 60, 40))
    estimates = [latent.label_information(random.normal(size=(400, 2)), labels, neighbours=10) for _ in range(200)]
    assert abs(np.mean(estimates)) < 3 * np.std(estimates) / math.sqrt(200)
    assert 0.25 < np.mean(np.array(estimates) < 0) < 0.75


def test_information_of_separate_classes_is_the_entropy_of_the_label() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], (1000, 600, 400))
    z = 100.0 * labels[:, None] + random.normal(size=(2000, 2))
    entropy = -sum(p * math.log(p) for p in (0.5, 0.3, 0.2))
    assert latent.label_information(z, labels) == pytest.approx(entropy, abs=0.002)
    # Coincident points are handled: two of three locations have only one label.
    places = np.repeat([[0.0], [0.0], [1.0], [2.0]], 500, axis=0)
    label = np.repeat([0, 1, 0, 1], 500)
    assert latent.label_information(places, label) == pytest.approx(math.log(2) / 2, abs=0.002)


def test_silhouette_of_four_points_by_hand() -> None:
    z = np.array([[0.0], [1.0], [10.0], [11.0]])
    exact = 1 - (1 / 10.5 + 1 / 9.5) / 2
    assert latent.class_silhouette(z, np.array([4, 4, 7, 7])) == pytest.approx(exact)
    z, labels = gaussian_classes(np.array([[0.0, 0.0], [3.0, 0.0]]), 1000)
    full, subset = latent.class_silhouette(z, labels), latent.class_silhouette(z, labels, limit=500)
    assert subset == pytest.approx(full, abs=0.05)
    assert subset == latent.class_silhouette(z, labels, limit=500)
    assert subset != latent.class_silhouette(z, labels, limit=500, seed=1)


# Class centroids.


def test_centroids_are_means_and_ranks_count_closer_pairs() -> None:
    z, labels = gaussian_classes(np.array([[0.0, 0.0], [1.0, 0.0], [4.0, 0.0], [4.0, 9.0]]), 500)
    order = np.random.default_rng(0).permutation(len(z))
    centroids = latent.class_centroids(z[order], labels[order], classes=4)
    np.testing.assert_allclose(centroids, [z[labels == k].mean(0) for k in range(4)])
    pairs = [(1, 0), (1, 2), (2, 0), (2, 3), (3, 0), (1, 3)]
    assert latent.centroid_rank(z, labels, pairs).tolist() == [1, 2, 3, 4, 6, 5]
    # The sides of a square tie: pairs at the same distance share the better rank.
    square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]])
    assert latent.centroid_rank(square, np.arange(4), [(0, 1), (3, 0), (0, 2)]).tolist() == [1, 1, 5]


# Two samples.


def test_mmd_matches_the_closed_form_of_two_normals() -> None:
    """N(0, I) and N(mu, I) in the plane: 2 s^2 / (s^2 + 2) (1 - exp(-|mu|^2 / (2 (s^2 + 2)))), s the bandwidth."""
    random = np.random.default_rng(0)
    mu = np.array([0.6, -0.8])
    x, y = random.normal(size=(1500, 2)), mu + random.normal(size=(1000, 2))
    test = latent.mmd_test(x, y, permutations=20)
    square = test.bandwidth**2
    exact = 2 * square / (square + 2) * (1 - math.exp(-1 / (2 * (square + 2))))
    assert test.squared_mmd == pytest.approx(exact, rel=0.1)
    assert test.p_value == pytest.approx(1 / 21)
    # Distances within one set in the plane are Rayleigh, |N(0, 2 I)|, with median 2 sqrt(ln 2).
    assert latent.mmd_test(x[:750], x[750:], 1).bandwidth == pytest.approx(2 * math.sqrt(math.log(2)), rel=0.02)


def test_mmd_is_the_mean_over_pairs_of_different_points() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(5, 3)), random.normal(size=(4, 3))
    test = latent.mmd_test(x, y, permutations=3)

    def mean(pairs: list[tuple[Array, Array]]) -> float:
        return float(np.mean([math.exp(-((u - v) ** 2).sum() / (2 * test.bandwidth**2)) for u, v in pairs]))

    within = [mean([(s[i], s[j]) for i in range(len(s)) for j in range(len(s)) if i != j]) for s in (x, y)]
    across = mean([(u, v) for u in x for v in y])
    assert test.squared_mmd == pytest.approx(sum(within) - 2 * across)


def test_p_values_are_uniform_where_nothing_differs_and_small_where_it_does() -> None:
    random = np.random.default_rng(0)
    null = [
        latent.mmd_test(random.normal(size=(14, 2)), random.normal(size=(10, 2)), permutations=99, seed=trial)
        for trial in range(400)
    ]
    p_values, estimates = (np.array([getattr(t, name) for t in null]) for name in ("p_value", "squared_mmd"))
    # Of 400 such trials 20 are below 0.05 on average, with a standard deviation of 4.4.
    assert 7 <= (p_values <= 0.05).sum() <= 33
    assert 160 <= (p_values <= 0.5).sum() <= 240
    assert abs(estimates.mean()) < 3 * estimates.std() / 20
    assert min(p_values) >= 0.01
    for y in (random.normal(size=(150, 2)) * 1.6, random.normal(size=(150, 2)) + 0.6):
        assert latent.mmd_test(random.normal(size=(150, 2)), y).p_value < 0.01


def test_moments_match_the_distribution() -> None:
    signs = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]) * [3.0, 0.5] + [7.0, 0.0]
    exact = latent.moments(signs)
    np.testing.assert_allclose(exact.mean, [7, 0])
    np.testing.assert_allclose(exact.std, [3, 0.5])
    np.testing.assert_allclose(exact.skewness, [0, 0], atol=1e-12)
    np.testing.assert_allclose(exact.excess_kurtosis, [-2, -2])
    np.testing.assert_allclose(exact.correlation, np.eye(2), atol=1e-12)
    normal = np.random.default_rng(0).normal(size=(200_000, 2))
    mixed = latent.moments(np.stack([normal[:, 0], 0.6 * normal[:, 0] + 0.8 * normal[:, 1]], 1))
    assert mixed.correlation[0, 1] == pytest.approx(0.6, abs=0.01)
    assert np.abs(mixed.skewness).max() < 4 * math.sqrt(6 / 200_000)
    assert np.abs(mixed.excess_kurtosis).max() < 4 * math.sqrt(24 / 200_000)
    waits = latent.moments(np.random.default_rng(0).exponential(size=(200_000, 1)))
    assert (waits.skewness[0], waits.excess_kurtosis[0]) == pytest.approx((2, 6), rel=0.1)
    still = latent.moments(np.stack([np.full(3, 0.1), np.arange(3.0)], 1))
    assert np.isnan([still.skewness[0], still.excess_kurtosis[0], still.correlation[0, 1]]).all()
    assert still.std[0] == 0
    assert still.correlation[1, 1] == pytest.approx(1)


# The shape of strokes.


def stroke(
    width: float, length: float, turned: float = 0, sheared: float = 0, at: tuple[float, float] = (0.3, -0.2)
) -> Array:
    """A stroke on 28 x 28 pixels with 8 x 8 supersampling, rotated and sheared to the right by degrees."""
    points = (np.arange(28 * 8) + 0.5) / 8 - 14
    x, y = np.meshgrid(points - at[0], -(points - at[1]))
    x = x - y * math.tan(math.radians(sheared))
    sine, cosine = math.sin(math.radians(turned)), math.cos(math.radians(turned))
    along, across = x * sine + y * cosine, x * cosine - y * sine
    inside = (np.abs(along) < length / 2) & (np.abs(across) < width / 2)
    return inside.reshape(28, 8, 28, 8).mean((1, 3))


@pytest.mark.parametrize("width", [2.0, 3.0, 4.0, 5.0])
def test_thickness_is_the_width_of_a_stroke_at_any_angle(width: float) -> None:
    random = np.random.default_rng(0)
    turns = np.arange(-85, 95, 10)
    shape = latent.stroke_shape(
        np.stack([stroke(width, 20, turn, at=tuple(random.uniform(-0.5, 0.5, 2))) for turn in turns])
    )
    np.testing.assert_allclose(shape.thickness * (1 + width / 20), width, rtol=0.03)
    np.testing.assert_allclose(shape.rotation, turns, atol=0.5)
    np.testing.assert_allclose(shape.scale, math.sqrt((20**2 + width**2) / 12), rtol=0.01)
    ratio = (400 - width**2) / (400 + width**2)
    np.testing.assert_allclose(shape.elongation, ratio, rtol=0.01)


def test_slant_is_the_angle_of_the_shear() -> None:
    slants = np.arange(-40, 45, 10)
    shape = latent.stroke_shape(np.stack([stroke(4, 16, sheared=slant) for slant in slants]))
    np.testing.assert_allclose(shape.slant, slants, atol=0.5)
    assert (np.diff(shape.slant) > 0).all()


def test_thickness_and_scale_grow_with_what_they_measure() -> None:
    thin_to_thick = latent.stroke_shape(np.stack([stroke(width, 18, 20) for width in np.arange(1, 7, 0.5)]))
    assert (np.diff(thin_to_thick.thickness) > 0).all()
    small_to_large = latent.stroke_shape(np.stack([stroke(3, length, 20) for length in range(8, 24, 2)]))
    assert (np.diff(small_to_large.scale) > 0).all()


def test_shape_does_not_depend_on_position_or_contrast() -> None:
    image = stroke(3, 14, 30)
    shape = latent.stroke_shape(np.stack([image, np.roll(image, (5, -6), (0, 1)), 0.3 * image, image[:, ::-1]]))
    for values in vars(shape).values():
        np.testing.assert_allclose(values[1:3], values[0])
    np.testing.assert_allclose([shape.slant[3], shape.rotation[3]], [-shape.slant[0], -shape.rotation[0]])
    # A stroke cut off by the edge keeps its thickness.
    cut = latent.stroke_shape(stroke(4, 20, 90, at=(-10.0, 0.0))[None])
    assert cut.thickness[0] * (1 + 4 / 14) == pytest.approx(4, rel=0.03)


def test_shapes_without_extent_are_nan_and_a_horizontal_line_is_at_a_right_angle() -> None:
    empty, pixel, line, square = np.zeros((4, 9, 9))
    pixel[3, 4], line[5, 2:8], square[2:5, 2:5] = 1, 1, 1
    shape = latent.stroke_shape(np.stack([empty, pixel, line, square]))
    assert all(np.isnan(values[0]) for values in vars(shape).values())
    assert shape.scale[1] == 0
    assert np.isnan([shape.slant[1], shape.rotation[1], shape.elongation[1], shape.slant[2], shape.rotation[3]]).all()
    assert (shape.rotation[2], shape.elongation[2], shape.elongation[3]) == (90, 1, 0)


# Directions of factors.


def turned_plane(angle: float, factors: Array) -> Array:
    """Points whose two factors lie along `angle` and perpendicular to it."""
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return factors @ np.array([[c, s], [-s, c]])


def test_rank_correlation_matches_scipy_on_known_rows() -> None:
    from scipy.stats import spearmanr

    random = np.random.default_rng(0)
    z = random.normal(size=(200, 3))
    factor = np.round(z[:, 0] + random.normal(size=200), 1)
    exact = [spearmanr(z[20:, axis], factor[20:]).statistic for axis in range(3)]
    factor[:20] = np.nan
    np.testing.assert_allclose(latent.rank_correlation(z, factor), exact)
    z[:, 1] = 4.0
    assert latent.rank_correlation(z, factor)[1] == 0


@pytest.mark.parametrize("angle", [0, 30, 90, 144])
def test_the_direction_of_a_factor_is_found_with_its_sign(angle: int) -> None:
    factors = np.random.default_rng(0).normal(size=(500, 2))
    z = turned_plane(angle, factors)
    up, down = latent.best_direction(z, np.exp(factors[:, 0])), latent.best_direction(z, -factors[:, 0])
    assert (up.angle, down.angle) == (angle, angle)
    assert (up.correlation, down.correlation) == pytest.approx((1, -1), abs=1e-4)


@pytest.mark.parametrize("angle", [0, 30, 100, 178])
def test_a_rotation_is_found_with_the_factors_that_its_axes_carry(angle: int) -> None:
    random = np.random.default_rng(0)
    factors, noise = random.normal(size=(2, 500, 2))
    noisy = factors[:, 1] + 0.5 * noise[:, 0]
    rotation = latent.best_rotation(
        turned_plane(angle, factors),
        np.stack([noise[:, 1], -(factors[:, 0] ** 3)], 1),
        np.stack([noisy, factors[:, 1]], 1),
    )
    assert rotation.first_factor == 1
    # The weaker correlation decides; its optimum may differ a little from the angle of the stronger one.
    assert abs((rotation.angle - angle + 90) % 180 - 90) < 8
    assert rotation.first_correlation > 0.98
    assert rotation.weaker == rotation.second_correlation
    exact = 6 / math.pi * math.asin(1 / math.sqrt(1.25) / 2)
    assert rotation.second_correlation == pytest.approx(exact, abs=0.03)
    # The axes must carry all second factors, but only one of the first.
    both = np.stack([factors[:, 1], noise[:, 1]], 1)
    assert latent.best_rotation(turned_plane(angle, factors), factors[:, :1], both).weaker < 0.2
    # The roles of first and second factors are not interchangeable.
    assert latent.best_rotation(turned_plane(0, factors), noise[:, :1], factors[:, 1:]).weaker < 0.2


def test_chance_rotations_are_the_rotations_of_permuted_factors() -> None:
    random = np.random.default_rng(0)
    z, first, second = random.normal(size=(3, 80, 2))
    order = np.random.default_rng(7).permutation(80)
    once = latent.permuted_rotation(z, first, second, permutations=1, seed=7)
    assert once == pytest.approx(latent.best_rotation(z, first[order], second[order]).weaker)
    # A plane without information exceeds the 80 per cent quantile in 12 of 60 trials on average, with deviation 3.1.
    exceed = 0
    for trial in range(60):
        z, first, second = random.normal(size=(3, 40, 2))
        level = latent.permuted_rotation(z, first, second, angles=20, permutations=60, quantile=0.8, seed=trial)
        exceed += latent.best_rotation(z, first, second, angles=20).weaker > level
    assert 3 <= exceed <= 21


# Used dimensions, paths, agreement.


def test_units_are_active_where_the_mean_varies() -> None:
    means = np.array([[1.0, -1.0], [0.099, -0.099], [0.11, -0.11], [5.0, 5.0]]).T
    units = latent.active_units(means)
    np.testing.assert_allclose(units.variance, [1, 0.009801, 0.0121, 0], atol=1e-12)
    assert units.active.tolist() == [True, False, True, False]
    assert units.count == 2
    assert latent.active_units(means, threshold=0.009).count == 3


def test_a_half_circle_is_even_and_longer_than_its_chord_by_pi_over_two() -> None:
    angle = np.linspace(0, math.pi, 400)
    circle = np.stack([np.cos(angle), np.sin(angle)], -1)
    line = np.linspace(0, 1, 400)[:, None] ** 2 * np.array([3.0, 4.0])
    leap = np.where(np.arange(400)[:, None] < 200, [0.0, 0.0], [1.0, 1.0])
    still = np.ones((400, 2))
    paths = np.stack([circle, line, leap, still, np.sin(2 * circle)])[..., None]
    np.testing.assert_allclose(latent.path_evenness(paths)[:3], [1, 2, 399], rtol=0.01)
    np.testing.assert_allclose(latent.path_straightness(paths)[:3], [math.pi / 2, 1, 1], rtol=1e-4)
    assert np.isnan(latent.path_evenness(paths)[3])
    assert np.isnan(latent.path_straightness(paths)[3])
    closed = np.array([[[0.0], [1.0], [0.0]]])
    assert latent.path_straightness(closed).tolist() == [math.inf]


def test_style_is_shared_if_classes_rank_draws_in_the_same_order() -> None:
    random = np.random.default_rng(0)
    slant = random.normal(size=3000)
    alike = np.stack([np.exp(slant), slant**3, 5 + slant])
    assert latent.shared_style(alike) == pytest.approx(1)
    assert latent.shared_style(np.stack([slant, -slant])) == pytest.approx(-1)
    assert abs(latent.shared_style(random.normal(size=(4, 3000)))) < 0.05
    # Spearman of normals with Pearson's 1/2 is 6 / pi arcsin(1/4).
    noisy = slant + random.normal(size=(4, 3000))
    assert latent.shared_style(noisy) == pytest.approx(6 / math.pi * math.asin(0.25), abs=0.03)
    alike[0, :5] = np.nan
    alike[1, :5] = 1e9
    assert latent.shared_style(alike) == pytest.approx(1)


# The classifier.


@pytest.fixture(scope="module")
def small() -> ImageData:
    return Digits().load()


@pytest.fixture(scope="module")
def classifier(small: ImageData) -> samples.ImageClassifier:
    return samples.train_classifier(small.split("train"))


def test_a_classifier_recognises_unseen_digits(classifier: samples.ImageClassifier, small: ImageData) -> None:
    images, labels = small.split("test").tensors()
    assert labels is not None
    assert classifier.accuracy(images, labels) >= 0.93
    predicted = classifier.predict(images.numpy())
    assert predicted.dtype == np.int64
    assert classifier.accuracy(images, labels.numpy()) == (predicted == labels.numpy()).mean()
    features = classifier.features(images)
    # In training mode, features are the same as in evaluation mode.
    classifier.train()
    np.testing.assert_array_equal(classifier.features(images), features)
    assert classifier.training
    classifier.eval()
    assert features.shape[0] == len(images)
    assert features.dtype == np.float64
    # Nearest neighbours by features have the same class.
    half = len(images) // 2
    y = labels.numpy()
    assert latent.knn_accuracy(features[:half], y[:half], features[half:], y[half:], neighbours=5) > 0.9


def test_a_classifier_survives_saving_and_loading(
    classifier: samples.ImageClassifier, small: ImageData, tmp_path: Path
) -> None:
    images = small.split("test").tensors()[0][:50]
    path = tmp_path / "judge.safetensors"
    classifier.save(path)
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    again = samples.ImageClassifier.load(path)
    assert torch.equal(torch.rand(1), expected)
    assert again.format == classifier.format
    np.testing.assert_array_equal(again.features(images), classifier.features(images))
    np.testing.assert_array_equal(again.predict(images), classifier.predict(images))


def test_a_file_that_is_not_a_classifier_is_refused(tmp_path: Path) -> None:
    from vaelab.data import ImageFormat
    from vaelab.models import VAE
    from vaelab.models.files import save

    save(VAE().build(ImageFormat(1, 28, 28)), tmp_path / "vae.safetensors")
    with pytest.raises(UserError, match="is not a classifier"):
        samples.ImageClassifier.load(tmp_path / "vae.safetensors")


def test_training_a_classifier_is_reproducible_and_restores_the_rng_state() -> None:
    """Forty red or blue images of an odd size."""
    random = np.random.default_rng(0)
    labels = np.arange(40) % 2
    images = random.integers(0, 60, (40, 3, 13, 17)).astype(np.uint8)
    images[labels == 0, 0] += 150
    images[labels == 1, 2] += 150
    data = ImageData("colours", images, labels, ("red", "blue"))
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    first = samples.train_classifier(data, epochs=3)
    assert torch.equal(torch.rand(1), expected)
    second, other = samples.train_classifier(data, epochs=3), samples.train_classifier(data, epochs=3, seed=1)
    x = data.tensors()[0]
    np.testing.assert_array_equal(first.features(x), second.features(x))
    assert not np.array_equal(first.features(x), other.features(x))
    # Held-out images are not used for training: here their labels are swapped.
    swapped = ImageData(
        "colours",
        np.concatenate([images, images]),
        np.concatenate([labels, 1 - labels]),
        data.classes,
        {"train": range(40), "test": range(40, 80)},
    )
    np.testing.assert_array_equal(samples.train_classifier(swapped, epochs=3).features(x), first.features(x))
    # The default number of epochs suffices for few images.
    assert samples.train_classifier(data).accuracy(x, labels) == 1


# Invalid input is refused in one line.

POINTS = np.random.default_rng(0).normal(size=(60, 2))
HALVES = np.arange(60) % 2


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (lambda: latent.knn_accuracy(POINTS, HALVES, POINTS, HALVES, 0), "neighbours is 0, but must be >= 1"),
        (lambda: latent.knn_accuracy(POINTS, HALVES, POINTS, HALVES, 61), "neighbours is 61, but there are 60 points"),
        (lambda: latent.knn_accuracy(POINTS, 0 * HALVES, POINTS, HALVES), "labels has the classes [0], but at least"),
        (lambda: latent.chance_accuracy(HALVES[:0]), "number of labels is 0"),
        (lambda: latent.class_silhouette(POINTS[:3], np.arange(3)), "labels has 3 classes for 3 points"),
        (lambda: latent.label_information(POINTS, HALVES), "neighbours is 50, but class 0 has 30 points"),
        (lambda: latent.label_information(POINTS, np.arange(60), None), "neighbours is 1, but class 0 has 1 points"),
        (
            lambda: latent.label_information(np.where(POINTS[7] == POINTS, np.nan, POINTS), HALVES, 5),
            "representation[7, 0] is nan, but every value must be finite",
        ),
        (lambda: latent.class_centroids(POINTS, HALVES, 3), "labels has no row of class 2"),
        (lambda: latent.class_centroids(POINTS, HALVES, 1), "labels run from 0 to 1, but must be from 0 to 0"),
        (lambda: latent.centroid_rank(POINTS, HALVES, [(1, 1)]), "pairs has (1, 1), but must name two different"),
        (lambda: latent.centroid_rank(POINTS, HALVES, [(0, 2)]), "pairs has (0, 2)"),
        (lambda: latent.mmd_test(POINTS, POINTS[:1]), "y has 1 points, but at least 2 are needed"),
        (lambda: latent.mmd_test(POINTS * 0, POINTS * 0), "median distance between points of x and y is 0"),
        (lambda: latent.mmd_test(POINTS, POINTS, permutations=0), "permutations is 0, but must be >= 1"),
        (lambda: latent.moments(np.zeros((5, 0))), "z has shape (5, 0)"),
        (lambda: latent.stroke_shape(np.full((1, 4, 4), -0.5)), "images has a pixel of -0.5, but pixels must be >="),
        (lambda: latent.stroke_shape(np.full((1, 4, 4), np.inf)), "images[0, 0, 0] is inf"),
        (lambda: latent.rank_correlation(POINTS, np.full(60, np.nan)), "factor: 0 rows have no nan"),
        (lambda: latent.best_direction(POINTS, np.ones(60)), "factor is 1.0 in every row, but must vary"),
        (lambda: latent.best_rotation(POINTS, POINTS, POINTS, angles=5), "angles is 5, but must be even"),
        (lambda: latent.best_rotation(POINTS, POINTS[:, :0], POINTS), "first has"),
        (lambda: latent.permuted_rotation(POINTS, POINTS, POINTS, quantile=1.5), "quantile is 1.5"),
        (lambda: latent.active_units(POINTS[:1]), "means has 1 points"),
        (lambda: latent.path_evenness(np.zeros((3, 2, 4))), "decoded has 2 images per path, but at least three"),
        (lambda: latent.shared_style(POINTS.T[:1]), "values has 1 classes"),
        (lambda: latent.shared_style(np.stack([POINTS[:, 0], np.ones(60)])), "values is constant in class 1"),
        (
            lambda: samples.train_classifier(ImageData("bars", np.zeros((4, 1, 8, 8), np.uint8))),
            "data is bars, which has no labels",
        ),
    ],
)
def test_invalid_input_is_refused(measure: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        measure()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_images_a_classifier_cannot_read_are_refused(classifier: samples.ImageClassifier) -> None:
    for images, message in (
        (torch.full((1, 1, 28, 28), 255.0), "must be in [0, 1]"),
        (torch.full((1, 1, 28, 28), -0.1), "must be in [0, 1]"),
        (torch.full((1, 1, 28, 28), float("nan")), "must be in [0, 1]"),
        (torch.zeros(1, 3, 28, 28), "the classifier takes (1, 28, 28)"),
    ):
        with pytest.raises(UserError) as caught:
            classifier.predict(images)
        assert message in str(caught.value)
    with pytest.raises(UserError, match="labels has shape"):
        classifier.accuracy(torch.zeros(2, 1, 28, 28), np.zeros(3, np.int64))
