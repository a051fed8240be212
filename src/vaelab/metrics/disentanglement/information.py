"""Mutual information between all dimensions and all factors."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from vaelab.metrics.checks import at_least
from vaelab.metrics.disentanglement.factors import check_table, discretise, factor_levels
from vaelab.metrics.label_information import label_information

# Distinct values up to which a dimension is counted as it is.
_FEW = 20


def information_table(
    dimensions: Int[NDArray[np.int64], "N D"], factors: Int[NDArray[np.int64], "N K"]
) -> Float[NDArray[np.float64], "D K"]:
    """I(dimension; factor) of each pair of levels, nats: sum of p(b, v) log(p(b, v) / (p(b) p(v))), from counts.

    For independent pairs with B and V levels the mean is about (B - 1) (V - 1) / (2 N), not 0 (Miller 1955). A
    dimension with one level has exactly 0.

    >>> bits = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> np.round(information_table(bits, bits[:, :1]), 4)
    array([[0.6931],
           [0.    ]])
    """
    from scipy.special import rel_entr

    left, right = _one_hot(dimensions), _one_hot(factors)
    (n, d), k = dimensions.shape, factors.shape[1]
    counts = (left.T @ right).toarray().reshape(d, -1, k, right.shape[1] // k)
    counts = counts.transpose(0, 2, 1, 3)  # D B K V to D K B V
    # Sums of integer counts are exact, so columns that are independent in the sample give 0, not a rounding error.
    independent = (counts.sum(3, keepdims=True) / n) * (counts.sum(2, keepdims=True) / n)
    information: NDArray[np.float64] = rel_entr(counts / n, independent).sum((2, 3))
    return information.clip(min=0)


def entropies(levels: Int[NDArray[np.int64], "N K"]) -> Float[NDArray[np.float64], " K"]:
    """Entropy of each column, nats, from counts.

    >>> np.round(entropies(np.array([[0], [0], [1], [1]])), 4)
    array([0.6931])
    """
    from scipy.stats import entropy

    return np.array([entropy(np.bincount(column)) for column in levels.T])


def binned_information(
    representation: Float[NDArray[np.float64], "N D"],
    factors: Float[NDArray[np.float64], "N K"],
    bins: int,
    factor_bins: int,
) -> Float[NDArray[np.float64], "D K"]:
    """`information_table` of a representation and factors in bins of equal counts, nats.

    Raises:
        UserError: as `check_table` and `factor_levels`, or `bins` is below 2.
    """
    at_least("bins", bins, 2)
    check_table(representation, factors)
    return information_table(discretise(representation, bins), factor_levels(factors, factor_bins))


def neighbour_information(
    representation: Float[NDArray[np.float64], "N D"], levels: Int[NDArray[np.int64], "N K"]
) -> Float[NDArray[np.float64], "D K"]:
    """I(dimension; factor) of each pair, nats, without bins: `label_information`, in [0, entropy of the factor].

    A bin that straddles two values of a factor loses information, even if no point lies between them. The neighbours
    of a point lie on its own side. Each level must have at least two rows. A dimension of at most 20 distinct values
    needs no neighbours: it is counted by `information_table`.

    >>> bits = np.array([[0], [0], [0], [1], [1], [1]])
    >>> np.round(neighbour_information(bits + np.linspace(0, 0.1, 6)[:, None], bits), 4)
    array([[0.6931]])
    """
    counted = information_table(discretise(representation, _FEW), levels)
    for d, column in enumerate(representation.T):
        if len(np.unique(column)) > _FEW:
            counted[d] = [label_information(column[:, None], level, neighbours=None) for level in levels.T]
    return counted.clip(0, entropies(levels))


def _one_hot(levels: Int[NDArray[np.int64], "N C"]) -> Any:
    """A sparse one-hot encoding of each column, side by side."""
    from scipy.sparse import csr_array

    (n, columns), width = levels.shape, int(levels.max()) + 1
    places = levels + width * np.arange(columns)
    ends = np.arange(0, n * columns + 1, columns)
    return csr_array((np.ones(n * columns), places.ravel(), ends), shape=(n, columns * width))
