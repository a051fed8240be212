"""Properties of models that objectives, figures and evidence rely on."""

from __future__ import annotations

from enum import StrEnum


class Trait(StrEnum):
    """A property that an objective may need and that a model has or lacks."""

    one_latent = "one latent"
    real_codes = "codes in a real vector space"
    known_moments = "a posterior whose mean and covariance are known"
    gaussian_posterior = "a Gaussian posterior"
    reparameterised_prior = "a prior that is drawn from by reparameterisation"
    fixed_prior = "a prior without weights, since it does not train any"
    independent_dimensions = "a posterior whose dimensions are independent"
    fixed_likelihood = "a likelihood that is not fitted to each batch"
    density = "a posterior with a density, so that draws have importance weights"
    reparameterised_posterior = "a posterior that is drawn from by reparameterisation"
    random_codes = "a posterior whose codes are drawn at random"
    real_and_code = "a latent of real numbers beside one of codes"
    independent_draws = "draws that are independent of each other"
    one_view = "a model of x alone, without a view beside it"
    label_view = "a label or attributes as a view beside the image"
    exact_draws = "a posterior whose draws are not relaxed in training"
    exact_prior = "a prior whose density is computed, not estimated"
    weighable_prior = "a prior that gives draws importance weights in training"
