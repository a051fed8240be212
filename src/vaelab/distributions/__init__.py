"""Distributions that several rooms use, and the precision in which densities are computed."""

from vaelab.distributions.normal import MultivariateNormal, diagonal_normal
from vaelab.distributions.point_mass import PointMass
from vaelab.distributions.precision import as_float32, no_autocast

__all__ = ["MultivariateNormal", "PointMass", "as_float32", "diagonal_normal", "no_autocast"]
