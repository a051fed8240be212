"""Experiments with a name. A published model is a composition, so a preset is a value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vaelab.data import Mnist, Source, parse_source
from vaelab.errors import UserError
from vaelab.experiment import Experiment
from vaelab.models import VAE
from vaelab.objectives import Elbo
from vaelab.schedules import Constant, Linear

_VAE = Experiment(data=Mnist(), model=VAE(latent=2), objective=Elbo(beta=Linear(epochs=10)))

PRESETS: dict[str, tuple[str, Experiment]] = {
    "vae": ("the study's VAE: 2-D latent, KL warm-up over 10 epochs", _VAE),
    "cvae": (
        "the study's conditional VAE: encoder and decoder know the label",
        replace(_VAE, model=VAE(conditional=True)),
    ),
    "beta-vae": (
        "beta = 4 and 10 latent dimensions (Higgins et al. 2017)",
        replace(_VAE, model=VAE(latent=10), objective=Elbo(beta=Constant(4.0))),
    ),
}


def preset(name: str, data: Source | str | None = None, **training: Any) -> Experiment:
    """The experiment of this name, with another source of data and other settings of its training.

    >>> preset("cvae", data="digits", epochs=5).training.epochs
    5

    Raises:
        UserError: there is no such preset, source or setting.
    """
    if name not in PRESETS:
        raise UserError(f"preset is {name!r}, but must be one of {', '.join(PRESETS)}")
    experiment = PRESETS[name][1]
    if data is not None:
        experiment = replace(experiment, data=parse_source(data) if isinstance(data, str) else data)
    unknown = set(training) - set(experiment.training.__dataclass_fields__)
    if unknown:
        raise UserError(
            f"training has no setting {min(unknown)!r}; it has {', '.join(experiment.training.__dataclass_fields__)}"
        )
    return replace(experiment, training=replace(experiment.training, **training))
