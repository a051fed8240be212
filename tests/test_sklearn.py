"""The scikit-learn estimators: scikit-learn's own checks, exact scores, and what a user of pipelines would notice."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.datasets import load_iris, load_wine
from sklearn.decomposition import FactorAnalysis
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import vaelab as vl
from vaelab.metrics.evidence import exact_evidence, rowwise_evidence
from vaelab.sklearn import VAE, ConditionalVAE, VAEOutlierDetector

# Few epochs and a small network: the checks train some hundred models.
SMALL: dict[str, Any] = {"hidden_layer_sizes": (8,), "max_iter": 3, "n_draws": 5}
WINE, KINDS = load_wine(return_X_y=True)


@parametrize_with_checks(
    [
        VAE(**SMALL),
        VAE(3, likelihood="student-t", **SMALL),
        VAE(missing=True, **SMALL),
        ConditionalVAE(**SMALL),
        VAEOutlierDetector(**SMALL),
    ]
)
def test_scikit_learn_accepts_the_estimators(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def linear() -> VAE:
    """A linear-Gaussian VAE, whose density is that of a normal distribution with known moments."""
    return VAE(hidden_layer_sizes=(), max_iter=400, learning_rate_init=0.02, validation_fraction=0, random_state=0).fit(
        WINE
    )


def moments(vae: VAE) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of x, in the units of X: N(b, W W^T + diag(sigma^2)), scaled back column by column."""
    decoder, likelihood = vae.model_.network.decoder[0], vae.model_.likelihood
    columns = vae.model_.format.columns
    scale, mean = np.array([c.scale for c in columns]), np.array([c.mean for c in columns])
    w, b = decoder.weight.detach().numpy(), decoder.bias.detach().numpy()
    covariance = w @ w.T + np.diag(np.exp(2 * likelihood.log_sigma.detach().numpy()))
    return mean + scale * b, covariance * np.outer(scale, scale)


def test_scores_of_a_linear_model_are_those_of_a_normal_distribution(linear: VAE) -> None:
    mean, covariance = moments(linear)
    wanted = multivariate_normal(mean, covariance).logpdf(WINE)
    assert np.abs(linear.score_samples(WINE) - wanted).max() < 1e-5
    assert linear.score(WINE) == pytest.approx(wanted.mean())


def test_a_linear_model_reaches_the_likelihood_of_factor_analysis(linear: VAE) -> None:
    """Factor analysis maximises the same likelihood, so it is an upper bound, and a trained VAE comes close."""
    scaled = (WINE - WINE.mean(0)) / WINE.std(0)
    best = FactorAnalysis(2, tol=1e-6, max_iter=5000).fit(scaled).score(scaled) - np.log(WINE.std(0)).sum()
    assert best - 0.15 < linear.score(WINE) <= best + 1e-6


def test_the_importance_bound_is_below_and_near_the_exact_score() -> None:
    vae = VAE(3, hidden_layer_sizes=(), max_iter=100, learning_rate_init=0.02, n_draws=300, random_state=0).fit(WINE)
    mean, covariance = moments(vae)
    difference = multivariate_normal(mean, covariance).logpdf(WINE) - vae.score_samples(WINE)
    assert -0.02 < difference.mean() < 0.3


@pytest.mark.parametrize("n_components", [2, 3])
def test_a_score_depends_neither_on_other_rows_nor_on_their_order(n_components: int) -> None:
    vae = VAE(n_components, random_state=0, **SMALL).fit(WINE)
    whole = vae.score_samples(WINE[:30])
    assert np.allclose(vae.score_samples(WINE[29::-1])[::-1], whole, rtol=1e-12, atol=0)
    assert np.allclose(vae.score_samples(WINE[7:8]), whole[7:8], rtol=1e-12, atol=0)
    assert np.allclose(vae.score_samples(np.repeat(WINE[3:4], 3, 0)), whole[3], rtol=1e-12, atol=0)


def test_narrow_posteriors_are_integrated_too() -> None:
    """A decoder so steep that a posterior lies between the points of the first grids."""
    data = vl.as_table(np.random.default_rng(0).normal(size=(40, 4)))
    model: Any = vl.VAE(network=vl.Mlp(hidden=()), likelihood=vl.GaussianPixels(sigma=0.01)).build(data.format)
    model.double().network.decoder[0].weight.data.mul_(3)
    x = model.decode(np.random.default_rng(1).normal(size=(2, 2))).mean
    w = model.network.decoder[0].weight.detach().numpy()
    wanted = multivariate_normal(model.network.decoder[0].bias.detach().numpy(), w @ w.T + 1e-4 * np.eye(4)).logpdf(x)
    assert np.abs(rowwise_evidence(model, x).numpy() - wanted).max() < 0.01
    assert np.abs(exact_evidence(model, x, tolerance=0.01).log_p.numpy() - wanted).max() < 0.01


def test_transform_and_back_in_a_pipeline_with_data_frames() -> None:
    frame = load_wine(as_frame=True).data
    pipeline = make_pipeline(StandardScaler(), VAE(max_iter=150, random_state=0)).set_output(transform="pandas")
    codes = pipeline.fit_transform(frame)
    assert list(codes.columns) == ["vae0", "vae1"]
    assert list(pipeline[-1].get_feature_names_out()) == ["vae0", "vae1"]
    again = pipeline.inverse_transform(codes.to_numpy())
    spread = ((again - frame.to_numpy()) ** 2).mean(0) / frame.to_numpy().var(0)
    assert spread.mean() < 0.6  # two dimensions explain more than two fifths of the variance


def test_settings_can_be_searched_and_estimators_cloned_and_pickled() -> None:
    grid = {
        "n_components": [1, 2],
        "likelihood": ["learned-gaussian", "student-t"],
        "prior": ["standard-normal", "vamp"],
    }
    search = GridSearchCV(VAE(random_state=0, **SMALL), grid, cv=2).fit(WINE)
    assert search.best_params_["likelihood"] in grid["likelihood"]
    best = search.best_estimator_
    again = pickle.loads(pickle.dumps(best))
    assert np.array_equal(again.transform(WINE), best.transform(WINE))
    assert np.array_equal(again.score_samples(WINE[:5]), best.score_samples(WINE[:5]))
    assert not hasattr(clone(best), "model_")
    given = clone(VAE(likelihood=vl.StudentT(degrees=3), **SMALL)).fit(WINE)
    assert given.model_.spec.likelihood == vl.StudentT(degrees=3)


@dataclass(frozen=True)
class Wide(vl.PriorSpec):
    """A prior of this test's own: a normal of scale 2."""

    def build(self, sizes: Any) -> Any:
        class WidePrior(vl.Prior):
            def forward(self, c: Any = None, infer: Any = None) -> Any:
                scale = torch.full((sizes.latent,), 2.0, dtype=torch.get_default_dtype())
                return torch.distributions.Independent(torch.distributions.Normal(torch.zeros_like(scale), scale), 1)

        return WidePrior()


def test_a_part_from_outside_the_package_is_a_setting() -> None:
    estimator = clone(VAE(prior=Wide(), random_state=0, **SMALL)).fit(WINE)
    assert isinstance(estimator.model_.spec.prior, Wide)
    assert np.isfinite(estimator.score_samples(WINE[:3])).all()


def test_samples_have_the_moments_of_the_data(linear: VAE) -> None:
    drawn = linear.sample(4000)
    assert drawn.shape == (4000, 13)
    assert np.abs((drawn.mean(0) - WINE.mean(0)) / WINE.std(0)).max() < 0.15
    assert np.array_equal(linear.sample(3), linear.sample(3))  # the same random_state


def test_a_conditional_model_sums_its_labels_out() -> None:
    names = np.array(["barolo", "grignolino", "barbera"])[KINDS]
    vae = ConditionalVAE(max_iter=60, random_state=0).fit(WINE, names)
    assert vae.classes_.tolist() == ["barbera", "barolo", "grignolino"]
    rows = WINE[::20]
    by_label = np.stack([vae.score_samples(rows, label) for label in vae.classes_], 1)
    total = np.log((np.exp(by_label - by_label.max(1, keepdims=True)) * vae.class_prior_).sum(1)) + by_label.max(1)
    assert np.allclose(vae.score_samples(rows), total)
    assert vae.score(WINE, names) > vae.score(WINE) + 0.1  # the label tells something
    drawn = vae.sample(200, "barolo").mean(0)
    nearest = [np.abs((drawn - WINE[names == name].mean(0)) / WINE.std(0)).mean() for name in vae.classes_]
    assert vae.classes_[int(np.argmin(nearest))] == "barolo"
    assert vae.transform(rows, names[::20]).shape == vae.transform(rows).shape == (9, 2)
    assert vae.inverse_transform(np.zeros((2, 2)), "barolo").shape == (2, 13)


def test_outliers_are_found_and_the_share_is_kept() -> None:
    random = np.random.default_rng(0)
    rows = np.concatenate([load_iris().data, random.uniform(0, 9, (8, 4))])
    detector = VAEOutlierDetector(contamination=8 / len(rows), max_iter=150, random_state=0)
    labels = detector.fit_predict(rows)
    assert (labels == -1).sum() == 8
    assert (labels[150:] == -1).sum() >= 6
    assert np.array_equal(detector.decision_function(rows), detector.score_samples(rows) - detector.offset_)


def test_missing_values_are_left_out_and_filled_in() -> None:
    random = np.random.default_rng(0)
    holes = random.random(WINE.shape) < 0.2
    rows = np.where(holes, np.nan, WINE)
    vae = VAE(missing=True, max_iter=200, random_state=0).fit(rows)
    filled = vae.inverse_transform(vae.transform(rows))
    spread = np.std(WINE, 0)
    error = np.sqrt((((filled - WINE) / spread)[holes] ** 2).mean())
    assert error < 0.9  # the mean of a column has an error of 1
    nothing = np.full((1, 13), np.nan)
    assert vae.score_samples(nothing)[0] == pytest.approx(0, abs=1e-6)  # the density of nothing is 1


def test_categories_are_columns_of_their_own_kind() -> None:
    random = np.random.default_rng(0)
    kind = random.integers(0, 3, 300)
    rows = np.stack([random.normal(kind, 0.3), kind], 1)
    vae = VAE(1, categorical_features=[1], max_iter=150, batch_size=32, learning_rate_init=0.01, random_state=0).fit(
        rows
    )
    assert (vae.inverse_transform(vae.transform(rows))[:, 1] == kind).mean() > 0.9
    # Given the real column, the masses of the three categories add up to its density.
    each = np.stack([vae.score_samples(np.array([[0.1, number]])) for number in range(3)])
    assert np.isfinite(each).all()
    assert each[0] > each[2]
    with pytest.raises(ValueError, match="column '1' has the category '7', which the training rows do not have"):
        vae.transform(np.array([[0.0, 7.0]]))


@pytest.mark.parametrize(
    ("settings", "rows", "says"),
    [
        ({}, np.array([[1.0, np.nan], [2.0, 1.0]]), "Input X contains NaN, first in row 0, column 1; set missing=True"),
        ({}, np.array([[1.0, 2.0], [1.0, 3.0]]), "column '0' has zero variance: it is 1 in every training row"),
        ({}, np.array([[1.0, 2.0]]), "Found array with 1 sample"),
        ({"likelihood": "gausian"}, WINE, "likelihood is 'gausian', but must be one of"),
        ({"prior": "uniform-codes"}, WINE, "prior is UniformCodes, over integers"),
        ({"likelihood": "bernoulli"}, WINE, "column '0' has"),
        ({"categorical_features": [99]}, WINE, "categorical_features has 99, but must hold indices below 13"),
        ({"n_components": 0}, WINE, "The 'n_components' parameter of VAE must be"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_line(settings: dict[str, Any], rows: np.ndarray, says: str) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        VAE(**(SMALL | settings)).fit(rows)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_sparse_rows_unknown_labels_and_unfitted_models_are_refused() -> None:
    from scipy.sparse import csr_array

    with pytest.raises(TypeError, match="dense data is required"):
        VAE(**SMALL).fit(csr_array(WINE))
    with pytest.raises(NotFittedError):
        VAE().transform(WINE)
    vae = ConditionalVAE(**SMALL).fit(WINE, KINDS)
    with pytest.raises(ValueError, match=r"y has the label .*9.*, but the training rows have \[0, 1, 2\]"):
        vae.score_samples(WINE[:1], 9)
    frame = pd.DataFrame(WINE[:, ::-1])
    frame.columns = [f"c{number}" for number in range(13)]
    fitted = VAE(**SMALL).fit(frame)
    with pytest.raises(ValueError, match="feature names"):
        fitted.transform(frame[frame.columns[::-1]])
