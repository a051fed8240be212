"""What an exported part says of itself."""

from __future__ import annotations

import json

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, Normal

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
            "posterior": {"kind": _posterior(model)},
            "prior": {"kind": _prior(model)},
            "likelihood": {
                "kind": "bernoulli" if _is_bernoulli(model) else "other",
                "binary": likelihood.binary,
                "discrete": likelihood.discrete(False),
                "score_name_grey": likelihood.score_name(False),
            },
            "dtype": "float32",
        }
    )


def _posterior(model: Model) -> str:
    """What the encoder's arrays say of q: all if it is a diagonal normal, or codes; of others, the moments."""
    kind = model.coordinates.kind
    if kind == "codes":
        return "codes"
    # In a hierarchy, the moments of a group depend on the draws of those above it.
    q = model._infer(torch.zeros(1, *model.format.shape), _no_condition(model))
    return "diagonal-normal" if kind == "vector" and isinstance(_base(q), Normal) else "other"


def _prior(model: Model) -> str:
    """What the prior of the coordinates is under every condition, if there is a formula for it."""
    try:
        p = model.prior_at(_no_condition(model))
    except NotImplementedError:
        return "other"
    base = _base(p)
    if p.batch_shape:
        return "other"
    if isinstance(base, Normal) and bool(((base.mean == 0) & (base.stddev == 1)).all()):
        return "standard-normal"
    if isinstance(base, Categorical) and bool((base.logits == base.logits[..., :1]).all()):
        return "uniform-codes"
    return "other"


def _no_condition(model: Model) -> Tensor | None:
    """The condition of one image of which nothing is known."""
    return torch.zeros(1, model.format.condition_size) if model.spec.conditional else None


def _is_bernoulli(model: Model) -> bool:
    """Whether the parameters are the logits of independent binary pixels."""
    channels, height, width = model.format.shape
    theta = torch.linspace(-3, 3, model.likelihood.outputs(channels) * height * width).view(1, -1, height, width)
    pixels = _base(model.likelihood(theta))
    return isinstance(pixels, Bernoulli) and torch.equal(pixels.logits, theta)


def _base(p: Distribution) -> Distribution:
    return p.base_dist if isinstance(p, Independent) else p
