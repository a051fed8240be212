"""`vaelab fit-prior`: give a trained model a prior that is fitted to its latents."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from vaelab.cli.dispatch import HELP
from vaelab.cli.train import Train
from vaelab.errors import UserError
from vaelab.experiment import fitting_a_prior, read_experiment
from vaelab.models import VAE

_USAGE = """usage: vaelab fit-prior RUN --out DIR [prior:mixture | prior:flow | ...] [--epochs N]

{summary}

Van den Oord et al. (2017), section 3.3, for codebooks; Ghosh et al. (2020) for real latents.
All flags of `vaelab train` hold; `vaelab fit-prior RUN --help` lists them."""


@dataclass(frozen=True, kw_only=True)
class FitPrior(Train):
    """Fit a new prior to a trained model's latents; its other weights stay fixed.

    Van den Oord et al. (2017), section 3.3, for codebooks; Ghosh et al. (2020) for real latents.
    """

    @classmethod
    def start(cls, prog: str, words: list[str]) -> None:
        """Read the experiment of the run that the first word names, and train its prior."""
        if not words or words[0] in HELP:
            print(_USAGE.format(summary=cls.summary()))
            return
        folder = Path(words[0])
        if not (folder / "experiment.json").exists():
            raise UserError(f"run is {words[0]!r}, which holds no run; name a folder that `vaelab train` made")
        experiment = fitting_a_prior(read_experiment(folder / "experiment.json"), words[0])
        cls.start_with(experiment, f"{prog} {words[0]}", words[1:], f"a prior for the model of {folder}")

    @classmethod
    def parse(cls, prog: str, words: list[str], default: Self | None = None) -> Self:
        """The training that the words describe, with the defaults for the prior that they name.

        Raises:
            UserError: as `Train.parse`.
        """
        chosen = super().parse(prog, words, default)
        if default is None or not isinstance(chosen.experiment.model, VAE):
            return chosen
        known = default.experiment
        # How long a prior is fitted depends on it, so that the words are read twice.
        fitting = fitting_a_prior(known, str(known.start), chosen.experiment.model.prior)
        if fitting.training != known.training:
            chosen = super().parse(prog, words, replace(default, experiment=fitting))
        return chosen
