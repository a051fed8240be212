"""Information of points about labels, where the optimum is known."""

from __future__ import annotations

import math
from typing import Any

import jaxtyping
import numpy as np
import pytest
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics import latent, representation

Array = NDArray[np.float64]
Labels = NDArray[np.int64]


def classes(centres: list[list[float]], each: int, seed: int = 0) -> tuple[Array, Labels]:
    """`each` standard normal points around every centre, shuffled and labelled by the centre."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.repeat(np.arange(len(centres)), each))
    return np.array(centres)[labels] + random.normal(size=(len(labels), len(centres[0]))), labels


# The linear probe.


def test_probe_accuracy_reaches_the_bayes_rate() -> None:
    """For two normals at a distance of 2 the best rule is a line with accuracy Phi(1)."""
    z, labels = classes([[0.0, 0.0], [1.2, 1.6]], 4000)
    test = classes([[0.0, 0.0], [1.2, 1.6]], 4000, seed=1)
    best = 0.5 * (1 + math.erf(1 / math.sqrt(2)))
    assert representation.linear_probe(z, labels, *test) == pytest.approx(best, abs=0.012)
    # Units and origin do not matter.
    scale, shift = np.array([1e4, 1e-4]), np.array([-3.0, 700.0])
    moved = representation.linear_probe(z * scale + shift, labels, test[0] * scale + shift, test[1])
    assert moved == representation.linear_probe(z, labels, *test)
    # The names of the classes do not matter.
    assert representation.linear_probe(z, 9 - 5 * labels, test[0], 9 - 5 * test[1]) == moved


def test_a_probe_separates_only_by_lines() -> None:
    """Four corners, opposite ones of the same class: separable by neighbours, but not by a line."""
    corners = [[0.0, 0.0], [8.0, 0.0], [8.0, 8.0], [0.0, 8.0]]
    (z, corner), (test_z, test_corner) = classes(corners, 500), classes(corners, 500, seed=1)
    assert latent.knn_accuracy(z, corner % 2, test_z, test_corner % 2) > 0.99
    assert representation.linear_probe(z, corner % 2, test_z, test_corner % 2) < 0.6
    assert representation.linear_probe(z, corner, test_z, test_corner) > 0.99


def test_probe_accuracy_of_noise_is_at_chance() -> None:
    random = np.random.default_rng(0)
    labels = random.choice(3, 4000, p=(0.7, 0.2, 0.1))
    z = np.concatenate([random.normal(size=(4000, 3)), np.ones((4000, 1))], 1)
    share = representation.linear_probe(z[:2000], labels[:2000], z[2000:], labels[2000:])
    assert share == pytest.approx(latent.chance_accuracy(labels[2000:]), abs=0.01)


# Clusters.

APART = [[0.0, 0.0], [20.0, 0.0], [0.0, 20.0], [60.0, 60.0]]


def test_clusters_equal_to_classes_have_full_information() -> None:
    z, labels = classes(APART, 100)
    assert representation.cluster_information(z, labels) == pytest.approx(1)
    assert representation.cluster_information(z, np.array([7, 0, 9, 2])[labels]) == pytest.approx(1)


def test_information_of_clusters_by_hand() -> None:
    """Clusters of sizes 3 and 1, classes of sizes 2 and 2."""
    z, labels = np.array([[0.0], [0.1], [0.2], [9.0]]), np.array([0, 0, 1, 1])

    def entropy(*shares: float) -> float:
        return -sum(p * math.log(p) for p in shares)

    shared = math.log(2) - 0.75 * entropy(2 / 3, 1 / 3)
    exact = 2 * shared / (math.log(2) + entropy(3 / 4, 1 / 4))
    assert representation.cluster_information(z, labels) == pytest.approx(exact)


def test_information_of_clusters_depends_only_on_shape() -> None:
    z, labels = classes([[0.0, 0.0], [2.5, 0.0], [0.0, 3.0]], 200)
    information = representation.cluster_information(z, labels)
    assert 0.3 < information < 0.9
    turn = np.array([[0.6, 0.8], [-0.8, 0.6]])
    assert representation.cluster_information(1000 * z @ turn + 50, labels) == pytest.approx(information, abs=0.01)
    assert representation.cluster_information(z, 2 - labels) == pytest.approx(information)
    assert representation.cluster_information(z, labels) == information
    # A dimension with little variance has little effect.
    unused = 1e-3 * np.random.default_rng(5).normal(size=(600, 8))
    assert representation.cluster_information(np.hstack([z, unused]), labels) == pytest.approx(information, abs=0.01)


def test_clusters_of_noise_have_no_information() -> None:
    random = np.random.default_rng(0)
    assert representation.cluster_information(random.normal(size=(3000, 2)), random.choice(4, 3000)) < 0.01


def test_restarts_find_clusters_that_a_bad_start_misses() -> None:
    """With 36 clusters a single start often merges two of them."""
    centres = [[8.0 * (k % 6), 8.0 * (k // 6)] for k in range(36)]
    z, labels = classes(centres, 20)
    once = [representation.cluster_information(z, labels, restarts=1, seed=seed) for seed in range(8)]
    assert min(once) < 0.995
    assert len(set(once)) > 1
    assert representation.cluster_information(z, labels, restarts=20) > 0.998


# Few labels.


def test_few_labels_include_every_class() -> None:
    centres = np.array([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]])
    labels = np.repeat([0, 1, 2], (940, 50, 10))
    z = centres[labels] + np.random.default_rng(0).normal(size=(1000, 2))
    curve = representation.label_curve(z, labels, z, labels, sizes=[30, 3], draws=10, neighbours=1)
    assert curve.sizes.tolist() == [3, 30]
    assert curve.knn_mean.tolist() == [1, 1]
    assert curve.knn_spread.tolist() == [0, 0]
    assert curve.draws == 10


def test_few_labels_keep_the_proportions_of_classes() -> None:
    """For points without information, a vote of 15 of the 60 labels predicts the majority class."""
    random = np.random.default_rng(0)
    z, labels = random.normal(size=(4000, 2)), random.permutation(np.repeat([0, 1], (3400, 600)))
    curve = representation.label_curve(z, labels, z[:500], labels[:500], sizes=[60])
    assert curve.knn_mean[0] == pytest.approx(0.85, abs=0.04)
    assert curve.probe_mean[0] == pytest.approx(0.85, abs=0.06)


def test_accuracy_rises_with_labels_to_that_with_all_labels() -> None:
    centres = [[0.0] * 5, [2.0] + [0.0] * 4, [0.0, 2.0] + [0.0] * 3]
    (z, labels), test = classes(centres, 400), classes(centres, 1000, seed=1)
    curve = representation.label_curve(z, labels, *test, draws=8)
    assert curve.sizes.tolist() == [10, 30, 100, 300, 1000, 1200]
    assert curve.probe_mean[-1] == representation.linear_probe(z, labels, *test)
    assert curve.knn_mean[-1] == latent.knn_accuracy(z, labels, *test)
    assert (curve.probe_spread[-1], curve.knn_spread[-1]) == (0, 0)
    for mean, spread in ((curve.probe_mean, curve.probe_spread), (curve.knn_mean, curve.knn_spread)):
        assert (np.diff(mean[:4]) > 0).all()
        assert (spread[:4] > 0).all()
        assert spread[0] > 3 * spread[4]
    again = representation.label_curve(z, labels, *test, sizes=[10], draws=8)
    # The draws do not depend on the other sizes.
    assert (again.probe_mean[0], again.knn_spread[0]) == (curve.probe_mean[0], curve.knn_spread[0])
    other = representation.label_curve(z, labels, *test, sizes=[10], draws=8, seed=1)
    assert other.probe_mean[0] != again.probe_mean[0]


def test_spread_is_the_standard_deviation_over_draws() -> None:
    """The accuracy depends only on which point of each class is drawn, so its spread is known."""
    z, labels = np.array([[0.0], [4.0], [5.0], [6.0]]), np.array([0, 0, 1, 1])
    test_z, test_labels = np.array([[0.0], [2.9], [3.9], [6.0]]), np.array([0, 0, 0, 1])
    draws = 100
    curve = representation.label_curve(z, labels, test_z, test_labels, sizes=[2], draws=draws)
    # One point per class in four equally likely pairs, (0, 5), (0, 6), (4, 5), (4, 6), and their accuracies.
    accuracies = np.array([2 / 4, 3 / 4, 1, 1])
    assert curve.knn_mean[0] == pytest.approx(accuracies.mean(), abs=4 * accuracies.std() / math.sqrt(draws))
    assert curve.knn_spread[0] == pytest.approx(accuracies.std(), abs=0.05)


# Invalid input is refused in one line.

POINTS = np.random.default_rng(0).normal(size=(60, 2))
HALVES = np.arange(60) % 2
FOUR = (POINTS, HALVES, POINTS, HALVES)


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (lambda: representation.linear_probe(POINTS, 0 * HALVES, POINTS, HALVES), "labels has the classes [0], but at"),
        (lambda: representation.linear_probe(POINTS, HALVES, POINTS, HALVES[:9]), "test_labels has shape (9,)"),
        (lambda: representation.linear_probe(POINTS, HALVES[:9], POINTS, HALVES), "labels has shape (9,)"),
        (
            lambda: representation.linear_probe(POINTS, HALVES, POINTS[:, :1], HALVES),
            "test_representation has points of shape (1,), but representation of (2,)",
        ),
        (lambda: representation.linear_probe(POINTS * np.nan, HALVES, POINTS, HALVES), "representation[0, 0] is nan"),
        (
            lambda: representation.linear_probe(POINTS, HALVES, POINTS[:0], HALVES[:0]),
            "representation has 0 points",
        ),
        (lambda: representation.cluster_information(POINTS, 0 * HALVES), "labels has the classes [0]"),
        (lambda: representation.cluster_information(POINTS, HALVES, restarts=0), "restarts is 0, but must be >= 1"),
        (
            lambda: representation.cluster_information(0 * POINTS, HALVES),
            "has 1 distinct points for 2 clusters",
        ),
        (
            lambda: representation.label_curve(*FOUR, sizes=[1]),
            "sizes is [1], but must be from 2, one per class",
        ),
        (lambda: representation.label_curve(*FOUR, sizes=[10, 61]), "sizes is [10, 61], but must be from 2"),
        (lambda: representation.label_curve(*FOUR, sizes=[]), "sizes is [], but must be from 2"),
        (lambda: representation.label_curve(*FOUR, draws=1), "draws is 1, but must be >= 2"),
        (lambda: representation.label_curve(*FOUR, neighbours=0), "neighbours is 0, but must be >= 1"),
        (
            lambda: representation.label_curve(POINTS, (np.arange(60) == 7).astype(np.int64), POINTS, HALVES),
            "labels has one row of class 1",
        ),
    ],
)
def test_invalid_input_is_refused(measure: Any, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # As for users, without the shape checks of the tests.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(UserError) as caught:
        measure()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
