"""Whether samples show the class that was asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.checks import at_least


@dataclass(frozen=True)
class ConditionalAccuracy:
    """What a classifier reads in samples of every class."""

    confusion: Int[NDArray[np.int64], "K K"]
    """How many samples asked for as the row's class were read as the column's."""

    @property
    def per_class(self) -> Float[NDArray[np.float64], " K"]:
        """The share of each class that is read as asked."""
        shares: NDArray[np.float64] = self.confusion.diagonal() / self.confusion.sum(1)
        return shares

    @property
    def mean(self) -> float:
        """The mean over classes; the share of all samples where each class was asked for as often."""
        return float(self.per_class.mean())

    @property
    def worst(self) -> float:
        """The share of the class that is read worst."""
        return float(self.per_class.min())


def conditional_accuracy(
    asked: Int[NDArray[np.int64], " M"], read: Int[NDArray[np.int64], " M"], classes: int
) -> ConditionalAccuracy:
    """The share of samples asked for as a class that a classifier reads as that class.

    The GAN-test of Shmelkov, Schmid and Alahari (2018): accuracy, on samples, of a classifier that learned from real
    images, which is `ImageClassifier.predict`. Its accuracy on real test images is what to hold it against.
    `bootstrap_interval` of `asked == read` tells how sure the share of all samples is.

    Args:
        asked: the class that each sample was drawn for.
        read: the class that it was read as.
        classes: how many there are.

    Raises:
        UserError: asked and read are not of one length, a class lies outside 0 to classes - 1, or no sample was asked
            for of a class.

    >>> found = conditional_accuracy(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), classes=2)
    >>> found.per_class.tolist(), found.mean, found.worst
    ([0.5, 1.0], 0.75, 0.5)
    """
    from sklearn.metrics import confusion_matrix

    at_least("classes", classes, 1)
    if asked.shape != read.shape:
        raise UserError(f"read has shape {read.shape}, but asked has {asked.shape}; give one class a sample")
    for name, labels in (("asked", asked), ("read", read)):
        wrong = labels[(labels < 0) | (labels >= classes)]
        if len(wrong):
            raise UserError(f"{name} has the class {wrong[0]}, but must be from 0 to {classes - 1}; raise classes")
    counts = np.bincount(asked, minlength=classes)
    if not counts.all():
        raise UserError(f"asked has no sample of class {counts.argmin()}; draw samples of all {classes} classes")
    confusion = confusion_matrix(asked, read, labels=np.arange(classes))
    return ConditionalAccuracy(confusion.astype(np.int64))
