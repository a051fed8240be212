"""The published table of the study that this project reproduces, whose models are the presets `vae` and `cvae`."""

from __future__ import annotations

from vaelab.data import Grey, Mnist
from vaelab.experiment import Experiment
from vaelab.objectives import Elbo
from vaelab.presets import PRESETS
from vaelab.schedules import Constant, Linear

# MNIST, training set, running averages of the last epoch, nats per image.
PAPER: dict[str, dict[str, float]] = {
    "vae": {"reconstruction": 138.00, "kl": 6.59, "total": 144.59},
    "cvae": {"reconstruction": 124.36, "kl": 4.80, "total": 129.16},
    "improvement": {"reconstruction": 9.9, "kl": 27.2, "total": 10.7},
}


def published(experiment: Experiment) -> dict[str, float] | None:
    """The study's row for a run of its model on its data with its loss; None for any other run.

    Optimiser and warm-up may differ from the study's; a final beta other than one is a different loss.

    >>> published(PRESETS["cvae"][1])["total"]
    129.16
    """
    beta = experiment.objective.beta if isinstance(experiment.objective, Elbo) else None
    bound = (isinstance(beta, Constant) and beta.value == 1) or (isinstance(beta, Linear) and beta.stop == 1)
    if not bound or not isinstance(experiment.data, Mnist) or not isinstance(experiment.binarisation, Grey):
        return None
    names = [name for name in ("vae", "cvae") if PRESETS[name][1].model == experiment.model]
    return PAPER[names[0]] if names else None
