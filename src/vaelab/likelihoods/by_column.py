"""The likelihood of a table: a density for each type of column."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, constraints

from vaelab.contract import Likelihood
from vaelab.data import ColumnType, TableFormat
from vaelab.likelihoods.bernoulli import BernoulliLikelihood
from vaelab.likelihoods.categorical_columns import CategoricalColumnsLikelihood
from vaelab.likelihoods.likelihood import LikelihoodSpec
from vaelab.likelihoods.ordinal import OrdinalColumnsLikelihood


class ByColumnLikelihood(Likelihood):
    r"""Columns that are independent given z, each type with its own density or mass function (Nazabal et al. 2020).

    log p(x | z) = log p(x_real | z) + log p(x_count | z) + sum_j log Bernoulli(x_j; sigmoid(theta_j)) + sum_k x_k . log
    softmax(theta_k) + sum_l x_l . log Ordinal(theta_l)

    with the one-hot vectors x_k and x_l of categorical and ordinal columns. A missing value is left out.

    Args:
        real: the spec of the likelihood of the real columns.
        count: the spec of the likelihood of the columns of counts.
        format: the columns.
    """

    def __init__(self, real: LikelihoodSpec, count: LikelihoodSpec, format: TableFormat) -> None:
        super().__init__()
        makers: dict[ColumnType, Callable[[TableFormat], Likelihood]] = {
            "real": real.build_for,
            "binary": lambda columns: BernoulliLikelihood(1),
            "categorical": lambda columns: CategoricalColumnsLikelihood([each.width for each in columns.columns]),
            "count": count.build_for,
            "ordinal": lambda columns: OrdinalColumnsLikelihood([each.width for each in columns.columns]),
        }
        self.indices: dict[str, list[int]] = {}
        parts: dict[str, Likelihood] = {}
        for kind, make in makers.items():
            found = [(column, where) for column, where in format.slices() if column.type == kind]
            if found:
                self.indices[kind] = [place for _, where in found for place in range(where.start, where.stop)]
                parts[kind] = make(TableFormat(tuple(column for column, _ in found), format.missing))
        self.parts = torch.nn.ModuleDict(parts)
        self.linear = all(part.linear for part in parts.values())
        self.unbounded = True
        self.places = self._places()

    def _places(self) -> dict[str, list[int]]:
        """The places in theta of each type's parameters.

        Types with a parameter for each number of x come first, in the order of x; then the others, type by type.
        """
        wanted = {kind: part.outputs(len(self.indices[kind])) for kind, part in self._likelihoods()}
        alike = [kind for kind, size in wanted.items() if size == len(self.indices[kind])]
        in_order = sorted(chain.from_iterable(self.indices[kind] for kind in alike))
        found = {kind: [in_order.index(place) for place in self.indices[kind]] for kind in alike}
        start = len(in_order)
        for kind, size in wanted.items():
            if kind not in found:
                found[kind] = list(range(start, start + size))
                start += size
        return found

    def _likelihoods(self) -> list[tuple[str, Likelihood]]:
        return [(kind, part) for kind, part in self.parts.items() if isinstance(part, Likelihood)]

    def forward(self, theta: Float[Tensor, ...]) -> Distribution:
        """The columns, each type by its density."""
        return ColumnsDistribution(
            {kind: part(theta[..., self.places[kind]]) for kind, part in self.parts.items()},
            {kind: self.indices[kind] for kind in self.parts},
        )

    def outputs(self, channels: int) -> int:
        """P, the parameters of all types."""
        return sum(map(len, self.places.values()))

    def pairwise_log_prob(self, p: Distribution, x: Float[Tensor, "N F"]) -> Float[Tensor, "G N"]:
        """The sum over the types of columns, each by its own products of matrices, nats."""
        tables = [
            part.pairwise_log_prob(p.parts[kind], x[:, self.indices[kind]])  # type: ignore[attr-defined, operator]
            for kind, part in self.parts.items()
        ]
        return torch.stack(tables).sum(0)


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
        """Means of real columns and counts, probabilities of the others."""
        return torch.cat([part.mean for part in self.parts.values()], -1)[..., self.order]

    @torch.no_grad()
    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Rows drawn at random."""
        return torch.cat([part.sample(sample_shape) for part in self.parts.values()], -1)[..., self.order]
