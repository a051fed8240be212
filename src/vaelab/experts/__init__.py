"""Experts: q(z | the views that are present) of a model with several views, from the posterior of each view.

To add one, write a dataclass here and a file with the module that it builds.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from vaelab.spec import Spec, any_of
from vaelab.traits import Trait

if TYPE_CHECKING:
    from vaelab.contract import Experts

_GAUSSIAN = frozenset({Trait.known_moments, Trait.gaussian_posterior, Trait.independent_dimensions})


class ExpertsSpec(Spec, room=True):
    """Base of the specs of experts.

    By default they take posteriors of every kind, and nothing is known of what they make of them.
    """

    of_gaussians: ClassVar[bool] = False
    """Whether posteriors and prior have to be normal, with independent dimensions."""
    traits: ClassVar[frozenset[Trait]] = frozenset()
    """Traits of q(z | views) that objectives, figures and evidence may require."""

    @abstractmethod
    def build(self, views: int, latent: int) -> Experts:
        """Build the experts, a `vaelab.contract.Experts`, for a number of views and `latent` dimensions of z."""


@dataclass(frozen=True)
class ProductOfExperts(ExpertsSpec):
    """Product of the views' Gaussians and of the prior, PoE, as in MVAE (Wu and Goodman 2018, section 2.1).

    q(z | views) = p(z) prod_v q(z | v) / c, over the views that are present: a Gaussian in closed form, so its KL is
    exact. Its precision is the sum of theirs, its mean theirs weighted by precision. Every view can veto; without a
    view it is the prior.
    """

    of_gaussians: ClassVar[bool] = True
    traits: ClassVar[frozenset[Trait]] = _GAUSSIAN | {Trait.independent_draws}

    def build(self, views: int, latent: int) -> Experts:
        """Build the experts."""
        from vaelab.experts.product import ProductOfExpertsModule

        return ProductOfExpertsModule()


@dataclass(frozen=True)
class MixtureOfExperts(ExpertsSpec):
    """Mixture of the views' posteriors, MoE, as in MMVAE (Shi et al. 2019, section 3).

    q(z | views) = (1 / M) sum_v q(z | v), over the M views that are present. Draws are stratified, so that each view
    has its share of them, and the KL is sampled. Every view votes; without a view it is the prior.
    """

    def build(self, views: int, latent: int) -> Experts:
        """Build the experts."""
        from vaelab.experts.mixture import MixtureOfExpertsModule

        return MixtureOfExpertsModule()


@dataclass(frozen=True)
class MixtureOfProducts(ExpertsSpec):
    """Mixture of the products of all sets of views, MoPoE (Sutter, Daunhawer and Vogt 2021).

    q(z | views) = 1 / (2^M - 1) sum_s PoE(z | s), over the non-empty sets s of the M views that are present, each
    product with the prior as in `ProductOfExperts`. Draws are stratified and the KL is sampled; without a view it is
    the prior.
    """

    of_gaussians: ClassVar[bool] = True

    def build(self, views: int, latent: int) -> Experts:
        """Build the experts."""
        from vaelab.experts.mixture_of_products import MixtureOfProductsModule

        return MixtureOfProductsModule()


AnyExperts = Annotated[ExpertsSpec, any_of(ExpertsSpec)]
