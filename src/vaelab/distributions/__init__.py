"""Distributions that more than one room builds."""

from vaelab.distributions.full_normal import MultivariateNormal
from vaelab.distributions.normal import diagonal_normal
from vaelab.distributions.point_mass import PointMass
from vaelab.distributions.precision import full_precision, in_full

__all__ = ["MultivariateNormal", "PointMass", "diagonal_normal", "full_precision", "in_full"]
