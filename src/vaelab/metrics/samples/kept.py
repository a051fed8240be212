"""A classifier of images that is trained once per data set and kept in a file."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path

import torch

from vaelab._version import __version__
from vaelab.cache import cache_directory
from vaelab.data import ImageData
from vaelab.errors import UserError, reason
from vaelab.metrics.samples.classifier import ImageClassifier, train_classifier


def kept_classifier(
    data: ImageData,
    seed: int = 0,
    folder: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> ImageClassifier:
    """`train_classifier`, from a file if these images were seen before.

    The name of the file comes from the images, the seed, and the versions of vaelab and torch. A damaged file is
    written anew. Where none can be written, a warning says so and the classifier is returned nevertheless.

    Args:
        data: labelled images; if the data has a training split, only that split is used.
        seed: of the training.
        folder: of the file; by default VAELAB_CACHE, otherwise the user's cache folder.
        say: called with a line before a training.

    Raises:
        UserError: as `train_classifier`.
    """
    data = data.split("train") if "train" in data.splits else data
    about = f"{data.digest} {seed} {__version__} {torch.__version__}"
    name = hashlib.sha256(about.encode()).hexdigest()[:16]
    file = (folder or cache_directory() / "classifiers") / f"classifier-{name}.safetensors"
    if (found := _loaded(file, data)) is not None:
        return found
    say("training a classifier of images")
    classifier = train_classifier(data, seed=seed)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        classifier.save(file)
    except (OSError, UserError) as error:
        why = reason(error) if isinstance(error, OSError) else str(error)
        warnings.warn(f"the classifier of images is not kept for the next evaluation: {why}", stacklevel=2)
    return classifier


def _loaded(file: Path, data: ImageData) -> ImageClassifier | None:
    """The classifier in the file; None if there is none for these images."""
    try:
        found = ImageClassifier.load(file) if file.is_file() else None
    except UserError:
        return None
    return found if found is not None and found.format == data.format else None
