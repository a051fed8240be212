"""The part `representation`: how well labels can be read from posterior means."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from vaelab.errors import UserError
from vaelab.evaluation.collect import collect
from vaelab.evaluation.measurement import Measurement
from vaelab.evaluation.results import Number, Section
from vaelab.metrics.latent import chance_accuracy, class_silhouette, knn_accuracy
from vaelab.metrics.representation import LabelCurve, cluster_information, label_curve, linear_probe

# Most images of each split; the neighbours and the probe use those of the training split.
_MOST = 10_000


def measure(measurement: Measurement) -> Section:
    """Nearest neighbours, a linear probe, clusters, and accuracy by number of labels, all on posterior means.

    Raises:
        UserError: the data has no labels, or none of these can be measured.
    """
    train, test = measurement.train.labelled.subset(_MOST), measurement.test.labelled.subset(_MOST)
    labels, test_labels, seed = train.labels, test.labels, measurement.budget.seed
    if labels is None or test_labels is None:
        raise UserError(f"{test.data.name} has no labels to be read from posterior means; choose labelled data")
    means, test_means = train.means, test.means
    measurement.say("reading labels from posterior means")
    chance, curves = f"chance {chance_accuracy(test_labels):.3g}", list[LabelCurve]()

    def accuracies() -> Iterator[Number]:
        readers: dict[str, tuple[Callable[..., float], str]] = {
            "kNN accuracy": (knn_accuracy, f"k = 15; {chance}"),
            "linear probe": (linear_probe, chance),
        }
        for name, (reader, how) in readers.items():
            share = reader(means, labels, test_means, test_labels)
            yield Number(name, share, interval=_interval(share, len(test_labels)), how=how)

    def silhouette() -> Iterator[Number]:
        yield Number("silhouette", class_silhouette(test_means, test_labels), how="of the classes, -1 to 1")

    def clusters() -> Iterator[Number]:
        information = cluster_information(test_means, test_labels, seed=seed)
        how = "normalised mutual information of k-means clusters and labels"
        yield Number("cluster information", information, how=how)

    def few_labels() -> Iterator[Number]:
        curves.append(label_curve(means, labels, test_means, test_labels, seed=seed))
        yield from ()

    numbers, findings = collect(
        {"accuracy": accuracies, "silhouette": silhouette, "cluster information": clusters, "label curve": few_labels}
    )
    if measurement.model.spec.conditional:
        findings.append("The model is given the label, so z needs to hold only the rest of the image.")
    findings += [_words(curve) for curve in curves]
    findings = [*measurement.without_labels, *findings]
    about: dict[str, str | int | float] = {"training codes": len(means), "test codes": len(test_means), "seed": seed}
    return Section("representation", tuple(numbers), tuple(findings), about, _columns(*curves) if curves else {})


def _interval(share: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of n test images (Wilson 1927)."""
    from scipy.stats import binomtest

    found = binomtest(round(share * n), n).proportion_ci(method="wilson")
    return float(found.low), float(found.high)


def _words(curve: LabelCurve) -> str:
    rows = zip(curve.sizes, curve.probe_mean, curve.knn_mean, strict=True)
    by_size = ", ".join(f"{size} {probe:.2f} / {knn:.2f}" for size, probe, knn in rows)
    return f"Accuracy of linear probe / kNN by number of labels, mean over {curve.draws} draws of them: {by_size}."


def _columns(curve: LabelCurve) -> dict[str, tuple[float, ...]]:
    columns = {
        "labels": curve.sizes,
        "linear probe": curve.probe_mean,
        "linear probe, spread": curve.probe_spread,
        "kNN": curve.knn_mean,
        "kNN, spread": curve.knn_spread,
    }
    return {name: tuple(map(float, values)) for name, values in columns.items()}
