"""The estimate of MIG, and the scores by published definitions, on representations whose scores are known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics import disentanglement as d
from vaelab.metrics.disentanglement.factors import halves, training_and_test

Array = NDArray[np.float64]


def unequal_factors(rows: int, values: tuple[int, ...]) -> Array:
    """Independent factors; value v is v times as rare as the first."""
    random = np.random.default_rng(0)
    shares = [1 / np.arange(1, v + 1) for v in values]
    return np.stack([random.choice(len(p), rows, p=p / p.sum()) for p in shares], 1).astype(np.float64)


def equal_factors(rows: int, *values: int) -> Array:
    random = np.random.default_rng(0)
    return np.stack([random.integers(v, size=rows) for v in values], 1).astype(np.float64)


def noise_like(factors: Array, seed: int = 1) -> Array:
    return np.random.default_rng(seed).normal(size=factors.shape)


# The estimate of MIG.

FACTORS = unequal_factors(20_000, (3, 6, 15))


@pytest.mark.parametrize("deviation", [1e-9, 1e-6, 1e-4, 1e-2])
def test_perfect_codes_with_small_noise_have_a_gap_of_one(deviation: float) -> None:
    """Bins of equal counts straddle values: they give 0.91 here."""
    noisy = FACTORS + deviation * noise_like(FACTORS)
    assert 0.998 <= d.mutual_information_gap(noisy, FACTORS).score <= 1
    assert d.mutual_information_gap(FACTORS, FACTORS).score == pytest.approx(1, abs=0.001)


def test_few_rows_and_many_values_have_a_gap_near_one_too() -> None:
    """Bins of equal counts give 0.73 and 0.85 here, bins of equal width 0.89 and 0.92."""
    few = equal_factors(200, 3, 6, 15)
    gap = d.mutual_information_gap(few + 1e-6 * noise_like(few), few)
    assert gap.score >= 0.97
    # The entropy of a factor bounds the estimate, which would exceed it here.
    counts = np.bincount(few[:, 2].astype(int)) / 200
    assert gap.information[2, 2] == pytest.approx(-(counts * np.log(counts)).sum())
    many = unequal_factors(20_000, (20, 10, 40))
    assert d.mutual_information_gap(many + 1e-6 * noise_like(many), many).score >= 0.998


def test_neither_an_outlier_nor_a_change_of_scale_hides_a_perfect_code() -> None:
    """One row in 20,000 at a distance puts all others into one bin of equal width."""
    noisy = FACTORS + 1e-6 * noise_like(FACTORS)
    noisy[0] = 1e6
    assert d.mutual_information_gap(noisy, FACTORS).score >= 0.998
    assert d.mig_equal_width(noisy, FACTORS).score < 0.001
    assert d.mutual_information_gap(np.exp(FACTORS) + 1e-6 * noise_like(FACTORS), FACTORS).score >= 0.998


@pytest.mark.parametrize(("rows", "most"), [(200, 0.03), (2000, 0.005), (20_000, 0.001)])
def test_independent_codes_have_no_gap(rows: int, most: float) -> None:
    factors = equal_factors(rows, 3, 6, 15)
    gaps = [d.mutual_information_gap(noise_like(factors, seed), factors) for seed in range(1, 6)]
    assert 0 <= np.mean([gap.score for gap in gaps]) <= most
    # Without bias half of the estimates are negative; they count as 0.
    assert min(gap.information.min() for gap in gaps) == 0


@pytest.mark.parametrize("deviation", [0.5, 1.0, 2.0])
def test_information_of_noisy_codes_is_that_of_a_mixture_of_normals(deviation: float) -> None:
    """Quadrature of the mixture gives the exact value, which bins of any kind underestimate."""
    factors = equal_factors(20_000, 6)
    axis = np.arange(-12, 18, 0.01)
    density = np.exp(-(((axis[:, None] - np.arange(6)) / deviation) ** 2) / 2) / (deviation * math.sqrt(2 * math.pi))
    terms = density * np.log(np.maximum(density, 1e-300) / np.maximum(density.mean(1, keepdims=True), 1e-300))
    exact = terms.sum() * 0.01 / 6
    gap = d.mutual_information_gap(factors + deviation * noise_like(factors), factors)
    assert gap.information[0, 0] == pytest.approx(exact, abs=0.02)


def test_information_is_close_to_scikit_learns_from_neighbours() -> None:
    from sklearn.feature_selection import mutual_info_classif

    factors = equal_factors(2000, 3, 5)
    z = np.column_stack([factors[:, 0] + noise_like(factors)[:, 0], noise_like(factors)[:, 1].clip(0) + factors[:, 1]])
    gap = d.mutual_information_gap(z, factors)
    for k, factor in enumerate(factors.T):
        neighbours = math.isqrt(2000 // (3, 5)[k])
        theirs = mutual_info_classif(z, factor, n_neighbors=neighbours, random_state=0)
        np.testing.assert_allclose(gap.information[:, k], theirs, atol=0.01)


# MIG with bins of equal width.


def test_equal_width_bins_are_those_of_a_histogram() -> None:
    from sklearn.metrics import mutual_info_score

    factors = equal_factors(1000, 3, 30)
    z = noise_like(factors) ** 3 + factors
    gap = d.mig_equal_width(z, factors)
    for i, column in enumerate(z.T):
        cut = np.digitize(column, np.histogram(column, 20)[1][:-1])
        wanted = [mutual_info_score(cut, factor) for factor in factors.T]
        np.testing.assert_allclose(gap.information[i], wanted, atol=1e-9)


def test_twenty_bins_cannot_tell_forty_values_apart() -> None:
    values = np.repeat(np.arange(40.0), 50)[:, None]
    assert d.mig_equal_width(values, values).score == pytest.approx(math.log(20) / math.log(40))
    assert d.mig_equal_width(values, values, bins=40).score == pytest.approx(1)
    assert d.mutual_information_gap(values, values, factor_bins=40).score == pytest.approx(1)


def test_numbers_that_differ_in_their_last_digits_are_cut() -> None:
    last = np.repeat([1.0, np.nextafter(1.0, 2.0)], 10)[:, None]
    assert d.mig_equal_width(last, np.repeat([0.0, 1.0], 10)[:, None]).score == pytest.approx(1)
    assert d.mig_equal_width(np.full((20, 1), 0.1), np.repeat([0.0, 1.0], 10)[:, None]).score == 0


# DCI and SAP with classifiers.

FIVES = equal_factors(600, 5, 5)
NOISY = FIVES + 0.7 * FIVES.std(0) * noise_like(FIVES)


def test_noisy_codes_score_far_lower_where_values_have_no_order() -> None:
    """Noise of 0.7 deviations: of the variance 1 / (1 + 0.49) = 0.67 is explained, but neighbouring values overlap."""
    boosted, own = d.dci_boosted_classifiers(NOISY, FIVES), d.dci_scores(NOISY, FIVES)
    assert boosted.disentanglement < 0.5 * own.disentanglement
    assert boosted.completeness < 0.5 * own.completeness
    assert d.sap_score(NOISY, FIVES).score == pytest.approx(1 / 1.49, abs=0.03)
    assert d.sap_linear_svc(NOISY, FIVES).score < 0.3
    np.testing.assert_allclose(boosted.importance.sum(0), 1)
    # An optimal classifier of one normal code is right where the nearest value is the true one.
    nearest = (np.abs(NOISY[..., None] - np.arange(5)).argmin(-1) == FIVES).mean()
    assert nearest - 0.12 < boosted.informativeness < nearest


def test_classifiers_give_what_a_plain_loop_over_the_same_halves_gives() -> None:
    """The settings are those of Locatello et al. (2019): default trees; C = 0.01 and balanced classes, not scaled."""
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.svm import LinearSVC

    # A rare value, so that balancing matters.
    factors = np.column_stack([FIVES[:, 0], FIVES[:, 1] * (FIVES[:, 0] == 4)])
    z = factors + 0.7 * noise_like(factors)
    random, importance, accuracy = np.random.default_rng(0), np.zeros((2, 2)), np.zeros((2, 2))
    for k in range(2):
        learn, test = halves(factors[:, k], random)
        importance[:, k] = (
            GradientBoostingClassifier(random_state=0).fit(z[learn], factors[learn, k]).feature_importances_
        )
        for i in range(2):
            machine = LinearSVC(C=0.01, class_weight="balanced", random_state=0)
            machine.fit(z[learn, i, None], factors[learn, k])
            accuracy[i, k] = (machine.predict(z[test, i, None]) == factors[test, k]).mean()
    np.testing.assert_allclose(d.dci_boosted_classifiers(z, factors).importance, importance, atol=0.02)
    np.testing.assert_allclose(d.sap_linear_svc(z, factors).predictability, accuracy, atol=0.005)


@pytest.mark.parametrize("score", [d.dci_boosted_classifiers, d.dci_logistic_classifiers])
def test_classifiers_know_perfect_missing_repeated_and_mixed_codes(score: Any) -> None:
    factors = equal_factors(160, 3, 3, 3)
    perfect = score(factors, factors)
    assert min(perfect.disentanglement, perfect.completeness, perfect.informativeness) >= 0.9
    nothing = score(0 * factors, factors)
    assert (nothing.disentanglement, nothing.completeness) == (0, 0)
    assert nothing.informativeness <= 0.45
    twice = score(np.hstack([factors, factors]), factors)
    assert twice.disentanglement >= 0.9
    assert twice.completeness == pytest.approx(1 - math.log(2) / math.log(6), abs=0.08)
    mixed = score(np.random.default_rng(1).permuted(factors, axis=1), factors)
    assert max(mixed.disentanglement, mixed.completeness) <= 0.2


def test_logistic_weights_follow_the_dimension_that_holds_a_factor() -> None:
    z = np.stack([FIVES[:, 1] * 1e-6, noise_like(FIVES)[:, 0], FIVES[:, 0] * 1e3], 1)
    importance = d.dci_logistic_classifiers(z, FIVES).importance
    assert importance.argmax(0).tolist() == [2, 0]
    assert importance[1].max() < 0.1 * importance[[2, 0], [0, 1]].min()


def test_a_hyperplane_per_value_separates_only_the_ends() -> None:
    """Two values are told apart, so the gap is 1 less chance; the middle ones of ten have values on both sides."""
    two = np.tile([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], (50, 1))
    assert d.sap_linear_svc(two, two).score == pytest.approx(0.5, abs=0.05)
    assert d.sap_score(two, two).score == pytest.approx(1)
    ten = equal_factors(1000, 10, 10)
    assert d.sap_linear_svc(ten, ten).score < 0.5
    assert d.sap_score(ten, ten).score > 0.9


def test_the_penalty_of_the_machine_weighs_against_the_scale_of_the_dimension() -> None:
    """One of four values in a row is 0: from it the others are told apart only if the weights may be large."""
    z = FIVES + 0.3 * noise_like(FIVES)
    assert d.sap_linear_svc(1e-4 * z, FIVES).score < d.sap_linear_svc(z, FIVES).score - 0.05


def test_classifiers_learn_from_as_many_rows_as_allowed() -> None:
    values = np.repeat([5, 1, 3], (60, 30, 10))
    learn, test = training_and_test(0, values, np.random.default_rng(0), n_train=20)
    assert np.bincount(values[learn]).tolist() == [0, 6, 0, 2, 0, 12]
    assert len(np.union1d(learn, test)) == 70
    # With one row of the first value and one of the last, the middle one is never named.
    two = FIVES[:100, :2].clip(max=2)
    for score in (d.dci_boosted_classifiers, d.dci_logistic_classifiers):
        assert score(two, two, n_train=2).informativeness <= 0.85
        assert score(two, two, n_train=50).informativeness == 1
    assert d.sap_linear_svc(NOISY, FIVES, n_train=20).score != d.sap_linear_svc(NOISY, FIVES).score


def test_values_with_a_single_row_are_classified_as_well_as_they_can_be() -> None:
    """Of 40 values with one row, half are never seen in training, and the others are never asked for."""
    lonely = np.column_stack([np.arange(40.0), np.arange(40.0)[::-1] % 7])
    assert d.dci_logistic_classifiers(lonely, lonely).per_factor[0] == 0
    assert d.sap_linear_svc(lonely, lonely).predictability[:, 0].tolist() == [0, 0]


# The maximum of deviations.


def test_the_maximum_counts_a_single_row() -> None:
    """Row 0 deviates by 1 from 0 and its partner by -1; the other rows of this value do not deviate."""
    factors = np.repeat([0.0, 1.0], 1000)[:, None]
    z = np.zeros((2000, 1))
    z[:2, 0] = 1, -1
    z[1000:, 0] = np.tile([1.0, -1.0], 500)
    assert d.irs_maximum(z, factors).score == pytest.approx(0)
    assert d.irs_score(z, factors).score == pytest.approx(0.5)


def test_noise_is_robust_by_the_maximum_only() -> None:
    """The maximum of few rows is smaller than that of all rows."""
    factors = equal_factors(2000, 10, 10)
    noise = noise_like(factors)
    assert d.irs_maximum(noise, factors).score > 0.15
    assert d.irs_score(noise, factors).score < 0.06


# All of them.


def test_published_scores_are_those_of_each_function() -> None:
    noisy, factors = NOISY[:150], FIVES[:150]
    scores = d.published_scores(noisy, factors, n_train=60, n_boosted=30, factor_bins=4, seed=2)
    assert scores.mig == d.mig_equal_width(noisy, factors, factor_bins=4).score
    boosted = d.dci_boosted_classifiers(noisy, factors, 30, 4, 2)
    logistic = d.dci_logistic_classifiers(noisy, factors, 60, 4, 2)
    assert scores.boosted_disentanglement == boosted.disentanglement
    assert scores.boosted_completeness == boosted.completeness
    assert scores.boosted_informativeness == boosted.informativeness
    assert scores.logistic_disentanglement == logistic.disentanglement
    assert scores.logistic_completeness == logistic.completeness
    assert scores.logistic_informativeness == logistic.informativeness
    assert scores.sap == d.sap_linear_svc(noisy, factors, 60, 4, 2).score
    assert scores.irs == d.irs_maximum(noisy, factors, 4).score


def test_every_score_has_a_name_of_its_own_and_says_whose_it_is() -> None:
    own, published = d.DisentanglementScores(*np.arange(10.0).tolist()), d.PublishedScores(*np.arange(9.0).tolist())
    rows = [*own.rows(), *published.rows()]
    assert len({name for name, _, _ in rows}) == 19
    assert [value for _, value, _ in rows] == [*range(10), *range(9)]
    assert all(definition for _, _, definition in rows)
    assert {name for name, _, definition in rows if definition.startswith("ours")} == {
        "MIG", "DCI disentanglement", "DCI completeness", "DCI informativeness", "SAP", "IRS"
    }  # fmt: skip


RARE = (np.arange(60.0) == 59)[:, None] * 1.0


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (lambda: d.dci_boosted_classifiers(NOISY, FIVES, n_train=1), "n_train is 1, but must be >= 2"),
        (lambda: d.dci_logistic_classifiers(NOISY, FIVES, n_train=1), "n_train is 1, but must be >= 2"),
        (lambda: d.sap_linear_svc(NOISY, FIVES, n_train=1), "n_train is 1, but must be >= 2"),
        (lambda: d.dci_boosted_classifiers(NOISY[:60], RARE), "factors[:, 0] has 1 row(s) of its rarest value"),
        (lambda: d.dci_logistic_classifiers(NOISY[:60], RARE), "factors[:, 0] has 1 row(s) of its rarest value"),
        (lambda: d.sap_linear_svc(NOISY[:60], RARE), "factors[:, 0] has 1 row(s) of its rarest value"),
        (lambda: d.mig_equal_width(NOISY, FIVES, bins=1), "bins is 1, but must be >= 2"),
        (lambda: d.irs_maximum(NOISY, FIVES, factor_bins=1), "factor_bins is 1, but must be >= 2"),
        (lambda: d.mig_equal_width(NOISY, 0 * FIVES), "factors[:, 0] is 0 in every row, but must vary"),
        (lambda: d.sap_linear_svc(NOISY, 0 * FIVES), "factors[:, 0] is 0 in every row, but must vary"),
        (lambda: d.dci_boosted_classifiers(NOISY, 0 * FIVES), "factors[:, 0] is 0 in every row, but must vary"),
    ],
)
def test_invalid_input_is_refused(measure: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        measure()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
