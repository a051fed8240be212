"""Disentanglement of representations with known scores, and invariances of the scores."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import entr
from scipy.stats import norm

from vaelab.errors import UserError
from vaelab.metrics import checks, disentanglement as d
from vaelab.metrics.disentanglement.information import binned_information
from vaelab.metrics.disentanglement.sharing import rows_sharing

Array = NDArray[np.float64]
Score = Callable[[Array, Array], float]

CACHED_DCI: dict[tuple[bytes, bytes], d.DciScores] = {}


def cached_dci(z: Array, factors: Array) -> d.DciScores:
    """DCI scores, cached because three scores share the same slow trees."""
    key = z.tobytes(), factors.tobytes()
    if key not in CACHED_DCI:
        CACHED_DCI[key] = d.dci_scores(z, factors)
    return CACHED_DCI[key]


SCORES: dict[str, Score] = {
    "beta_vae": d.beta_vae_score,
    "factor_vae": d.factor_vae_score,
    "mig": lambda z, factors: d.mutual_information_gap(z, factors).score,
    "sap": lambda z, factors: d.sap_score(z, factors).score,
    "sap_categorical": lambda z, factors: d.sap_score(z, factors, range(factors.shape[1])).score,
    "modularity": d.modularity_score,
    "explicitness": d.explicitness_score,
    "irs": lambda z, factors: d.irs_score(z, factors).score,
    "disentanglement": lambda z, factors: cached_dci(z, factors).disentanglement,
    "completeness": lambda z, factors: cached_dci(z, factors).completeness,
    "informativeness": lambda z, factors: cached_dci(z, factors).informativeness,
}
every_score = pytest.mark.parametrize("name", SCORES)


def drawn_factors(rows: int, values: tuple[int, ...], seed: int = 0) -> Array:
    """Independent factors, each uniform over its values."""
    random = np.random.default_rng(seed)
    return np.stack([random.integers(v, size=rows) for v in values], 1).astype(np.float64)


def grid(*values: int) -> Array:
    """Every combination of values once, so that the factors are exactly independent."""
    return np.array(list(itertools.product(*map(range, values))), np.float64)


TEN = drawn_factors(2000, (10,) * 10)


# Cases in which all scores agree.


@every_score
def test_one_dimension_per_factor_scores_best(name: str) -> None:
    assert 0.9 <= SCORES[name](TEN, TEN) <= 1 + 1e-9


@every_score
def test_continuous_factors_are_accepted(name: str) -> None:
    if name == "sap_categorical":
        pytest.skip("names repeat")
    factors = np.random.default_rng(0).normal(size=(2000, 4))
    assert SCORES[name](factors, factors) >= 0.9
    if name == "modularity":
        assert SCORES[name](factors**3, factors) == SCORES[name](factors, factors)
    if name == "mig":
        assert SCORES[name](factors**3, factors) == pytest.approx(SCORES[name](factors, factors), abs=0.005)


@every_score
@pytest.mark.parametrize("constant", [0.0, 0.1])
def test_a_constant_representation_has_no_information(name: str, constant: float) -> None:
    score = SCORES[name](np.full_like(TEN, constant), TEN)
    # A classifier of the shared factor at chance is right one time in K.
    assert score == pytest.approx(1 / 10 if name == "beta_vae" else 0, abs=0.002)


@every_score
def test_noise_scores_at_chance(name: str) -> None:
    if name == "modularity":
        pytest.skip("noise has equally little information on all factors, and modularity does not ask how much")
    factors = drawn_factors(3000, (4, 5, 6))
    chance = 1 / 3 if name in ("beta_vae", "factor_vae") else 0
    assert SCORES[name](np.random.default_rng(1).normal(size=(3000, 4)), factors) == pytest.approx(chance, abs=0.06)


def test_memorised_noise_scores_at_chance() -> None:
    factors, noise = drawn_factors(3000, (4, 5, 6)), np.random.default_rng(1).normal(size=(3000, 60))
    assert d.beta_vae_score(noise, factors, batches=30) == pytest.approx(1 / 3, abs=0.15)
    assert d.factor_vae_score(noise, factors, batches=30) == pytest.approx(1 / 3, abs=0.15)


def test_a_repeated_dimension_has_no_gap_and_is_modular() -> None:
    twice = np.hstack([TEN, TEN])
    assert d.mutual_information_gap(twice, TEN).score <= 0.1
    assert d.sap_score(twice, TEN).score <= 0.2
    assert d.sap_score(twice, TEN, range(10)).score <= 0.2
    assert d.modularity_score(twice, TEN) >= 0.9
    dci = d.dci_scores(twice, TEN)
    assert dci.disentanglement >= 0.9
    assert dci.completeness == pytest.approx(1 - math.log(2) / math.log(20), abs=0.05)


def test_dimensions_permuted_within_each_row_are_not_disentangled() -> None:
    factors = drawn_factors(20_000, (10,) * 10)
    shuffled = np.random.default_rng(1).permuted(factors, axis=1)
    assert d.modularity_score(shuffled, factors) <= 0.2
    dci = d.dci_scores(shuffled[:4000], factors[:4000])
    assert max(dci.disentanglement, dci.completeness) <= 0.2


def test_a_rotation_lowers_the_scores_of_single_dimensions() -> None:
    """Two normal factors rotated by 45 degrees: no information is lost, but no dimension encodes one factor."""
    factors = np.random.default_rng(0).normal(size=(4000, 2))
    z = factors @ np.array([[1.0, 1.0], [-1.0, 1.0]]) / math.sqrt(2)
    scores = d.disentanglement_scores(z, factors)
    assert max(scores.mig, scores.sap, scores.disentanglement, scores.completeness, scores.modularity) < 0.1
    assert max(scores.beta_vae, scores.factor_vae) < 0.6
    # Half of each dimension's variance comes from the other factor, so sqrt(1/2) of its deviation remains.
    assert scores.irs == pytest.approx(1 - math.sqrt(0.5), abs=0.05)
    assert min(scores.informativeness, scores.explicitness) > 0.85


# Importance, by hand.

FIVE = np.diag(np.full(5, 5.0))


@pytest.mark.parametrize(
    ("importance", "disentanglement", "completeness"),
    [
        (FIVE, 1, 1),
        (np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]), 1, 1),
        (np.zeros((10, 10)), 0, 0),
        (np.vstack([FIVE, FIVE]), 1, 1 - math.log(2) / math.log(10)),
        (FIVE[:2], 1, 1),
        (np.hstack([FIVE, FIVE]), 1 - math.log(2) / math.log(10), 1),
        (np.ones((3, 4)), 0, 0),
        (np.ones((1, 4)), 0, 1),
        # A row with shares 2/3 and 1/3 and 3/4 of the weight, and a pure row.
        (np.array([[2.0, 1.0], [0.0, 1.0]]), 1 - 0.75 * (math.log2(3) - 2 / 3), 0.5),
    ],
)
def test_importance_by_hand(importance: Array, disentanglement: float, completeness: float) -> None:
    assert d.disentanglement_of(importance) == pytest.approx(disentanglement, abs=1e-12)
    assert d.completeness_of(importance) == pytest.approx(completeness, abs=1e-12)
    assert d.disentanglement_of(importance * 1e-9) == pytest.approx(disentanglement, abs=1e-12)


@pytest.mark.parametrize(
    ("information", "modularity"),
    [
        (FIVE, 1),
        (np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]), 2 / 3),
        (np.zeros((10, 10)), 0),
        (np.vstack([FIVE, FIVE]), 1),
        (FIVE[:2], 1),
        (np.hstack([FIVE, FIVE]), 1 - 1 / 9),
        (np.ones((3, 4)), 0),
        (np.array([[3.0, 1.0, 2.0]]), 1 - (1 + 4) / (9 * 2)),
    ],
)
def test_modularity_by_hand(information: Array, modularity: float) -> None:
    assert d.modularity_of(information) == pytest.approx(modularity, abs=1e-12)
    assert d.modularity_of(information * 1e-200) == pytest.approx(modularity, abs=1e-12)


# Information.


def test_information_is_scikit_learns_of_each_pair() -> None:
    """Dimensions and factors differ in number and in values, so that a misplaced entry is detected."""
    from sklearn.metrics import mutual_info_score

    factors = drawn_factors(500, (3, 7))
    random = np.random.default_rng(1)
    z = np.stack([factors[:, 1] // 2, factors.sum(1), random.integers(4, size=500), factors[:, 0] * 2], 1)
    gap = d.mutual_information_gap(z, factors)
    exact = [[mutual_info_score(column.astype(int), factor.astype(int)) for factor in factors.T] for column in z.T]
    np.testing.assert_allclose(gap.information, exact, atol=1e-12)


def test_the_gap_by_hand() -> None:
    """One dimension keeps four of eight values of a factor, another two; a third keeps the whole other factor."""
    factors = grid(8, 3)
    z = np.stack([factors[:, 0] // 2, factors[:, 1], factors[:, 0] // 4], 1)
    gap = d.mutual_information_gap(z, factors)
    ln = math.log
    np.testing.assert_allclose(gap.information, [[ln(4), 0], [0, ln(3)], [ln(2), 0]], atol=1e-12)
    np.testing.assert_allclose(gap.per_factor, [(ln(4) - ln(2)) / ln(8), 1])
    assert gap.score == pytest.approx((1 / 3 + 1) / 2)
    assert d.modularity_score(z, factors) == pytest.approx(1)
    # Rounding would make the information between these factors negative; it is clipped to 0.
    assert d.mutual_information_gap(grid(5, 5), grid(5, 5)).information.min() == 0
    # A single dimension has no rival.
    assert d.mutual_information_gap(z[:, :1], factors).score == pytest.approx(ln(4) / ln(8) / 2)


@pytest.mark.parametrize("correlation", [0.5, 0.9])
def test_information_of_normals_is_close_to_the_exact_value(correlation: float) -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 100_000))
    z = (correlation * x + math.sqrt(1 - correlation**2) * y)[:, None]
    exact = -0.5 * math.log(1 - correlation**2)
    assert d.mutual_information_gap(z, x[:, None]).information[0, 0] == pytest.approx(exact, rel=0.1)
    coarse = d.mutual_information_gap(z, x[:, None], factor_bins=2).information[0, 0]
    # Given z, x is positive with a probability that is that of a normal; quadrature gives the entropy that is left.
    axis = np.linspace(-8, 8, 4001)
    positive = norm.cdf(correlation * axis / math.sqrt(1 - correlation**2))
    left = ((entr(positive) + entr(1 - positive)) * norm.pdf(axis)).sum() * (axis[1] - axis[0])
    assert coarse == pytest.approx(math.log(2) - left, abs=0.005)


def test_a_factor_with_many_values_is_binned_as_requested() -> None:
    factors = grid(60, 10)
    coarse = d.mutual_information_gap(factors, factors)
    assert coarse.information[0, 0] == pytest.approx(math.log(20))
    fine = d.mutual_information_gap(factors, factors, factor_bins=60)
    assert fine.information[0, 0] == pytest.approx(math.log(60))
    assert (coarse.score, fine.score) == pytest.approx((1, 1))
    # Nine rows in ten share one value, which no bin edge splits.
    heavy = np.concatenate([np.zeros(900), np.arange(1, 101)])[:, None]
    assert binned_information(heavy, heavy, bins=10, factor_bins=10) == pytest.approx(entr(0.9) + entr(0.1))
    # No gap lies between the common value and the others, so neighbours of the next ones reach across.
    assert 0.9 < d.mutual_information_gap(heavy, heavy, factor_bins=10).score < 1


# Predictability.


def test_separated_attributes_by_hand() -> None:
    x, y = 2 * grid(2, 2).T - 1
    sap = d.sap_score(np.stack([x, x + y, np.full(4, 0.1)], 1), np.stack([x, 5 * y + 3], 1))
    np.testing.assert_allclose(sap.predictability, [[1, 0], [0.5, 0.5], [0, 0]], atol=1e-12)
    np.testing.assert_allclose(sap.per_factor, [0.5, 0.5])


def test_categories_are_predicted_by_thresholds() -> None:
    """Categories that are out of order along one dimension; another dimension merges two of three."""
    factors = np.tile(grid(3), (40, 1))
    z = np.stack([np.array([5.0, -1.0, 7.0])[factors[:, 0].astype(int)], np.minimum(factors[:, 0], 1)], 1)
    sap = d.sap_score(z, factors, categorical=[0])
    np.testing.assert_allclose(sap.predictability[:, 0], [1, 0.5])
    # Rare categories weigh as much as others: between normals at a distance of 1 the best threshold is half way.
    unbalanced = (np.arange(40_000) % 10 == 0).astype(np.float64)[:, None]
    shifted = unbalanced + np.random.default_rng(0).normal(size=unbalanced.shape)
    assert d.sap_score(shifted, unbalanced, categorical=[0]).score == pytest.approx(
        math.erf(0.5 / math.sqrt(2)), abs=0.03
    )
    rare = np.concatenate([np.zeros((196, 1)), np.ones((4, 1))])
    assert d.sap_score(np.zeros((200, 1)), rare, categorical=[0]).score == 0
    assert d.sap_score(rare, rare, categorical=[0]).score == 1


def test_explicitness_is_the_area_under_the_curve_of_two_normals() -> None:
    """At a distance s the area is Phi(s / sqrt 2), the same for both classes."""
    labels = np.repeat([0.0, 1.0], 10_000)[:, None]
    z = np.random.default_rng(0).normal(size=(20_000, 1)) + 1.5 * labels
    area = 0.5 * (1 + math.erf(1.5 / 2))
    assert d.explicitness_score(z, labels) == pytest.approx(2 * area - 1, abs=0.02)


def test_informativeness_is_the_share_of_explained_variance() -> None:
    factors = np.random.default_rng(0).normal(size=(4000, 2))
    z = factors + [0.0, 1.0] * np.random.default_rng(1).normal(size=(4000, 2))
    scores = d.dci_scores(z, factors)
    assert scores.per_factor == pytest.approx([1, 0.5], abs=0.06)
    assert scores.informativeness == pytest.approx(scores.per_factor.mean())
    np.testing.assert_allclose(scores.importance.sum(0), 1)
    assert scores.disentanglement == d.disentanglement_of(scores.importance)
    assert scores.completeness == d.completeness_of(scores.importance)


def test_importance_has_one_row_per_dimension_and_one_column_per_factor() -> None:
    """The third dimension encodes the first factor, the first encodes the second; categories may be out of order."""
    factors = drawn_factors(600, (4, 3))
    out_of_order = np.array([2.0, 0.0, 3.0, 1.0])[factors[:, 0].astype(int)]
    z = np.stack([factors[:, 1], np.random.default_rng(1).normal(size=600), out_of_order], 1)
    for categorical in ((), (0,), (0, 1)):
        scores = d.dci_scores(z, factors, categorical)
        np.testing.assert_allclose(scores.importance, [[0, 1], [0, 0], [1, 0]], atol=0.03)
        np.testing.assert_allclose(scores.per_factor, 1, atol=0.01)


def test_importance_is_never_negative() -> None:
    """Without clipping, rounding makes some importances negative once a factor is predicted exactly."""
    for seed in range(6):
        factors = drawn_factors(400, (7, 7, 7), seed)
        assert d.dci_scores(factors, factors).importance.min() >= 0


# Interventions.


def test_robustness_by_hand() -> None:
    """The sum of two signs deviates by at most 2, and by 1 with one sign fixed; the dimensions weigh 1 and 2."""
    x, y = 2 * grid(2, 2).T - 1
    irs = d.irs_score(np.stack([x, x + y, np.full(4, 0.1)], 1), np.stack([x, y], 1), quantile=1.0)
    np.testing.assert_allclose(irs.robustness, [[1, 0], [0.5, 0.5], [0, 0]])
    assert irs.score == pytest.approx((1 * 1 + 2 * 0.5) / 3)


def test_values_are_weighted_by_their_frequency() -> None:
    """A dimension that is constant in three rows of four and deviates by 1 in the others."""
    factors = np.repeat([0.0, 0.0, 0.0, 1.0], 2)[:, None]
    z = np.array([0, 0, 0, 0, 0, 0, -1.0, 1.0])[:, None]
    assert d.irs_score(z, factors, quantile=1.0).score == pytest.approx(1 - 1 / 4)


def test_rare_values_do_not_raise_the_beta_vae_score() -> None:
    """Noise, with a binary factor and one with a hundred times as many values: self-pairs would reveal the factor."""
    random = np.random.default_rng(0)
    factors = np.stack([random.permutation(np.arange(800) % 2), random.permutation(np.arange(800) // 4)], 1) * 1.0
    noise = random.normal(size=(800, 3))
    assert d.beta_vae_score(noise, factors, factor_bins=200, pairs=8) == pytest.approx(0.5, abs=0.1)


def test_batches_hold_different_rows_with_the_same_value() -> None:
    levels = np.repeat([3, 0, 8], (2, 3, 40))
    rows = np.concatenate([np.arange(5), np.arange(20, 40)])
    drawn = rows_sharing(levels, rows, 4000, 3, np.random.default_rng(0))
    assert set(drawn.ravel()) == set(rows)
    assert (levels[drawn] == levels[drawn[:, :1]]).all()
    assert (drawn[:, 1:] != drawn[:, :1]).all()
    # Each row is equally often the first.
    assert np.abs(np.bincount(drawn[:, 0], minlength=45)[rows] - 160).max() < 60


def test_a_dimension_below_the_threshold_has_no_vote() -> None:
    factors = drawn_factors(1000, (4, 4))
    z = np.stack([factors[:, 0], 0.05 * factors[:, 1]], 1)
    assert d.factor_vae_score(z, factors) == 1
    assert d.factor_vae_score(z, factors, threshold=0.01) == 0.5
    assert d.factor_vae_score(z, factors, threshold=10.0) == 0


# Invariances.

# Two factors determine a dimension, one determines half of one, and two share dimensions.
FACTORS = drawn_factors(1500, (3, 6, 5, 40))
_NOISE = np.random.default_rng(7).normal(size=(1500, 5))
Z = np.hstack([FACTORS @ np.array([[1, 0, 0.0], [0, 1, 0], [0, 1, 0.2], [0, 0, 0.1]]), FACTORS[:, :1] ** 2]) + (
    0.3 * _NOISE[:, :4]
)
SCALES = np.array([1e-8, 3e-9, 7e-8, 1e4])
# Trees choose at random between equal splits, the solver stops before its optimum, and batches are finite.
EXACT = 1e-9
TOLERANCES = {"disentanglement": 5e-3, "completeness": 5e-3, "informativeness": 5e-3, "beta_vae": 2e-3}


@every_score
def test_the_order_of_dimensions_changes_nothing(name: str) -> None:
    moved = SCORES[name](Z[:, [2, 0, 3, 1]], FACTORS)
    assert moved == pytest.approx(SCORES[name](Z, FACTORS), abs=TOLERANCES.get(name, 1e-3))
    if name in ("mig", "sap", "sap_categorical", "modularity", "irs", "factor_vae"):
        assert moved == pytest.approx(SCORES[name](Z, FACTORS), abs=EXACT)


@every_score
def test_the_scale_of_dimensions_changes_nothing(name: str) -> None:
    # IRS weights dimensions by their scale, so only a common scale cancels.
    scales: Any = 1e-8 if name == "irs" else SCALES
    moved = SCORES[name](Z * scales, FACTORS)
    assert moved == pytest.approx(SCORES[name](Z, FACTORS), abs=TOLERANCES.get(name, 1e-3))
    if name in ("mig", "sap", "modularity", "irs", "factor_vae"):
        assert moved == pytest.approx(SCORES[name](Z, FACTORS), abs=EXACT)


def test_the_scale_of_a_dimension_does_not_change_its_robustness() -> None:
    here, there = d.irs_score(Z, FACTORS), d.irs_score(Z * SCALES, FACTORS)
    np.testing.assert_allclose(there.robustness, here.robustness, atol=1e-9)
    assert there.score == pytest.approx(here.robustness[3].max(), abs=0.01)
    assert here.score != pytest.approx(there.score, abs=0.01)


@every_score
def test_flipped_signs_change_nothing(name: str) -> None:
    moved = SCORES[name](Z * [-1, 1, -1, -1], FACTORS)
    assert moved == pytest.approx(SCORES[name](Z, FACTORS), abs=TOLERANCES.get(name, 1e-3))


@every_score
def test_the_order_of_rows_matters_only_for_random_draws(name: str) -> None:
    order = np.random.default_rng(3).permutation(len(Z))
    here, there = SCORES[name](Z, FACTORS), SCORES[name](Z[order], FACTORS[order])
    assert there == pytest.approx(here, abs=0.04)
    if name in ("mig", "sap", "modularity", "irs"):
        assert there == pytest.approx(here, abs=EXACT)


@every_score
def test_noise_dimensions_change_little(name: str) -> None:
    if name == "modularity":
        pytest.skip("a mean over dimensions counts each of them")
    wider = SCORES[name](np.hstack([Z, 1e-3 * _NOISE[:, 4:]]), FACTORS)
    assert wider == pytest.approx(SCORES[name](Z, FACTORS), abs=0.05)


@every_score
def test_a_seed_reproduces_the_score(name: str) -> None:
    np.random.seed(0)
    first = SCORES[name](Z, FACTORS)
    np.random.seed(1)
    CACHED_DCI.clear()
    assert SCORES[name](Z, FACTORS) == first


def test_another_seed_gives_another_score() -> None:
    for score in (d.beta_vae_score, d.factor_vae_score, d.explicitness_score):
        assert score(Z, FACTORS, seed=1) != score(Z, FACTORS)
    assert d.dci_scores(Z, FACTORS, seed=1).importance[0, 0] != d.dci_scores(Z, FACTORS).importance[0, 0]
    assert d.sap_score(Z, FACTORS, [0], seed=1).score != d.sap_score(Z, FACTORS, [0]).score


def test_all_scores_together_equal_each_score_alone() -> None:
    scores = vars(d.disentanglement_scores(Z, FACTORS))
    assert scores == {name: SCORES[name](Z, FACTORS) for name in scores}
    assert all(type(value) is float for value in scores.values())
    other = d.disentanglement_scores(Z, FACTORS, categorical=(0,), factor_bins=40, seed=2)
    assert other.sap == d.sap_score(Z, FACTORS, (0,), seed=2).score
    assert other.irs == d.irs_score(Z, FACTORS, factor_bins=40).score
    assert other.explicitness == d.explicitness_score(Z, FACTORS, factor_bins=40, seed=2)
    assert other.factor_vae == d.factor_vae_score(Z, FACTORS, factor_bins=40, seed=2)
    assert other.beta_vae == d.beta_vae_score(Z, FACTORS, factor_bins=40, seed=2)
    assert other.disentanglement == d.dci_scores(Z, FACTORS, (0,), seed=2).disentanglement
    assert other.mig == d.mutual_information_gap(Z, FACTORS, factor_bins=40).score
    assert other.modularity == d.modularity_score(Z, FACTORS, factor_bins=40)


# Invalid input is refused in one line.

STILL = np.hstack([FACTORS[:, :2], np.full((1500, 1), 3.5)])
RARE = np.concatenate([np.zeros(57), [1.0, 1.0, 2.0]])[:, None] * [1.0, 1.0]
FEW = Z[:60]


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        *((lambda s=s: s(Z, STILL), "factors[:, 2] is 3.5 in every row, but must vary") for s in SCORES.values()),
        (lambda: d.irs_score(Z[:3], FACTORS[:3]), "representation has 3 points, but at least 4 are needed"),
        (lambda: d.irs_score(Z[:, :0], FACTORS), "representation has shape (1500, 0)"),
        (lambda: d.irs_score(np.where(Z[4, 1] == Z, np.nan, Z), FACTORS), "representation[4, 1] is nan"),
        (lambda: d.irs_score(Z, np.where(FACTORS == 39, np.inf, FACTORS)), "is inf, but every value must be"),
        (lambda: d.irs_score(Z, FACTORS, quantile=0.0), "quantile is 0.0, but must be in (0, 1]"),
        (lambda: d.irs_score(Z, FACTORS, factor_bins=1), "factor_bins is 1, but must be >= 2"),
        (lambda: d.mutual_information_gap(FEW, RARE), "factors[:, 0] has 1 row(s) of its rarest value, but at least 2"),
        (lambda: d.modularity_score(Z, FACTORS, bins=0), "bins is 0, but must be >= 2"),
        (lambda: d.modularity_score(Z, FACTORS, factor_bins=0), "factor_bins is 0, but must be >= 2"),
        (lambda: d.beta_vae_score(Z, FACTORS[:, :1]), "factors has 1 column, but at least two are needed"),
        (lambda: d.factor_vae_score(Z, FACTORS[:, :1]), "factors has 1 column, but at least two are needed"),
        (lambda: d.beta_vae_score(FEW, RARE), "factors[:, 0] has 1 row(s) of its rarest value, but at least 4"),
        (lambda: d.factor_vae_score(FEW, RARE), "factors[:, 0] has 1 row(s) of its rarest value, but at least 4"),
        (lambda: d.explicitness_score(FEW, RARE), "has 1 row(s) of its rarest value, but at least 2"),
        (lambda: d.sap_score(FEW, RARE, [1]), "factors[:, 1] has 1 row(s) of its rarest value, but at least 2"),
        (lambda: d.dci_scores(FEW, RARE, [1]), "factors[:, 1] has 1 row(s) of its rarest value, but at least 2"),
        (lambda: d.sap_score(Z, FACTORS, [4]), "categorical names column 4, but factors has the columns 0 to 3"),
        (lambda: d.dci_scores(Z, FACTORS, [-1]), "categorical names column -1"),
        (lambda: d.beta_vae_score(Z, FACTORS, pairs=0), "pairs is 0, but must be >= 1"),
        (lambda: d.beta_vae_score(Z, FACTORS, batches=0), "batches is 0, but must be >= 1"),
        (lambda: d.factor_vae_score(Z, FACTORS, batches=0), "batches is 0, but must be >= 1"),
        (lambda: d.factor_vae_score(Z, FACTORS, size=1), "size is 1, but must be >= 2"),
        (lambda: d.factor_vae_score(Z, FACTORS, threshold=-1.0), "threshold is -1.0, but must be >= 0"),
        (lambda: d.disentanglement_of(np.array([[1.0, -1.0]])), "importance of shape (1, 2) must hold numbers >= 0"),
        (lambda: d.completeness_of(np.full((2, 2), np.nan)), "importance[0, 0] is nan"),
        (lambda: d.modularity_of(np.array([[1.0, -1.0]])), "information of shape (1, 2) must hold numbers >= 0"),
        (lambda: checks.same_rows("factors", FACTORS[:9], "z", Z), "factors has 9 rows, but z has 1500"),
    ],
)
def test_invalid_input_is_refused(measure: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        measure()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
