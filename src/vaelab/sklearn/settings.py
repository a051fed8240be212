"""The settings of an estimator as an experiment: words of specs, columns by index, name or mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from vaelab.errors import did_you_mean
from vaelab.experiment import Experiment, Training
from vaelab.likelihoods import Bernoulli, ByColumn, Laplace, LearnedGaussian, LikelihoodSpec, LogCosh, StudentT
from vaelab.models import VAE as VAESpec
from vaelab.networks import Mlp
from vaelab.objectives import Elbo
from vaelab.optimisers import Adam
from vaelab.posteriors import PosteriorSpec
from vaelab.priors import PriorSpec
from vaelab.schedules import Constant
from vaelab.spec import Spec, words

if TYPE_CHECKING:
    from vaelab.sklearn.vae import VAE

# Share of labels that a conditional model does not see in training, so that it learns to encode rows without them.
_DROPPED_LABELS = 0.1


def experiment_of(settings: VAE, conditional: bool, categories: bool, held_out: int, seed: int) -> Experiment:
    """The experiment that an estimator's settings describe.

    Args:
        settings: the estimator.
        conditional: whether the model is given labels.
        categories: whether columns are categorical.
        held_out: number of rows to choose the best epoch by.
        seed: of weights, order and noise.

    Raises:
        ValueError: a word that names no part.
    """
    sizes = settings.hidden_layer_sizes
    model = VAESpec(
        latent=int(settings.n_components),
        conditional=conditional,
        network=Mlp(hidden=tuple(map(int, [sizes] if isinstance(sizes, Integral) else sizes))),  # type: ignore[arg-type]
        posterior=_spec(PosteriorSpec, settings.posterior, "posterior"),
        prior=_spec(PriorSpec, settings.prior, "prior"),
        likelihood=_likelihood(settings.likelihood, categories),
    )
    training = Training(
        epochs=int(settings.max_iter),
        batch_size=int(settings.batch_size),
        seed=seed,
        validation=held_out,
        patience=int(settings.n_iter_no_change) if held_out else 0,
        optimiser=Adam(learning_rate=float(settings.learning_rate_init)),
        precision="fp32",
        device=settings.device,
        drop_labels=_DROPPED_LABELS if conditional else 0.0,
        checkpoint_seconds=3600.0,
    )
    return Experiment(model=model, objective=Elbo(beta=Constant(float(settings.beta))), training=training)


def column_type(likelihood: str | LikelihoodSpec) -> str:
    """The type of the columns that are not categorical.

    Raises:
        ValueError: a word that names no likelihood.
    """
    return "binary" if isinstance(_spec(LikelihoodSpec, likelihood, "likelihood"), Bernoulli) else "real"


def categorical_columns(given: Sequence[Any] | None, names: Sequence[str], n_features: int) -> list[int]:
    """The indices of the categorical columns.

    Args:
        given: the setting: indices, names, or one bool per column; None for none.
        names: the names of the columns, if they have any.
        n_features: number of columns.

    Raises:
        ValueError: an element that is none of these.
    """
    if given is None:
        return []
    array, known = np.asarray(given), list(names)
    if array.dtype == bool and array.shape == (n_features,):
        return np.flatnonzero(array).tolist()
    indices = [known.index(each) if each in known else each for each in array.tolist()]
    strange = next((each for each in indices if not isinstance(each, int) or not 0 <= each < n_features), None)
    if strange is not None or array.dtype == bool:
        raise ValueError(
            f"categorical_features has {strange!r}, but must hold indices below {n_features}, names of columns, or one "
            "bool per column"
        )
    return sorted(set(indices))


def _likelihood(given: str | LikelihoodSpec, categories: bool) -> LikelihoodSpec:
    """The likelihood of all columns: with a scale per column, and with a softmax where categories are."""
    spec: LikelihoodSpec = _spec(LikelihoodSpec, given, "likelihood")
    if isinstance(given, str) and isinstance(spec, Laplace | LearnedGaussian | LogCosh | StudentT):
        spec = replace(spec, shared=False)
    return ByColumn(real=spec) if categories and not isinstance(spec, ByColumn) else spec


def _spec(room: type[Spec], given: Any, name: str) -> Any:
    """The spec that a word names, with its defaults, or the spec that was given.

    Raises:
        ValueError: the room has no such word.
    """
    if isinstance(given, Spec):
        return given
    known = words(room)
    if given not in known:
        raise ValueError(f"{name} is {given!r}, but must be one of {', '.join(known)}{did_you_mean(given, known)}")
    return known[given]()
