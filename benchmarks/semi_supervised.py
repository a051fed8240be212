"""Errors of M2, M1+M2 and classifiers of the labels alone, with few labels (Kingma et al. 2014, section 4.1).

python benchmarks/semi_supervised.py [--data digits] [--limit 0] [--epochs 30] [--seeds 0 1 2]

Of each class, equally many training images keep their label; the seed chooses them. Prints the share of test images
that are classified wrongly, with its 95 % interval over images (Wilson 1927) for each seed, and the mean over seeds
with the interval of Student's t. `--alpha`, `--share` and `--latent` are M2's settings; with `--validate` errors are
those of held-out training images, by which the defaults were chosen. `--only` names rows.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import binomtest, t
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from torch.nn.functional import cross_entropy

import vaelab as vl

_HIDDEN = (256,)
_FEATURES = 50


def few_labels(data: vl.ImageData, arguments: argparse.Namespace, seed: int) -> tuple[vl.ImageData, np.ndarray]:
    """The data with all training labels but a few replaced by -1, and the rows that keep theirs."""
    train, test = data.split("train"), data.split("test")
    order = np.random.default_rng(seed).permutation(len(train))
    if arguments.validate:
        order, test = order[len(train) // 12 :], train.take(order[: len(train) // 12])
    order = order[: arguments.limit or None]
    each = arguments.labels // len(data.classes)
    kept = np.concatenate([np.flatnonzero(train.labels[order] == k)[:each] for k in range(len(data.classes))])
    labels = np.full(len(order), -1)
    labels[kept] = train.labels[order][kept]
    splits = {"train": range(len(order)), "test": range(len(order), len(order) + len(test))}
    images, known = np.concatenate([train.images[order], test.images]), np.concatenate([labels, test.labels])
    return replace(data, images=images, labels=known, splits=splits, source=None), kept


def pixels(data: Any) -> torch.Tensor:
    return torch.from_numpy(data.images).float() / 255


def classifier_alone(x: torch.Tensor, y: torch.Tensor, seed: int) -> torch.nn.Module:
    """M2's classifier network, trained on the labelled images until they are learnt."""
    torch.manual_seed(seed)
    network = vl.M2(2, network=vl.Mlp((4,)), hidden=_HIDDEN).build(vl.ImageFormat(*x.shape[1:], tuple("0123456789")))
    optimiser = torch.optim.Adam(network.classifier.parameters(), lr=1e-3)
    for _ in range(300):
        loss = cross_entropy(network.classifier(x.bernoulli()), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return network.eval()


def m2(data: vl.Data, arguments: argparse.Namespace, seed: int, folder: Path, **settings: Any) -> vl.Run:
    """A run of M2 with the labels that the data has."""
    given = {"latent": arguments.latent, "network": vl.Mlp(_HIDDEN), "hidden": _HIDDEN, "alpha": arguments.alpha}
    training = vl.Training(
        epochs=arguments.epochs, seed=seed, validation=0, labelled_share=arguments.share, device="cpu"
    )
    binarisation = {} if arguments.grey or "likelihood" in settings else {"binarisation": vl.Dynamic()}
    experiment = vl.Experiment(model=vl.M2(**given | settings), training=training, **binarisation)
    return vl.train(experiment, folder, data=data, show=False)


def rows_of(data: vl.ImageData, kept: np.ndarray, arguments: argparse.Namespace, seed: int) -> dict[str, Callable]:
    """For each row of the table, a function that returns the predicted classes of the test images."""
    train, test = data.split("train"), data.split("test")
    x, y, asked = pixels(train)[kept], train.labels[kept], pixels(test)
    folder = Path(tempfile.mkdtemp())

    @cache
    def features() -> np.ndarray:
        """Posterior means of all images under M1, a VAE of the training images."""
        training = vl.Training(epochs=arguments.epochs, seed=seed, validation=0, device="cpu")
        model = vl.VAE(_FEATURES, network=vl.Mlp((500, 500)))
        experiment = vl.Experiment(model=model, binarisation=vl.Dynamic(), training=training)
        m1 = vl.train(experiment, folder / "m1", data=data, show=False).model
        return np.concatenate([m1.encode(part).mean.numpy() for part in pixels(data).split(2000)])

    def m1_and(fit: Any) -> np.ndarray:
        means = features()
        n = len(train)
        return fit.fit(means[:n][kept], y).predict(means[n:])

    def m1_m2() -> np.ndarray:
        means, n = features(), len(train)
        # All rows are for training; those of the split `test` are not looked at.
        table = vl.as_table(means[:n], train.labels, classes=data.classes)
        table = replace(table, splits={"train": range(n), "test": range(100)})
        model = m2(table, arguments, seed, folder / "m1-m2", likelihood=vl.LearnedGaussian()).model
        values = torch.from_numpy(table.format.encode(means[n:])).float()
        return model.classify(values).probs.argmax(1).numpy()

    def network(model: Any) -> np.ndarray:
        return torch.cat([model.classify(some).probs.argmax(1) for some in asked.split(2000)]).numpy()

    flat = asked.flatten(1).numpy()
    return {
        "logistic regression": lambda: LogisticRegression(max_iter=3000).fit(x.flatten(1).numpy(), y).predict(flat),
        "nearest neighbour": lambda: KNeighborsClassifier(1).fit(x.flatten(1).numpy(), y).predict(flat),
        "classifier of M2 alone": lambda: network(classifier_alone(x, torch.from_numpy(y), seed)),
        "M2": lambda: network(m2(data, arguments, seed, folder / "m2").model),
        "M1, logistic regression": lambda: m1_and(LogisticRegression(max_iter=3000)),
        "M1+M2": m1_m2,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--limit", type=int, default=0, help="training images; 0 for all")
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--alpha", type=float, default=vl.M2().alpha)
    parser.add_argument("--share", type=float, default=vl.Training().labelled_share)
    parser.add_argument("--latent", type=int, default=3)
    parser.add_argument("--grey", action="store_true", help="M2 sees grey pixels, not ones drawn anew each time")
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--only", nargs="+", default=[])
    arguments = parser.parse_args()
    whole = vl.open_data(arguments.data)
    errors: dict[str, list[float]] = {}
    for seed in arguments.seeds:
        data, kept = few_labels(whole, arguments, seed)
        answers = data.split("test").labels
        for name, predict in rows_of(data, kept, arguments, seed).items():
            if arguments.only and name not in arguments.only:
                continue
            began = time.perf_counter()
            wrong = int((predict() != answers).sum())
            low, high = binomtest(wrong, len(answers)).proportion_ci(method="wilson")
            errors.setdefault(name, []).append(100 * wrong / len(answers))
            seconds = time.perf_counter() - began
            print(
                f"seed {seed}, {name}: {errors[name][-1]:.1f} % ({100 * low:.1f} to {100 * high:.1f}), {seconds:.0f} s",
                flush=True,
            )
    for name, each in errors.items():
        spread = t.ppf(0.975, len(each) - 1) * np.std(each, ddof=1) / len(each) ** 0.5 if len(each) > 1 else np.nan
        print(f"{name}: {np.mean(each):.1f} % +- {spread:.1f} over {len(each)} seeds")


if __name__ == "__main__":
    main()
