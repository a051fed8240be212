"""The base class of the models with one latent between an encoder and a decoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge

from vaelab.data import DataFormat
from vaelab.errors import UserError
from vaelab.likelihoods import AnyLikelihood, Bernoulli
from vaelab.models.model_spec import ModelSpec
from vaelab.networks import AnyNetwork, Conv
from vaelab.posteriors import AnyPosterior, Gaussian
from vaelab.priors import AnyPrior, StandardNormal


@dataclass(frozen=True)
class SingleLatent(ModelSpec):
    """Base of the models with one latent z, drawn by a posterior and scored by a prior."""

    latent: Annotated[int, Ge(1)] = 2
    """Dimensions of z; with a map of latents, per position of the map."""
    conditional: bool = False
    """Condition encoder and decoder on the label, or for images without labels on the attributes: a CVAE."""
    network: AnyNetwork = Conv()
    posterior: AnyPosterior = Gaussian()
    prior: AnyPrior = StandardNormal()
    likelihood: AnyLikelihood = Bernoulli()

    @property
    def codes(self) -> str:
        """Where its codes lie, for messages."""
        return "codes come from a codebook" if self.posterior.discrete else f"latents lie in {self.posterior.space}"

    @property
    def summary(self) -> str:
        """A short description of the model, for messages."""
        names = [type(part).__name__ for part in (self, self.posterior, self.prior)]
        return "{} with posterior {} and prior {}".format(*names)

    @property
    def no_bound(self) -> str:
        """Why reconstruction plus KL is no bound on log p(x), as a sentence; empty for a posterior with a density."""
        if self.posterior.has_density:
            return ""
        name = type(self.posterior).__name__
        stands = "" if self.kl_is == "KL" else f"what stands as its KL is {self.kl_is}, and "
        return f"The posterior {name} has no density: {stands}the total is no bound on log p(x)."

    @property
    def kl_is(self) -> str:
        """What stands as the KL in tables."""
        return self.posterior.kl_is

    def check(self, format: DataFormat) -> None:
        """Check that the parts fit each other and the images, before anything is built.

        Raises:
            UserError: prior and posterior over different spaces, or a prior that needs a conditional model or a
                posterior with a density.
        """
        super().check(format)
        self.network.check(format)
        prior, posterior = type(self.prior).__name__, type(self.posterior).__name__
        if self.prior.discrete != self.posterior.discrete:
            over = {True: "over integers", False: "over real numbers"}
            raise UserError(
                f"prior is {prior}, {over[self.prior.discrete]}, but posterior is {posterior}, "
                f"{over[self.posterior.discrete]}; choose two of the same kind"
            )
        if self.prior.space != self.posterior.space:
            raise UserError(
                f"prior is {prior}, over {self.prior.space}, but posterior is {posterior}, over "
                f"{self.posterior.space}; choose two over the same space"
            )
        if self.prior.needs_condition and not self.conditional:
            raise UserError(
                f"prior is {prior}, but the model is not conditional",
                python="set conditional=True or choose another",
                flags="add --conditional or choose another",
            )
        if self.prior.of_posteriors and not self.posterior.has_density:
            raise UserError(
                f"prior is {prior}, made of the model's posteriors, but posterior is {posterior}, which has no "
                "density; choose another"
            )
