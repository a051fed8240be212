"""Ratios of modified Bessel functions, in operations of torch and accurate in float32 for every order and argument."""

from __future__ import annotations

import functools

import torch
from numpy.polynomial import Polynomial
from torch import Tensor

# Orders added before the expansion is used, and its terms: together an error of about 1e-12.
_SHIFT = 30
_TERMS = 6


@functools.cache
def _polynomials() -> tuple[tuple[Polynomial, ...], tuple[Polynomial, ...]]:
    """U_k, and (V_k - U_k) / (p^2 - 1), of Debye's expansions: DLMF 10.41.9 to 10.41.11."""
    p = Polynomial([0.0, 1.0])
    u, difference = [Polynomial([1.0])], [Polynomial([0.0])]
    for _ in range(_TERMS):
        last, slope = u[-1], u[-1].deriv()
        u.append(p**2 * (1 - p**2) * slope / 2 + ((1 - 5 * p**2) * last).integ() / 8)
        difference.append(p * last / 2 + p**2 * slope)
    return tuple(u), tuple(difference)


def _sum(polynomials: tuple[Polynomial, ...], p: Tensor, order: float) -> Tensor:
    """sum_k P_k(p) / order^k, added up as one polynomial by Horner's rule."""
    together: Polynomial = sum((each / order**k for k, each in enumerate(polynomials)), Polynomial([0.0]))
    total = torch.zeros_like(p)
    for coefficient in reversed(together.coef):
        total = total * p + float(coefficient)
    return total


def bessel(order: float, x: Tensor) -> tuple[Tensor, Tensor]:
    r"""Of I, the modified Bessel function: log(Gamma(v + 1) (2 / x)^v I_v(x)) - x, and 1 - I_{v+1}(x) / I_v(x).

    The first is log 0F1(; v + 1; x^2 / 4) - x: 0 at x = 0, falling as (v + 1/2) log x. Both are computed at order
    v + 30 by Debye's uniform expansion (DLMF 10.41.3 and 10.41.5), and brought to order v by

        I_{j+1} / I_j = 1 / (2 (j + 1) / x + I_{j+2} / I_{j+1})

        F_j = F_{j+1} [1 + x / (2 (j + 1)) I_{j+2} / I_{j+1}]

    F_j the series 0F1(; j + 1; x^2 / 4): sums of positive terms, which lose no digits. Gradients are those of the sums.

    Args:
        order: v >= 0.
        x: above 0.
    """
    top = order + _SHIFT
    u, difference = _polynomials()
    t = x / top
    s = (1 + t.square()).sqrt()
    p, excess = 1 / s, t.square() / (1 + s)  # excess = s - 1
    series = _sum(u, p, top)
    at_zero = _sum(u, torch.ones_like(p), top)
    # top (s - 1) - x, without cancellation between the two.
    log_f = top / (s + t) - top - top * (excess / 2).log1p() - s.log() / 2 + (series / at_zero).log()
    # I' / I = I_{top+1} / I_top + top / x gives the ratio of neighbours.
    bent = -s * (t * p).square() * _sum(difference, p, top) / series
    below_one = (1 - 1 / (s + t)) / t - bent / t
    for j in range(_SHIFT - 1, -1, -1):
        step = 2 * (order + j + 1) / x
        log_f = log_f + ((1 - below_one) / step).log1p()
        below_one = (step - below_one) / (step + 1 - below_one)
    return log_f, below_one
