"""Agreement between classes on the style that z encodes."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.latent.ranks import standard_ranks


def shared_style(values: Float[NDArray[np.float64], "K N"]) -> float:
    """Mean Spearman correlation, over pairs of classes, of a style measured on decoded images.

    The same N draws z are decoded for each of K classes, and one measure of style, such as slant, is taken of each
    image. The result is 1 if every class orders the draws alike, and 0 if the orders are unrelated. Draws with a nan in
    any class are excluded.

    Args:
        values: the measure, one row per class, one column per z.

    Raises:
        UserError: fewer than two classes or three draws, or a class in which all values are equal.

    >>> round(shared_style(np.array([[1.0, 2.0, 3.0], [5.0, 6.0, 9.0], [0.3, 0.2, 0.1]])), 6)
    -0.333333
    """
    classes = len(values)
    if classes < 2:
        raise UserError(f"values has {classes} classes, but at least two are needed; decode z for more")
    known = values[:, ~np.isnan(values).any(0)]
    if known.shape[1] < 3:
        raise UserError(
            f"values has {known.shape[1]} columns without nan, but at least three are needed; decode more draws"
        )
    still = np.ptp(known, axis=1) == 0
    if still.any():
        raise UserError(f"values is constant in class {still.argmax()}, but must vary; leave that class out")
    ranks = standard_ranks(known.T)
    correlation = ranks.T @ ranks
    return float(correlation[np.triu_indices(classes, 1)].mean())
