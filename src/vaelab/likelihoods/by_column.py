"""The likelihood of a table: a density for each type of column."""

from __future__ import annotations

from itertools import chain
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Categorical, Distribution, constraints

from vaelab.contract import Likelihood
from vaelab.data import TableFormat
from vaelab.likelihoods.bernoulli import BernoulliLikelihood


class ByColumnLikelihood(Likelihood):
    r"""Independent columns given z: real ones by a likelihood of their own, binary and categorical ones by a mass.

    log p(x | z) = log p(x_real | z) + sum_j log Bernoulli(x_j; sigmoid(theta_j)) + sum_k x_k . log softmax(theta_k)

    with the one-hot vector x_k of column k; Nazabal, Olmos, Ghahramani and Valera (2020), section 2.2. A missing value
    is left out.

    Args:
        real: the spec of the likelihood of the real columns.
        format: the columns.
    """

    def __init__(self, real: Any, format: TableFormat) -> None:
        super().__init__()
        self.places: dict[str, list[list[int]]] = {"real": [], "binary": [], "categorical": []}
        for column, where in format.slices():
            self.places[column.type].append(list(range(where.start, where.stop)))
        self.indices = {kind: list(chain.from_iterable(places)) for kind, places in self.places.items()}
        parts: dict[str, Likelihood] = {}
        if self.indices["real"]:
            parts["real"] = real.build((len(self.indices["real"]),))
        if self.indices["binary"]:
            parts["binary"] = BernoulliLikelihood(1)
        if self.indices["categorical"]:
            parts["categorical"] = CategoricalColumnsLikelihood([len(place) for place in self.places["categorical"]])
        self.parts = torch.nn.ModuleDict(parts)
        self.linear = all(part.linear for part in parts.values())
        self.unbounded = True

    def forward(self, theta: Float[Tensor, ...]) -> Distribution:
        """The columns, each type by its density."""
        return ColumnsDistribution(
            {kind: part(theta[..., self.indices[kind]]) for kind, part in self.parts.items()},
            {kind: self.indices[kind] for kind in self.parts},
        )

    def pairwise_log_prob(self, p: Distribution, x: Float[Tensor, "N F"]) -> Float[Tensor, "G N"]:
        """The sum over the types of columns, each by its own products of matrices, nats."""
        tables = [
            part.pairwise_log_prob(p.parts[kind], x[:, self.indices[kind]])  # type: ignore[attr-defined, operator]
            for kind, part in self.parts.items()
        ]
        return torch.stack(tables).sum(0)


class CategoricalColumnsLikelihood(Likelihood):
    """Categorical columns, each with a softmax over its categories; x is one-hot.

    Args:
        widths: the number of categories of each column.
    """

    linear = True

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.widths = widths

    def forward(self, theta: Float[Tensor, ...]) -> Distribution:
        """Independent categorical columns with logits theta."""
        return CategoricalColumns(theta, self.widths)

    def pairwise_log_prob(self, p: Distribution, x: Float[Tensor, "N F"]) -> Float[Tensor, "G N"]:
        """x . log softmax(theta), all pairs by one matrix product, nats."""
        log_mass: Tensor = p.log_mass  # type: ignore[attr-defined]
        return log_mass @ x.nan_to_num(0.0).T


class CategoricalColumns(Distribution):
    """Independent categorical variables, side by side as one-hot vectors.

    Args:
        logits: unnormalised log probabilities, (..., sum of widths).
        widths: the number of categories of each variable.
    """

    arg_constraints = {}  # noqa: RUF012  # as torch declares it
    support = constraints.independent(constraints.unit_interval, 1)

    def __init__(self, logits: Tensor, widths: list[int]) -> None:
        self.widths = widths
        self.log_mass = torch.cat([part.log_softmax(-1) for part in logits.split(widths, -1)], -1)
        super().__init__(logits.shape[:-1], logits.shape[-1:], validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> CategoricalColumns:
        """The same distribution, expanded to a larger batch."""
        return CategoricalColumns(self.log_mass.expand(*batch_shape, -1), self.widths)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log probability of each row of one-hot vectors, nats; a missing one, NaN, is left out."""
        return (self.log_mass * value.nan_to_num(0.0)).sum(-1)

    @property
    def mean(self) -> Tensor:
        """The probabilities of the categories."""
        return self.log_mass.exp()

    @torch.no_grad()
    def sample(self, sample_shape: Any = ()) -> Tensor:
        """One-hot vectors drawn at random."""
        drawn = [
            torch.nn.functional.one_hot(Categorical(logits=part, validate_args=False).sample(sample_shape), width)
            for part, width in zip(self.log_mass.split(self.widths, -1), self.widths, strict=True)
        ]
        return torch.cat(drawn, -1).to(self.log_mass.dtype)


class ColumnsDistribution(Distribution):
    """Groups of columns that are independent of each other.

    Args:
        parts: the distribution of each group.
        indices: the places of each group's columns in x.
    """

    arg_constraints = {}  # noqa: RUF012  # as torch declares it
    support = constraints.independent(constraints.real, 1)

    def __init__(self, parts: dict[str, Distribution], indices: dict[str, list[int]]) -> None:
        self.parts, self.indices = parts, indices
        # The place in the concatenated groups of each column of x.
        self.order = torch.tensor(list(chain.from_iterable(indices.values()))).argsort()
        first = next(iter(parts.values()))
        super().__init__(first.batch_shape, torch.Size([len(self.order)]), validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> ColumnsDistribution:
        """The same distribution, expanded to a larger batch."""
        return ColumnsDistribution({kind: part.expand(batch_shape) for kind, part in self.parts.items()}, self.indices)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density of the observed columns of each row, nats."""
        return torch.stack([part.log_prob(value[..., self.indices[kind]]) for kind, part in self.parts.items()]).sum(0)

    @property
    def mean(self) -> Tensor:
        """Means of the real columns, probabilities of the others."""
        return torch.cat([part.mean for part in self.parts.values()], -1)[..., self.order]

    @torch.no_grad()
    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Rows drawn at random."""
        return torch.cat([part.sample(sample_shape) for part in self.parts.values()], -1)[..., self.order]
