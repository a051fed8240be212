"""Distributions that more than one room builds."""

from vaelab.distributions.normal import diagonal_normal
from vaelab.distributions.precision import in_full

__all__ = ["diagonal_normal", "in_full"]
