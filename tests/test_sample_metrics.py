"""Sample metrics on points with known distances, shares and copies."""

from __future__ import annotations

import math
from typing import Any

import jaxtyping
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from vaelab.data import Digits
from vaelab.errors import UserError
from vaelab.metrics import samples
from vaelab.metrics.intervals import bootstrap_interval
from vaelab.metrics.samples import ImageClassifier

Array = NDArray[np.float64]


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


def covariance(features: int, seed: int = 0) -> Array:
    root = normal(features, features, seed=seed)
    return root @ root.T


def rotation(features: int) -> Array:
    return np.linalg.qr(normal(features, features, seed=9))[0]


# The Fréchet distance.


def test_frechet_matches_the_closed_form_of_two_gaussians() -> None:
    """In one dimension (m1 - m2)^2 + (s1 - s2)^2; in two, the trace of the root from trace and determinant."""
    one = samples.frechet_between(np.array([1.0]), np.array([[4.0]]), np.array([-2.0]), np.array([[0.25]]))
    assert one == pytest.approx(9 + 1.5**2)
    a, b = covariance(2), covariance(2, seed=1)
    assert not np.allclose(a @ b, b @ a)
    root = math.sqrt(np.trace(a @ b) + 2 * math.sqrt(np.linalg.det(a) * np.linalg.det(b)))
    two = samples.frechet_between(np.zeros(2), a, np.array([0.3, -0.4]), b)
    assert two == pytest.approx(0.25 + np.trace(a + b) - 2 * root)


def test_frechet_uses_the_root_of_the_product_in_many_dimensions() -> None:
    from scipy.linalg import sqrtm

    a, b = covariance(30), covariance(30, seed=1)
    exact = np.trace(a + b - 2 * sqrtm(a @ b).real)
    assert samples.frechet_between(np.zeros(30), a, np.zeros(30), b) == pytest.approx(exact)
    assert samples.frechet_between(np.zeros(30), b, np.zeros(30), a) == pytest.approx(exact)


def test_frechet_of_singular_covariances() -> None:
    """For projections onto lines in the plane, the root of the product has trace |cos| of their angle."""
    line = np.array([1.0, 0.0])
    turned = np.array([0.6, 0.8])
    distance = samples.frechet_between(np.zeros(2), np.outer(line, line), np.zeros(2), np.outer(turned, turned))
    assert distance == pytest.approx(2 - 2 * 0.6)
    point = samples.frechet_between(np.zeros(2), np.zeros((2, 2)), np.ones(2), np.zeros((2, 2)))
    assert point == pytest.approx(2)


def test_frechet_of_sets_follows_shift_and_scale() -> None:
    real = normal(400, 5) @ normal(5, 5, seed=1) + 3
    shift = np.array([1.0, -2.0, 0.0, 0.5, 0.0])
    result = samples.frechet_distance(real, real + shift)
    assert result.distance == pytest.approx(5.25)
    assert (result.n_real, result.n_samples) == (400, 400)
    # At twice the scale the means differ by m, and each deviation by itself.
    exact = (real.mean(0) ** 2).sum() + real.var(0, ddof=1).sum()
    assert samples.frechet_distance(real, 2 * real).distance == pytest.approx(exact)
    other = normal(300, 5, seed=2)
    expected = samples.frechet_distance(real, other)
    assert (expected.n_real, expected.n_samples) == (400, 300)
    moved = (7 * features[::-1] @ rotation(5) - 40 for features in (real, other))
    assert samples.frechet_distance(*moved).distance == pytest.approx(49 * expected.distance)


@pytest.mark.parametrize("features", [1, 3, 60])
def test_frechet_of_a_set_and_itself_is_zero_and_not_negative(features: int) -> None:
    for seed in range(20):
        real = 100 + normal(200, features, seed=seed)
        real[:, 0] = 5
        assert 0 <= samples.frechet_distance(real, real[::-1]).distance < 1e-6


def test_the_bias_of_frechet_falls_with_the_number_of_images() -> None:
    """For standard normals (F + F (F + 1) / 4) (1 / N + 1 / M) to first order: the parts of means and covariances."""
    for number in (500, 2000):
        exact = (4 + 5) * 2 / number
        distances = [
            samples.frechet_distance(normal(number, 4, seed=2 * k), normal(number, 4, seed=2 * k + 1)).distance
            for k in range(60)
        ]
        assert np.mean(distances) == pytest.approx(exact, rel=0.15)


def test_a_frechet_interval_has_its_nominal_coverage() -> None:
    def draw(seed: int) -> tuple[Array, Array]:
        return normal(300, 3, seed=2 * seed), 1.3 * normal(200, 3, seed=2 * seed + 1) + 0.5

    distances = np.array([samples.frechet_distance(*draw(seed)).distance for seed in range(300)])
    intervals = [samples.frechet_interval(*draw(seed), level=0.9, seed=seed) for seed in range(100)]
    widths = np.array([one.high - one.low for one in intervals])
    assert np.median(widths) == pytest.approx(2 * 1.645 * distances.std(), rel=0.15)
    # The expected number is 90 of 100, with a standard deviation of 3.
    assert 80 <= sum(one.low <= distances.mean() <= one.high for one in intervals) <= 99
    again = samples.frechet_interval(*draw(0), level=0.9, seed=0)
    assert again == intervals[0] != samples.frechet_interval(*draw(0), level=0.9, seed=1)
    wider = samples.frechet_interval(*draw(0), level=0.99)
    assert wider.high - wider.low == pytest.approx((again.high - again.low) * 2.5758 / 1.6449, rel=1e-3)
    real = normal(300, 3)
    assert samples.frechet_interval(real, real).low == 0


# The kernel distance.


def test_kernel_distance_by_hand() -> None:
    """All real points are 1 and all samples 0: k is 8 and 1 within the sets, and 1 between them."""
    result = samples.kernel_distance(np.ones((8, 1)), np.zeros((12, 1)), block=4)
    assert (result.squared_mmd, result.standard_error) == (7, 0)
    assert (result.blocks, result.block) == (2, 4)
    # In two dimensions the product is halved: k is (2 / 2 + 1)^3 for ones, (8 / 2 + 1)^3 for twos, 3^3 between them.
    wide = samples.kernel_distance(np.ones((8, 2)), np.full((8, 2), 2.0), block=2)
    assert wide.squared_mmd == 8 + 125 - 2 * 27


@pytest.mark.parametrize(("block", "error"), [(2, 0.11), (50, 0.04)])
@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_kernel_distance_matches_three_moments_for_any_block_size(block: int, error: float, shift: float) -> None:
    """In one dimension k is a sum over moments with weights 3, 3 and 1."""
    exact = 3 * shift**2 + 3 * shift**4 + (shift**3 + 3 * shift / 4) ** 2
    real, drawn = normal(10_000, 1) / 2, normal(10_000, 1, seed=1) / 2 + shift
    result = samples.kernel_distance(real, drawn, block)
    assert result.squared_mmd == pytest.approx(exact, abs=3 * result.standard_error)
    assert result.standard_error < error
    assert result.blocks == 10_000 // block


def test_the_standard_error_of_kernel_distance_is_its_spread_over_images() -> None:
    results = [samples.kernel_distance(normal(400, 3, seed=k), 1.2 * normal(400, 3, seed=k + 900)) for k in range(200)]
    assert (results[0].blocks, results[0].block) == (10, 40)
    spread = np.std([one.squared_mmd for one in results])
    assert np.sqrt(np.mean([one.standard_error**2 for one in results])) == pytest.approx(spread, rel=0.15)


def test_kernel_distance_is_invariant_to_rotation() -> None:
    real, drawn = normal(200, 6), normal(150, 6, seed=1) + 0.3
    result = samples.kernel_distance(real, drawn)
    turned = samples.kernel_distance(real @ rotation(6), drawn @ rotation(6))
    assert turned.squared_mmd == pytest.approx(result.squared_mmd)
    assert samples.kernel_distance(real, drawn, seed=1) != result


# Precision, recall, density and coverage.


def four(result: samples.PrecisionRecall) -> tuple[float, float, float, float]:
    return result.precision, result.recall, result.density, result.coverage


def test_neighbours_of_points_on_a_line_by_hand() -> None:
    """Balls of k = 1: real 0, 1, 3, 7 reach 1, 1, 2, 4; samples 0.5, 4.5, 20 reach 4, 4, 15.5."""
    real, drawn = np.array([[0.0], [1.0], [3.0], [7.0]]), np.array([[0.5], [4.5], [20.0]])
    result = samples.precision_recall(real, drawn, neighbours=1)
    assert result.real_balls.tolist() == [2, 2, 0]
    assert result.covered.tolist() == [True, True, True, True]
    assert result.reached.tolist() == [True, True, True, True]
    far = samples.precision_recall(real, drawn[1:], neighbours=1)
    # Now 4.5 and 20 are neighbours of each other: balls of radius 15.5 reach every real image.
    assert far.real_balls.tolist() == [2, 0]
    assert far.reached.tolist() == [True, True, True, True]
    assert far.covered.tolist() == [False, False, True, True]
    assert four(far) == (0.5, 1, 1, 0.5)
    # With two neighbours the real balls reach 3, 2, 3, 6.
    two = samples.precision_recall(real, np.array([[-2.5], [12.9], [13.1]]), neighbours=2)
    assert two.real_balls.tolist() == [1, 1, 0]
    assert four(two)[2:] == pytest.approx((2 / 6, 2 / 4))


def test_equal_sets_agree_and_distant_sets_share_nothing() -> None:
    real = 50 + normal(300, 8)
    same = samples.precision_recall(real, real[::-1])
    # On average each sample is in its own ball and in five others, edges included.
    assert four(same) == pytest.approx((1, 1, 6 / 5, 1))
    assert four(samples.precision_recall(real, real + 100)) == (0, 0, 0, 0)
    # Repeated images have balls of radius zero, which still contain identical images.
    repeated = np.repeat(real[:20], 10, axis=0)
    assert four(samples.precision_recall(repeated, real[:20].repeat(6, axis=0))) == pytest.approx((1, 1, 2, 1))


def test_density_and_coverage_of_equal_distributions_match_their_expectation() -> None:
    for real, drawn, k in ((60, 90, 5), (80, 40, 3)):
        results = [
            samples.precision_recall(normal(real, 2, seed=2 * t), normal(drawn, 2, seed=2 * t + 1), k)
            for t in range(300)
        ]
        coverages, densities = np.array([(one.coverage, one.density) for one in results]).T
        assert abs(densities.mean() - 1) < 3 * densities.std() / math.sqrt(300)
        assert abs(coverages.mean() - results[0].expected_coverage) < 3 * coverages.std() / math.sqrt(300)
    one = samples.precision_recall(normal(4, 1), normal(3, 1), 2)
    assert one.expected_coverage == pytest.approx(1 - 3 * 2 / (6 * 5))


def test_a_missing_mode_lowers_recall_and_noise_lowers_precision() -> None:
    centres = np.array([[0.0, 0.0], [30.0, 0.0], [0.0, 30.0], [30.0, 30.0]])
    real = centres[np.arange(800) % 4] + normal(800, 2)
    drawn = centres[np.arange(800) % 3] + normal(800, 2, seed=1)
    dropped = samples.precision_recall(real, drawn)
    assert dropped.precision > 0.95
    assert dropped.recall == pytest.approx(0.75, abs=0.03)
    assert dropped.coverage == pytest.approx(0.75, abs=0.03)
    assert not dropped.covered[3::4].any()
    all_modes = centres[np.arange(800) % 4] + normal(800, 2, seed=1)
    all_modes[:200] = 1000 + 100 * normal(200, 2, seed=2)
    nonsense = samples.precision_recall(real, all_modes)
    assert nonsense.precision == pytest.approx(0.75, abs=0.03)
    assert nonsense.density == pytest.approx(0.75, abs=0.06)
    assert nonsense.coverage > 0.85
    shares = bootstrap_interval((nonsense.real_balls > 0).astype(np.float64))
    assert shares.low < nonsense.precision < shares.high


def test_neighbours_depend_only_on_distances() -> None:
    real, drawn = normal(200, 5), 1.2 * normal(150, 5, seed=1)
    expected = four(samples.precision_recall(real, drawn))
    order = np.random.default_rng(0).permutation(200)
    assert four(samples.precision_recall(real[order], drawn[::-1])) == pytest.approx(expected)
    turn = 3 * rotation(5)
    assert four(samples.precision_recall(real @ turn + 1000, drawn @ turn + 1000)) == pytest.approx(expected)


def test_many_points_are_compared_in_blocks() -> None:
    """Enough points for several blocks of distances; on a line the answer is known."""
    line = np.arange(6000.0)[:, None]
    # A step of 1 up to 2000, then a step of 3.
    drawn = np.concatenate([np.arange(2000.0), np.arange(2000.0, 5000.0, 3)])[:, None] + 0.25
    result = samples.precision_recall(line, drawn, neighbours=1)
    # A sample at j + 1/4 is in the balls of j and j + 1, of radius 1; the last one reaches 3 from 4997 + 1/4.
    assert (result.precision, result.density) == (1, 2)
    assert np.flatnonzero(result.reached).tolist() == list(range(5001))
    covered = [j for j in range(4999) if j <= 2000 or (j - 2000) % 3 < 2]
    assert np.flatnonzero(result.covered).tolist() == covered


# Copies.


def test_the_nearest_training_image_and_its_distance() -> None:
    training = np.random.default_rng(0).uniform(size=(300, 1, 6, 6))
    images = training[[17, 203]] + np.array([0.0, 0.01]).reshape(2, 1, 1, 1)
    nearest = samples.nearest_training(images, training, neighbours=20)
    assert nearest.index.tolist() == [17, 203]
    assert nearest.distance[0] == 0
    assert nearest.distance[1] == pytest.approx(0.06)
    others = np.sort(np.linalg.norm((training - images[1]).reshape(300, -1), axis=1))[:20]
    assert nearest.relative.tolist() == pytest.approx([0, 0.06 / others.mean()])
    single = samples.nearest_training(images.astype(np.float32), training.astype(np.float32), neighbours=20)
    assert single.index.tolist() == [17, 203]
    assert single.distance[0] == 0
    # An image repeated fifty times is not relatively nearer to one of the copies.
    blank = samples.nearest_training(np.zeros((1, 4)), np.zeros((50, 4)))
    assert (blank.distance[0], blank.relative[0]) == (0, 1)


def test_copies_are_detected_and_fresh_draws_are_not() -> None:
    training, held_out, fresh = normal(3000, 12), normal(1000, 12, seed=1), normal(1000, 12, seed=2)
    innocent = samples.memorisation(fresh, training, held_out)
    # Standard deviations: (1 / 6000)^(1/2) of the mean rank, 0.003 each of the share and the threshold.
    assert innocent.rank == pytest.approx(0.5, abs=0.04)
    assert innocent.relative_rank == pytest.approx(0.5, abs=0.04)
    assert innocent.near == pytest.approx(0.01, abs=0.014)
    assert innocent.copies == 0
    near_copies = samples.memorisation(training[:500] + 0.01 * normal(500, 12, seed=3), training, held_out)
    assert (near_copies.rank, near_copies.relative_rank, near_copies.near) == (1, 1, 1)
    assert near_copies.copies == 0
    np.testing.assert_array_equal(near_copies.of_samples.index, np.arange(500))
    with_copies = samples.memorisation(np.concatenate([training[40:90], fresh[:950]]), training, held_out)
    assert with_copies.copies == 0.05
    assert with_copies.near == pytest.approx(0.06, abs=0.014)
    # Copies come first; the other samples are unchanged.
    assert with_copies.rank == pytest.approx(0.05 + 0.95 * innocent.rank, abs=0.01)
    assert samples.memorisation(training, training, held_out).copies == 1
    swapped = samples.memorisation(held_out, training, fresh)
    assert swapped.rank == pytest.approx(1 - innocent.rank)


def test_smooth_samples_are_near_but_not_copies() -> None:
    training, held_out = normal(3000, 12), normal(800, 12, seed=1)
    blurred = samples.memorisation(0.5 * normal(800, 12, seed=2), training, held_out)
    assert blurred.rank > 0.9
    assert blurred.relative_rank < 0.6


def test_the_threshold_for_near_is_a_quantile_of_held_out_distances() -> None:
    training = np.zeros((50, 1))
    result = samples.memorisation(np.array([[0.5], [1.0], [3.0], [9.0]]), training, np.arange(101.0)[:, None], 0.03)
    assert result.threshold == 3
    assert result.near == 0.75
    # Of 101 held-out distances 100, 99.5, 97.5 and 91.5 are larger, with ties counted by half.
    assert result.rank == pytest.approx((100 + 99.5 + 97.5 + 91.5) / 404)


# Requested classes.


def test_requested_and_predicted_classes_are_counted() -> None:
    requested, predicted = np.array([0, 0, 0, 1, 2, 2]), np.array([0, 2, 0, 1, 0, 0])
    result = samples.conditional_accuracy(requested, predicted, classes=3)
    assert result.confusion.tolist() == [[2, 0, 1], [0, 1, 0], [2, 0, 0]]
    assert result.per_class.tolist() == pytest.approx([2 / 3, 1, 0])
    assert result.mean == pytest.approx(5 / 9)
    assert result.worst == 0


# From images.


def test_images_are_compared_by_the_features_of_a_classifier() -> None:
    """Features of an untrained classifier suffice."""
    data = Digits().load()
    images = data.split("train").tensors()[0][:800]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        classifier = ImageClassifier(data.format).eval()
    real, others = images[:400], images[400:]
    noise = torch.from_numpy(np.random.default_rng(0).uniform(size=real.shape).astype(np.float32))
    fine, poor = (samples.sample_quality(classifier, real, images, neighbours=3) for images in (others, noise))
    assert fine.frechet.distance < poor.frechet.distance
    assert fine.kernel.squared_mmd < poor.kernel.squared_mmd
    assert fine.neighbours.precision > 0.7
    # Noise is far away and spread out, so its large balls may reach real images.
    assert (poor.neighbours.precision, poor.neighbours.density, poor.neighbours.coverage) == (0, 0, 0)
    features = classifier.features(real), classifier.features(others)
    assert fine.frechet == samples.frechet_distance(*features)
    assert fine.kernel == samples.kernel_distance(*features)
    assert four(fine.neighbours) == four(samples.precision_recall(*features, neighbours=3))


# Invalid input is refused in one line.

POINTS = normal(60, 2)
LABELS = np.arange(60) % 3
EYE = np.eye(2)


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (lambda: samples.frechet_distance(POINTS[:2], POINTS), "real has 2 images of 2 features, but a covariance"),
        (lambda: samples.frechet_distance(POINTS, normal(20, 30)), "samples has points of shape (30,), but real of"),
        (lambda: samples.frechet_distance(POINTS, POINTS * np.nan), "samples[0, 0] is nan"),
        (lambda: samples.frechet_between(np.zeros(2), EYE, np.zeros(3), np.eye(3)), "mean2 has points of shape (3,)"),
        (lambda: samples.frechet_between(np.zeros(2), EYE, np.zeros(2), np.eye(3)), "cov2 has shape (3, 3), but mean2"),
        (lambda: samples.frechet_between(np.zeros(2), -EYE, np.zeros(2), EYE), "cov1 has the eigenvalue -1"),
        (
            lambda: samples.frechet_between(np.zeros(2), EYE, np.zeros(2), np.array([[1.0, 0.5], [0.0, 1.0]])),
            "cov2 is not symmetric",
        ),
        (lambda: samples.frechet_interval(POINTS, POINTS, level=95.0), "level is 95.0, but must lie strictly"),
        (lambda: samples.frechet_interval(POINTS, POINTS, draws=1), "draws is 1, but must be >= 2"),
        (lambda: samples.kernel_distance(POINTS, POINTS, block=1), "block is 1, but must be >= 2"),
        (lambda: samples.kernel_distance(POINTS, POINTS[:20], block=11), "block is 11, but the smaller set has 20"),
        (lambda: samples.kernel_distance(POINTS[:3], POINTS), "block is 2, but the smaller set has 3 images"),
        (lambda: samples.kernel_distance(POINTS, POINTS[:, :1]), "samples has points of shape (1,)"),
        (lambda: samples.precision_recall(POINTS, POINTS, 0), "neighbours is 0, but must be >= 1"),
        (lambda: samples.precision_recall(POINTS, POINTS[:5]), "neighbours is 5, but samples has 5 images"),
        (lambda: samples.precision_recall(POINTS, POINTS[:, :1]), "samples has points of shape (1,)"),
        (lambda: samples.precision_recall(POINTS / 0, POINTS), "every value must be finite"),
        (lambda: samples.nearest_training(POINTS, POINTS[:49]), "neighbours is 50, but training has 49 images"),
        (lambda: samples.nearest_training(POINTS, POINTS, neighbours=1), "neighbours is 1, but must be >= 2"),
        (lambda: samples.nearest_training(POINTS[:, :1], POINTS), "images has points of shape (1,)"),
        (lambda: samples.memorisation(POINTS, POINTS, POINTS, quantile=1.0), "quantile is 1.0, but must lie strictly"),
        (lambda: samples.conditional_accuracy(LABELS, LABELS[:5], 3), "predicted has shape (5,), but requested"),
        (lambda: samples.conditional_accuracy(LABELS, LABELS, 4), "requested has no sample of class 3"),
        (lambda: samples.conditional_accuracy(LABELS % 2, LABELS, 2), "predicted has the class 2, but must be from"),
        (lambda: samples.conditional_accuracy(LABELS, LABELS, 0), "classes is 0, but must be >= 1"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_invalid_input_is_refused(measure: Any, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # As for users, without the shape checks of the tests.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(UserError) as caught:
        measure()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
