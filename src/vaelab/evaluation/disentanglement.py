"""The part `disentanglement`: how closely each latent dimension follows one factor of variation."""

from __future__ import annotations

from vaelab.evaluation.measurement import Measurement
from vaelab.evaluation.results import Number, Section
from vaelab.metrics.disentanglement import disentanglement_scores, factors_of

_MOST = 10_000


def measure(measurement: Measurement) -> Section:
    """Every disentanglement score of the posterior means of test images, given the factors behind the images.

    Raises:
        UserError: the data has fewer than two factors, a factor is constant, or there are too few images.
    """
    test, seed = measurement.test.subset(_MOST), measurement.budget.seed
    names, factors, categorical = factors_of(test.data)
    means = test.means
    measurement.say(f"comparing posterior means with {len(names)} factors")
    scores = disentanglement_scores(means, factors, categorical, seed=seed)
    numbers = tuple(Number(name, score) for name, score in scores.named().items())
    about: dict[str, str | int | float] = {
        "images": test.n_images,
        "factors": ", ".join(names),
        "codes": f"posterior means, {means.shape[1]} dimensions",
        "seed": seed,
    }
    return Section("disentanglement", numbers, (), about)
