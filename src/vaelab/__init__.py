"""vaelab: variational autoencoders to build, train, measure and see.

The names here suffice for most work; they are loaded when first used, so that `import vaelab` is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from vaelab._version import __version__

if TYPE_CHECKING:
    from vaelab.data import (
        Binarisation,
        CelebA,
        Cifar10,
        Digits,
        DSprites,
        Dynamic,
        Emnist,
        FashionMnist,
        Folder,
        Grey,
        ImageData,
        Kmnist,
        Mnist,
        Npz,
        Shapes3D,
        Sprites,
        Static,
        Strokes,
        Threshold,
        open_data,
    )
    from vaelab.data.sprites import draw_sprites
    from vaelab.data.strokes import draw_strokes
    from vaelab.errors import UserError
    from vaelab.evaluation.evaluate import evaluate
    from vaelab.evaluation.subject import Effort
    from vaelab.experiment import Adam, Experiment, Training
    from vaelab.likelihoods import (
        Bernoulli,
        CategoricalPixels,
        ContinuousBernoulli,
        DiscretisedLogistic,
        GaussianPixels,
        LearnedGaussian,
        OptimalGaussian,
    )
    from vaelab.metrics.evidence import exact_evidence, importance_bound, inference_gaps
    from vaelab.models import VAE, Ladder
    from vaelab.models.files import load, save
    from vaelab.networks import Bottleneck, Conv, Depthwise, Mlp, ResNet
    from vaelab.objectives import (
        Capacity,
        DipI,
        DipII,
        Dreg,
        Elbo,
        Factor,
        FreeBits,
        Geco,
        Info,
        Iwae,
        TotalCorrelation,
    )
    from vaelab.posteriors import Codebook, FiniteScalar, FlowPosterior, FullGaussian, Gaussian, ResidualCodebook
    from vaelab.presets import PRESETS, preset
    from vaelab.priors import AutoregressiveCodes, ConditionalNormal, Flow, Mixture, StandardNormal, UniformCodes, Vamp
    from vaelab.schedules import Constant, Cosine, Cyclical, Linear
    from vaelab.trace import Trace
    from vaelab.training import Run, full_pass, train

_ROOMS = {
    "data": (
        "Binarisation CelebA Cifar10 Digits DSprites Dynamic Emnist FashionMnist Folder Grey "
        "ImageData Kmnist Mnist Npz Shapes3D Sprites Static Strokes Threshold open_data"
    ),
    "data.sprites": "draw_sprites",
    "data.strokes": "draw_strokes",
    "errors": "UserError",
    "evaluation.evaluate": "evaluate",
    "evaluation.subject": "Effort",
    "experiment": "Adam Experiment Training",
    "likelihoods": (
        "Bernoulli CategoricalPixels ContinuousBernoulli DiscretisedLogistic GaussianPixels "
        "LearnedGaussian OptimalGaussian"
    ),
    "metrics.evidence": "exact_evidence importance_bound inference_gaps",
    "models": "VAE Ladder",
    "models.files": "load save",
    "networks": "Bottleneck Conv Depthwise Mlp ResNet",
    "objectives": "Capacity DipI DipII Dreg Elbo Factor FreeBits Geco Info Iwae TotalCorrelation",
    "posteriors": "Codebook FiniteScalar FlowPosterior FullGaussian Gaussian ResidualCodebook",
    "presets": "PRESETS preset",
    "priors": "AutoregressiveCodes ConditionalNormal Flow Mixture StandardNormal UniformCodes Vamp",
    "schedules": "Constant Cosine Cyclical Linear",
    "trace": "Trace",
    "training": "Run full_pass train",
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names.split()}

__all__ = [
    "PRESETS",
    "VAE",
    "Adam",
    "AutoregressiveCodes",
    "Bernoulli",
    "Binarisation",
    "Bottleneck",
    "Capacity",
    "CategoricalPixels",
    "CelebA",
    "Cifar10",
    "Codebook",
    "ConditionalNormal",
    "Constant",
    "ContinuousBernoulli",
    "Conv",
    "Cosine",
    "Cyclical",
    "DSprites",
    "Depthwise",
    "Digits",
    "DipI",
    "DipII",
    "DiscretisedLogistic",
    "Dreg",
    "Dynamic",
    "Effort",
    "Elbo",
    "Emnist",
    "Experiment",
    "Factor",
    "FashionMnist",
    "FiniteScalar",
    "Flow",
    "FlowPosterior",
    "Folder",
    "FreeBits",
    "FullGaussian",
    "Gaussian",
    "GaussianPixels",
    "Geco",
    "Grey",
    "ImageData",
    "Info",
    "Iwae",
    "Kmnist",
    "Ladder",
    "LearnedGaussian",
    "Linear",
    "Mixture",
    "Mlp",
    "Mnist",
    "Npz",
    "OptimalGaussian",
    "ResNet",
    "ResidualCodebook",
    "Run",
    "Shapes3D",
    "Sprites",
    "StandardNormal",
    "Static",
    "Strokes",
    "Threshold",
    "TotalCorrelation",
    "Trace",
    "Training",
    "UniformCodes",
    "UserError",
    "Vamp",
    "__version__",
    "draw_sprites",
    "draw_strokes",
    "evaluate",
    "exact_evidence",
    "full_pass",
    "importance_bound",
    "inference_gaps",
    "load",
    "open_data",
    "preset",
    "save",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'vaelab' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"vaelab.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
