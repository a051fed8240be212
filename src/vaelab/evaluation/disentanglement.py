"""The part `disentanglement`: how closely each latent dimension follows one factor of variation."""

from __future__ import annotations

from vaelab.evaluation.measurement import Measurement
from vaelab.evaluation.results import Number, Section
from vaelab.metrics.disentanglement import disentanglement_scores, factors_of, published_scores

_MOST = 10_000
# Boosted classifiers of 40 values take 4,000 trees; with more images they would take more time than all else together.
_BOOSTED = 500


def measure(measurement: Measurement) -> Section:
    """Every disentanglement score of the posterior means of test images, given the factors behind the images.

    Each number says whose definition it follows. Those that differ from a published one are measured both ways.

    Raises:
        UserError: the data has fewer than two factors, a factor is constant, or there are too few images.
    """
    test, seed = measurement.test.labelled.subset(_MOST), measurement.budget.seed
    names, factors, categorical = factors_of(test.data)
    means = test.means
    measurement.say(f"comparing posterior means with {len(names)} factors")
    own = disentanglement_scores(means, factors, categorical, seed=seed)
    measurement.say("measuring the same by published definitions")
    published = published_scores(means, factors, n_boosted=_BOOSTED, seed=seed)
    about: dict[str, str | int | float] = {
        measurement.noun: test.n_images,
        "boosted classifiers learn from": f"{min(_BOOSTED, (test.n_images + 1) // 2)} {measurement.noun}",
        "factors": ", ".join(names),
        "codes": f"posterior means, {means.shape[1]} dimensions",
        "seed": seed,
    }
    numbers = tuple(Number(name, value, how=how) for name, value, how in (*own.rows(), *published.rows()))
    return Section("disentanglement", numbers, tuple(measurement.without_labels), about)
