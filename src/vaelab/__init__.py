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
        Digits,
        Dynamic,
        Folder,
        Grey,
        ImageData,
        Mnist,
        Npz,
        Static,
        Threshold,
    )
    from vaelab.data import open_data as open_data
    from vaelab.errors import UserError
    from vaelab.experiment import Adam, Experiment, Training
    from vaelab.likelihoods import Bernoulli, GaussianPixels
    from vaelab.models import VAE
    from vaelab.models.files import load, save
    from vaelab.networks import Conv, Mlp
    from vaelab.objectives import Elbo, Iwae
    from vaelab.posteriors import Gaussian
    from vaelab.presets import PRESETS, preset
    from vaelab.priors import Mixture, StandardNormal
    from vaelab.schedules import Constant, Cosine, Cyclical, Linear
    from vaelab.trace import Trace
    from vaelab.training import Run, full_pass, train

_ROOMS = {
    "data": "Binarisation Digits Dynamic Folder Grey ImageData Mnist Npz Static Threshold open_data",
    "errors": "UserError",
    "experiment": "Adam Experiment Training",
    "likelihoods": "Bernoulli GaussianPixels",
    "models": "VAE",
    "models.files": "load save",
    "networks": "Conv Mlp",
    "objectives": "Elbo Iwae",
    "posteriors": "Gaussian",
    "presets": "PRESETS preset",
    "priors": "Mixture StandardNormal",
    "schedules": "Constant Cosine Cyclical Linear",
    "trace": "Trace",
    "training": "Run full_pass train",
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names.split()}

__all__ = [
    "PRESETS",
    "VAE",
    "Adam",
    "Bernoulli",
    "Binarisation",
    "Constant",
    "Conv",
    "Cosine",
    "Cyclical",
    "Digits",
    "Dynamic",
    "Elbo",
    "Experiment",
    "Folder",
    "Gaussian",
    "GaussianPixels",
    "Grey",
    "ImageData",
    "Iwae",
    "Linear",
    "Mixture",
    "Mlp",
    "Mnist",
    "Npz",
    "Run",
    "StandardNormal",
    "Static",
    "Threshold",
    "Trace",
    "Training",
    "UserError",
    "__version__",
    "full_pass",
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
