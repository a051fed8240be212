"""The semi-supervised VAE: the label is a latent where it is unknown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution
from torch.nn.functional import one_hot

from vaelab.contract import Latent, Trace
from vaelab.data import DataFormat
from vaelab.distributions import as_float32, exporting
from vaelab.errors import UserError
from vaelab.models.vae import VAEModel
from vaelab.sizes import Sizes

if TYPE_CHECKING:
    from vaelab.models import M2


@dataclass(frozen=True, kw_only=True, repr=False)
class LabelledLatent(Latent):
    """z and the label together: q, p and draws of z are those under one label, the KL is that of both, over all labels.

    Args:
        divergence: KL(q(y, z | x) || p(y) p(z)), (S, B); of a known label KL(q(z | x, y) || p(z)) - log p(y).
    """

    divergence: Float[Tensor, "S B"]

    def kl(self) -> Float[Tensor, "S B"]:
        """KL of y and z together."""
        return self.divergence

    def kl_by_dimension(self) -> Float[Tensor, "S B D"]:
        """The KL as one group, since the label is part of it."""
        return self.divergence[..., None]


@dataclass(frozen=True, kw_only=True, repr=False)
class LabelledTrace(Trace):
    """A trace whose unknown labels are summed over; p, q and z are those under the known or the most probable label.

    Args:
        expected: E_q(y | x)[-log p(x | y, z_y)], (S, B).
        log_joint_weight: log of sum_y p(y) p(x | y, z_y) p(z_y) / q(z_y | x, y), with z_y ~ q(z | x, y), (S, B); of a
            known label its one term.
    """

    expected: Float[Tensor, "S B"]
    log_joint_weight: Float[Tensor, "S B"]

    @cached_property
    def reconstruction(self) -> Float[Tensor, "S B"]:
        """-log p(x | y, z), averaged over unknown labels."""
        return self.expected

    @cached_property
    def log_weight(self) -> Float[Tensor, "S B"]:
        """Log importance weights of p(x, y), or where the label is unknown of p(x), summed over labels."""
        return self.log_joint_weight


class M2Model(VAEModel):
    """p(x | y, z) p(y) p(z) with q(z | x, y) and the classifier q(y | x): Kingma et al. (2014), sections 2 and 3.

    Args: see `Model`.
    """

    unknown_labels: ClassVar[bool] = False

    def __init__(self, spec: M2, format: DataFormat) -> None:
        super().__init__(spec, format)
        sizes = Sizes(format.shape, spec.latent, 0, 1, format.missing)
        widths = [math.prod(sizes.encoded), *spec.hidden]
        layers: list[nn.Module] = [nn.Flatten()]
        for wide, narrow in pairwise(widths):
            layers += [nn.Linear(wide, narrow), nn.ReLU()]
        self.classifier = nn.Sequential(*layers, nn.Linear(widths[-1], len(format.classes)))

    @property
    def by_row(self) -> list[tuple[nn.Module, str]]:
        """The network's methods, and the classifier."""
        return [*super().by_row, (self.classifier, "forward")]

    def classify(self, x: Any, *, gradients: bool = False) -> Categorical:
        """q(y | x); its `.probs` are the probabilities of the classes, (B, K).

        Args:
            x: images in [0, 1], (B, C, H, W), or rows of a table.
            gradients: track gradients.

        Raises:
            UserError: x of a shape other than the model's, or pixels outside [0, 1].
        """
        x = self._checked(self._tensor(x, "x"), values=True)
        with torch.set_grad_enabled(gradients and torch.is_grad_enabled()):
            return self._labels_of(x)

    def encode(self, x: Any, y: Any = None, *, gradients: bool = False) -> Distribution:
        """q(z | x, y); an unknown label, None or -1, is the one that `classify` finds most probable."""
        return super().encode(x, self.completed(x, self._labels(y)), gradients=gradients)

    def completed(self, x: Any, y: Tensor | None) -> Tensor:
        """The labels y; an unknown one, None or -1, is the one that `classify` finds most probable."""
        best = self.classify(x).logits.argmax(-1)
        if y is None or y.shape != best.shape:  # of another shape: refused where it is used
            return best if y is None else y
        return torch.where(y < 0, best, y)

    def forward(self, x: Float[Tensor, "B ..."], y: Tensor | None = None, samples: int = 1) -> Trace:
        """Encode and decode each image under its label, or under every label where it is -1 or y is None."""
        x, classes, n = self._checked(x), len(self.format.classes), len(x)
        y = x.new_full((n,), -1).long() if y is None else y
        super()._condition(y, n)  # refuses labels of another shape
        q_y, known = self._labels_of(x), y >= 0
        # Which image and which label each decoded row has: one row per known label, K per unknown one.
        unknown = (~known).nonzero()[:, 0]
        image = torch.cat([known.nonzero()[:, 0], unknown.repeat_interleave(classes)])
        label = torch.cat([y[known], torch.arange(classes, device=x.device).repeat(len(unknown))])
        share = torch.where(known[image], 1.0, q_y.probs[image, label])

        c = one_hot(label, classes).to(x.dtype)
        h = self._encode(x[image], c)
        draw, prior = self.posterior(h, samples), self.prior(c, self._infer)
        theta = as_float32(self.network.decode(draw.z.flatten(0, 1), c.repeat(samples, 1))).unflatten(0, (samples, -1))
        rows = Latent(draw.q, draw.code, draw.z, p=prior)
        reconstruction = -self.likelihood(theta).log_prob(x[image])

        def summed(values: Tensor) -> Tensor:
            return values.new_zeros(*values.shape[:-1], n).index_add(-1, image, values)

        # KL(q(y | x) || uniform) = log K - H(q(y | x)), the latter zero where the label is known.
        divergence = summed(share * rows.kl()) + math.log(classes) - torch.where(known, 0.0, q_y.entropy())
        weight = -reconstruction - rows.log_ratio()
        top = weight.new_full((samples, n), -torch.inf).scatter_reduce(1, image.expand_as(weight), weight, "amax")
        top = top.detach()
        log_weight = top + summed((weight - top[:, image]).exp()).log() - math.log(classes)

        # The row of the known or the most probable label of each image.
        best = torch.where(known, y, q_y.logits.argmax(-1))
        order = image * classes + label
        ordered, rows_of = order.sort()
        chosen = rows_of[torch.searchsorted(ordered, torch.arange(n, device=x.device) * classes + best)]
        cross_entropy = torch.where(known, -q_y.log_prob(best), 0.0)
        latent = LabelledLatent(
            self.posterior.distribution(h[chosen]),
            draw.code[:, chosen],
            draw.z[:, chosen],
            self.spec.alpha * cross_entropy,
            p=self.prior(c[chosen], self._infer),
            divergence=divergence,
        )
        p = self.likelihood(theta[:, chosen])
        return LabelledTrace(
            x, p, (latent,), self, best, expected=summed(share * reconstruction), log_joint_weight=log_weight
        )

    def _labels_of(self, x: Tensor) -> Categorical:
        """q(y | x), of batch shape (B,)."""
        if self.format.missing:
            x = torch.cat([x.nan_to_num(0.0), x.isfinite().to(x.dtype)], 1)
        return Categorical(logits=as_float32(self.classifier(x)), validate_args=False)

    def _condition(self, y: Tensor | None, n: int | torch.SymInt) -> Float[Tensor, "B K"] | None:
        """Labels as one-hot vectors.

        Raises:
            UserError: a label is unknown, which only `forward`, `encode` and `generate` take.
        """
        if y is not None and not exporting() and bool((y < 0).any()):
            raise UserError("y has labels of -1, unknown, but this takes known ones; give those that classify(x) finds")
        return super()._condition(y, n)
