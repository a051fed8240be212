"""The two recipes by which the models of the study are trained."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from vaelab.experiment import Adam, Experiment
from vaelab.objectives import Elbo
from vaelab.presets import PRESETS
from vaelab.schedules import Constant, Cosine


class Recipe(StrEnum):
    """A way to train: as the study did, or to the same totals in far fewer epochs."""

    paper = "paper"
    fast = "fast"


# Six epochs of MNIST in batches of 64. A small set needs more steps per image: smaller batches, more epochs.
FAST_EPOCHS, FAST_BATCH = 6, 64
FEW_IMAGES, FEW_EPOCHS, FEW_BATCH = 10_000, 10, 16


def study_experiment(model: str, recipe: Recipe, n_images: int, epochs: int | None) -> Experiment:
    """The experiment of a model of the study by a recipe.

    `paper` is the preset: Adam at 1e-3, batch 128, beta(t) = min(1, t / 10), 30 epochs. `fast` changes the
    optimisation alone: batches of 64, a learning rate of 4e-3 that warms up over a tenth of the run and
    falls to zero along a cosine, a shorter memory of squared gradients (beta2 = 0.99), no KL warm-up.
    docs/study.md describes how it was found.

    Args:
        model: "vae" or "cvae".
        recipe: how to train.
        n_images: training images; for fewer than 10,000, `fast` takes smaller batches and more epochs.
        epochs: replaces the recipe's own number.
    """
    experiment = PRESETS[model][1]
    # The film of the latent space is drawn from the snapshots; a model is less than a megabyte.
    experiment = replace(experiment, training=replace(experiment.training, snapshot_every=1))
    if recipe is Recipe.fast:
        few = n_images < FEW_IMAGES
        experiment = replace(
            experiment,
            objective=Elbo(beta=Constant(1.0)),
            training=replace(
                experiment.training,
                epochs=FEW_EPOCHS if few else FAST_EPOCHS,
                batch_size=FEW_BATCH if few else FAST_BATCH,
                optimiser=Adam(learning_rate=4e-3, schedule=Cosine(start=1.0, stop=0.0, warmup=0.1), beta2=0.99),
            ),
        )
    if epochs is not None:
        experiment = replace(experiment, training=replace(experiment.training, epochs=epochs))
    return experiment
