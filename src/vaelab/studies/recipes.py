"""The recipes by which the models of the study are trained."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from vaelab.experiment import Experiment, Training
from vaelab.objectives import Elbo, NeighbourEmbedding, ObjectiveSpec
from vaelab.optimisers import Adam, Muon
from vaelab.presets import PRESETS
from vaelab.schedules import Constant, Cosine, Linear


class Recipe(StrEnum):
    """A way to train: as the study did, or to the same totals in far fewer epochs."""

    paper = "paper"
    fast = "fast"
    speedrun = "speedrun"


# Epochs of MNIST, in batches of 64. A small set needs more steps per image: smaller batches, more epochs.
EPOCHS = {Recipe.paper: 30, Recipe.fast: 6, Recipe.speedrun: 3}
BATCH = 64
FEW_IMAGES, FEW_EPOCHS, FEW_BATCH = 10_000, 10, 16

# From nothing to the whole learning rate in a tenth of the run, then along a cosine to zero.
_COSINE = Cosine(start=1.0, stop=0.0, warmup=0.1)


def study_experiment(model: str, recipe: Recipe, n_images: int, epochs: int | None) -> Experiment:
    """The experiment of a model of the study by a recipe. docs/study.md describes how the last two were found.

    `paper` is the preset: Adam at 1e-3, batch 128, beta(t) = min(1, t / 10), 30 epochs. The others change objective and
    optimisation, with batches of 64 and a shorter memory of squared gradients (beta2 = 0.99). `fast` takes Adam at 4e-3
    with a warm-up over a tenth of the run, then a cosine to zero, and no KL warm-up. `speedrun` takes Muon at 0.02 for
    the convolutions between hidden layers, and beta from 0.1 to 1 in the first 60 % of the run; for the VAE Adam at
    3e-3, the same warm-up and cosine, and neighbour embedding with a weight from 20 to 0 in the first 15 %; for the
    CVAE Adam at 4e-3, and rates that fall to zero along a line.

    Args:
        model: "vae" or "cvae".
        recipe: how to train.
        n_images: training images; for fewer than 10,000, all but `paper` take smaller batches and more epochs.
        epochs: replaces the recipe's own number.
    """
    experiment = PRESETS[model][1]
    # The film of the latent space is drawn from the snapshots; a model is less than a megabyte.
    training = replace(experiment.training, snapshot_every=1)
    if recipe is not Recipe.paper:
        few = n_images < FEW_IMAGES
        training = replace(
            training, epochs=FEW_EPOCHS if few else EPOCHS[recipe], batch_size=FEW_BATCH if few else BATCH
        )
    if epochs is not None:
        training = replace(training, epochs=epochs)
    if recipe is Recipe.fast:
        training = replace(training, optimiser=Adam(learning_rate=4e-3, schedule=_COSINE, beta2=0.99))
        experiment = replace(experiment, objective=Elbo(beta=Constant(1.0)))
    if recipe is Recipe.speedrun:
        training = replace(training, optimiser=_speedrun_optimiser(model, training))
        experiment = replace(experiment, objective=_speedrun_objective(model, training))
    return replace(experiment, training=training)


def _speedrun_optimiser(model: str, training: Training) -> Muon:
    """Muon beside Adam; the rates of the CVAE are high at once, under which the plane of the VAE can settle badly."""
    muon = Muon(learning_rate=3e-3, hidden_rate=0.02, schedule=_COSINE, beta2=0.99)
    falling = Linear(epochs=training.epochs, start=1.0, stop=0.0, smooth=True)
    return replace(muon, learning_rate=4e-3, schedule=falling) if model == "cvae" else muon


def _speedrun_objective(model: str, training: Training) -> ObjectiveSpec:
    """The bound with a short KL warm-up; the plane of the VAE starts from the neighbourhoods of its images."""
    bound = Elbo(beta=Linear(epochs=training.epochs * 3 / 5, start=0.1, stop=1.0, smooth=True))
    falling = Linear(epochs=training.epochs * 3 / 20, start=20.0, stop=0.0, smooth=True)
    return bound if model == "cvae" else NeighbourEmbedding(bound, weight=falling)
