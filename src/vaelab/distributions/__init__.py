"""Distributions that more than one room builds."""

from vaelab.distributions.full_normal import MultivariateNormal
from vaelab.distributions.normal import diagonal_normal
from vaelab.distributions.point_mass import PointMass
from vaelab.distributions.precision import as_float32, no_autocast

__all__ = ["MultivariateNormal", "PointMass", "as_float32", "diagonal_normal", "no_autocast"]
