"""What an exported part says of itself."""

from __future__ import annotations

import json

import torch
from torch.distributions import Bernoulli, Distribution, Independent, Normal

from vaelab._version import __version__
from vaelab.codec import encode
from vaelab.files import FORMAT
from vaelab.models.model import Model


def metadata(model: Model, part: str) -> str:
    """The JSON text of the metadata with the key `vaelab`; docs/export.md lists its fields."""
    coordinates, likelihood = model.coordinates, model.likelihood
    return json.dumps(
        {
            "format": FORMAT,
            "vaelab": __version__,
            "part": part,
            "summary": model.spec.summary,
            "composition": encode(model.spec),
            "image": list(model.format.shape),
            "classes": list(model.format.classes),
            "attributes": list(model.format.attributes),
            "conditional": model.spec.conditional,
            "latent": {"kind": coordinates.kind, **coordinates.about},
            "prior": {"kind": "standard-normal" if _is_standard(model) else "other"},
            "likelihood": {
                "kind": "bernoulli" if _is_bernoulli(model) else "other",
                "binary": likelihood.binary,
                "discrete": likelihood.discrete(False),
                "score_name_grey": likelihood.score_name(False),
            },
            "dtype": "float32",
        }
    )


def _is_standard(model: Model) -> bool:
    """Whether the prior of the coordinates is N(0, I) under every condition."""
    k = model.format.condition_size
    try:
        p = model.prior_at(torch.zeros(1, k) if model.spec.conditional else None)
    except NotImplementedError:
        return False
    normal = _base(p)
    return not p.batch_shape and isinstance(normal, Normal) and bool(((normal.mean == 0) & (normal.stddev == 1)).all())


def _is_bernoulli(model: Model) -> bool:
    """Whether the parameters are the logits of independent binary pixels."""
    channels, height, width = model.format.shape
    theta = torch.linspace(-3, 3, model.likelihood.outputs(channels) * height * width).view(1, -1, height, width)
    pixels = _base(model.likelihood(theta))
    return isinstance(pixels, Bernoulli) and torch.equal(pixels.logits, theta)


def _base(p: Distribution) -> Distribution:
    return p.base_dist if isinstance(p, Independent) else p
