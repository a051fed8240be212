"""What codes tell of labels."""

from __future__ import annotations

import numpy as np

from vaelab.errors import UserError
from vaelab.evaluation.results import Number, Section
from vaelab.evaluation.subject import Subject
from vaelab.metrics import chance_accuracy, class_silhouette, knn_accuracy
from vaelab.metrics.representation import cluster_information, label_curve, linear_probe

# Training codes that neighbours are sought among and probes learn from.
_MOST = 10_000


def measure(subject: Subject) -> Section:
    """Neighbours, a linear probe, clusters, and accuracy by number of labels, all on posterior means.

    Raises:
        UserError: the data has no labels.
    """
    train, test = subject.some(subject.train, _MOST), subject.some(subject.test, _MOST)
    if train.labels is None or test.labels is None:
        raise UserError(f"{subject.data.name} has no labels, of which codes could tell; choose labelled data")
    codes, test_codes = subject.codes(train), subject.codes(test)
    subject.say("reading labels from codes")
    labels, test_labels = train.labels, test.labels
    chance = f"chance {chance_accuracy(test_labels):.3g}"
    numbers = [
        Number(
            "kNN accuracy", *_sure(knn_accuracy(codes, labels, test_codes, test_labels), len(test)), f"k = 15; {chance}"
        ),
        Number("linear probe", *_sure(linear_probe(codes, labels, test_codes, test_labels), len(test)), chance),
        Number("silhouette", class_silhouette(test_codes, test_labels), how="of the classes, -1 to 1"),
    ]
    findings = []
    try:
        told = cluster_information(test_codes, test_labels, seed=subject.effort.seed)
    except UserError as why:
        # Codes that have collapsed to fewer points than there are classes.
        findings.append(f"cluster information is left out: {why}.")
    else:
        how = "normalised mutual information of k-means clusters and labels"
        numbers.append(Number("cluster information", told, how=how))
    curve = label_curve(codes, labels, test_codes, test_labels, seed=subject.effort.seed)
    curves = {
        "labels": tuple(map(float, curve.sizes)),
        "linear probe": tuple(map(float, curve.probe_mean)),
        "linear probe, spread": tuple(map(float, curve.probe_spread)),
        "kNN": tuple(map(float, curve.knn_mean)),
        "kNN, spread": tuple(map(float, curve.knn_spread)),
    }
    if subject.model.spec.conditional:
        findings.append("The model is told the label, so what its codes tell of it is what it failed to leave out.")
    by_size = ", ".join(
        f"{size} {probe:.2f} / {knn:.2f}"
        for size, probe, knn in zip(curve.sizes, curve.probe_mean, curve.knn_mean, strict=True)
    )
    findings.append(f"Accuracy of linear probe / kNN by number of labels: {by_size}.")
    about: dict[str, str | int | float] = {
        "training codes": len(codes),
        "test codes": len(test_codes),
        "draws of labels": curve.draws,
        "seed": subject.effort.seed,
    }
    return Section("representation", tuple(numbers), tuple(findings), about, curves)


def _sure(share: float, count: int) -> tuple[float, str, tuple[float, float]]:
    """A share, its unit (none), and its 95 % interval over test pictures (Wilson 1927)."""
    z, centre = 1.96, share + 1.96**2 / (2 * count)
    half = z * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    whole = 1 + z**2 / count
    return share, "", (float((centre - half) / whole), float((centre + half) / whole))
