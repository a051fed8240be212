"""A mixture of the products of all sets of views."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, combinations

import torch
from jaxtyping import Bool
from torch import Tensor
from torch.distributions import Distribution

from vaelab.contract import Experts
from vaelab.experts.mixture import mixture_of
from vaelab.experts.product import product_of


class MixtureOfProductsModule(Experts):
    """The mixture of the products of all non-empty sets of views, with equal weights: Sutter et al. (2021)."""

    def forward(
        self, experts: Sequence[Distribution], present: Bool[Tensor, "V B"], prior: Distribution
    ) -> Distribution:
        """q(z | views), of batch shape (B,)."""
        views = range(len(experts))
        sets = [*chain.from_iterable(combinations(views, size) for size in range(1, len(experts) + 1))]
        products = [product_of([experts[v] for v in each], present[list(each)], prior) for each in sets]
        return mixture_of(products, torch.stack([present[list(each)].all(0) for each in sets]), prior)
