"""A label or attributes as a view: their encoder, their decoder, and a trace that holds them beside the image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.functional import one_hot

from vaelab.contract import Likelihood, Network, Posterior, Trace
from vaelab.data import DataFormat
from vaelab.distributions import as_float32
from vaelab.errors import UserError
from vaelab.models.built import built
from vaelab.sizes import Sizes

if TYPE_CHECKING:
    from vaelab.models.multimodal_spec import Multimodal


class LabelView(nn.Module):
    """q(z | y) and p(y | z) of a label, y as a one-hot vector, or of attributes, a row of K numbers.

    Args:
        spec: the composition of the model.
        format: of the data, with the names of classes or attributes.
        width: dimensions of z.
    """

    def __init__(self, spec: Multimodal, format: DataFormat, width: int) -> None:
        super().__init__()
        row = spec.label_format(format)
        self.classes, self.numbers = len(format.classes), row.shape[0]
        self.likelihood: Likelihood = built(spec.label_likelihood, Likelihood, row, method="build_for")
        sizes = Sizes(row.shape, width, 0, self.likelihood.outputs(self.numbers))
        self.network: Network = built(spec.label_network, Network, sizes)
        self.posterior: Posterior = built(spec.posterior, Posterior, self.network, width)

    def rows(self, y: Tensor | None, n: int, like: Tensor) -> tuple[Float[Tensor, "B K"], Bool[Tensor, " B"]]:
        """y as vectors, zeros where it is missing, and where it is not.

        Args:
            y: labels (B,), -1 for a missing one, or attributes (B, K), NaN for missing ones; None if all are missing.
            n: B.
            like: a tensor of the type and on the device that the vectors are to have.

        Raises:
            UserError: y of another shape.
        """
        if y is None:
            return like.new_zeros(n, self.numbers), torch.zeros(n, dtype=torch.bool, device=like.device)
        shape = (n,) if self.classes else (n, self.numbers)
        if tuple(y.shape) != shape:
            what = "one label" if self.classes else f"one row of {self.numbers} attributes"
            raise UserError(f"y has shape {tuple(y.shape)}, but must be {shape}: {what} per image")
        if not self.classes:
            seen = y.isfinite().all(1)
            return torch.where(seen[:, None], y, 0.0).to(like), seen
        vectors = one_hot(y.long().clamp(min=0), self.classes)
        return (vectors * (y >= 0)[:, None]).to(like), y >= 0

    def checked(self, y: Tensor) -> Tensor:
        """Check labels given by a user; training skips this check, which synchronises the device.

        Raises:
            UserError: a label that is no class.
        """
        if not self.classes:
            return y
        if y.is_floating_point():
            raise UserError(f"y is {y.dtype}, but must be labels, integers from 0 to {self.classes - 1}")
        if y.numel() and not bool(((y >= -1) & (y < self.classes)).all()):
            raise UserError(
                f"y has labels from {int(y.min())} to {int(y.max())}, but classes go from 0 to {self.classes - 1}"
            )
        return y

    def expert(self, rows: Float[Tensor, "B K"]) -> Distribution:
        """q(z | y) of this view alone, before the experts are put together."""
        return self.posterior.distribution(self.network.encode(rows, None))

    def likelihood_at(self, z: Float[Tensor, "S B D"]) -> Distribution:
        """p(y | z), of batch shape (S, B)."""
        theta = self.network.decode(z.flatten(0, 1), None).unflatten(0, z.shape[:2])
        p: Distribution = self.likelihood(as_float32(theta))
        return p

    def labels(self, rows: Float[Tensor, "B K"]) -> Tensor:
        """What vectors stand for: the number of the likeliest class, (B,), or attributes, (B, K)."""
        return rows.argmax(-1) if self.classes else rows


@dataclass(frozen=True, kw_only=True, repr=False)
class ViewsTrace(Trace):
    """A trace of an image and its label, of which either may be missing; x holds zeros where it is.

    Args:
        p_label: p(y | z), of batch shape (S, B).
        rows: y as vectors, (B, K), zeros where it is missing.
        present: which images and which labels are there, (2, B).
    """

    p_label: Distribution
    rows: Float[Tensor, "B K"]
    present: Bool[Tensor, "2 B"]

    @cached_property
    def of_views(self) -> Float[Tensor, "2 S B"]:
        """-log p(x | z) and -log p(y | z), each zero where its view is missing."""
        both = torch.stack([-self.p.log_prob(self.x), label_score(self.p_label, self.rows)])
        return both * self.present[:, None]

    @cached_property
    def reconstruction(self) -> Float[Tensor, "S B"]:
        """-log p(x | z) - log p(y | z), of the views that are present."""
        return self.of_views.sum(0)


def label_score(p: Distribution, rows: Tensor) -> Float[Tensor, "S B"]:
    """-log p(y | z), nats."""
    log_p: Tensor = p.log_prob(rows)
    return -log_p
