"""The VAE conditional on a label."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from vaelab.sklearn.fitted import Floats
from vaelab.sklearn.vae import VAE


class ConditionalVAE(VAE):
    """A VAE conditional on a label (Sohn, Lee and Yan 2015): p(x | y), and p(x) = sum_y p(y) p(x | y).

    A tenth of the labels is hidden in training, so that rows without a label can be encoded; p(y) are the shares of the
    labels in training.

    Its settings are those of `VAE`.

    Attributes:
        classes_: the labels.
        class_prior_: p(y).

    >>> from sklearn.datasets import load_wine
    >>> X, y = load_wine(return_X_y=True)
    >>> vae = ConditionalVAE(max_iter=5, random_state=0).fit(X, y)
    >>> vae.sample(4, y=2).shape
    (4, 13)
    """

    _conditional: ClassVar[bool] = True

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train the model.

        Args:
            X: rows, (N, F).
            y: labels, (N,).

        Raises:
            ValueError: a setting, X or y that cannot be used.
        """
        X, y = validate_data(
            self, X, y, dtype=np.float64, ensure_all_finite=False, ensure_min_samples=2, skip_check_array=False
        )
        check_classification_targets(y)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        self.class_prior_ = np.bincount(numbers) / len(numbers)
        return self._fit(X, numbers.astype(np.int64), [str(label) for label in self.classes_])

    def transform(self, X: Any, y: Any = None) -> Floats:
        """The means of q(z | x, y), (N, D); of q(z | x) where y is None."""
        check_is_fitted(self)
        table = self._table(X)
        return self._fitted.means(table, None if y is None else self._numbers(y, len(table)))

    def inverse_transform(self, X: Any, y: Any = None) -> Floats:
        """The means of p(x | z, y) at latents z, (N, D), for one label or one per row; without, of an unknown label."""
        check_is_fitted(self)
        X = check_array(X, dtype=np.float64, input_name="X", estimator=self)
        return self._decode(X, None if y is None else self._numbers(y, len(X)))

    def score_samples(self, X: Any, y: Any = None) -> Floats:
        """log p(x | y) of each row, nats, in the units of X, (N,); without y log p(x), the labels summed out."""
        check_is_fitted(self)
        table = self._table(X)
        if y is not None:
            return self._fitted.log_p(table, self._numbers(y, len(table)))
        each = [self._fitted.log_p(table, np.full(len(table), number)) for number in range(len(self.classes_))]
        joint = np.stack(each, 1) + np.log(self.class_prior_)
        total: Floats = np.logaddexp.reduce(joint, 1)
        return total

    def score(self, X: Any, y: Any = None) -> float:
        """The mean of log p(x | y), or without y of log p(x), nats per row."""
        return float(self.score_samples(X, y).mean())

    def sample(self, n_samples: int = 1, y: Any = None) -> Floats:
        """Rows drawn from p(x | y), (n_samples, F).

        Args:
            n_samples: number of rows.
            y: one label, or one per row; None draws them from p(y).
        """
        check_is_fitted(self)
        if y is None and isinstance(n_samples, Integral) and n_samples > 0:
            drawn = check_random_state(self.random_state).choice(
                len(self.classes_), int(n_samples), p=self.class_prior_
            )
            return self._sample(n_samples, drawn.astype(np.int64))
        return self._sample(n_samples, None if y is None else self._numbers(y, n_samples))

    def _numbers(self, y: Any, n: int) -> NDArray[np.int64]:
        """Labels as the numbers of their classes; one label stands for all rows."""
        given = np.asarray(y)
        given = np.broadcast_to(given, (n,)) if given.ndim == 0 else given
        if given.shape != (n,):
            raise ValueError(f"y has shape {given.shape}, but must be ({n},), one label per row, or a single label")
        unknown = given[~np.isin(given, self.classes_)]
        if len(unknown):
            raise ValueError(f"y has the label {unknown[0]!r}, but the training rows have {self.classes_.tolist()}")
        return np.searchsorted(self.classes_, given).astype(np.int64)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
