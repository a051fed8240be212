"""The base class of models: the forward pass, and encoding, decoding and generation."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaelab import html
from vaelab.contract import Likelihood, Network, Trace
from vaelab.data import DataFormat, TableFormat
from vaelab.distributions import as_float32
from vaelab.errors import UserError
from vaelab.models.built import built
from vaelab.models.coordinates import Coordinates
from vaelab.models.inputs import Inputs, check_request

if TYPE_CHECKING:
    from vaelab.models import ModelSpec


class Model(Inputs):
    """A joint distribution p(x, z) with a posterior q(z | x), both given the condition c in a conditional model.

    B images of (C, H, W), N latents z of D dimensions, K dimensions of the condition: one per class for labelled
    images, otherwise one per attribute. A label of -1 means unknown, and its condition is zero.

    `forward` is for training. `encode`, `decode` and `generate` are for inference: they take arrays and lists as well
    as tensors, on any device, and track no gradients unless asked to.

    Args:
        spec: the composition.
        format: the shape of an image, and the names of classes and attributes.
    """

    counts: Tensor | None
    unknown_labels: ClassVar[bool] = True
    """Whether a label given to encoder and decoder may be unknown."""

    def __init__(self, spec: ModelSpec, format: DataFormat) -> None:
        super().__init__()
        self.spec = spec
        self.format = format
        self.likelihood = built(spec.likelihood, Likelihood, format, method="build_for")
        places = format.counts if isinstance(format, TableFormat) else []
        # Which numbers of x are counts; None if none is.
        counts = torch.isin(torch.arange(format.shape[0]), torch.tensor(places)) if places else None
        self.register_buffer("counts", counts, persistent=False)

    def _repr_html_(self) -> str:
        """A table of the parts, for notebooks."""
        weights = f"{sum(parameter.numel() for parameter in self.parameters()):,}"
        images = ("images", " x ".join(map(str, self.format.shape)))
        return html.fields_table(f"{type(self.spec).__name__}, built", self.spec, images, ("weights", weights))

    @abstractmethod
    def forward(self, x: Float[Tensor, "B ..."], y: Tensor | None = None, samples: int = 1) -> Trace:
        """Encode the images, draw `samples` latents per image and decode them.

        Args:
            x: images in [0, 1].
            y: for a conditional model, labels (B,) or attributes (B, A).
            samples: S.

        Raises:
            UserError: images of a shape other than the model's, or missing labels for a conditional model.
        """

    def encode(self, x: Any, y: Any = None, *, gradients: bool = False) -> Distribution:
        """q(z | x); its `.mean` is the embedding, (B, D).

        Args:
            x: images in [0, 1], (B, C, H, W).
            y: for a conditional model, labels (B,) or attributes (B, A).
            gradients: track gradients.

        Raises:
            UserError: as `forward`, or pixels outside [0, 1].
        """
        x = self._images(x)
        with torch.set_grad_enabled(gradients and torch.is_grad_enabled()):
            return self._infer(x, self._condition(self._labels(y), len(x)))

    def decode(self, z: Any, y: Any = None, *, gradients: bool = False) -> Distribution:
        """p(x | z); its `.mean` is the image, (N, C, H, W), in [0, 1].

        Args:
            z: latents, (N, D).
            y: for a conditional model, labels (N,) or attributes (N, A).
            gradients: track gradients.

        Raises:
            UserError: z is not (N, D), or missing labels for a conditional model.
        """
        z = self._latent(z)
        c = self._condition(self._labels(y), len(z))
        with torch.set_grad_enabled(gradients and torch.is_grad_enabled()):
            p: Distribution = self.likelihood(as_float32(self._decode(z, c)))
            return p

    @torch.no_grad()
    def generate(
        self, n: int | None = None, y: Any = None, given: Any = None, temperature: float = 1.0
    ) -> Float[Tensor, "N ..."]:
        """Generate `n` images: the means of p(x | z) at draws z of the prior.

        Args:
            n: number of images; None for one per label of `y`.
            y: a label per image, or one for all, or attributes (N, A); missing labels (None, or -1) are drawn
                uniformly.
            given: latents (N, D) to decode instead of draws. A hierarchical model also takes only the latents of its
                first groups, (N, their dimensions), and draws the rest; a model with a codebook also takes codes,
                integers (N, slots).
            temperature: below 1, draws stay closer to the prior's centre.

        Raises:
            UserError: n < 1, temperature < 0, a number of latents or labels other than n, a label that is not a class,
                or missing attributes.
        """
        if y is not None and not isinstance(y, int):
            y = self._tensor(y, "y")
        if n is None:
            if not isinstance(y, Tensor) or y.ndim == 0:
                raise UserError("n is None; give the number of images, or a label for each")
            n = len(y)
        check_request(n, temperature)
        y = self._labels(self._completed(y, n))
        given = None if given is None else self._tensor(given, "given")
        if given is not None and (given.ndim != 2 or len(given) != n):
            raise UserError(f"given has shape {tuple(given.shape)}, but n is {n}; give one row per image")
        if given is not None and not given.is_floating_point():
            given = self._read(given)
        return self.decode(self._latents(n, y, given, temperature), y).mean

    def completed(self, x: Float[Tensor, "B ..."], y: Tensor | None) -> Tensor | None:
        """The labels of images, those that are unknown found from x by a model that can; by default unchanged."""
        return y

    @property
    def by_row(self) -> list[tuple[nn.Module, str]]:
        """The modules and methods with most of the work, from tensors of a row per image to one of a row per image."""
        return [(part, name) for part in self.modules() if isinstance(part, Network) for name in ("encode", "decode")]

    @abstractmethod
    def compile_networks(self, mode: str) -> None:
        """Compile the networks in place, without changing the names of saved weights."""

    @property
    def coordinates(self) -> Coordinates:
        """The arrays that an exported model has in place of its latents: z, (N, D)."""
        width = sum(self.widths)
        return Coordinates({"z": width}, about={"dimensions": width})

    def describe(self, x: Float[Tensor, "B ..."], c: Float[Tensor, "B K"] | None) -> dict[str, Tensor]:
        """q(z | x, c) as arrays: mean and standard deviation of the coordinates, (B, D), or their codes, (B, slots).

        Raises:
            NotImplementedError: the posterior has no known standard deviation.
        """
        q = self._infer(x, c)
        return {"mean": q.mean, "stddev": q.stddev}

    def theta_at(self, coordinates: Sequence[Tensor], c: Float[Tensor, "N K"] | None) -> Float[Tensor, "N ..."]:
        """Parameters of the likelihood at coordinates."""
        return as_float32(self._decode(coordinates[0], c))

    def prior_at(self, c: Float[Tensor, "N K"] | None) -> Distribution:
        """p(coordinates | c), all arrays concatenated.

        Raises:
            NotImplementedError: the model does not say what it is.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what its prior is")

    def _observed(self, x: Tensor) -> Tensor:
        """What networks see of x: logarithms of counts, and zeros for missing values, then which were observed."""
        if self.counts is not None:
            # log(1 + x), continued to the negative numbers that pseudo-inputs of a prior may be.
            x = torch.where(self.counts, x.sign() * x.abs().log1p(), x)
        return torch.cat([x.nan_to_num(0.0), x.isfinite().to(x.dtype)], 1) if self.format.missing else x

    @abstractmethod
    def _infer(self, x: Float[Tensor, "B ..."], c: Float[Tensor, "B K"] | None) -> Distribution:
        """q(z | x, c)."""

    @abstractmethod
    def _decode(self, z: Float[Tensor, "N D"], c: Float[Tensor, "N K"] | None) -> Tensor:
        """Parameters of the likelihood at z, all latents concatenated."""

    @abstractmethod
    def _draw(self, n: int, c: Tensor | None, given: Tensor | None, temperature: float) -> Float[Tensor, "N D"]:
        """z, all latents concatenated: drawn from the prior, or completed from the given part."""

    def _latents(self, n: int, y: Tensor | None, given: Tensor | None, temperature: float) -> Float[Tensor, "N D"]:
        """z of n images to generate, under their labels or attributes."""
        return self._draw(n, self._condition(y, n), given, temperature)

    def _read(self, codes: Tensor) -> Tensor:
        """Look up codes in the codebook."""
        raise UserError("given holds integers, but the model has no codebook; give real numbers of shape (N, D)")
