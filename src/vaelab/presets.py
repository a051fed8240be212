"""Experiments with a name. A published model is a composition, so a preset is a value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vaelab.data import CelebA, Cifar10, Dynamic, Mnist, SklearnTable, SourceSpec, parse_source
from vaelab.errors import UserError, did_you_mean
from vaelab.experiment import Experiment, Training
from vaelab.likelihoods import ByColumn, DiscretisedLogistic, LearnedGaussian
from vaelab.models import VAE, Ladder, Multimodal
from vaelab.networks import AutoencoderKl, Depthwise, Mlp, ResNet
from vaelab.objectives import AdversarialReconstruction, Elbo, Iwae, SubsetBounds, TotalCorrelation
from vaelab.optimisers import Adam
from vaelab.posteriors import Codebook, FiniteScalar
from vaelab.priors import Flow, UniformCodes, Vamp
from vaelab.schedules import Constant, Cosine, Linear
from vaelab.spec import spec_hints

# The study trains on all 60,000 images, and reports the last weights.
_STUDY = Training(validation=0)
_VAE = Experiment(data=Mnist(), model=VAE(latent=2), objective=Elbo(beta=Linear(epochs=10)), training=_STUDY)
_BETA = replace(_VAE, model=VAE(latent=10), training=Training())

# Binary pixels drawn anew whenever they are shown, under which a Bernoulli likelihood is a density. The learning
# rate falls to zero along a cosine, which a third of the epochs of a constant one then does without.
_COSINE = Cosine(start=1.0, stop=0.0, warmup=0.02)
_MLP = VAE(latent=40, network=Mlp(hidden=(300, 300)))
_BINARY = Experiment(
    data=Mnist(),
    binarisation=Dynamic(),
    model=_MLP,
    objective=Elbo(beta=Linear(epochs=10, smooth=True)),
    training=Training(epochs=60, optimiser=Adam(learning_rate=1e-3, schedule=_COSINE)),
)
_BURDA = replace(_BINARY, model=VAE(latent=50, network=Mlp(hidden=(200, 200))), objective=Elbo())

# What keeps deep hierarchies stable: clipped gradients, no step after an outlier, averaged weights. Norms are those of
# losses in nats per image: some hundreds on MNIST, some thousands where pixels are of three colours and 256 values.
_DEEP = Training(
    epochs=20,
    batch_size=64,
    average=0.999,
    optimiser=Adam(learning_rate=2e-3, schedule=_COSINE, gradient_clip=200.0, gradient_skip=2000.0),
)
_LADDER = replace(_BINARY, model=Ladder(), objective=Elbo(beta=Linear(epochs=4, smooth=True)), training=_DEEP)

_MAP = VAE(
    latent=16,
    network=ResNet(channels=(32, 64), spatial=True),
    posterior=Codebook(size=128),
    prior=UniformCodes(),
)
_CODES = replace(
    _BINARY,
    model=_MAP,
    objective=Elbo(),
    training=Training(epochs=10, batch_size=64, optimiser=Adam(learning_rate=2e-3, schedule=_COSINE)),
)

PRESETS: dict[str, tuple[str, Experiment]] = {
    "vae": ("the study's VAE: 2-D latent, KL warm-up over 10 epochs", _VAE),
    "cvae": (
        "the study's conditional VAE: encoder and decoder know the label",
        replace(_VAE, model=VAE(conditional=True)),
    ),
    "beta-vae": (
        "beta = 4 and 10 latent dimensions (Higgins et al. 2017)",
        replace(_BETA, objective=Elbo(beta=Constant(4.0))),
    ),
    "beta-tcvae": (
        "total correlation weighed by 6, 10 latent dimensions (Chen et al. 2018)",
        replace(_BETA, objective=TotalCorrelation(weight=6.0)),
    ),
    "iwae": (
        "50 importance samples in training, 10 latent dimensions (Burda et al. 2016)",
        replace(
            _BINARY,
            model=VAE(latent=10, network=Mlp(hidden=(256, 128))),
            objective=Iwae(samples=50),
            training=replace(_BINARY.training, epochs=10),
        ),
    ),
    "vamp": (
        "a prior made of the model's own posteriors at 500 pseudo-inputs (Tomczak and Welling 2018)",
        replace(_BINARY, model=replace(_MLP, prior=Vamp(components=500))),
    ),
    "flow-vae": (
        "a neural spline flow as prior (Durkan et al. 2019)",
        replace(_BINARY, model=replace(_MLP, prior=Flow())),
    ),
    "multimodal": (
        "image and label as two views of one latent, a product of experts (Wu and Goodman 2018)",
        replace(
            _BINARY,
            model=Multimodal(latent=20, network=Mlp(hidden=(400,)), label_weight=10.0),
            objective=SubsetBounds(Elbo(beta=Linear(epochs=5, smooth=True))),
            training=replace(_BINARY.training, epochs=20),
        ),
    ),
    "vq-vae": ("a map of 7 x 7 codes from a codebook of 128 (van den Oord et al. 2017)", _CODES),
    "fsq-vae": (
        "a map of 7 x 7 codes, each of three numbers rounded to 8, 5 and 5 levels (Mentzer et al. 2024)",
        replace(_CODES, model=replace(_MAP, posterior=FiniteScalar(levels=(8, 5, 5)))),
    ),
    "ladder": ("a hierarchy of five groups at three resolutions, cells of VDVAE (Child 2021)", _LADDER),
    "nvae-small": (
        "the same hierarchy with the depthwise cells of NVAE (Vahdat and Kautz 2020)",
        replace(_LADDER, model=Ladder(cell=Depthwise())),
    ),
    "celeba": (
        "faces at 64 x 64 in colour: residual network, 128 latent dimensions, discretised logistics",
        Experiment(
            data=CelebA(),
            model=VAE(
                latent=128,
                network=ResNet(channels=(64, 128, 256, 256)),
                likelihood=DiscretisedLogistic(),
            ),
            objective=Elbo(beta=Linear(epochs=2, smooth=True)),
            training=Training(epochs=20, optimiser=Adam(learning_rate=1e-3, schedule=_COSINE, gradient_clip=50_000.0)),
        ),
    ),
    "table": (
        "rows of a table: a density for each type of column, missing values left out (Nazabal et al. 2020)",
        Experiment(
            data=SklearnTable(),
            model=VAE(latent=2, network=Mlp(hidden=(128, 64)), likelihood=ByColumn()),
            objective=Elbo(),
            training=Training(epochs=200, patience=20),
        ),
    ),
    "cifar10-ladder": (
        "a hierarchy of ten groups at three resolutions on CIFAR-10, in bits per dimension",
        Experiment(
            data=Cifar10(),
            model=Ladder(groups=(2, 4, 4), latent=8, width=128, likelihood=DiscretisedLogistic(components=10)),
            objective=Elbo(beta=Linear(epochs=5, smooth=True)),
            training=replace(
                _DEEP,
                epochs=100,
                average=0.9998,
                optimiser=replace(_DEEP.optimiser, gradient_clip=5_000.0, gradient_skip=500_000.0),
            ),
        ),
    ),
    "davidson-d2": (
        "the MLP 784-256-128-2 of Davidson et al. (2018, table 1), dynamic binarisation",
        replace(
            _BINARY,
            model=VAE(latent=2, network=Mlp(hidden=(256, 128))),
            objective=Elbo(beta=Linear(epochs=20, smooth=True)),
            training=replace(_BINARY.training, epochs=200),
        ),
    ),
    "burda-vae": ("the MLP 784-200-200-50 of Burda et al. (2016), k = 1, dynamic binarisation", _BURDA),
    "burda-iwae": (
        "the same trained with 50 importance samples",
        replace(_BURDA, objective=Iwae(samples=50), training=replace(_BURDA.training, epochs=20)),
    ),
    "tokenizer": (
        "an image tokenizer, f4: maps of 8 x 8 latents, adversarial from epoch 6 on (Rombach et al. 2022)",
        Experiment(
            data=Cifar10(),
            model=VAE(
                latent=4,
                network=AutoencoderKl(channels=(16, 32, 64), blocks=1, groups=8),
                likelihood=LearnedGaussian(),
            ),
            # The KL keeps the latents near a unit scale, and costs next to no detail.
            objective=AdversarialReconstruction(Elbo(beta=Constant(0.01)), start=5.0, width=32),
            training=Training(
                epochs=20,
                batch_size=32,
                average=0.999,
                optimiser=Adam(learning_rate=1e-3, schedule=_COSINE, beta1=0.5, beta2=0.9),
            ),
        ),
    ),
}


def preset(name: str, data: SourceSpec | str | None = None, **settings: Any) -> Experiment:
    """The experiment of this name, with another source of data and other settings.

    A setting is a field of the training, the optimiser, the model or the objective: `epochs`, `learning_rate`,
    `latent`, `prior`, `beta`, ...

    >>> preset("cvae", data="digits", epochs=5).training.epochs
    5
    >>> preset("vae", latent=8, beta=4.0).objective
    Elbo(beta=Constant(value=4.0), samples=1)

    Raises:
        UserError: there is no such preset, source or setting.
    """
    if name not in PRESETS:
        raise UserError(f"preset is {name!r}, but must be one of {', '.join(PRESETS)}{did_you_mean(name, PRESETS)}")
    experiment = PRESETS[name][1]
    if data is not None:
        experiment = replace(experiment, data=parse_source(data) if isinstance(data, str) else data)
    given: dict[str, dict[str, Any]] = {}
    for setting, value in settings.items():
        given.setdefault(_home(experiment, setting), {})[setting] = value
    training = experiment.training
    optimiser = replace(training.optimiser, **given.get("optimiser", {}))
    model: Any = experiment.model
    objective: Any = experiment.objective
    changes: dict[str, Any] = {
        "model": replace(model, **given.get("model", {})),
        "objective": replace(objective, **given.get("objective", {})),
        "training": replace(training, **{"optimiser": optimiser} | given.get("training", {})),
    }
    # A whole model or objective takes the place of the preset's.
    return replace(experiment, **changes | given.get("experiment", {}))


def _home(experiment: Experiment, setting: str) -> str:
    """The part of an experiment that has a setting.

    Raises:
        UserError: none has it.
    """
    parts = {
        "training": experiment.training,
        "optimiser": experiment.training.optimiser,
        "model": experiment.model,
        "objective": experiment.objective,
        "experiment": experiment,
    }
    having = {part: [*spec_hints(type(spec))] for part, spec in parts.items()}
    for part, fields in having.items():
        if setting in fields:
            return part
    known = [field for fields in having.values() for field in fields]
    listed = "; ".join(f"{part}: {', '.join(fields)}" for part, fields in having.items())
    raise UserError(f"{setting!r} is no setting of this preset{did_you_mean(setting, known)}; it has {listed}")
