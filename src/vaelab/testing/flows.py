"""The contract of transformations of normalising flows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from zuko.flows import Flow

from vaelab.flows import FlowSizes, TransformSpec
from vaelab.models.built import built
from vaelab.testing.faults import every_parameter_learns, has_shape, require

_BATCH, _CONTEXT = 4, 2


def check_transform(spec: TransformSpec) -> list[str]:
    """Shapes, an inverse that inverts, and the log-determinant of automatic differentiation, in every use of a flow."""
    for width in (1, 3):
        for context in (0, _CONTEXT):
            for draws in (False, True):
                flow: Any = built(spec, Flow, FlowSizes(width, context, 2, (8,), draws))
                _is_a_change_of_variables(spec, flow.double(), width, context)
    return ["shapes", "the inverse inverts", "log-determinants of the Jacobian", "every parameter learns"]


def _is_a_change_of_variables(spec: TransformSpec, flow: Any, width: int, context: int) -> None:
    c = torch.randn(_BATCH, context, dtype=torch.float64) if context else None
    transform, z = flow(c).transform, torch.randn(_BATCH, width, dtype=torch.float64)
    noise, log_determinant = transform.call_and_ladj(z)
    has_shape(spec, "f(z)", noise, (_BATCH, width))
    has_shape(spec, "log |det df/dz|", log_determinant, (_BATCH,))
    require(torch.allclose(transform.inv(noise), z, atol=1e-6), spec, "the inverse of f does not give z back")

    def together(z: Tensor) -> Tensor:
        noise: Tensor = transform(z)
        return noise.sum(0)

    # Rows do not depend on each other, so the derivative of their sum holds that of each.
    jacobian = torch.autograd.functional.jacobian(together, z).transpose(0, 1)
    exact = torch.linalg.slogdet(jacobian).logabsdet
    require(torch.allclose(log_determinant, exact, atol=1e-6), spec, "log |det df/dz| is not that of its derivative")
    every_parameter_learns(spec, [flow], -flow(c).log_prob(z).sum())
