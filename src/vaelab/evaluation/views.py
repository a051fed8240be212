"""The part `views`: what each view says of the other, and bounds for each set of views."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaelab.data import ImageData
from vaelab.errors import UserError
from vaelab.evaluation.collect import collect, pair
from vaelab.evaluation.measurement import Measurement
from vaelab.evaluation.results import Number, Section
from vaelab.measured import MeasuredModel
from vaelab.metrics.evidence import importance_bound, refuse_cross_entropy
from vaelab.metrics.images import eval_mode, seeded
from vaelab.metrics.intervals import bootstrap_interval
from vaelab.models.model import Model
from vaelab.models.multimodal import MultimodalModel

_BATCH = 500


def measure(measurement: Measurement) -> Section:
    """Bounds on log p(x), log p(y) and log p(x, y); labels of images, images of labels, and whether pairs agree.

    Raises:
        UserError: the model has one view.
    """
    model, budget = _of_two_views(measurement.model), measurement.budget
    numbers, findings = collect(
        {
            "bounds": lambda: _bounds(model, measurement),
            "labels of images": lambda: _labels_of_images(model, measurement),
            "images of labels": lambda: _images_of_labels(model, measurement),
        }
    )
    about: dict[str, str | int | float] = {
        measurement.noun: _labelled(measurement).n_images,
        "draws": budget.n_samples,
        "seed": budget.seed,
        "importance samples in": budget.precision,
    }
    return Section("views", tuple(numbers), (*measurement.without_labels, *findings), about)


def _of_two_views(model: Model) -> MultimodalModel:
    if not isinstance(model, MultimodalModel):
        raise UserError(
            f"model is a {model.spec.summary}, which has one view; what one view says of another is a question to a "
            "Multimodal"
        )
    return model


def _bounds(model: MultimodalModel, measurement: Measurement) -> Iterator[Number]:
    """Importance bounds for the image alone, the label alone and both."""
    x, y, budget = _labelled(measurement).pixels, _labels(measurement), measurement.budget
    refuse_cross_entropy(model, x)
    sets = {"log p(x)": (x, None), "log p(y)": (torch.full_like(x, torch.nan), y), "log p(x, y)": (x, y)}
    for name, (images, labels) in sets.items():
        measurement.say(f"bounding {name} by {budget.n_samples} importance samples")
        found = importance_bound(model, images, labels, budget.n_samples, seed=budget.seed, precision=budget.precision)
        elbo = pair(bootstrap_interval(found.elbo.numpy(force=True)))
        yield Number(f"ELBO of {name}", float(found.elbo.mean()), measurement.nats, elbo)
        yield Number(f"IWAE-{found.samples} of {name}", found.mean, measurement.nats, pair(found.interval))


def _labels_of_images(model: MultimodalModel, measurement: Measurement) -> Iterator[Number]:
    """The share of images whose likeliest label is their own."""
    wanted, pixels = _classes(measurement), _labelled(measurement).pixels
    with eval_mode(model), seeded(model.device, measurement.budget.seed):
        parts = [model.predict(x.to(model.device)).argmax(1).numpy(force=True) for x in pixels.split(_BATCH)]
    yield _share(
        "label from image",
        np.concatenate(parts) == wanted,
        f"share of {measurement.noun} whose likeliest label under draws of q(z | x) is their own; "
        f"chance {1 / len(model.format.classes):.2g}",
    )


def _images_of_labels(model: MultimodalModel, measurement: Measurement) -> Iterator[Number]:
    """The share of generated images that a classifier takes for the class that they were generated for, or with."""
    wanted = _classes(measurement)
    data = measurement.test.labelled.data
    if not isinstance(data, ImageData):
        raise UserError("rows of a table have no classifier of images")
    classifier = measurement.classifier
    real = classifier.accuracy(data.images.astype(np.float32) / np.float32(255), wanted)
    how = f"share that a classifier takes for that class; of real images {real:.3f}"
    made, pairs, labels = [], [], []
    with eval_mode(model), seeded(model.device, measurement.budget.seed):
        for y in torch.from_numpy(wanted).split(_BATCH):
            made.append(model.generate(y=y).cpu())
            images, drawn = model.generate_pairs(len(y))
            pairs.append(images.cpu())
            labels.append(drawn.cpu())
    yield _share("image from label", classifier.predict(_pixels(made)) == wanted, how)
    yield _share("pairs that agree", classifier.predict(_pixels(pairs)) == torch.cat(labels).numpy(), how)


def _labelled(measurement: Measurement) -> MeasuredModel:
    """The test images whose label is known, binarised once."""
    return measurement.test_binarised.labelled


def _labels(measurement: Measurement) -> Tensor:
    """Labels or attributes of the test images.

    Raises:
        UserError: there are none.
    """
    condition = _labelled(measurement).data.condition
    if condition is None:
        raise UserError(f"the test {measurement.noun} have no labels or attributes")
    return torch.from_numpy(condition)


def _classes(measurement: Measurement) -> NDArray[np.int64]:
    """Labels of the test images.

    Raises:
        UserError: they have none.
    """
    labels = _labelled(measurement).labels
    if labels is None:
        raise UserError(f"the test {measurement.noun} have attributes and no labels")
    return labels


def _pixels(parts: list[Tensor]) -> NDArray[np.float32]:
    pixels: NDArray[np.float32] = torch.cat(parts).clamp(0, 1).float().numpy()
    return pixels


def _share(name: str, right: NDArray[np.bool_], how: str) -> Number:
    interval = pair(bootstrap_interval(right.astype(np.float64)))
    return Number(name, float(right.mean()), interval=interval, how=how)
