"""Accuracy of conditional samples: agreement of the requested class with a classifier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.checks import at_least


@dataclass(frozen=True)
class ConditionalAccuracy:
    """Predictions of a classifier on samples of every class."""

    confusion: Int[NDArray[np.int64], "K K"]
    """Number of samples requested of the row's class and predicted as the column's class."""

    @property
    def per_class(self) -> Float[NDArray[np.float64], " K"]:
        """Accuracy of each requested class."""
        shares: NDArray[np.float64] = self.confusion.diagonal() / self.confusion.sum(1)
        return shares

    @property
    def mean(self) -> float:
        """Mean accuracy over classes; the share of all samples if all classes are requested equally often."""
        return float(self.per_class.mean())

    @property
    def worst(self) -> float:
        """Accuracy of the worst class."""
        return float(self.per_class.min())


def conditional_accuracy(
    requested: Int[NDArray[np.int64], " M"], predicted: Int[NDArray[np.int64], " M"], classes: int
) -> ConditionalAccuracy:
    """Share of samples whose predicted class is the requested class.

    The GAN-test of Shmelkov, Schmid and Alahari (2018): the accuracy on samples of a classifier trained on real images,
    here `ImageClassifier.predict`. Compare it with the accuracy of the classifier on real test images. The interval of
    the share of all samples is `bootstrap_interval` of `requested == predicted`.

    Args:
        requested: the class that each sample was generated for.
        predicted: the class that the classifier predicted.
        classes: number of classes.

    Raises:
        UserError: different lengths, a class outside 0 to classes - 1, or a class without samples.

    >>> found = conditional_accuracy(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), classes=2)
    >>> found.per_class.tolist(), found.mean, found.worst
    ([0.5, 1.0], 0.75, 0.5)
    """
    from sklearn.metrics import confusion_matrix

    at_least("classes", classes, 1)
    if requested.shape != predicted.shape:
        raise UserError(
            f"predicted has shape {predicted.shape}, but requested has {requested.shape}; give one class per sample"
        )
    for name, labels in (("requested", requested), ("predicted", predicted)):
        wrong = labels[(labels < 0) | (labels >= classes)]
        if len(wrong):
            raise UserError(f"{name} has the class {wrong[0]}, but must be from 0 to {classes - 1}; raise classes")
    counts = np.bincount(requested, minlength=classes)
    if not counts.all():
        raise UserError(f"requested has no sample of class {counts.argmin()}; draw samples of all {classes} classes")
    confusion = confusion_matrix(requested, predicted, labels=np.arange(classes))
    return ConditionalAccuracy(confusion.astype(np.int64))
