"""What a model must be like for an objective to make sense of it."""

from __future__ import annotations

from enum import StrEnum


class Trait(StrEnum):
    """A property that an objective may need and that a model has or lacks."""

    one_latent = "one latent"
    real_codes = "codes that are real numbers"
    known_moments = "a posterior whose mean and covariance are known"
    reparameterised_prior = "a prior that is drawn from by reparameterisation"
    independent_dimensions = "a posterior whose dimensions are independent"
