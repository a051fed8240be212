"""The models that the claims are measured on."""

from __future__ import annotations

from dataclasses import replace

from vaelab.errors import UserError
from vaelab.experiment import Experiment
from vaelab.models import VAE
from vaelab.objectives import Elbo
from vaelab.schedules import Constant, Linear
from vaelab.studies.recipes import Recipe, study_experiment

DIMENSIONS = (2, 4, 8, 16, 32)
# The study's warm-up takes ten of its thirty epochs. In a recipe of few epochs beta rises with every step instead.
_WARM_SHARE = 1 / 3


def members(recipe: Recipe, n_images: int, epochs: int | None) -> dict[str, tuple[str, Experiment]]:
    """Every model of the claims by its purpose: the name of its folder, and its experiment.

    "warm" and "cold" are the same VAE with and without a warm-up of beta over a third of the epochs. One of them is
    "vae" itself: the paper recipe has a warm-up, the fast recipe has none. The VAEs named by their latent dimensions
    hold out validation images, since the best of them is chosen.

    Args:
        recipe: how to train.
        n_images: training images.
        epochs: replaces the recipe's own number.

    Raises:
        UserError: the recipe is neither of these two.
    """
    if recipe not in (Recipe.paper, Recipe.fast):
        raise UserError(f"recipe is {recipe.value}, but the claims are about training by paper or fast; choose one")
    vae, cvae = (study_experiment(model, recipe, n_images, epochs) for model in ("vae", "cvae"))
    rising = Linear(epochs=_WARM_SHARE * vae.training.epochs, smooth=True)
    warm, cold = (replace(vae, objective=Elbo(beta=beta)) for beta in (rising, Constant(1.0)))
    pair = {
        Recipe.paper: (("vae", vae), ("vae-without-warm-up", cold)),
        Recipe.fast: (("vae-with-warm-up", warm), ("vae", vae)),
    }[recipe]
    compared = replace(vae, training=replace(vae.training, validation=None))
    wide = {str(width): (f"vae-{width}d", replace(compared, model=VAE(latent=width))) for width in DIMENSIONS}
    return {"vae": ("vae", vae), "cvae": ("cvae", cvae), "warm": pair[0], "cold": pair[1]} | wide
