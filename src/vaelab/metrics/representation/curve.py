"""How many labels it takes to read codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.checks import at_least, labelled_split
from vaelab.metrics.latent.neighbours import knn_accuracy
from vaelab.metrics.representation.probe import linear_probe

_Numbers = NDArray[np.float64]

# More labels than these, but all, cost more time than they tell.
_SIZES = (10, 30, 100, 300, 1000, 3000, 10_000)


@dataclass(frozen=True)
class LabelCurve:
    """Test accuracy by number of labels; means and standard deviations are over draws of which codes have one."""

    sizes: Int[NDArray[np.int64], " S"]
    """Numbers of labels, increasing."""
    probe_mean: Float[_Numbers, " S"]
    probe_spread: Float[_Numbers, " S"]
    """Of `linear_probe`; 0 with all labels, which can be drawn in one way only."""
    knn_mean: Float[_Numbers, " S"]
    knn_spread: Float[_Numbers, " S"]
    """Of `knn_accuracy`."""
    draws: int


def label_curve(
    codes: Float[_Numbers, "N D"],
    labels: Int[NDArray[np.int64], " N"],
    test_codes: Float[_Numbers, "M D"],
    test_labels: Int[NDArray[np.int64], " M"],
    sizes: Sequence[int] | None = None,
    draws: int = 5,
    neighbours: int = 15,
    seed: int = 0,
) -> LabelCurve:
    """The accuracy of `linear_probe` and `knn_accuracy` on test codes, by how many of the codes have a label.

    How a representation learned without labels is put to use: Kingma et al. (2014), whose M1 is a classifier
    on codes with few labels. A draw orders all codes so that each beginning of it holds the classes in their
    proportions and one of each at least; larger sizes extend smaller ones. With n labels of K classes the vote is of
    `neighbours`, or of n // K where that is fewer.

    Args:
        codes, labels: of which some are taken to learn from.
        test_codes, test_labels: to count on, the same for all.
        sizes: numbers of labels; by default 10, 30, 100, ... 10,000 from the number of classes on, and all.
        draws: for each size but all.
        neighbours: of the vote.
        seed: of the draws.

    Raises:
        UserError: a size is below the number of classes or above that of codes, a class has one code only, draws < 2,
            neighbours < 1, or as `linear_probe`.
    """
    at_least("draws", draws, 2)
    at_least("neighbours", neighbours, 1)
    labelled_split(codes, labels, test_codes, test_labels)
    found, counts = np.unique(labels, return_counts=True)
    if counts.min() < 2:
        raise UserError(f"labels has one code of class {found[counts.argmin()]}, so nothing to draw; give at least two")
    classes, every = len(found), len(codes)
    usual = [size for size in _SIZES if classes <= size < every] + [every]
    asked = usual if sizes is None else sorted(set(sizes))
    if not asked or asked[0] < classes or asked[-1] > every:
        raise UserError(f"sizes is {asked}, but must be from {classes}, one a class, to {every}, all codes; change it")

    random = np.random.default_rng(seed)
    orders = [_stratified_order(labels, random) for _ in range(draws)]

    def accuracies(size: int) -> list[tuple[float, float]]:
        vote = min(neighbours, size // classes)
        taken = [order[:size] for order in (orders if size < every else orders[:1])]
        return [
            (
                linear_probe(codes[rows], labels[rows], test_codes, test_labels),
                knn_accuracy(codes[rows], labels[rows], test_codes, test_labels, vote),
            )
            for rows in taken
        ]

    each = [np.array(accuracies(size)) for size in asked]
    means = np.stack([a.mean(0) for a in each])
    spreads = np.stack([a.std(0, ddof=1) if len(a) > 1 else np.zeros(2) for a in each])
    return LabelCurve(np.array(asked), means[:, 0], spreads[:, 0], means[:, 1], spreads[:, 1], draws)


def _stratified_order(labels: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    """An order of all codes whose beginnings hold the classes in their proportions."""
    order = random.permutation(len(labels))
    place = np.empty(len(labels))
    for label in np.unique(labels):
        own = np.flatnonzero(labels[order] == label)
        # How far through its class a code comes: 0 for the first, so that every class is there at once.
        place[own] = np.arange(len(own)) / len(own)
    return order[np.argsort(place, kind="stable")]
