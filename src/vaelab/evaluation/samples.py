"""The part `samples`: how close samples are to real images, which images they miss, and whether they are copies."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from vaelab.data import ImageData
from vaelab.errors import UserError
from vaelab.evaluation.collect import collect, pair
from vaelab.evaluation.measurement import Measurement
from vaelab.evaluation.results import Number, Section
from vaelab.measured import MeasuredModel
from vaelab.metrics.intervals import bootstrap_interval
from vaelab.metrics.samples import conditional_accuracy, frechet_interval, memorisation, sample_quality
from vaelab.metrics.samples.classifier import FEATURES

# More images make distances and neighbours slower, and change little.
_MOST = 5000
_COPIES = 2000
_BATCH = 500

_Images = NDArray[np.float32]


def measure(measurement: Measurement) -> Section:
    """Distances on the features of the project's own classifier, neighbours, copies, and the classes of samples.

    Raises:
        UserError: none of these can be measured, or the data are no images.
    """
    real = measurement.test.subset(_MOST)
    _ = real.image_data  # refuses rows of a table
    measurement.say(f"drawing {real.n_images} samples")
    drawn = _drawn(real)
    numbers, findings = collect(
        {
            "distances": lambda: _distances(measurement, real, drawn),
            "conditional accuracy": lambda: _classes(measurement, real, drawn),
            "copies": lambda: _copies(measurement, real, drawn),
        }
    )
    findings.append(
        "Features come from a small classifier that this project trained on the same training images, not from "
        "Inception: the distances compare models measured with that classifier, and are not FIDs."
    )
    if real.model.spec.conditional:
        findings = [*measurement.without_labels, *findings]
    about: dict[str, str | int | float] = {
        "pixels": "means of p(x | z) against grey images",
        "samples": len(drawn),
        "real images": real.n_images,
        "seed": measurement.budget.seed,
    }
    return Section("samples", tuple(numbers), tuple(findings), about)


def _grey(data: ImageData) -> _Images:
    grey: _Images = data.images.astype(np.float32) / np.float32(255)
    return grey


def _drawn(real: MeasuredModel) -> _Images:
    """One mean image per real image at a draw of the prior, with its condition if the model is conditional."""
    model = real.model
    y = real.condition.to(model.device) if model.spec.conditional and real.condition is not None else None
    parts = []
    with real.seeded():
        for start in range(0, real.n_images, _BATCH):
            rows = slice(start, min(start + _BATCH, real.n_images))
            parts.append(model.generate(rows.stop - start, None if y is None else y[rows]).cpu())
    images: _Images = torch.cat(parts).clamp(0, 1).float().numpy()
    return images


def _distances(measurement: Measurement, real: MeasuredModel, drawn: _Images) -> Iterator[Number]:
    """Distances of samples from real images, each next to the distance of as many training images."""
    from scipy.stats import t

    if real.n_images <= FEATURES:
        raise UserError(
            f"the test split has {real.n_images} images, but the distances are of {FEATURES} features and need more "
            "images than that; give more"
        )
    seed, images = measurement.budget.seed, _grey(real.image_data)
    training = _grey(measurement.train.subset(len(drawn)).image_data)
    classifier = measurement.classifier
    measurement.say("comparing samples with real images")
    found = sample_quality(classifier, images, drawn, seed=seed)
    floor = sample_quality(classifier, images, training, seed=seed)
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
    shares = {
        "precision": near.real_balls > 0,
        "recall": near.reached,
        "density": near.real_balls / near.neighbours,
        "coverage": near.covered,
    }
    for name, values in shares.items():
        yield Number(
            name,
            float(values.mean()),
            interval=pair(bootstrap_interval(values.astype(np.float64))),
            how=f"{near.neighbours} nearest neighbours; training images {getattr(of_floor, name):.3g}",
        )


def _classes(measurement: Measurement, real: MeasuredModel, drawn: _Images) -> Iterator[Number]:
    """The share of samples that show the class they were generated for."""
    if not measurement.model.spec.conditional or real.labels is None:
        return
    # Of an image whose label is unknown, the class is drawn as well.
    drawn, real = drawn[real.labels >= 0], real.labelled
    wanted = real.labels
    assert wanted is not None
    classifier = measurement.classifier
    read = classifier.predict(drawn)
    found = conditional_accuracy(wanted, read, len(real.data.classes))
    yield Number(
        "conditional accuracy",
        float((read == wanted).mean()),
        interval=pair(bootstrap_interval((read == wanted).astype(np.float64))),
        how=f"samples classified as the class they were generated for, worst class {found.worst:.3f}; real images "
        f"{classifier.accuracy(_grey(real.image_data), wanted):.3f}",
    )


def _copies(measurement: Measurement, real: MeasuredModel, drawn: _Images) -> Iterator[Number]:
    """How close samples are to training images, compared with test images."""
    measurement.say("finding the nearest training image of each sample")
    training = _grey(measurement.train.image_data)
    found = memorisation(drawn[:_COPIES], training, _grey(real.image_data)[:_COPIES])
    yield Number("nearer than test images", found.rank, how="rank of distances to training images; 0.5: no difference")
    yield Number(
        "the same, relative",
        found.relative_rank,
        how="relative to the 50 nearest training images, so blur alone does not raise it; near 1: copies",
    )
    yield Number("exact copies", found.copies, how="share of samples")
