"""What a linear classifier reads in codes."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from vaelab.metrics.checks import labelled_split


def linear_probe(
    codes: Float[NDArray[np.float64], "N D"],
    labels: Int[NDArray[np.int64], " N"],
    test_codes: Float[NDArray[np.float64], "M D"],
    test_labels: Int[NDArray[np.int64], " M"],
) -> float:
    """The share of test codes that multinomial logistic regression on the codes gives their label.

    Alain and Bengio (2017): what a representation holds in a form that a linear layer can read. Each dimension is
    standardised by mean and deviation of the codes; the loss is the sum of -log p(label given code) and half the
    squared length of the weights, which keeps weights finite where classes can be separated and hardly matters
    elsewhere. Its floor is `chance_accuracy` of the test labels.

    Args:
        codes, labels: to learn from.
        test_codes, test_labels: to count on.

    Raises:
        UserError: there is one class only, a code is not finite, or dimensions or numbers of labels do not go together.

    >>> codes, labels = np.array([[0.0], [0.1], [1.0], [1.1]]), np.array([0, 0, 1, 1])
    >>> linear_probe(codes, labels, np.array([[0.2], [0.9]]), np.array([0, 0]))
    0.5
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    labelled_split(codes, labels, test_codes, test_labels)
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=1000)).fit(codes, labels)
    return float(probe.score(test_codes, test_labels))
