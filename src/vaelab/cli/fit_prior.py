"""`vaelab fit-prior`: give a trained model a prior that is fitted to its latents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vaelab.cli.dispatch import HELP
from vaelab.cli.train import Train
from vaelab.errors import UserError
from vaelab.experiment import fitting_a_prior, read_experiment

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
