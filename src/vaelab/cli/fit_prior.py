"""`vaelab fit-prior`: give a trained model a prior that is fitted to its codes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from vaelab.cli.train import train_as
from vaelab.errors import UserError
from vaelab.experiment import Adam, read_experiment
from vaelab.models import VAE
from vaelab.objectives import Elbo
from vaelab.priors import AutoregressiveCodes, Flow
from vaelab.schedules import Cosine


def main(prog: str, words: list[str]) -> None:
    """Fit a new prior to a trained model's codes; the rest of it stays as it is.

    Van den Oord et al. (2017), section 3.3, for codebooks; Ghosh et al. (2020) for real codes.
    """
    usage = f"{prog} RUN --out DIR [prior:autoregressive-codes | prior:flow | ...] [--epochs N]"
    if not words or words[0] in ("-h", "--help"):
        print(f"usage: {usage}\n\n{(main.__doc__ or '').splitlines()[0]}\n\nAll flags of `vaelab train` hold.")
        return
    folder = Path(words[0])
    if not (folder / "experiment.json").exists():
        raise UserError(f"run is {words[0]!r}, which holds no run; name a folder that `vaelab train` made")
    experiment = read_experiment(folder / "experiment.json")
    if not isinstance(experiment.model, VAE):
        raise UserError(
            f"run is {words[0]!r}, a {type(experiment.model).__name__}, in which the prior is part of every layer; "
            "name the run of a VAE"
        )
    settings = replace(
        experiment.training, fit="prior", epochs=10, optimiser=Adam(schedule=Cosine(start=1.0, stop=0.0)), average=0.0
    )
    prior = AutoregressiveCodes() if experiment.model.posterior.discrete else Flow()
    started = replace(
        experiment,
        model=replace(experiment.model, prior=prior),
        objective=Elbo(),
        training=settings,
        start=str(folder),
    )
    train_as(f"{prog} {words[0]}", started, words[1:])
