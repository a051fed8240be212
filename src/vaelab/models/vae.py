"""The variational autoencoder: one latent between an encoder and a decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from vaelab.contract import Draw, Latent, Network, Posterior, Prior, Trace
from vaelab.data import DataFormat
from vaelab.distributions import as_float32
from vaelab.models.built import built
from vaelab.models.coordinates import Coordinates
from vaelab.models.model import Model
from vaelab.sizes import PriorSizes, Sizes

if TYPE_CHECKING:
    from vaelab.models.single_latent import SingleLatent


class VAEModel(Model):
    """p(x, z) = p(x | z) p(z) with the posterior q(z | x).

    Kingma and Welling (2014); conditional as in Sohn, Lee and Yan (2015), with a prior that may ignore the condition.
    Args: see `Model`.
    """

    def __init__(self, spec: SingleLatent, format: DataFormat) -> None:
        super().__init__(spec, format)
        condition = format.condition_size if spec.conditional else 0
        parameters = self.likelihood.outputs(format.shape[0])
        sizes = Sizes(format.shape, spec.latent, condition, parameters, format.missing)
        self.network: Network = built(spec.network, Network, sizes)
        self.posterior: Posterior = built(spec.posterior, Posterior, self.network, spec.latent)
        (width,) = self.widths
        prior_sizes = PriorSizes(
            format.shape,
            width,
            condition,
            self.posterior.code_space,
            labels=bool(condition and format.classes),
            missing=format.missing,
            map=self.map,
        )
        self.prior: Prior = built(spec.prior, Prior, prior_sizes)

    @property
    def widths(self) -> tuple[int, ...]:
        """Dimensions of z, all positions of the network together."""
        return (self.spec.latent * self.network.positions,)

    @property
    def last_layer(self) -> Tensor:
        """The weight of the decoder's last layer, at which objectives compare the gradients of their terms."""
        return self.network.last_layer

    @property
    def last_bias(self) -> Tensor | None:
        """The bias of that layer, with which training may start at the mean image."""
        return self.network.last_bias

    @property
    def map(self) -> tuple[int, int] | None:
        """Rows and columns of the network's positions; None if they form no map."""
        height, width = getattr(self.network, "map", (0, 0))[:2]
        return (height, width) if height * width == self.network.positions else None

    @property
    def coordinates(self) -> Coordinates:
        """z, (N, D), or the codes of a codebook, (N, slots)."""
        if self.posterior.code_space is None:
            return super().coordinates
        slots, size = self.posterior.code_space
        about = {
            "slots": slots,
            "size": size,
            "positions": self.network.positions,
            # Positions are in row-major order.
            "map": None if self.map is None else list(self.map),
        }
        return Coordinates({"codes": slots}, "codes", size, about)

    def describe(self, x: Float[Tensor, "B ..."], c: Float[Tensor, "B K"] | None) -> dict[str, Tensor]:
        """q(z | x, c) as arrays: mean and standard deviation of z, (B, D), or codes, (B, slots)."""
        return self.posterior.describe(self._encode(x, c))

    def theta_at(self, coordinates: Sequence[Tensor], c: Float[Tensor, "N K"] | None) -> Float[Tensor, "N ..."]:
        """Parameters of the likelihood at z or codes."""
        return super().theta_at([self.posterior.read(coordinates[0])], c)

    def prior_at(self, c: Float[Tensor, "N K"] | None) -> Distribution:
        """p(z | c), or p(codes | c)."""
        p: Distribution = self.prior(c, self._infer)
        return p

    def forward(self, x: Float[Tensor, "B ..."], y: Tensor | None = None, samples: int = 1) -> Trace:
        """Encode the images, draw `samples` latents per image and decode them."""
        c = self._condition(y, len(x))
        draw = self.posterior(self._encode(self._checked(x), c), samples)
        latent = Latent(draw.q, draw.code, draw.z, draw.penalty, p=self.prior(c, self._infer))
        return Trace(x, self._likelihood_at(draw.z, c), (latent,), self, y)

    def trace_at(self, trace: Trace, code: Tensor) -> Trace:
        """The same images at other codes, (S, B, ...), under the same q and prior."""
        (latent,) = trace.latents
        z = self.posterior.read(code.flatten(0, 1)).unflatten(0, code.shape[:2])
        p = self._likelihood_at(z, self._condition(trace.y, len(trace.x)))
        return replace(trace, p=p, latents=(replace(latent, code=code, z=z),))

    def likelihood_at(self, z: Float[Tensor, "S B D"], y: Tensor | None = None) -> Distribution:
        """p(x | z) at S latents for each of B images, of batch shape (S, B).

        Args:
            z: latents, (S, B, D).
            y: for a conditional model, labels (B,) or attributes (B, A).

        Raises:
            UserError: missing labels for a conditional model.
        """
        return self._likelihood_at(z, self._condition(self._labels(y), z.shape[1]))

    def prior_of(self, y: Tensor | None, n: int) -> Distribution:
        """p(z), of batch shape (), or p(z | y) for each of n images, of batch shape (n,).

        Raises:
            UserError: missing labels for a conditional model.
        """
        p: Distribution = self.prior(self._condition(self._labels(y), n), self._infer)
        return p

    def draw_of(self, x: Float[Tensor, "B ..."], y: Tensor | None = None) -> tuple[Draw, Float[Tensor, "B K"] | None]:
        """One draw of q(code | x) per image and the conditions, which together are what a prior is fitted to.

        Raises:
            UserError: images of a shape other than the model's, or missing labels for a conditional model.
        """
        c = self._condition(y, len(x))
        return self.posterior(self._encode(self._checked(x), c), 1), c

    def posterior_of(self, x: Float[Tensor, "B ..."], y: Tensor | None = None) -> Distribution:
        """q(z | x), also for pixels outside [0, 1], which draws of a Gaussian likelihood may have.

        Raises:
            UserError: images of a shape other than the model's, or missing labels for a conditional model.
        """
        return self._infer(self._checked(x), self._condition(self._labels(y), len(x)))

    def compile_networks(self, mode: str) -> None:
        """Compile the encoder and the decoder."""
        self.network.encode = torch.compile(self.network.encode, mode=mode)  # type: ignore[method-assign]
        self.network.decode = torch.compile(self.network.decode, mode=mode)  # type: ignore[method-assign]

    def _encode(self, x: Float[Tensor, "B ..."], c: Float[Tensor, "B K"] | None) -> Float[Tensor, "B F"]:
        """Features h of each image."""
        return self.network.encode(self._observed(x), c)

    def _likelihood_at(self, z: Float[Tensor, "S B D"], c: Float[Tensor, "B K"] | None) -> Distribution:
        # Draws are the outer dimension, so the conditions of the batch repeat.
        repeated = None if c is None else c.repeat(len(z), 1)
        theta = self.network.decode(z.flatten(0, 1), repeated).unflatten(0, (len(z), -1))
        p: Distribution = self.likelihood(as_float32(theta))
        return p

    def _decode(self, z: Float[Tensor, "N D"], c: Float[Tensor, "N K"] | None) -> Tensor:
        return self.network.decode(z, c)

    def _draw(self, n: int, c: Tensor | None, given: Tensor | None, temperature: float) -> Float[Tensor, "N D"]:
        if given is None:
            given = self.prior.draw(n, c, self._infer, temperature)
        # Real latents are decoded directly; integers are looked up in the codebook.
        return given if given.is_floating_point() else self._read(given)

    def _read(self, codes: Tensor) -> Tensor:
        return super()._read(codes) if self.posterior.code_space is None else self.posterior.read(codes)

    def _infer(self, x: Tensor, c: Tensor | None) -> Distribution:
        """q(z | x, c), also at the pseudo-inputs of a prior."""
        q: Distribution = self.posterior.distribution(self._encode(x, c))
        return q
