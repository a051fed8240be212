"""How near samples are to real pictures, what they leave out, and whether they are copies."""

from __future__ import annotations

import numpy as np
import torch

from vaelab.errors import UserError
from vaelab.evaluation.results import Number, Section
from vaelab.evaluation.subject import Subject, pair
from vaelab.metrics.classifier import FEATURES
from vaelab.metrics.intervals import bootstrap_interval
from vaelab.metrics.pictures import seeded
from vaelab.metrics.samples import (
    SampleQuality,
    conditional_accuracy,
    frechet_interval,
    memorisation,
    sample_quality,
)

# Distances and neighbours among more pictures than this take long and change little.
_MOST = 5000
_COPIES = 2000


def measure(subject: Subject) -> Section:
    """Distances on the features of the project's own classifier, neighbours, copies, and the classes of samples.

    Raises:
        UserError: too few pictures.
    """
    real = subject.some(subject.test, _MOST)
    if len(real) <= FEATURES:
        raise UserError(
            f"the test split has {len(real)} pictures, but distances need more than the {FEATURES} features that they "
            "are of; give more"
        )
    drawn = _drawn(subject, real.labels, real.attributes, len(real))
    real_pictures, train = real.images.astype(np.float32) / 255, subject.train
    numbers, findings = [], []
    about: dict[str, str | int | float] = {"samples": len(drawn), "seed": subject.effort.seed}
    if train.labels is None or len(train.classes) < 2:
        findings.append(f"{train.name} has no labels, so there is no classifier whose features could be compared.")
    else:
        classifier = subject.classifier
        learned = subject.some(train, _MOST).images.astype(np.float32) / 255
        subject.say("comparing samples with real pictures")
        quality = sample_quality(classifier, real_pictures, drawn, seed=subject.effort.seed)
        floor = sample_quality(classifier, real_pictures, learned, seed=subject.effort.seed)
        interval = frechet_interval(classifier.features(real_pictures), classifier.features(drawn))
        numbers += _of(quality, floor, pair(interval))
        answers = real.labels
        assert answers is not None
        about |= {"real pictures": len(real), "classifier's accuracy": classifier.accuracy(real_pictures, answers)}
        findings.append(
            "Features are those of a small classifier that this project trains on the same data, not of Inception: "
            "distances compare models measured with it, and are no FID."
        )
        if subject.model.spec.conditional:
            read = classifier.predict(drawn)
            found = conditional_accuracy(answers, read, len(train.classes))
            numbers.append(
                Number(
                    "conditional accuracy",
                    float((read == answers).mean()),
                    interval=pair(bootstrap_interval((read == answers).astype(np.float64))),
                    how=f"samples read as the class asked for; the worst class {found.worst:.3f}",
                )
            )
    subject.say("looking for the nearest training picture of each sample")
    known = train.images.astype(np.float32) / 255
    copies = memorisation(drawn[:_COPIES], known, real_pictures[:_COPIES])
    numbers += [
        Number("nearer than test pictures", copies.rank, how="rank of distances to training pictures; 0.5 is alike"),
        Number(
            "the same, relative",
            copies.relative_rank,
            how="relative to the 50 nearest, which blur alone does not raise; near 1 is copying",
        ),
        Number("exact copies", copies.copies, how="share of samples"),
    ]
    return Section("samples", tuple(numbers), tuple(findings), about)


def _drawn(subject: Subject, labels: np.ndarray | None, attributes: np.ndarray | None, count: int) -> np.ndarray:
    """Mean pictures at draws of the prior, with the conditions of real pictures where the model takes any."""
    subject.say(f"drawing {count} samples")
    model, conditions = subject.model, labels if labels is not None else attributes
    y = torch.from_numpy(conditions).to(model.device) if model.spec.conditional and conditions is not None else None
    parts = []
    with seeded(model.device, subject.effort.seed):
        for start in range(0, count, 500):
            rows = slice(start, min(start + 500, count))
            parts.append(model.generate(rows.stop - start, None if y is None else y[rows]).cpu())
    pictures: np.ndarray = torch.cat(parts).clamp(0, 1).float().numpy()
    return pictures


def _of(found: SampleQuality, floor: SampleQuality, interval: tuple[float, float]) -> list[Number]:
    """The numbers of samples, each beside what training pictures in their place would get."""
    neighbours = f"{found.neighbours.neighbours} nearest neighbours; training pictures"
    error = 1.96 * found.kernel.standard_error
    return [
        Number(
            "Fréchet distance",
            found.frechet.distance,
            interval=interval,
            how=f"on the classifier's features; training pictures {floor.frechet.distance:.3g}",
        ),
        Number(
            "kernel distance",
            found.kernel.squared_mmd,
            interval=(found.kernel.squared_mmd - error, found.kernel.squared_mmd + error),
            how=f"squared MMD, cubic kernel, same features; training pictures {floor.kernel.squared_mmd:.3g}",
        ),
        *(
            Number(name, getattr(found.neighbours, name), how=f"{neighbours} {getattr(floor.neighbours, name):.3g}")
            for name in ("precision", "recall", "density", "coverage")
        ),
    ]
