"""Accuracy of a linear classifier on a representation."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from vaelab.metrics.checks import labelled_split


def linear_probe(
    representation: Float[NDArray[np.float64], "N D"],
    labels: Int[NDArray[np.int64], " N"],
    test_representation: Float[NDArray[np.float64], "M D"],
    test_labels: Int[NDArray[np.int64], " M"],
) -> float:
    """Test accuracy of multinomial logistic regression on a representation.

    Alain and Bengio (2017). Each dimension is standardised by its mean and standard deviation over the training rows.
    The loss is the sum of -log p(label | z) and half the squared norm of the weights, which keeps the weights finite if
    the classes are separable, and hardly matters otherwise. Compare with `chance_accuracy` of the test labels.

    Args:
        representation, labels: for training.
        test_representation, test_labels: for the accuracy.

    Raises:
        UserError: only one class, a value that is not finite, or shapes that do not match.

    >>> z, labels = np.array([[0.0], [0.1], [1.0], [1.1]]), np.array([0, 0, 1, 1])
    >>> linear_probe(z, labels, np.array([[0.2], [0.9]]), np.array([0, 0]))
    0.5
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    labelled_split(representation, labels, test_representation, test_labels)
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=1000)).fit(representation, labels)
    return float(probe.score(test_representation, test_labels))
