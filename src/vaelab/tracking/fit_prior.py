"""Giving a trained model another prior, under the eyes of trackers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vaelab.experiment import fitting_a_prior
from vaelab.priors import PriorSpec
from vaelab.spec import Spec
from vaelab.trackers import Log
from vaelab.tracking.train import train
from vaelab.training import Run, open_run


def fit_prior(
    run: Run | str | Path,
    prior: PriorSpec | None,
    out: str | Path,
    *,
    epochs: int | None = None,
    data: Any = None,
    data_directory: Path | None = None,
    specs: Sequence[type[Spec]] = (),
    modules: tuple[Any, Any] | None = None,
    show: bool | None = None,
    log: Log = (),
    log_every: int = 0,
) -> Run:
    """Fit a prior to the latents of a trained model: `vl.fit_prior("runs/x", vl.Mixture(full=True), "runs/y")`.

    The other weights stay as they are, bit for bit. A mixture starts from the result of expectation-maximisation, and
    `UniformManifold` is made of posteriors. What has weights is then trained by gradient steps on the ELBO, of which
    only the KL depends on it. Van den Oord et al. (2017), section 3.3, for codebooks; Ghosh et al. (2020) for real
    latents.

    Args:
        run: the run, or its folder.
        prior: by default autoregressive for the codes of a codebook, otherwise a flow.
        out: the folder of the new run, which holds the whole model.
        epochs: passes over the training images; by default ten, or one if there is nothing to learn by gradient steps.
        data: the same images, for a run on images in memory.
        data_directory: the folder of data sets.
        specs: spec classes from outside this package that are not imported yet.
        modules: encoder and decoder of a model whose network is `Modules`.
        show: as for `train`, as are the others.
        log: trackers.
        log_every: steps between two that trackers are given.

    Raises:
        UserError: the folder holds no run of a VAE, a prior that does not fit its posterior, or as for `train`.
    """
    if not isinstance(run, Run):
        run = open_run(run, specs=specs, modules=modules)
    # The model that was loaded holds the modules that the record cannot.
    known = replace(run.experiment, model=run.model.spec)
    experiment = fitting_a_prior(known, str(run.folder), prior)
    if epochs is not None:
        experiment = replace(experiment, training=replace(experiment.training, epochs=epochs))
    return train(
        experiment,
        out,
        data=run.data if data is None else data,
        data_directory=data_directory,
        show=show,
        log=log,
        log_every=log_every,
    )
