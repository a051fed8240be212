"""How near samples are to real images, what they leave out, and whether they are copies."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from vaelab.data import ImageData
from vaelab.errors import UserError
from vaelab.evaluation.measured import Subject, pair, tried
from vaelab.evaluation.results import Number, Section
from vaelab.metrics.images import seeded
from vaelab.metrics.intervals import bootstrap_interval
from vaelab.metrics.samples import conditional_accuracy, frechet_interval, memorisation, sample_quality
from vaelab.metrics.samples.classifier import FEATURES

# Distances and neighbours among more images than this take long and change little.
_MOST = 5000
_COPIES = 2000

_Images = NDArray[np.float32]


def measure(subject: Subject) -> Section:
    """Distances on the features of the project's own classifier, neighbours, copies, and the classes of samples.

    Raises:
        UserError: none of it can be measured.
    """
    real = subject.some(subject.test, _MOST)
    drawn = _drawn(subject, real)
    parts = {
        "distances": lambda: _distances(subject, real, drawn),
        "conditional accuracy": lambda: _classes(subject, real, drawn),
        "copies": lambda: _copies(subject, real, drawn),
    }
    numbers, findings = tried(parts)
    findings.append(
        "Features are those of a small classifier, trained by this project on the same data, not of Inception: "
        "distances compare models measured with it, and are no FID. It has learned from the training images."
    )
    about: dict[str, str | int | float] = {
        "pixels": "means of p(x | z) beside grey images",
        "samples": len(drawn),
        "real images": len(real),
        "seed": subject.budget.seed,
    }
    return Section("samples", tuple(numbers), tuple(findings), about)


def _grey(data: ImageData) -> _Images:
    grey: _Images = data.images.astype(np.float32) / np.float32(255)
    return grey


def _drawn(subject: Subject, real: ImageData) -> _Images:
    """As many mean images at draws of the prior, with the conditions of the real ones where the model takes any."""
    subject.say(f"drawing {len(real)} samples")
    model, conditions = subject.model, real.condition
    y = torch.from_numpy(conditions).to(model.device) if model.spec.conditional and conditions is not None else None
    parts = []
    with seeded(model.device, subject.budget.seed):
        for start in range(0, len(real), 500):
            rows = slice(start, min(start + 500, len(real)))
            parts.append(model.generate(rows.stop - start, None if y is None else y[rows]).cpu())
    images: _Images = torch.cat(parts).clamp(0, 1).float().numpy()
    return images


def _distances(subject: Subject, real: ImageData, drawn: _Images) -> Iterator[Number]:
    """Each beside what as many training images would get in the samples' place."""
    from scipy.stats import t

    if len(real) <= FEATURES:
        raise UserError(
            f"the test split has {len(real)} images, but the distances are of {FEATURES} features and need more "
            "images than that; give more"
        )
    seed, images = subject.budget.seed, _grey(real)
    learned = _grey(subject.some(subject.train, len(drawn)))
    classifier = subject.classifier
    subject.say("comparing samples with real images")
    found = sample_quality(classifier, images, drawn, seed=seed)
    floor = sample_quality(classifier, images, learned, seed=seed)
    yield Number(
        "Fréchet distance",
        found.frechet.distance,
        interval=pair(frechet_interval(classifier.features(images), classifier.features(drawn), seed=seed)),
        how=f"on the classifier's features; training images {floor.frechet.distance:.3g}",
    )
    kernel = found.kernel
    error = kernel.standard_error * float(t.ppf(0.975, kernel.blocks - 1))
    yield Number(
        "kernel distance",
        kernel.squared_mmd,
        interval=(kernel.squared_mmd - error, kernel.squared_mmd + error),
        how=f"squared MMD, cubic kernel, over {kernel.blocks} blocks; training images {floor.kernel.squared_mmd:.3g}",
    )
    near, of_floor = found.neighbours, floor.neighbours
    each = {
        "precision": near.real_balls > 0,
        "recall": near.reached,
        "density": near.real_balls / near.neighbours,
        "coverage": near.covered,
    }
    for name, values in each.items():
        yield Number(
            name,
            float(values.mean()),
            interval=pair(bootstrap_interval(values.astype(np.float64))),
            how=f"{near.neighbours} nearest neighbours; training images {getattr(of_floor, name):.3g}",
        )


def _classes(subject: Subject, real: ImageData, drawn: _Images) -> Iterator[Number]:
    """Whether samples show the class they were asked for."""
    answers = real.labels
    if not subject.model.spec.conditional or answers is None:
        return
    classifier = subject.classifier
    read = classifier.predict(drawn)
    found = conditional_accuracy(answers, read, len(real.classes))
    yield Number(
        "conditional accuracy",
        float((read == answers).mean()),
        interval=pair(bootstrap_interval((read == answers).astype(np.float64))),
        how=f"samples read as the class asked for, the worst class {found.worst:.3f}; real images "
        f"{classifier.accuracy(_grey(real), answers):.3f}",
    )


def _copies(subject: Subject, real: ImageData, drawn: _Images) -> Iterator[Number]:
    """How near samples are to training images, beside test images."""
    subject.say("looking for the nearest training image of each sample")
    found = memorisation(drawn[:_COPIES], _grey(subject.train), _grey(real)[:_COPIES])
    yield Number("nearer than test images", found.rank, how="rank of distances to training images; 0.5 is alike")
    yield Number(
        "the same, relative",
        found.relative_rank,
        how="relative to the 50 nearest, which blur alone does not raise; near 1 is copying",
    )
    yield Number("exact copies", found.copies, how="share of samples")
