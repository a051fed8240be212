"""The VAE of the rows of a table, as a density and a transformer."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, DensityMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from vaelab.data import TableData, read_table, standardised
from vaelab.likelihoods import LikelihoodSpec
from vaelab.models.files import load_beside
from vaelab.models.vae import VAEModel
from vaelab.posteriors import PosteriorSpec
from vaelab.priors import PriorSpec
from vaelab.sklearn.fitted import FittedModel, Floats, Labels
from vaelab.sklearn.settings import categorical_columns, column_type, experiment_of
from vaelab.training import train


class VAE(ClassNamePrefixFeaturesOutMixin, TransformerMixin, DensityMixin, BaseEstimator):  # type: ignore[misc]
    """A variational autoencoder of the rows of a table (Kingma and Welling 2014), as a density and a transformer.

    Columns are standardised. `transform` gives the posterior means; `score_samples` gives log p(x) in nats, in the
    units of X: by quadrature in one or two latent dimensions, otherwise a lower bound by importance sampling (Burda et
    al. 2016) whose draws are the same for every row, so that a score depends neither on the batch nor on the order.

    Args:
        n_components: dimensions of z.
        hidden_layer_sizes: widths of the encoder's hidden layers; the decoder's are these in reverse.
        likelihood: of a column of real numbers, by its word: "learned-gaussian" and "student-t" have a scale per
            column, "gaussian-pixels" a fixed one, "optimal-gaussian" that of the mean squared error; "bernoulli" for
            columns of 0 and 1. Or a spec, such as `vaelab.StudentT(degrees=3)`.
        prior: of z, by its word ("standard-normal", "mixture", "vamp", "flow"), or a spec.
        posterior: of z, by its word ("gaussian", "full-gaussian", "flow-posterior"), or a spec.
        beta: weight of the KL.
        categorical_features: columns that hold the numbers of categories, by index, name or mask; None for none.
        missing: whether NaN in X is a missing value, which the likelihood leaves out and the encoder is told of.
        max_iter: most passes over the rows.
        batch_size: rows per step.
        learning_rate_init: of Adam.
        validation_fraction: share of the rows held out to choose the best epoch by; 0 for none, which keeps the last.
        n_iter_no_change: stop after this many epochs without a better one; 0 for never.
        n_draws: importance samples per row, for more than two dimensions.
        random_state: decides the held-out rows, weights, order and noise; draws of `sample`.
        device: "cpu", "cuda", "auto", ...
        verbose: show progress.

    Attributes:
        model_: the trained model; in float64, in which it is used.
        n_iter_: epochs that were trained.
        n_features_in_, feature_names_in_: as in every estimator.

    >>> from sklearn.datasets import load_wine
    >>> X = load_wine().data
    >>> vae = VAE(max_iter=5, random_state=0).fit(X)
    >>> vae.transform(X).shape, vae.score_samples(X[:3]).shape
    ((178, 2), (3,))
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "likelihood": [str, LikelihoodSpec],
        "prior": [str, PriorSpec],
        "posterior": [str, PosteriorSpec],
        "beta": [Interval(Real, 0, None, closed="left")],
        "categorical_features": ["array-like", None],
        "missing": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "n_iter_no_change": [Interval(Integral, 0, None, closed="left")],
        "n_draws": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "device": [str],
        "verbose": ["verbose"],
    }
    _conditional: ClassVar[bool] = False

    def __init__(
        self,
        n_components: int = 2,
        *,
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
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.likelihood = likelihood
        self.prior = prior
        self.posterior = posterior
        self.beta = beta
        self.categorical_features = categorical_features
        self.missing = missing
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.n_draws = n_draws
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train the model.

        Args:
            X: rows, (N, F).
            y: ignored.

        Raises:
            ValueError: a setting, or X, that cannot be used; the message names it and the remedy.
        """
        return self._fit(X, None)

    def _fit(self, X: Any, y: Labels | None, classes: Sequence[str] = ()) -> Self:
        self._validate_params()
        values = self._values(X, reset=True)
        names = [str(name) for name in getattr(self, "feature_names_in_", range(values.shape[1]))]
        categorical = categorical_columns(self.categorical_features, names, values.shape[1])
        types = dict.fromkeys(map(str, range(values.shape[1])), column_type(self.likelihood))
        types |= dict.fromkeys(map(str, categorical), "categorical")
        table = read_table(values, y, cast(Any, types), "nan" if self.missing else None, (), classes, name="X")
        columns = tuple(replace(column, name=name) for column, name in zip(table.columns, names, strict=True))
        held_out = min(len(table) - 1, round(self.validation_fraction * len(table)))
        every = range(len(table))
        data = standardised(replace(table, columns=columns, splits={"train": every, "test": every}))
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        experiment = experiment_of(self, self._conditional, bool(categorical), held_out, seed)
        with tempfile.TemporaryDirectory(dir=_memory()) as folder:
            run = train(experiment, Path(folder) / "run", data=data, show=bool(self.verbose))
            best = run.folder / "best.safetensors"
            model = load_beside(run.model, best) if best.exists() else run.model
        self.n_iter_ = len(run.rows)
        self.model_: VAEModel = cast(VAEModel, model.double().eval())
        self._n_features_out = sum(self.model_.widths)
        self._seed = seed
        return self

    def transform(self, X: Any) -> Floats:
        """The means of q(z | x), (N, D)."""
        check_is_fitted(self)
        return self._fitted.means(self._table(X), None)

    def inverse_transform(self, X: Any) -> Floats:
        """The means of p(x | z) at latents z, (N, D), in the units of X; of a categorical column the likeliest one."""
        return self._decode(X, None)

    def score_samples(self, X: Any) -> Floats:
        """log p(x) of each row, nats, in the units of X, (N,)."""
        check_is_fitted(self)
        return self._fitted.log_p(self._table(X), None)

    def score(self, X: Any, y: Any = None) -> float:
        """The mean of log p(x), nats per row."""
        return float(self.score_samples(X).mean())

    def sample(self, n_samples: int = 1) -> Floats:
        """Rows drawn from the model, (n_samples, F): z from the prior, x from p(x | z).

        Args:
            n_samples: number of rows.
        """
        return self._sample(n_samples, None)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = bool(self.missing)
        tags.transformer_tags.preserves_dtype = []
        return tags

    @property
    def _fitted(self) -> FittedModel:
        return FittedModel(self.model_, self._seed, self.n_draws)

    def _values(self, X: Any, reset: bool = False) -> Floats:
        """X as an array of finite numbers; NaN where values may be missing."""
        values: Floats = validate_data(
            self, X, reset=reset, dtype=np.float64, ensure_all_finite=False, ensure_min_samples=2 if reset else 1
        )
        allowed = ~np.isinf(values) if self.missing else np.isfinite(values)
        if not allowed.all():
            row, column = np.argwhere(~allowed)[0].tolist()
            what, remedy = ("infinity", "leave such rows out")
            if np.isnan(values[row, column]):
                what, remedy = "NaN", "set missing=True if NaN is a missing value, or fill it in"
            raise ValueError(f"Input X contains {what}, first in row {row}, column {column}; {remedy}")
        return values

    def _table(self, X: Any) -> TableData:
        """X with the columns, categories and standardisation of the training rows."""
        values, columns = self._values(X), self._fitted.format.columns
        named = {column.name: values[:, number] for number, column in enumerate(columns)}
        return read_table(named, None, None, "nan" if self.missing else None, columns, name="X")

    def _decode(self, X: Any, y: Labels | None) -> Floats:
        check_is_fitted(self)
        z = check_array(X, dtype=np.float64, input_name="X", estimator=self)
        if z.shape[1] != self._n_features_out:
            raise ValueError(f"X has {z.shape[1]} columns, but the latent has {self._n_features_out} dimensions")
        return self._fitted.decode(z, y)

    def _sample(self, n: int, y: Labels | None) -> Floats:
        check_is_fitted(self)
        if not isinstance(n, Integral) or n < 1:
            raise ValueError(f"n_samples is {n!r}, but must be an integer >= 1")
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        return self._fitted.sample(int(n), y, seed)


def _memory() -> str | None:
    """A folder in memory for a run that is not kept, or None for the system's own temporary folder."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
