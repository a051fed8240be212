"""Modularity: concentration of each dimension's information on one factor."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.checks import finite
from vaelab.metrics.disentanglement.information import binned_information


def modularity_of(information: Float[NDArray[np.float64], "D K"]) -> float:
    """Modularity of a table of mutual information, from 0 to 1: the mean over dimensions of

        1 - sum over k other than the best of I_dk^2 / (I_d,best^2 (K - 1))

    Ridgeway and Mozer (2018), section 3. A dimension without information counts as 0.

    Args:
        information: I(dimension; factor), in any unit.

    Raises:
        UserError: a value that is not finite or below 0, or an empty table.

    >>> round(modularity_of(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])), 6)
    0.666667
    """
    finite("information", information)
    if information.size == 0 or information.min() < 0:
        raise UserError(f"information of shape {information.shape} must hold numbers >= 0; give a D x K matrix")
    best = information.max(1, keepdims=True)
    # Relative to the best, squares neither underflow nor overflow.
    shares = np.divide(information, best, out=np.zeros_like(information), where=best > 0)
    spread = ((shares**2).sum(1) - 1) / max(information.shape[1] - 1, 1)
    return float(np.where(best[:, 0] > 0, 1 - spread, 0).mean())


def modularity_score(
    representation: Float[NDArray[np.float64], "N D"],
    factors: Float[NDArray[np.float64], "N K"],
    bins: int = 20,
    factor_bins: int = 20,
) -> float:
    """`modularity_of` the mutual information between the dimensions and the factors.

    Ridgeway and Mozer (2018), section 3. Each dimension is cut into `bins` bins of equal counts, and so are factors of
    more than `factor_bins` values; other factors keep their values. A bin that straddles two values of a factor loses
    some of the information, but all of a row loses alike, and the score depends on ratios within a row.

    Exactly invariant to the order of dimensions and of rows, and to monotone changes of scale; a sign flip can move
    ties across the edge of a bin. It is a mean over dimensions, so each noise dimension counts: its information is only
    the bias of the estimate, which is nearly equal for all factors with the same number of values. The estimate of
    `mutual_information_gap` has no such bias, and the ratios of a noise dimension would be random.

    Args:
        representation: of N images.
        factors: one column per factor.
        bins: bins per dimension.
        factor_bins: bins of a factor that has more values.

    Raises:
        UserError: different numbers of rows or fewer than four, a value that is not finite, a factor that is constant,
            or fewer than two bins.

    >>> corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> modularity_score(corners, corners)
    1.0
    """
    return modularity_of(binned_information(representation, factors, bins, factor_bins))
