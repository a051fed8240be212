"""What codes tell of labels."""

from __future__ import annotations

from collections.abc import Iterator

from vaelab.errors import UserError
from vaelab.evaluation.measured import Subject, tried
from vaelab.evaluation.results import Number, Section
from vaelab.metrics import chance_accuracy, class_silhouette, knn_accuracy
from vaelab.metrics.representation import LabelCurve, cluster_information, label_curve, linear_probe

# Training codes that neighbours are sought among and probes learn from.
_MOST = 10_000


def measure(subject: Subject) -> Section:
    """Neighbours, a linear probe, clusters, and accuracy by number of labels, all on posterior means.

    Raises:
        UserError: the data has no labels, or nothing of it can be measured.
    """
    train, test = subject.some(subject.train, _MOST), subject.some(subject.test, _MOST)
    if train.labels is None or test.labels is None:
        raise UserError(f"{subject.data.name} has no labels, of which codes could tell; choose labelled data")
    codes, test_codes = subject.means(train), subject.means(test)
    subject.say("reading labels from codes")
    labels, test_labels, seed = train.labels, test.labels, subject.budget.seed
    chance, curves = f"chance {chance_accuracy(test_labels):.3g}", list[LabelCurve]()

    def read() -> Iterator[Number]:
        shares = {"kNN accuracy": (knn_accuracy, f"k = 15; {chance}"), "linear probe": (linear_probe, chance)}
        for name, (accuracy, how) in shares.items():
            share = accuracy(codes, labels, test_codes, test_labels)
            yield Number(name, share, interval=_of_share(share, len(test)), how=how)

    def silhouette() -> Iterator[Number]:
        yield Number("silhouette", class_silhouette(test_codes, test_labels), how="of the classes, -1 to 1")

    def clusters() -> Iterator[Number]:
        told = cluster_information(test_codes, test_labels, seed=seed)
        how = "normalised mutual information of k-means clusters and labels"
        yield Number("cluster information", told, how=how)

    def few_labels() -> Iterator[Number]:
        curves.append(label_curve(codes, labels, test_codes, test_labels, seed=seed))
        yield from ()

    parts = {"accuracy": read, "silhouette": silhouette, "cluster information": clusters, "label curve": few_labels}
    numbers, findings = tried(parts)
    if subject.model.spec.conditional:
        findings.append("The model is told the label, so what its codes tell of it is what it failed to leave out.")
    findings += [_words(curve) for curve in curves]
    about: dict[str, str | int | float] = {"training codes": len(codes), "test codes": len(test_codes), "seed": seed}
    return Section("representation", tuple(numbers), tuple(findings), about, _columns(*curves) if curves else {})


def _of_share(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of so many test images (Wilson 1927)."""
    from scipy.stats import binomtest

    found = binomtest(round(share * count), count).proportion_ci(method="wilson")
    return float(found.low), float(found.high)


def _words(curve: LabelCurve) -> str:
    each = zip(curve.sizes, curve.probe_mean, curve.knn_mean, strict=True)
    by_size = ", ".join(f"{size} {probe:.2f} / {knn:.2f}" for size, probe, knn in each)
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
