"""What every model offers: conditions, traces, embeddings, images."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.functional import one_hot

from vaelab.contract import Trace
from vaelab.data.images import ImageFormat
from vaelab.distributions import as_float32
from vaelab.errors import UserError

if TYPE_CHECKING:
    from vaelab.contract import Likelihood
    from vaelab.models import ModelSpec


class Model(nn.Module):
    """p(x, z) with its posterior q(z | x); every factor given the condition when conditional.

    B images of (C, H, W), N codes of D dimensions, K numbers of a condition: one for each class, where images
    have labels, otherwise one for each attribute. A label of -1 is an unknown one: its condition is all zeros.

    Args:
        spec: the composition that this module realises.
        format: the shape of an image, the names of classes and attributes.
    """

    likelihood: Likelihood

    def __init__(self, spec: ModelSpec, format: ImageFormat) -> None:
        super().__init__()
        self.spec: Any = spec
        self.format = format
        self.likelihood = spec.likelihood.build(format.shape)

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.parameters()).device

    @property
    @abstractmethod
    def widths(self) -> tuple[int, ...]:
        """Dimensions of each latent's z, from the first that is drawn to the last."""

    @abstractmethod
    def forward(self, x: Float[Tensor, "B C H W"], y: Tensor | None = None, samples: int = 1) -> Trace:
        """Encode, draw `samples` codes an image and decode them.

        Args:
            x: images.
            y: for a conditional model, labels (B,) or attributes (B, A).
            samples: S.

        Raises:
            UserError: the images have another shape than the model's, or a conditional model has no labels.
        """

    @abstractmethod
    def encode(self, x: Float[Tensor, "B C H W"], y: Tensor | None = None) -> Distribution:
        """q(z | x); its `.mean` is the embedding, (B, D).

        Raises:
            UserError: as `forward`.
        """

    def decode(self, z: Float[Tensor, "N D"], y: Tensor | None = None) -> Distribution:
        """p(x | z); its `.mean` is the image, (N, C, H, W), values in [0, 1].

        Raises:
            UserError: codes of another width than the latent's, or a conditional model without labels.
        """
        if z.ndim != 2 or not z.is_floating_point():
            raise UserError(f"z is {z.dtype} of shape {tuple(z.shape)}, but must be real numbers of shape (N, D)")
        if z.shape[1] != sum(self.widths):
            raise UserError(f"z has {z.shape[1]} dimensions, but the model's latent has {sum(self.widths)}")
        c = self._condition(self._labels(y), len(z))
        p: Distribution = self.likelihood(as_float32(self._decode(z, c)))
        return p

    @torch.no_grad()
    def generate(
        self, n: int, y: Tensor | int | None = None, given: Tensor | None = None, temperature: float = 1.0
    ) -> Float[Tensor, "N C H W"]:
        """`n` new images: the mean of p(x | z) at draws of the prior.

        Args:
            n: how many.
            y: a label for each, or one for all, or attributes (N, A); a model of labels draws those that are missing
                (None, or -1) uniformly.
            given: codes (N, D) to decode instead of draws. A hierarchical model also takes the first latents
                alone, (N, as many dimensions as they have together), and draws the rest; a model with a codebook
                also takes its integers, (N, slots).
            temperature: below 1, draws stay nearer to the prior's centre.

        Raises:
            UserError: n < 1, temperature < 0, codes or labels of another number than n, a label that is no
                class, or a model of attributes without them.
        """
        if n < 1:
            raise UserError(f"n is {n}, but must be >= 1")
        if temperature < 0:
            raise UserError(f"temperature is {temperature}, but must be >= 0")
        y = self._labels(self._completed(y, n))
        c = self._condition(y, n)
        if given is not None and (given.ndim != 2 or len(given) != n):
            raise UserError(f"given has shape {tuple(given.shape)}, but n is {n}; give a row of codes for each image")
        if given is not None and not given.is_floating_point():
            given = self._read(given)
        return self.decode(self._draw(n, c, given, temperature), y).mean

    @abstractmethod
    def compile_networks(self, mode: str) -> None:
        """Compile the networks in place, under the names by which their weights are saved."""

    @abstractmethod
    def _decode(self, z: Float[Tensor, "N D"], c: Float[Tensor, "N K"] | None) -> Tensor:
        """Parameters of the likelihood at codes of every latent."""

    @abstractmethod
    def _draw(self, n: int, c: Tensor | None, given: Tensor | None, temperature: float) -> Float[Tensor, "N D"]:
        """Codes of every latent: drawn, or completed from those that are given."""

    def _read(self, codes: Tensor) -> Tensor:
        """The vectors that the integers of a codebook stand for."""
        raise UserError("given holds integers, but the model has no codebook; give real numbers of shape (N, D)")

    def _checked(self, x: Tensor) -> Tensor:
        if tuple(x.shape[1:]) != self.format.shape:
            raise UserError(
                f"x has images of shape {tuple(x.shape[1:])}, but the model takes {self.format.shape}; "
                "bring them to that shape"
            )
        return x

    def _completed(self, y: Tensor | int | None, n: int) -> Tensor | None:
        """Labels for all: one given for all is repeated, those that are missing are drawn uniformly."""
        if isinstance(y, int):
            y = torch.full((n,), y, device=self.device)
        if not self.spec.conditional or not self.format.classes:
            return y
        drawn = torch.randint(len(self.format.classes), (n,), device=self.device)
        if y is None or y.shape != drawn.shape:
            return drawn if y is None else y  # refused below
        return torch.where(y == -1, drawn, y)

    def _labels(self, y: Tensor | None) -> Tensor | None:
        """Labels that a user gave, checked; a training step does not wait for this."""
        classes = len(self.format.classes)
        if (
            self.spec.conditional
            and classes
            and y is not None
            and y.numel()
            and not bool(((y >= -1) & (y < classes)).all())
        ):
            raise UserError(
                f"y has labels from {int(y.min())} to {int(y.max())}, but classes go from 0 to {classes - 1}"
            )
        return y

    def _condition(self, y: Tensor | None, n: int) -> Float[Tensor, "B K"] | None:
        """Labels as one-hot vectors, or attributes; None for a model that is not conditional, whatever it is given."""
        if not self.spec.conditional:
            return None
        classes, attributes = self.format.classes, self.format.attributes
        what = "label" if classes else f"row of {len(attributes)} attributes"
        if y is None:
            raise UserError(f"y is None, but the model is conditional; give a {what} for each image")
        shape = (n,) if classes else (n, len(attributes))
        if tuple(y.shape) != shape:
            raise UserError(f"y has shape {tuple(y.shape)}, but must be {shape}: one {what} an image")
        dtype = next(self.parameters()).dtype
        if not classes:
            return y.to(dtype)
        return one_hot(y.clamp(min=0), len(classes)).to(dtype) * (y >= 0)[:, None]
