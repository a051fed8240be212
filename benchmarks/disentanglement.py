"""Scores of disentanglement of codes whose scores are known, by our definitions and by published ones.

    python benchmarks/disentanglement.py

Prints the tables of docs/results.md: MIG from bins of equal counts, which `mutual_information_gap` took before, from
nearest neighbours, which it takes now, and from bins of equal width; then DCI, SAP and IRS of noisy codes; then the
processor time of all scores, as an evaluation measures them; then boosted classifiers of fewer and more rows. Five
minutes on one core.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from vaelab import Sprites
from vaelab.metrics import disentanglement as d
from vaelab.metrics.disentanglement.factors import factor_levels
from vaelab.metrics.disentanglement.gap import top_two_gap
from vaelab.metrics.disentanglement.information import binned_information, entropies

Array = NDArray[np.float64]


def drawn(rows: int, *values: int, rarer: bool = False) -> Array:
    """Independent factors; each value equally frequent, or value v one part in v."""
    random = np.random.default_rng(0)
    weights = [1 / np.arange(1, v + 1) if rarer else np.ones(v) for v in values]
    return np.stack([random.choice(len(w), rows, p=w / w.sum()) for w in weights], 1).astype(np.float64)


def noise(factors: Array) -> Array:
    return np.random.default_rng(1).normal(size=factors.shape)


def equal_counts(z: Array, factors: Array) -> float:
    gaps = top_two_gap(binned_information(z, factors, 20, 20)) / entropies(factor_levels(factors, 20))
    return float(gaps.mean())


def gaps() -> Iterable[tuple[str, Array, Array]]:
    """Codes and their factors, by what they show."""
    threes, unequal, many = drawn(20_000, 3, 3, 3), drawn(20_000, 3, 6, 15, rarer=True), drawn(20_000, 20, 10, 40)
    few = drawn(200, 3, 6, 15)
    outlier = threes + 1e-6 * noise(threes)
    outlier[0] = 1000
    yield "perfect, noise 1e-6, 3, 3 and 3 values", threes + 1e-6 * noise(threes), threes
    yield "perfect, noise 1e-2, 3, 3 and 3 values", threes + 1e-2 * noise(threes), threes
    yield "perfect, noise 1e-6, 3, 6 and 15 unequally frequent values", unequal + 1e-6 * noise(unequal), unequal
    yield "perfect, noise 1e-6, 20, 10 and 40 values", many + 1e-6 * noise(many), many
    yield "perfect, noise 1e-6, 3, 6 and 15 values, 200 rows", few + 1e-6 * noise(few), few
    yield "perfect, noise 1e-6, one row far away", outlier, threes
    yield "exponential of unequally frequent values, noise 1e-6", np.exp(unequal) + 1e-6 * noise(unequal), unequal
    yield "perfect, no noise, 3, 6 and 15 unequally frequent values", unequal, unequal
    yield "noise of 1, 3, 3 and 3 values", threes + noise(threes), threes
    yield "independent, 20,000 rows", noise(threes), threes
    yield "independent, 200 rows", noise(few), few


def table(columns: Iterable[str], rows: Iterable[Iterable[str | float]]) -> None:
    """A table in Markdown."""
    print(f"\n| {' | '.join(columns)} |\n|{' --- |' * len(list(columns))}")
    for row in rows:
        print(f"| {' | '.join(cell if isinstance(cell, str) else f'{cell:.3f}' for cell in row)} |", flush=True)


def timed(measure: Callable[[], object]) -> float:
    began = time.process_time()
    measure()
    return time.process_time() - began


def main() -> None:
    estimates = (
        equal_counts,
        lambda z, f: d.mutual_information_gap(z, f).score,
        lambda z, f: d.mig_equal_width(z, f).score,
    )
    columns = ["codes, 20,000 rows", "before: bins of equal counts", "MIG: nearest neighbours", "bins of equal width"]
    table(columns, ([name, *(estimate(z, factors) for estimate in estimates)] for name, z, factors in gaps()))

    factors = drawn(4000, 5, 8, 10)
    noisy = factors + 0.7 * factors.std(0) * noise(factors)
    own, boosted, logistic = (
        measure(noisy, factors) for measure in (d.dci_scores, d.dci_boosted_classifiers, d.dci_logistic_classifiers)
    )
    table(
        ["noise of 0.7 deviations", "ours", "published definition", "logistic classifiers"],
        [
            ["DCI disentanglement", own.disentanglement, boosted.disentanglement, logistic.disentanglement],
            ["DCI completeness", own.completeness, boosted.completeness, logistic.completeness],
            ["DCI informativeness", own.informativeness, boosted.informativeness, logistic.informativeness],
            ["SAP", d.sap_score(noisy, factors).score, d.sap_linear_svc(noisy, factors).score, ""],
            ["IRS", d.irs_score(noisy, factors).score, d.irs_maximum(noisy, factors).score, ""],
        ],
    )

    _, factors, categorical = d.factors_of(Sprites(limit=10_000, image_size=16).load())
    mixing = np.random.default_rng(0).normal(size=(factors.shape[1], 10))
    z = factors @ mixing + np.random.default_rng(1).normal(size=(len(factors), 10))
    seconds = [
        ["all ten of ours", timed(lambda: d.disentanglement_scores(z, factors, categorical))],
        ["of which MIG", timed(lambda: d.mutual_information_gap(z, factors))],
        ["all nine published", timed(lambda: d.published_scores(z, factors, n_boosted=500))],
        ["of which boosted classifiers, 500 rows", timed(lambda: d.dci_boosted_classifiers(z, factors, 500))],
    ]
    table(["10,000 x 10 latents, factors of sprites", "processor seconds"], seconds)
    caps()


def caps() -> None:
    """The score of one representation by the number of rows that boosted classifiers learn from."""
    _, factors, _ = d.factors_of(Sprites(limit=10_000, image_size=16).load())
    z = np.hstack(
        [factors + 0.3 * factors.std(0) * noise(factors), np.random.default_rng(2).normal(size=factors.shape)]
    )
    scores = ((f"{n:,}", d.dci_boosted_classifiers(z, factors, n_train=n)) for n in (500, 1000))
    columns = ["rows to learn from", "DCI disentanglement, boosted classifiers", "completeness", "informativeness"]
    table(columns, ([n, found.disentanglement, found.completeness, found.informativeness] for n, found in scores))


if __name__ == "__main__":
    main()
