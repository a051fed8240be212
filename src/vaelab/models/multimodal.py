"""The multimodal VAE: an image and its label as two views of one latent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.distributions import Distribution

from vaelab.contract import Experts, Latent, Trace
from vaelab.data import DataFormat
from vaelab.distributions import as_float32
from vaelab.errors import UserError
from vaelab.models.built import built
from vaelab.models.inputs import check_request
from vaelab.models.label_view import LabelView, ViewsTrace, label_score
from vaelab.models.vae import VAEModel

if TYPE_CHECKING:
    from vaelab.models.multimodal_spec import Multimodal


class MultimodalModel(VAEModel):
    """p(x | z) p(y | z) p(z) with the q(z | views) of experts: Wu and Goodman (2018), section 2; Shi et al. (2019).

    Without y it is a VAE of x alone, and its bounds are bounds on log p(x); with y they are bounds on log p(x, y).
    Args: see `Model`.
    """

    def __init__(self, spec: Multimodal, format: DataFormat) -> None:
        super().__init__(spec, format)
        (width,) = self.widths
        self.label = LabelView(spec, format, width)
        self.experts: Experts = built(spec.experts, Experts, 2, width)

    def forward(self, x: Float[Tensor, "B ..."], y: Tensor | None = None, samples: int = 1) -> Trace:
        """Encode the views that are present, draw `samples` latents per row and decode them into both views.

        Args:
            x: images in [0, 1]; one that is NaN throughout is missing.
            y: labels (B,), -1 for a missing one, or attributes (B, A), NaN for missing ones; None if all are missing.
            samples: S.

        Raises:
            UserError: images or labels of a shape other than the model's.
        """
        present = ~self._checked(x).flatten(1).isnan().all(1)
        if not self.format.missing:
            x = torch.where(present.reshape(-1, *[1] * (x.ndim - 1)), x, 0.0)
        rows, labelled = self.label.rows(y, len(x), x)
        views = torch.stack([present, labelled])
        q, p = self._together(x, rows, views), self.prior(None, self._infer)
        z = q.rsample(torch.Size((samples,)))
        p_label = self.label.likelihood_at(z)
        latent = Latent(q, z, z, self._penalty(p_label, rows, labelled), p=p)
        return ViewsTrace(
            x, self._likelihood_at(z, None), (latent,), self, y, p_label=p_label, rows=rows, present=views
        )

    def trace_at(self, trace: Trace, code: Tensor) -> Trace:
        """The same views at other z, (S, B, D), under the same q and prior."""
        assert isinstance(trace, ViewsTrace)
        (latent,) = trace.latents
        p_label = self.label.likelihood_at(code)
        penalty = self._penalty(p_label, trace.rows, trace.present[1])
        latents = (replace(latent, code=code, z=code, penalty=penalty),)
        return replace(trace, p=self._likelihood_at(code, None), p_label=p_label, latents=latents)

    def without(self, trace: Trace, label: bool) -> Trace:
        """The same batch without its labels, or without its images, with draws of its own.

        Args:
            trace: of both views.
            label: whether the label is left out; otherwise the image is.
        """
        assert isinstance(trace, ViewsTrace)
        samples = len(trace.latents[0].z)
        if not label:
            return self.forward(torch.full_like(trace.x, torch.nan), trace.y, samples)
        there = trace.present[0].reshape(-1, *[1] * (trace.x.ndim - 1))
        return self.forward(torch.where(there, trace.x, torch.nan), None, samples)

    def encode(self, x: Any = None, y: Any = None, *, gradients: bool = False) -> Distribution:
        """q(z | x), q(z | y) or q(z | x, y), of the views that are given; its `.mean` is the embedding, (B, D).

        Args:
            x: images in [0, 1], (B, C, H, W), or rows of a table; None without them.
            y: labels (B,), -1 for a missing one, or attributes (B, A); None without them.
            gradients: track gradients.

        Raises:
            UserError: neither view is given, or as `forward`, or pixels outside [0, 1].
        """
        if x is None and y is None:
            raise UserError("x and y are None, but one of the two views is needed; give images or labels")
        labels = None if y is None else self.label.checked(self._tensor(y, "y"))
        if x is None:
            assert labels is not None
            if labels.ndim == 0:
                raise UserError("y is a single number; give a label for each row, such as [3]")
            pixels = next(self.parameters()).new_zeros(len(labels), *self.format.shape)
        else:
            pixels = self._images(x)
        with torch.set_grad_enabled(gradients and torch.is_grad_enabled()):
            rows, labelled = self.label.rows(labels, len(pixels), pixels)
            return self._together(pixels, rows, torch.stack([torch.full_like(labelled, x is not None), labelled]))

    def decode_label(self, z: Any) -> Distribution:
        """p(y | z); its `.mean` has the probabilities of the classes, or the means of the attributes, (N, K).

        Args:
            z: latents, (N, D).

        Raises:
            UserError: z is not (N, D).
        """
        z = self._latent(z)
        with torch.no_grad():
            flat: Distribution = self.label.likelihood(as_float32(self.label.network.decode(z, None)))
            return flat

    @torch.no_grad()
    def predict(self, x: Any, samples: int = 100) -> Float[Tensor, "B K"]:
        """E[p(y | z)] over draws of q(z | x): the probabilities of the classes, or the means of the attributes.

        It is p(y | x) if q(z | x) is the true posterior.

        Args:
            x: images in [0, 1], (B, C, H, W), or rows of a table.
            samples: draws of z per image.

        Raises:
            UserError: x of a shape other than the model's, or pixels outside [0, 1].
        """
        z = self.encode(x).sample(torch.Size((samples,)))
        means: Tensor = self.label.likelihood_at(z).mean
        return means.mean(0)

    @torch.no_grad()
    def generate_pairs(self, n: int, temperature: float = 1.0) -> tuple[Float[Tensor, "N ..."], Tensor]:
        """`n` images, as `generate` gives them, each with a label, (N,), or attributes, (N, A), drawn from p(y | z).

        Raises:
            UserError: n < 1 or temperature < 0.
        """
        check_request(n, temperature)
        z = self._draw(n, None, None, temperature)
        return self.decode(z).mean, self.label.labels(self.label.likelihood_at(z[None]).sample()[0])

    def _latents(self, n: int, y: Tensor | None, given: Tensor | None, temperature: float) -> Float[Tensor, "N D"]:
        """z of images to generate: drawn from q(z | y), or from the prior where y is missing."""
        z = super()._latents(n, None, given, temperature)
        if y is None or given is not None:
            return z
        _, labelled = self.label.rows(self.label.checked(y), n, z)
        q = self.encode(None, y)
        return torch.where(labelled[:, None], torch.lerp(q.mean, q.sample(), temperature), z)

    def _penalty(self, p_label: Distribution, rows: Tensor, labelled: Tensor) -> Float[Tensor, " B"] | None:
        """What a weight of the label other than one adds to every objective, averaged over draws."""
        extra = self.spec.label_weight - 1.0
        return None if extra == 0 else extra * (label_score(p_label, rows) * labelled).mean(0)

    def _together(
        self, x: Float[Tensor, "B ..."], rows: Float[Tensor, "B K"], present: Bool[Tensor, "2 B"]
    ) -> Distribution:
        """q(z | the views that are present)."""
        experts = [self.posterior.distribution(self._encode(x, None)), self.label.expert(rows)]
        q: Distribution = self.experts(experts, present, self.prior(None, self._infer))
        return q

    def _infer(self, x: Tensor, c: Tensor | None) -> Distribution:
        """q(z | x), also at the pseudo-inputs of a prior."""
        rows, labelled = self.label.rows(None, len(x), x)
        return self._together(x, rows, torch.stack([torch.ones_like(labelled), labelled]))
