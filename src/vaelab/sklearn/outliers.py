"""Outliers by log p(x) under a VAE."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import OutlierMixin
from sklearn.utils._param_validation import Interval

from vaelab.likelihoods import LikelihoodSpec
from vaelab.posteriors import PosteriorSpec
from vaelab.priors import PriorSpec
from vaelab.sklearn.fitted import Floats
from vaelab.sklearn.vae import VAE


class VAEOutlierDetector(OutlierMixin, VAE):  # type: ignore[misc]
    """Outliers by log p(x) under a VAE: the rows below a quantile of the training rows' log p(x).

    Args:
        contamination: the share of the training rows to call outliers.
        others: see `VAE`.

    Attributes:
        offset_: the threshold, nats.

    >>> from sklearn.datasets import load_wine
    >>> X = load_wine().data
    >>> labels = VAEOutlierDetector(contamination=0.05, max_iter=5, random_state=0).fit_predict(X)
    >>> int((labels == -1).sum())
    9
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **VAE._parameter_constraints,
        "contamination": [Interval(Real, 0, 0.5, closed="right")],
    }

    def __init__(
        self,
        n_components: int = 2,
        *,
        contamination: float = 0.1,
        hidden_layer_sizes: Sequence[int] | int = (128, 64),
        likelihood: str | LikelihoodSpec = "learned-gaussian",
        prior: str | PriorSpec = "standard-normal",
        posterior: str | PosteriorSpec = "gaussian",
        beta: float = 1.0,
        categorical_features: Sequence[Any] | None = None,
        missing: bool = False,
        max_iter: int = 200,
        batch_size: int = 128,
        learning_rate_init: float = 1e-3,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 20,
        n_draws: int = 200,
        random_state: Any = None,
        device: str = "cpu",
        verbose: int | bool = 0,
    ) -> None:
        super().__init__(
            n_components,
            hidden_layer_sizes=hidden_layer_sizes,
            likelihood=likelihood,
            prior=prior,
            posterior=posterior,
            beta=beta,
            categorical_features=categorical_features,
            missing=missing,
            max_iter=max_iter,
            batch_size=batch_size,
            learning_rate_init=learning_rate_init,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            n_draws=n_draws,
            random_state=random_state,
            device=device,
            verbose=verbose,
        )
        self.contamination = contamination

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train the model, and set the threshold at the quantile `contamination` of the training rows' log p(x).

        Args:
            X: rows, (N, F).
            y: ignored.

        Raises:
            ValueError: as for `VAE`.
        """
        super().fit(X)
        self.offset_ = float(np.quantile(self.score_samples(X), self.contamination))
        return self

    def decision_function(self, X: Any) -> Floats:
        """log p(x) - offset_, nats, (N,); negative for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> NDArray[np.int64]:
        """1 for inliers, -1 for outliers, (N,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)
