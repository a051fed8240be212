"""The base class of lower bounds on log p(x) of many images."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor

from vaelab.metrics.intervals import Interval, bootstrap_interval


class Bound(ABC):
    """A lower bound on log p(x) for each image, nats, and its mean over images."""

    @property
    @abstractmethod
    def per_image(self) -> Float[Tensor, " B"]:
        """The bound that is averaged."""

    @property
    def mean(self) -> float:
        """Mean over images."""
        return float(self.per_image.mean())

    @property
    def standard_error(self) -> float:
        """Standard error of the mean over images."""
        return float(self.per_image.std() / math.sqrt(len(self.per_image)))

    @property
    def interval(self) -> Interval:
        """95 % bootstrap interval of the mean over images."""
        return bootstrap_interval(self.per_image.double().numpy(force=True))
