"""The variational autoencoder: one latent between an encoder and a decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.functional import one_hot

from vaelab.data.images import ImageFormat
from vaelab.distributions import in_full
from vaelab.errors import UserError
from vaelab.networks.network import Sizes
from vaelab.priors.prior import Infer
from vaelab.trace import Latent, Trace

if TYPE_CHECKING:
    from vaelab.models import VAE


class VAEModel(nn.Module):
    """p(x, z) = p(x | z) p(z) with the posterior q(z | x); every factor given the label when conditional.

    Kingma and Welling (2014); conditional after Sohn, Lee and Yan (2015), with a prior that may ignore the
    label. B pictures of (C, H, W), N codes of D dimensions, K classes.

    Args:
        spec: the composition that this module realises.
        images: the shape of a picture and the class names.
    """

    def __init__(self, spec: VAE, images: ImageFormat) -> None:
        super().__init__()
        self.spec = spec
        self.images = images
        self.likelihood = spec.likelihood.build()
        condition = len(images.classes) if spec.conditional else 0
        sizes = Sizes(images.shape, spec.latent, condition, self.likelihood.parameters_per_pixel)
        self.network = spec.network.build(sizes)
        self.posterior = spec.posterior.build(self.network.features, spec.latent)
        self.prior = spec.prior.build(spec.latent)

    def forward(self, x: Float[Tensor, "B C H W"], y: Int[Tensor, " B"] | None = None, samples: int = 1) -> Trace:
        """Encode, draw `samples` codes a picture and decode them.

        Raises:
            UserError: the pictures have another shape than the model's, or a conditional model has no labels.
        """
        c = self._condition(y, len(x))
        draw = self.posterior(self._features(x, c), samples)
        # The label of a picture goes with each of its draws.
        repeated = None if c is None else c.repeat(samples, 1)
        theta = self.network.decode(draw.z.flatten(0, 1), repeated).unflatten(0, (samples, -1))
        p = self.prior(c, self._infer(c))
        latent = Latent(draw.q, draw.code, draw.z, draw.penalty, p=p)
        return Trace(x, self.likelihood(in_full(theta)), (latent,))

    def encode(self, x: Float[Tensor, "B C H W"], y: Int[Tensor, " B"] | None = None) -> Distribution:
        """q(z | x); its `.mean` is the embedding, (B, D).

        Raises:
            UserError: as `forward`.
        """
        c = self._condition(self._labels(y), len(x))
        return self.posterior.distribution(self._features(x, c))

    def decode(self, z: Float[Tensor, "N D"], y: Int[Tensor, " N"] | None = None) -> Distribution:
        """p(x | z); its `.mean` is the picture, (N, C, H, W), values in [0, 1].

        Raises:
            UserError: codes of another width than the latent's, or a conditional model without labels.
        """
        if z.shape[-1] != self.spec.latent:
            raise UserError(f"z has {z.shape[-1]} dimensions, but the model's latent has {self.spec.latent}")
        c = self._condition(self._labels(y), len(z))
        p: Distribution = self.likelihood(in_full(self.network.decode(z, c)))
        return p

    @torch.no_grad()
    def generate(
        self,
        n: int,
        y: Int[Tensor, " N"] | int | None = None,
        given: Float[Tensor, "N D"] | None = None,
        temperature: float = 1.0,
    ) -> Float[Tensor, "N C H W"]:
        """`n` new pictures: the mean of p(x | z) at draws of the prior.

        Args:
            n: how many.
            y: a label for each, or one for all; a conditional model without it draws them uniformly.
            given: codes to decode instead of draws.
            temperature: factor on the codes drawn; below 1 they stay nearer to the prior's centre.

        Raises:
            UserError: n < 1, codes or labels of another number than n, or a label that is no class.
        """
        if n < 1:
            raise UserError(f"n is {n}, but must be >= 1")
        device = next(self.parameters()).device
        if isinstance(y, int):
            y = torch.full((n,), y, device=device)
        elif y is None and self.spec.conditional:
            y = torch.randint(len(self.images.classes), (n,), device=device)
        c = self._condition(self._labels(y), n)
        if given is None:
            given = temperature * self.prior(c, self._infer(c)).expand((n,)).sample()
        if len(given) != n:
            raise UserError(f"given holds {len(given)} codes, but n is {n}; give one code a picture")
        return self.decode(given, y).mean

    def _features(self, x: Tensor, c: Tensor | None) -> Tensor:
        if tuple(x.shape[1:]) != self.images.shape:
            raise UserError(
                f"x has pictures of shape {tuple(x.shape[1:])}, but the model takes {self.images.shape}; "
                "bring them to that shape"
            )
        return self.network.encode(x, c)

    def _labels(self, y: Tensor | None) -> Tensor | None:
        """Labels that a user gave, checked; a training step does not wait for this."""
        classes = len(self.images.classes)
        if self.spec.conditional and y is not None and len(y) and not bool(((y >= 0) & (y < classes)).all()):
            raise UserError(
                f"y has labels from {int(y.min())} to {int(y.max())}, but classes go from 0 to {classes - 1}"
            )
        return y

    def _condition(self, y: Tensor | None, n: int) -> Float[Tensor, "B K"] | None:
        """The labels as one-hot vectors; None for a model that is not conditional, whatever it is given."""
        if not self.spec.conditional:
            return None
        if y is None:
            raise UserError("y is None, but the model is conditional; give a label for each picture")
        if len(y) != n:
            raise UserError(f"y holds {len(y)} labels, but there are {n} pictures; give one label a picture")
        dtype = next(self.parameters()).dtype
        return one_hot(y, len(self.images.classes)).to(dtype)

    def _infer(self, c: Tensor | None) -> Infer:
        """q(z | x) at fixed labels, for priors that are built from posteriors of pseudo-inputs."""
        return lambda x: self.posterior.distribution(self._features(x, c))
