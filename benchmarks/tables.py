"""The estimators on tables that scikit-learn brings: held-out log-likelihood and outliers, beside scikit-learn's own.

Log-likelihood: mean log p(x) of held-out rows, nats per row, of standardised columns. Five folds; within each training
part, three inner folds choose the settings of every estimator by the same measure. Outliers: the rows of one class are
outliers; a detector is trained on four fifths of the others and ranks the last fifth against the outliers. 95 %
intervals over folds or repeats are those of Student t; the folds share training rows, so they are a little too narrow.

    python benchmarks/tables.py
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.decomposition import PCA, FactorAnalysis
from sklearn.ensemble import IsolationForest
from sklearn.feature_selection import VarianceThreshold
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vaelab.sklearn import VAE, VAEOutlierDetector

# The class whose rows are outliers: the rarest cultivar, malignant tumours, the digit 0.
TABLES: dict[str, tuple[Any, int]] = {
    "wine": (load_wine, 2),
    "breast cancer": (load_breast_cancer, 0),
    "digits": (load_digits, 0),
}


def densities(columns: int, seed: int) -> dict[str, tuple[Any, dict[str, list[Any]]]]:
    """Every density with the settings that inner folds choose from."""
    few = [each for each in (2, 5, 10, 20) if each < columns]
    vae = VAE(hidden_layer_sizes=(64,), n_draws=100, learning_rate_init=2e-3, batch_size=64, random_state=seed)
    return {
        "VAE": (vae, {"n_components": [2, 10], "likelihood": ["learned-gaussian", "student-t"]}),
        "PCA": (PCA(random_state=seed), {"n_components": few}),
        "FactorAnalysis": (FactorAnalysis(random_state=seed), {"n_components": few}),
        "GaussianMixture": (
            GaussianMixture(reg_covar=1e-3, random_state=seed),
            {"n_components": [1, 2, 4, 8], "covariance_type": ["full", "diag"]},
        ),
    }


def detectors(seed: int) -> dict[str, Any]:
    """Every detector of outliers, with its defaults."""
    return {
        "VAEOutlierDetector": VAEOutlierDetector(learning_rate_init=2e-3, batch_size=64, random_state=seed),
        "IsolationForest": IsolationForest(random_state=seed),
        "LocalOutlierFactor": LocalOutlierFactor(novelty=True),
    }


def rows_of(load: Any) -> tuple[np.ndarray, np.ndarray]:
    """The rows without the columns that are constant, and their classes."""
    x, y = load(return_X_y=True)
    return VarianceThreshold().fit_transform(x), y


def likelihoods(x: np.ndarray, y: np.ndarray, folds: int) -> dict[str, list[float]]:
    """Mean log p of the held-out rows of each fold, for each density."""
    found: dict[str, list[float]] = {}
    for fold, (train, test) in enumerate(StratifiedKFold(folds, shuffle=True, random_state=0).split(x, y)):
        scaler = StandardScaler().fit(x[train])
        # A column that is constant in this fold has no density.
        varies = x[train].std(0) > 1e-9
        inside, outside = scaler.transform(x[train])[:, varies], scaler.transform(x[test])[:, varies]
        for name, (estimator, grid) in densities(inside.shape[1], fold).items():
            inner = KFold(3, shuffle=True, random_state=fold)
            search = GridSearchCV(estimator, grid, cv=inner, error_score="raise" if name != "VAE" else np.nan)
            began = time.monotonic()
            score = float(np.mean(search.fit(inside).best_estimator_.score_samples(outside)))
            found.setdefault(name, []).append(score)
            seconds = time.monotonic() - began
            print(f"  fold {fold} {name} {score:.2f} {search.best_params_} {seconds:.0f} s", flush=True)
    return found


def outliers(x: np.ndarray, y: np.ndarray, odd: int, repeats: int) -> dict[str, list[float]]:
    """The area under the ROC curve of each repeat, for each detector."""
    found: dict[str, list[float]] = {}
    for seed in range(repeats):
        normal = np.random.default_rng(seed).permutation(np.flatnonzero(y != odd))
        held = len(normal) // 5
        test = np.concatenate([normal[:held], np.flatnonzero(y == odd)])
        train = x[normal[held:]]
        varies = train.std(0) > 1e-9
        for name, detector in detectors(seed).items():
            fitted = make_pipeline(StandardScaler(), clone(detector)).fit(train[:, varies])
            score = roc_auc_score(y[test] != odd, fitted.decision_function(x[test][:, varies]))
            found.setdefault(name, []).append(float(score))
        print(f"  repeat {seed} " + ", ".join(f"{name} {values[-1]:.3f}" for name, values in found.items()), flush=True)
    return found


def interval(values: list[float]) -> tuple[float, float, float]:
    """Mean and 95 % interval of Student's t."""
    mean = float(np.mean(values))
    half = float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return mean, mean - half, mean + half


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", nargs="*", default=list(TABLES))
    parser.add_argument("--folds", type=int, default=5, help="0 for outliers alone")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("runs/tables.json"))
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    results: dict[str, Any] = {}
    for name in given.tables:
        load, odd = TABLES[name]
        x, y = rows_of(load)
        print(f"{name}: {len(x)} rows, {x.shape[1]} columns", flush=True)
        results[name] = {
            "log-likelihood, nats per row": likelihoods(x, y, given.folds) if given.folds else {},
            "outlier AUROC": outliers(x, y, odd, given.repeats),
        }
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(results, indent=1))
    for name, measures in results.items():
        for measure, found in measures.items():
            print(f"\n{name}, {measure}")
            for estimator, values in found.items():
                print("  {:<20} {:8.3f}   {:8.3f} to {:8.3f}".format(estimator, *interval(values)))


if __name__ == "__main__":
    main()
