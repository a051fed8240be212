"""The base class of the model specs."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from vaelab.data import DataFormat
from vaelab.errors import UserError
from vaelab.likelihoods import AnyLikelihood, Bernoulli
from vaelab.spec import Spec
from vaelab.traits import Trait

if TYPE_CHECKING:
    from vaelab.models.model import Model


class ModelSpec(Spec, room=True):
    """Base of the model specs."""

    conditional: bool = False
    """Condition the model on the label, or for images without labels on the attributes."""
    likelihood: AnyLikelihood = Bernoulli()

    @property
    def traits(self) -> frozenset[Trait]:
        """Properties that objectives, figures and evidence may require; by default the likelihood's and safe ones."""
        of_posterior = {Trait.density, Trait.random_codes, Trait.exact_draws, Trait.reparameterised_posterior}
        of_prior = {Trait.exact_prior, Trait.weighable_prior}
        return self._of_likelihood | of_posterior | {Trait.independent_draws} | of_prior

    @property
    def _of_likelihood(self) -> frozenset[Trait]:
        return frozenset() if self.likelihood.fitted_to_batch else frozenset({Trait.fixed_likelihood})

    @abstractmethod
    def build(self, format: DataFormat) -> Model:
        """Build the model, a `vaelab.models.model.Model` with fresh weights from torch's global generator."""

    @property
    def summary(self) -> str:
        """A short description of the model, for messages."""
        return type(self).__name__

    @property
    def no_bound(self) -> str:
        """Why reconstruction plus KL is no bound on log p(x), as a sentence; empty for a posterior with a density."""
        return ""

    @property
    def kl_is(self) -> str:
        """What stands as the KL in tables."""
        return "KL"

    def check(self, format: DataFormat) -> None:
        """Check that the parts fit each other and the images, before anything is built.

        Raises:
            UserError: a conditional model of images without labels or attributes, or parts that do not fit each other.
        """
        if self.conditional and not format.condition_size:
            raise UserError(
                "conditional is True, but the data has no labels",
                python="give labelled data or conditional=False",
                flags="give labelled data or drop --conditional",
            )
        self.likelihood.check(format)
