"""The contract of sources of images, of binarisation protocols and of augmentations."""

from __future__ import annotations

import numpy as np
import torch

from vaelab.data import AugmentationSpec, BinarisationSpec, SourceSpec, augmented, open_data
from vaelab.testing.faults import has_shape, require, same_for_a_seed


def check_source(spec: SourceSpec) -> list[str]:
    """Two loads give the same images, with a training and a test split.

    Raises:
        UserError: a fault, or the files of the source are not at hand.
    """
    data, again = open_data(spec), open_data(spec)
    require(data.digest == again.digest, spec, "two loads give different images; draw with a fixed seed")
    for name in ("train", "test"):
        require(len(data.split(name)) > 0, spec, f"its split {name!r} is empty")
    rows = [row for name in ("train", "test") for row in data.splits[name]]
    require(len(rows) == len(set(rows)), spec, "some images are in both splits, train and test")
    return ["two loads give the same images", "splits for training and test"]


def check_binarisation(spec: BinarisationSpec) -> list[str]:
    """Pixels in [0, 1], binary where it says so, of the shape of the images."""
    images = np.arange(2 * 3 * 4 * 5, dtype=np.uint8).reshape(2, 3, 4, 5) * np.uint8(2)
    stored = spec.prepare(images)
    require(stored.dtype == np.uint8 and stored.shape == images.shape, spec, "prepare changes the shape or the type")
    x = spec.pixels(torch.from_numpy(stored))
    has_shape(spec, "pixels", x, images.shape)
    require(bool(((x >= 0) & (x <= 1)).all()), spec, "pixels lie outside [0, 1]")
    return ["pixels in [0, 1]"]


def check_augmentation(spec: AugmentationSpec) -> list[str]:
    """Images of the same shape, that follow the seed, each with a draw of its own, binary where it says so."""
    for shape in (3, 8, 8), (1, 5, 7):
        x = torch.randint(256, (1, *shape)).float().div(255).expand(16, *shape)
        same_for_a_seed(spec, lambda x=x: augmented([spec], x), "the change", varies=False)  # type: ignore[misc]
        changed = augmented([spec], x)
        require(bool(changed.isfinite().all()), spec, "the change is not finite")
        if not torch.equal(changed, augmented([spec], x)):
            require(bool((changed != changed[:1]).any()), spec, "all images of a batch have one draw; draw for each")
        if not spec.new_values:
            binary = spec((x > 0.5).float())
            fault = "binary pixels do not stay binary, but new_values is False"
            require(bool(((binary == 0) | (binary == 1)).all()), spec, fault)
    return ["the same shape", "draws follow the seed", "each image has its own draw"]
