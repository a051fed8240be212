"""A network made of two `nn.Module`s."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from math import prod
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vaelab.contract import Network
from vaelab.errors import UserError, reason
from vaelab.frozen import Frozen
from vaelab.networks.conditions import as_planes, with_condition
from vaelab.sizes import Sizes

Part = nn.Module | Callable[[Sizes], nn.Module]
"""A module, or a function of the sizes that returns one."""


class ModulesNetwork(Network):
    """A user's encoder and decoder: h = encoder(x), flattened, and theta = decoder(z), reshaped to (N, P, H, W).

    A module whose `forward` takes two arguments is given the condition, (B, K) or None, as the second one. For a module
    that takes one argument, the condition is appended to the image as K planes, or to z as K numbers.

    Args:
        encoder, decoder: the modules, which are copied, or functions of the sizes that return them.
        features: F, or None to infer it from the encoder's output.
        sizes: the sizes that the network is built for.
        frozen: the encoder's weights take no gradient, and it stays in evaluation mode.

    Raises:
        UserError: a module fails on an image, its output has another shape, or a frozen encoder shares weights with the
            decoder.
    """

    def __init__(self, encoder: Part, decoder: Part, features: int | None, sizes: Sizes, frozen: bool = False) -> None:
        super().__init__()
        # Copied together, so that a layer that both share stays one layer.
        copies: dict[int, Any] = {}
        self.encoder = _instantiate(encoder, sizes, "encoder", copies)
        self.decoder = _instantiate(decoder, sizes, "decoder", copies)
        self.output = sizes.decoded
        self._takes = {name: _takes_condition(getattr(self, name)) for name in ("encoder", "decoder")}
        # A forward pass on one image finds modules that do not fit, and gives lazy layers their shapes.
        c = torch.zeros(1, sizes.condition) if sizes.condition else None
        training = self.training
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            self.eval()
            h = self._output("encoder", torch.zeros(1, *sizes.encoded), c)
            self._output("decoder", torch.zeros(1, sizes.latent), c)
            self.train(training)
        if frozen:
            if {*self.encoder.parameters()} & {*self.decoder.parameters()}:
                raise UserError("frozen is True, but encoder and decoder share weights; give each its own")
            # Wrapped only now, when it is known which arguments the encoder takes.
            self.encoder = Frozen(self.encoder)
        self.features = h.shape[1]
        if features is not None and features != self.features:
            raise UserError(f"features is {features}, but the encoder returns {self.features} numbers per image")

    @property
    def last_layer(self) -> Tensor:
        """The last weight of the decoder, which may be tied to one of the encoder.

        Raises:
            UserError: the decoder has no weights.
        """
        weights = [weight for weight in self.decoder.parameters() if weight.ndim > 1]
        if not weights:
            raise UserError(f"decoder is {type(self.decoder).__name__}, which has no weights, but needs a last layer")
        return weights[-1]

    def encode(self, x: Float[Tensor, "B ..."], c: Float[Tensor, "B K"] | None) -> Float[Tensor, "B F"]:
        """Features h of each image."""
        h = self.encoder(x, c) if self._takes["encoder"] else self.encoder(as_planes(x, c))
        return torch.flatten(h, 1)

    def decode(self, z: Float[Tensor, "N D"], c: Float[Tensor, "N K"] | None) -> Float[Tensor, "N ..."]:
        """Parameters of the likelihood for each pixel."""
        theta = self.decoder(z, c) if self._takes["decoder"] else self.decoder(with_condition(z, c))
        return torch.reshape(theta, (z.shape[0], *self.output))

    def _output(self, name: str, x: Tensor, c: Tensor | None) -> Tensor:
        """The module's output for one image or one z, flattened to (1, ...).

        Raises:
            UserError: the module fails, or its output has another shape.
        """
        module: Any = getattr(self, name)
        joined = as_planes(x, c) if name == "encoder" else with_condition(x, c)
        shapes = [tuple(x.shape), None if c is None else tuple(c.shape)] if self._takes[name] else [tuple(joined.shape)]
        called = f"{name} is {type(module).__name__}, which for input of shape {' and '.join(map(str, shapes))}"
        try:
            y: Any = module(x, c) if self._takes[name] else module(joined)
        except Exception as error:
            raise UserError(f"{called} raises {reason(error)}") from error
        if not isinstance(y, Tensor) or y.ndim < 2 or len(y) != 1:
            shape = tuple(y.shape) if isinstance(y, Tensor) else type(y).__name__
            raise UserError(f"{called} returns {shape}, but must return a tensor with one row per input")
        if name == "decoder" and y.numel() != prod(self.output):
            raise UserError(
                f"{called} returns shape {tuple(y.shape)}, but the likelihood needs {(1, *self.output)}: parameters "
                "for each pixel, before any sigmoid"
            )
        return torch.flatten(y, 1)


def _instantiate(part: Part, sizes: Sizes, name: str, copies: dict[int, Any]) -> nn.Module:
    """A copy of a given module, or the module that a given function returns."""
    if isinstance(part, nn.Module):
        return copy.deepcopy(part, copies)
    try:
        module = part(sizes)
    except Exception as error:
        raise UserError(
            f"{name} is a function that raises {reason(error)}; it is called with the sizes and returns an nn.Module"
        ) from error
    if not isinstance(module, nn.Module):
        raise UserError(f"{name} is a function that returned {type(module).__name__}, but must return an nn.Module")
    return module


def _takes_condition(module: nn.Module) -> bool:
    """Whether `forward` takes the condition as a second argument."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    try:
        parameters = inspect.signature(module.forward).parameters.values()
    except (TypeError, ValueError):
        return False
    return len([parameter for parameter in parameters if parameter.kind in kinds]) >= 2
