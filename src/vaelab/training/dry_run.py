"""A forward pass of two images before training, which finds parts that break the contract."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from vaelab.contract import Trace
from vaelab.data import Data, augmented
from vaelab.data.mapped import as_tensor
from vaelab.errors import UserError, reason
from vaelab.experiment import Experiment
from vaelab.models.model import Model
from vaelab.objectives import Loss
from vaelab.schedules import Progress
from vaelab.spec import classes_in, is_own
from vaelab.traits import Trait

# Images of the pass; a foreign objective gets a whole batch, whose size its arithmetic may depend on.
_IMAGES = 2


def dry_run(model: Model, objective: Loss, experiment: Experiment, data: Data) -> None:
    """Check that modules and callables return what the contract says.

    Weights, buffers and the RNG state do not change.

    Raises:
        UserError: a foreign part fails, returns the wrong type or shape, or its weights cannot be saved; or the first
            loss or learning rate is not finite. The message names the part.
    """
    own_loss = is_own(type(experiment.objective)) and not experiment.objective.python_only
    n_images = _IMAGES if own_loss else min(experiment.training.batch_size, len(data.split("train")))
    subset = data.split("train").take(slice(0, n_images))
    stored, to_x = subset.stored(experiment.binarisation)
    y = None if subset.condition is None else torch.from_numpy(subset.condition)
    augmentation = experiment.training.augmentation
    parts = [*classes_in(experiment.model), *classes_in(experiment.objective)]
    parts += [type(each) for each in augmentation]
    foreign = [spec.__name__ for spec in parts if not is_own(spec) or spec.python_only]
    # An objective with state is copied, so that the pass does not change it.
    loss_function: Any = copy.deepcopy(objective) if isinstance(objective, nn.Module) else objective
    progress = Progress(1, 0, 1, experiment.training.epochs, len(data.split("train")))
    if foreign:
        _check_weights(model)
    was_training = model.training
    model.eval()
    try:
        with torch.random.fork_rng(devices=[]):
            x = augmented(augmentation, to_x(as_tensor(stored)))
            trace = model(x, y, experiment.objective.samples)
            _check_trace(trace, model, experiment.objective.samples, len(x))
            loss = loss_function(trace, progress)
            _check_loss(loss, getattr(experiment.objective, "name", type(experiment.objective).__name__))
            _check_finite(trace, loss, model)
        experiment.training.optimiser.schedule(progress)
    except UserError:
        raise
    except Exception as error:
        if not foreign:
            raise
        raise UserError(
            f"the model fails on {len(subset)} images of shape {model.format.shape} with {reason(error)}; check "
            f"{' and '.join(dict.fromkeys(foreign))}, for example with vaelab.testing.check_spec"
        ) from error
    finally:
        model.train(was_training)


def _check_weights(model: Model) -> None:
    """Check that weights and buffers can be saved and loaded."""
    try:
        copy.deepcopy(model).load_state_dict({name: value.clone() for name, value in model.state_dict().items()})
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines()] or [""]
        raise UserError(
            f"the weights of {model.spec.summary} cannot be saved and loaded ({lines[min(1, len(lines) - 1)]}); "
            "give every buffer memory of its own, for example with .clone()"
        ) from error


def _check_finite(trace: Trace, loss: Tensor, model: Model) -> None:
    """Check that the first loss is finite; if not, name the term that is not."""
    if bool(loss.isfinite()):
        return
    terms = {"the reconstruction": trace.reconstruction, "the KL": trace.kl}
    broken = [f"{name} is {float(value.mean())}" for name, value in terms.items() if not bool(value.isfinite().all())]
    where = f"{' and '.join(broken)}; check {model.spec.summary}" if broken else "check the settings of the objective"
    raise UserError(f"the loss is {float(loss)} before the first step: {where}")


def _check_trace(trace: Any, model: Model, samples: int, n: int) -> None:
    """Check the shapes of a trace."""
    if not isinstance(trace, Trace):
        raise UserError(f"{type(model).__name__} returned {type(trace).__name__}, but must return a Trace")
    shapes = {
        "log p(x | z) of the likelihood": (trace.reconstruction, (samples, n)),
        "the KL of posterior and prior": (trace.kl, (len(trace.latents), samples, n)),
    }
    if Trait.density in model.spec.traits:
        shapes["log q - log p of the draws"] = trace.log_weight, (samples, n)
    for name, (values, shape) in shapes.items():
        if tuple(values.shape) != shape:
            raise UserError(
                f"{name} has shape {tuple(values.shape)}, but must be {shape}: {model.spec.summary} must give one "
                "number per draw and image"
            )
    for latent, width in zip(trace.latents, model.widths, strict=True):
        if tuple(latent.z.shape) != (samples, n, width):
            raise UserError(
                f"z has shape {tuple(latent.z.shape)}, but must be {(samples, n, width)}: {model.spec.summary}"
            )


def _check_loss(loss: Any, name: str) -> None:
    """Check that the loss is a scalar that depends on the weights."""
    if not isinstance(loss, Tensor) or loss.shape != () or not loss.is_floating_point():
        returned = f"{loss.dtype} of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
        raise UserError(
            f"objective is {name}, which returned {returned}, but must return a real scalar tensor; average over draws "
            "and images"
        )
    if not loss.requires_grad:
        raise UserError(f"objective is {name}, whose loss does not depend on any weight; compute it from the trace")
