"""Whether a code means the same style in every class."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.latent.ranks import standard_ranks


def shared_style(values: Float[NDArray[np.float64], "K N"]) -> float:
    """How far codes order a style alike in all classes: the mean Spearman correlation over pairs of classes.

    The images of the same N codes are decoded for each of K classes, and one shape is measured on each, such as
    its slant. 1 is the same order in every class, 0 none in common. Codes of which a value is nan in a class are left
    out of all.

    Args:
        values: of one shape, a row a class, a column a code.

    Raises:
        UserError: there are fewer than two classes or three codes, or a class has one value only.

    >>> round(shared_style(np.array([[1.0, 2.0, 3.0], [5.0, 6.0, 9.0], [0.3, 0.2, 0.1]])), 6)
    -0.333333
    """
    classes = len(values)
    if classes < 2:
        raise UserError(f"values has {classes} classes, but at least two are needed; decode the codes for more")
    known = values[:, ~np.isnan(values).any(0)]
    if known.shape[1] < 3:
        raise UserError(f"values is known of {known.shape[1]} codes in every class, but at least three are needed")
    still = np.ptp(known, axis=1) == 0
    if still.any():
        raise UserError(f"values is the same for every code in class {still.argmax()}, but must vary; leave it out")
    ranks = standard_ranks(known.T)
    correlation = ranks.T @ ranks
    return float(correlation[np.triu_indices(classes, 1)].mean())
