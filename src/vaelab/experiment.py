"""The tree of settings that a run consists of, and its JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import tyro
from annotated_types import Ge, Lt

from vaelab._version import __version__
from vaelab.codec import decode, encode
from vaelab.data import AnyAugmentation, AnyBinarisation, AnySource, DataFormat, Grey, Mnist
from vaelab.errors import UserError
from vaelab.files import FORMAT, read_json
from vaelab.models import VAE, AnyModel
from vaelab.objectives import AnyObjective, Elbo
from vaelab.optimisers import Adam, AnyOptimiser
from vaelab.precision import Precision
from vaelab.priors import AutoregressiveCodes, Flow, PriorSpec
from vaelab.schedules import Cosine
from vaelab.spec import Spec, assumed, classes_in
from vaelab.traits import Trait


@dataclass(frozen=True)
class Training(Spec):
    """How a model is trained, whatever it is."""

    epochs: Annotated[int, Ge(1)] = 30
    """Passes over the training images."""
    batch_size: Annotated[int, Ge(1)] = 128
    """Images per step."""
    seed: Annotated[int, Ge(0), Lt(2**63)] = 0
    """Decides initial weights, data order and noise."""
    validation: Annotated[int, Ge(0)] | None = None
    """Training images held out to choose by, for `best.safetensors` and `patience`; by default the validation split
    of the data or, without one, 5,000 training images, at most a twelfth; 0 for none."""
    patience: Annotated[int, Ge(0)] = 0
    """Stop after this many epochs without a lower total on the validation images; 0 for never."""
    augmentation: tuple[AnyAugmentation, ...] = ()
    """Random changes to the training images, in this order, such as `flip crop:2 brightness:0.2 contrast:0.2`."""
    optimiser: Annotated[AnyOptimiser, tyro.conf.arg(name="")] = Adam()
    precision: Precision = "auto"
    """`auto`: bf16 where the hardware computes in it, otherwise fp32."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda`, `cuda:1`, `mps`, ..."""
    average: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Memory of the moving average of weights that is tested and saved, such as 0.999; 0 for none."""
    drop_labels: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Share of labels replaced by -1, unknown, in training, so that a conditional model learns that condition."""
    labelled_share: Annotated[float, Ge(0), Lt(1)] = 0.5
    """Where most labels are -1: the share of an epoch that has known ones, which are repeated for it, if the model is
    conditional; 0 to show each image once."""
    fit: Literal["all", "prior"] = "all"
    """The whole model is trained, or the prior alone, with all other weights fixed as `start` has them."""
    start_at_mean: bool = False
    """Begin with a decoder that gives the mean training image, by the bias of its last layer, or the mean colour if its
    bias is the same at every pixel. Discrete codes may collapse while a decoder has to learn that image."""
    compile: bool = False
    """Compile the networks with torch.compile; on a GPU their kernels are then replayed as CUDA graphs."""
    checkpoint_seconds: Annotated[float, Ge(0)] = 60.0
    """Longest time between checkpoints; one is also written after every epoch."""
    snapshot_every: Annotated[int, Ge(0)] = 0
    """Save the untrained model and the model of every n-th epoch, for example for a film; 0 for none."""


@dataclass(frozen=True)
class Experiment(Spec):
    """The settings of a run: data, model, objective and training."""

    data: AnySource = Mnist()
    """Where the images come from."""
    binarisation: AnyBinarisation = Grey()
    model: Annotated[AnyModel, tyro.conf.arg(name="")] = VAE()
    objective: AnyObjective = Elbo()
    training: Annotated[Training, tyro.conf.arg(name="")] = Training()
    start: Annotated[str | None, tyro.conf.arg(metavar="RUN")] = None
    """A saved model, or the folder of a run, whose weights are the initial ones; the prior may differ."""

    def check(self, format: DataFormat) -> None:
        """Refuse combinations that cannot be trained, before anything is built.

        >>> from vaelab import DipI, FlowPosterior, ImageFormat
        >>> Experiment(model=VAE(posterior=FlowPosterior()), objective=DipI()).check(ImageFormat(1, 28, 28))
        Traceback (most recent call last):
        ...
        vaelab.errors.UserError: objective is DipI, which needs a posterior whose mean and covariance are known, but \
the model is VAE with posterior FlowPosterior and prior StandardNormal; choose other parts

        Raises:
            UserError: the parts of the model, or the model and the objective, do not go together.
        """
        self.model.check(format)
        try:
            # No gradient has to reach a posterior that stays as it is.
            fixed = {Trait.reparameterised_posterior} if self.training.fit == "prior" else frozenset()
            self.objective.check(self.model.traits | fixed, self.model.summary, format)
        except UserError as error:
            notes = [note for note in map(assumed, classes_in(self.model)) if note]
            raise UserError(". ".join([str(error), *notes])) from None
        if self.training.fit == "prior" and not isinstance(self.model, VAE):
            raise UserError(
                f"fit is 'prior', but the model is a {type(self.model).__name__}; only a VAE's prior is fitted alone",
                python="use fit='all'",
                flags="use --fit all",
            )
        if self.training.fit == "prior" and self.start is None:
            raise UserError("fit is 'prior', but start is missing; name the run whose model is to get a prior")


def fitting_a_prior(experiment: Experiment, run: str, prior: PriorSpec | None = None) -> Experiment:
    """The experiment that fits a prior to the latents of a trained model, whose other weights stay fixed.

    Args:
        experiment: that of the run.
        run: the folder of the run.
        prior: by default autoregressive for codes, otherwise a flow.

    Raises:
        UserError: the model is no VAE.
    """
    model = experiment.model
    if not isinstance(model, VAE):
        raise UserError(
            f"run is {run!r}, a {type(model).__name__}, but only a VAE's prior is fitted alone; name the run of a VAE"
        )
    if prior is None:
        prior = AutoregressiveCodes() if model.posterior.discrete else Flow()
    optimiser = Adam(schedule=Cosine(start=1.0, stop=0.0))
    epochs = 1 if prior.fitted_at_once else 10
    training = replace(experiment.training, fit="prior", epochs=epochs, optimiser=optimiser, average=0.0)
    return replace(experiment, model=replace(model, prior=prior), objective=Elbo(), training=training, start=run)


@dataclass(frozen=True)
class Record(Spec):
    """The content of experiment.json: it alone rebuilds the model, without the data set."""

    experiment: Experiment
    data_format: DataFormat
    reconstruction_is: str
    """What the reconstruction is: a negative log-likelihood, or a cross-entropy."""
    data_sha256: str
    """`ImageData.digest` of the images it is trained on, so that no run goes on with others."""
    format: int = FORMAT
    json_names: ClassVar[Mapping[str, str]] = {"data_format": "images"}
    vaelab: str = field(default=__version__)


def same_settings(before: Experiment, now: Experiment) -> bool:
    """Whether a run can be resumed with other settings: only epochs and snapshots may differ.

    The images have a checksum, so their name does not matter. Settings are compared as JSON, where a tuple is a list
    and NaN equals NaN.
    """

    def text(experiment: Experiment) -> str:
        training = replace(experiment.training, epochs=1, snapshot_every=0)
        return json.dumps(encode(replace(experiment, training=training, data=Mnist())), sort_keys=True)

    return text(before) == text(now)


def read_record(path: Path, specs: Sequence[type[Spec]] = ()) -> Record:
    """The record of a run.

    Args:
        path: experiment.json.
        specs: the spec classes of parts that are not this package's own, if they are not imported yet.

    Raises:
        UserError: the file is absent, was written by a newer version, or has a field that is unknown,
            missing or unsuitable.
    """
    return _record(read_json(path), path, specs)


def _record(values: Any, path: Path, specs: Sequence[type[Spec]]) -> Record:
    if isinstance(values, dict):
        values = values | {"experiment": upgraded(values.get("experiment"))}
    return decode(Record, values, str(path), specs)


def upgraded(experiment: Any) -> Any:
    """The experiment of a run as JSON; where settings are absent, nothing was held out and no label was repeated."""
    if isinstance(experiment, dict) and isinstance(experiment.get("training"), dict):
        return experiment | {"training": {"validation": 0, "labelled_share": 0} | experiment["training"]}
    return experiment


def read_experiment(path: Path, specs: Sequence[type[Spec]] = ()) -> Experiment:
    """An experiment from its own JSON or from a run's experiment.json.

    Raises:
        UserError: as `read_record`.
    """
    values: Any = read_json(path)
    if isinstance(values, dict) and "experiment" in values:
        return _record(values, path, specs).experiment
    return decode(Experiment, values, str(path), specs)
