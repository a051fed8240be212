"""The contract of networks and their cells."""

from __future__ import annotations

from typing import Any

import torch

from vaelab.contract import Network
from vaelab.models.built import built
from vaelab.networks import CellSpec, NetworkSpec
from vaelab.sizes import Sizes
from vaelab.testing.faults import FORMATS, every_parameter_learns, formats_of, has_shape, require, same_for_a_seed

_LATENT, _PARAMETERS, _BATCH = 3, 2, 4


def check_network(spec: NetworkSpec) -> list[str]:
    """Shapes for every format that it takes, with a condition and without; weights that follow the seed and learn."""
    # Whether modules that a user gives take tables as well is not known.
    for format in FORMATS if spec.python_only else formats_of(spec.check):
        for condition in {0, format.condition_size}:
            sizes = Sizes(format.shape, _LATENT, condition, _PARAMETERS, format.missing)
            network: Any = built(spec, Network, sizes)
            x, c = torch.rand(_BATCH, *sizes.encoded), torch.rand(_BATCH, condition) if condition else None
            require(isinstance(getattr(network, "features", None), int), spec, "its module sets no `features`")
            h = network.encode(x, c)
            has_shape(spec, "encode(x, c)", h, (_BATCH, network.features))
            has_shape(spec, "head(5)(h)", network.head(5)(h), (_BATCH, 5 * network.positions))
            z = torch.randn(_BATCH, _LATENT * network.positions, requires_grad=True)
            theta = network.decode(z, c)
            has_shape(spec, "decode(z, c)", theta, (_BATCH, _PARAMETERS, *format.shape[1:]))
            loss = (h * torch.randn_like(h)).sum() + (theta * torch.randn_like(theta)).sum()
            every_parameter_learns(spec, [network], loss)
            network.eval()
            alone = network.encode(x[:1], None if c is None else c[:1])
            together = network.encode(x, c)[:1]
            close = torch.allclose(alone, together, atol=1e-4, rtol=1e-3)
            require(close, spec, "the features of an image depend on the other images of its batch in evaluation mode")

    def weights() -> torch.Tensor:
        fresh = spec.build(Sizes(FORMATS[0].shape, _LATENT, 0, _PARAMETERS))
        return torch.cat([parameter.detach().flatten() for parameter in fresh.parameters()])

    # Modules that a user gives bring their own weights.
    same_for_a_seed(spec, weights, "build", varies=not spec.python_only)
    return ["shapes for every image format", "every parameter learns", "weights follow the seed"]


def check_cell(spec: CellSpec) -> list[str]:
    """A cell keeps the shape of its map, and every parameter learns."""
    cell: Any = spec.build(8, 2)
    x = torch.randn(2, 8, 5, 7)
    y = cell(x)
    has_shape(spec, "its output", y, tuple(x.shape))
    every_parameter_learns(spec, [cell], (y * torch.randn_like(y)).sum())
    return ["shapes", "every parameter learns"]
