"""Modularity: whether each code tells of one factor alone."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.checks import finite
from vaelab.metrics.disentanglement.information import code_information


def modularity_of(information: Float[NDArray[np.float64], "D K"]) -> float:
    """The modularity of a table of mutual information, from 0 to 1: the mean over codes of

        1 - sum over k other than the best of I_dk^2 / (I_d,best^2 (K - 1))

    Ridgeway and Mozer (2018), section 3. A code that tells of nothing counts as 0.

    Args:
        information: I(code; factor), in any unit.

    Raises:
        UserError: a value is not finite or below 0.

    >>> round(modularity_of(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])), 6)
    0.666667
    """
    finite("information", information)
    if information.size == 0 or information.min() < 0:
        raise UserError(f"information of shape {information.shape} must hold numbers >= 0; give a table of D x K")
    best = information.max(1, keepdims=True)
    # In shares of the best, squares neither vanish nor overflow.
    shares = np.divide(information, best, out=np.zeros_like(information), where=best > 0)
    spread = ((shares**2).sum(1) - 1) / max(information.shape[1] - 1, 1)
    return float(np.where(best[:, 0] > 0, 1 - spread, 0).mean())


def modularity_score(
    codes: Float[NDArray[np.float64], "N D"],
    factors: Float[NDArray[np.float64], "N K"],
    bins: int = 20,
    factor_bins: int = 20,
) -> float:
    """How far each code tells of one factor alone: `modularity_of` the mutual information of codes and factors.

    Ridgeway and Mozer (2018), section 3; codes and factors are made discrete as `mutual_information_gap` does.

    Exactly unchanged by the order of codes and of rows and by rescaling; a sign flip can move ties across the edge of
    a bin. It is a mean over codes, so each noise code counts: what it tells is the bias of the
    information alone, nearly alike for all factors with as many values.

    Args:
        codes: of N images.
        factors: a column each.
        bins: of a code.
        factor_bins: of a factor that has more values.

    Raises:
        UserError: as `mutual_information_gap`.

    >>> corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> modularity_score(corners, corners)
    1.0
    """
    information, _ = code_information(codes, factors, bins, factor_bins)
    return modularity_of(information)
