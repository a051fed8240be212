"""The Laplace likelihood."""

from __future__ import annotations

from torch import Tensor
from torch.distributions import Distribution, Laplace

from vaelab.likelihoods.location import LocationLikelihood


class LaplaceLikelihood(LocationLikelihood):
    r"""Independent Laplace pixels or columns, whose negative log-likelihood is an absolute error.

    p(x | z) = prod_i exp(-|x_i - theta_i| / s_i) / (2 s_i): the double exponential law of Laplace (1774), see Kotz,
    Kozubowski and Podgorski (2001). theta is the median and the mean, and s the mean absolute error where it is
    learned. The L1 loss of other libraries is this with s = 1, without log 2 per pixel, and mostly a mean over pixels
    instead of a sum.
    """

    def density(self, location: Tensor, scale: Tensor) -> Distribution:
        """A Laplace density."""
        return Laplace(location, scale, validate_args=False)
