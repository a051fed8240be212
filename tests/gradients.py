"""Gradients beside finite differences."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from torch import Tensor, nn


def check_gradients(value: Callable[[], Tensor], weights: Iterable[nn.Parameter], h: float) -> None:
    """The gradient of the middle entry of each weight against (f(w + h) - f(w - h)) / 2 h.

    Args:
        value: f, the same draws at each call.
        weights: float64, and without a gradient so far.
        h: half the distance of the two points.
    """
    value().backward()
    for weight in weights:
        flat, ends = weight.data.view(-1), []
        i = len(flat) // 2
        for change in (h, -2 * h):
            flat[i] += change
            ends.append(float(value().detach()))
        flat[i] += h
        assert weight.grad is not None
        assert float(weight.grad.view(-1)[i]) == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-4, abs=1e-5)
