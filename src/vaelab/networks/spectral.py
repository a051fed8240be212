"""Spectral normalisation of a decoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from vaelab.contract import Network
from vaelab.sizes import Sizes

_LAYERS = (nn.Linear, nn.modules.conv._ConvNd)


def with_normalised_decoder(network: Network, sizes: Sizes) -> Network:
    """The network, with weights of spectral norm one in the layers that only decoding uses.

    Miyato et al. (2018), sections 2.1 and 2.2, with one step of power iteration per training step. A convolution's
    weight counts as a matrix with one row per output channel.

    Args:
        network: the network, which is changed in place.
        sizes: the sizes that it was built for.
    """
    z = torch.zeros(1, sizes.latent * network.positions)
    c = torch.zeros(1, sizes.condition) if sizes.condition else None
    decoding = _used(network, lambda: network.decode(z, c))
    encoding = _used(network, lambda: network.encode(torch.zeros(1, *sizes.encoded), c))
    for layer in decoding:
        if layer not in encoding:
            spectral_norm(layer)
    return network


@torch.no_grad()
def _used(network: Network, call: Callable[[], Tensor]) -> list[nn.Module]:
    """The layers that a call runs through."""
    used: list[nn.Module] = []

    def remember(layer: nn.Module, arguments: Any, output: Any) -> None:
        used.append(layer)

    layers = [layer for layer in network.modules() if isinstance(layer, _LAYERS)]
    hooks = [layer.register_forward_hook(remember) for layer in layers]
    call()
    for hook in hooks:
        hook.remove()
    return list(dict.fromkeys(used))
