"""Distributions that more than one room builds."""

from vaelab.distributions.normal import diagonal_normal

__all__ = ["diagonal_normal"]
