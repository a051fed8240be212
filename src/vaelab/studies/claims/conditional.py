"""Claims about the CVAE: the label decides the class, and z the style."""

from __future__ import annotations

import numpy as np
import torch

from vaelab.metrics.latent import shared_style, stroke_shape
from vaelab.studies.claims.claim import Claim, Numbers, SeedRuns
from vaelab.studies.claims.latent import STRUCTURE_NOTE, class_structure
from vaelab.studies.claims.verdict import Check

_OF_EACH = 500
_SHAPES = ("slant", "thickness", "scale", "rotation")


def _mixing(seed: SeedRuns) -> Numbers:
    vae = class_structure(seed, "vae")
    return class_structure(seed, "cvae") | {"of_vae": vae["accuracy"], "information_of_vae": vae["information"]}


MIXES = Claim(
    "cvae-mixes-classes",
    "The CVAE's latent plane mixes the classes.",
    ("vae", "cvae"),
    _mixing,
    (
        Check(
            "above",
            "accuracy of 15 nearest neighbours, from chance (0) to perfect (1)",
            at_most=0.05,
            why="a twentieth of the way from chance to perfect",
        ),
        Check(
            "share",
            "mutual information of latent and class, over the entropy of the class",
            at_most=0.05,
            why="a twentieth of the entropy of the class",
        ),
    ),
    beside={
        "accuracy": "accuracy of 15 nearest neighbours",
        "chance": "chance: the share of the largest class",
        "of_vae": "accuracy of 15 nearest neighbours, VAE",
        "information": "mutual information of latent and class (nats)",
        "information_of_vae": "mutual information of latent and class, VAE (nats)",
        "silhouette": "silhouette of the classes",
    },
    note=STRUCTURE_NOTE,
)


def _identity(seed: SeedRuns) -> Numbers:
    labels = torch.arange(len(seed.classes)).repeat_interleave(_OF_EACH)
    model = seed.runs["cvae"].model
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed.seed)
        drawn = torch.cat([model.generate(_OF_EACH, label) for label in range(len(seed.classes))])
    classifier = seed.classifier()
    right = classifier.predict(drawn) == labels.numpy()
    # The stored grey images, such as the classifier was trained on.
    images, answers = seed.data.split("test").tensors()
    assert answers is not None
    real = classifier.accuracy(images[answers >= 0], answers[answers >= 0])
    return {
        "samples": float(right.mean()),
        "real": real,
        "worst": float(right.reshape(len(seed.classes), -1).mean(1).min()),
    }


IDENTITY = Claim(
    "cvae-keeps-class",
    "The CVAE keeps class identity perfectly.",
    ("cvae",),
    _identity,
    (
        Check(
            "samples",
            "accuracy of a classifier on samples, 500 of each class",
            at_least=0.99,
            why="perfect to one image in a hundred",
        ),
    ),
    beside={
        "real": "accuracy of the same classifier on real test images",
        "worst": "accuracy on samples of the worst class",
    },
    note="The classifier is a small convolutional network of this project, trained on the real training images.",
)


def _style(seed: SeedRuns) -> Numbers:
    measured = seed.on_test("cvae")
    z = np.random.default_rng(seed.seed).standard_normal((_OF_EACH, sum(measured.model.widths)))
    shapes = [stroke_shape(measured.decode(z, label).mean(1).astype(np.float64)) for label in range(len(seed.classes))]
    return {name: shared_style(np.stack([getattr(shape, name) for shape in shapes])) for name in _SHAPES}


STYLE = Claim(
    "shared-style",
    "The same z keeps its style across classes.",
    ("cvae",),
    _style,
    tuple(
        Check(
            name,
            f"rank correlation of {name} between two classes over 500 draws of z, mean of all pairs",
            at_least=0.5,
            why="z orders the images of every class alike",
        )
        for name in ("slant", "thickness")
    ),
    beside={name: f"the same for {name}" for name in ("scale", "rotation")},
    note="Mean images at the same draws of z from the prior under every class.",
)
