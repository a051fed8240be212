"""What is penalised in a decoder: its weights, or its Jacobian."""

from __future__ import annotations

import torch
from torch import Tensor

from vaelab.contract import Trace
from vaelab.errors import UserError
from vaelab.objectives.sides import twice_differentiable


def squared_weights(trace: Trace) -> Tensor:
    """The sum of squares of all weights and biases that the decoder of a trace's model uses.

    They are those on which p(x | z) depends once z is given. Decoding one z finds them, whatever the network is.
    """
    model = trace.model
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    (latent,) = trace.latents
    y = None if trace.y is None else trace.y[:1]
    with torch.enable_grad():
        decoded = model.likelihood_at(latent.z[:1, :1].detach(), y).log_prob(trace.x[:1]).sum()
        slopes = torch.autograd.grad(decoded, weights, allow_unused=True)
    used = [weight for weight, slope in zip(weights, slopes, strict=True) if slope is not None]
    return torch.stack([weight.square().sum() for weight in used]).sum()


def squared_jacobian(trace: Trace, directions: int) -> Tensor:
    """E |J^T v|^2 over directions v ~ N(0, I), with J the Jacobian of the decoded image at z, averaged over images.

    Raises:
        UserError: the decoder cannot be differentiated twice.
    """
    with twice_differentiable():
        there = trace.at(trace.latents[0].code)
    image, norms = there.p.mean, []
    for _ in range(directions):
        direction = torch.randn_like(image)
        try:
            (slope,) = torch.autograd.grad((image * direction).sum(), there.latents[0].z, create_graph=True)
        except RuntimeError as error:
            raise _once(error) from None
        norms.append(slope.square().sum(-1).mean())
    return torch.stack(norms).mean()


def _once(error: RuntimeError) -> UserError:
    return UserError(
        f"regulariser is GradientPenalty, but the decoder cannot be differentiated twice ({error}); choose L2, or a "
        "network that is not compiled"
    )
