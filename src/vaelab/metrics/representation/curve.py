"""Accuracy on a representation by the number of labels."""

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

# Default numbers of labels, besides all.
_SIZES = (10, 30, 100, 300, 1000, 3000, 10_000)


@dataclass(frozen=True)
class LabelCurve:
    """Test accuracy by the number of labels: mean and standard deviation over random choices of the labelled rows."""

    sizes: Int[NDArray[np.int64], " S"]
    """Numbers of labels, increasing."""
    probe_mean: Float[_Numbers, " S"]
    probe_spread: Float[_Numbers, " S"]
    """Of `linear_probe`; the spread is 0 with all labels, for which there is one choice."""
    knn_mean: Float[_Numbers, " S"]
    knn_spread: Float[_Numbers, " S"]
    """Of `knn_accuracy`; likewise."""
    draws: int
    """Number of random choices per size."""


def label_curve(
    representation: Float[_Numbers, "N D"],
    labels: Int[NDArray[np.int64], " N"],
    test_representation: Float[_Numbers, "M D"],
    test_labels: Int[NDArray[np.int64], " M"],
    sizes: Sequence[int] | None = None,
    draws: int = 5,
    neighbours: int = 15,
    seed: int = 0,
) -> LabelCurve:
    """Test accuracy of `linear_probe` and `knn_accuracy` by the number of labelled training rows.

    This is the use of an unsupervised representation in Kingma et al. (2014), whose M1 is a classifier on latents with
    few labels. Each draw orders all rows so that every prefix has the classes in their proportions, with at least one
    row per class; larger sizes extend smaller ones. With n labels of K classes, the vote is among `neighbours` or
    n // K rows, the smaller of both.

    Args:
        representation, labels: from which the training rows are chosen.
        test_representation, test_labels: for the accuracy; the same for all sizes.
        sizes: numbers of labels; by default 10, 30, 100, ... 10,000, at least one per class, and all.
        draws: random choices per size, except for all labels.
        neighbours: of the vote.
        seed: of the draws.

    Raises:
        UserError: a size below the number of classes or above the number of rows, a class with one row only,
            draws < 2, neighbours < 1, or as `linear_probe`.
    """
    at_least("draws", draws, 2)
    at_least("neighbours", neighbours, 1)
    labelled_split(representation, labels, test_representation, test_labels)
    found, counts = np.unique(labels, return_counts=True)
    if counts.min() < 2:
        raise UserError(f"labels has one row of class {found[counts.argmin()]}, but must have at least two; give more")
    classes, every = len(found), len(representation)
    usual = [size for size in _SIZES if classes <= size < every] + [every]
    asked = usual if sizes is None else sorted(set(sizes))
    if not asked or asked[0] < classes or asked[-1] > every:
        raise UserError(
            f"sizes is {asked}, but must be from {classes}, one per class, to {every}, all rows; change the sizes"
        )

    random = np.random.default_rng(seed)
    orders = [_stratified_order(labels, random) for _ in range(draws)]

    def accuracies(size: int) -> list[tuple[float, float]]:
        vote = min(neighbours, size // classes)
        taken = [order[:size] for order in (orders if size < every else orders[:1])]
        return [
            (
                linear_probe(representation[rows], labels[rows], test_representation, test_labels),
                knn_accuracy(representation[rows], labels[rows], test_representation, test_labels, vote),
            )
            for rows in taken
        ]

    each = [np.array(accuracies(size)) for size in asked]
    means = np.stack([a.mean(0) for a in each])
    spreads = np.stack([a.std(0, ddof=1) if len(a) > 1 else np.zeros(2) for a in each])
    return LabelCurve(np.array(asked), means[:, 0], spreads[:, 0], means[:, 1], spreads[:, 1], draws)


def _stratified_order(labels: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    """An order of all rows whose prefixes have the classes in their proportions."""
    order = random.permutation(len(labels))
    place = np.empty(len(labels))
    for label in np.unique(labels):
        own = np.flatnonzero(labels[order] == label)
        # Position within the class, from 0: the first row of every class comes first.
        place[own] = np.arange(len(own)) / len(own)
    return order[np.argsort(place, kind="stable")]
