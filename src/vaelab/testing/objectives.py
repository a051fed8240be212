"""The contract of objectives, perceptual penalties and schedules."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from vaelab.codec import encode
from vaelab.data.images import ImageFormat
from vaelab.errors import UserError
from vaelab.models import VAE, Joint, Ladder, ModelSpec, Multimodal
from vaelab.networks import Mlp
from vaelab.objectives import KernelSpec, ObjectiveSpec, PenaltySpec, RegulariserSpec
from vaelab.posteriors import GumbelSoftmax
from vaelab.schedules import Progress, ScheduleSpec
from vaelab.testing.faults import FORMATS, every_parameter_learns, has_shape, require

MIDWAY = Progress(epoch=2, step=1, steps=4, epochs=4, n_images=100)


def check_objective(spec: ObjectiveSpec) -> list[str]:
    """A scalar loss that is finite and trains every parameter, of a VAE and, unless it needs one latent, a ladder."""
    models: list[ModelSpec] = [
        VAE(3, network=Mlp(hidden=(8,))),
        Ladder((1, 1), 1, 4),
        Joint(2, 3, network=Mlp(hidden=(8,)), codes=GumbelSoftmax(3)),
        Multimodal(3, network=Mlp(hidden=(8,))),
    ]
    tried = [model for model in models if not spec.requirements() - model.traits]
    require(bool(tried), spec, f"needs {' and '.join(spec.requirements())}, which no model here has")
    for model_spec in tried:
        torch.manual_seed(0)
        model: Any = model_spec.build(ImageFormat(1, 8, 8, ("a", "b")))
        loss_of = spec.build_for(sum(model.widths), model.format)
        # Away from the prior, so that no KL hides below a floor where nothing is learned of it.
        away(model, 20, 3)
        trace = model(torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 1, 0]), spec.samples)
        loss: Any = loss_of(trace, MIDWAY)
        has_shape(spec, "the loss", loss, ())
        require(loss.requires_grad, spec, "the loss does not depend on any weight")
        every_parameter_learns(spec, [model, *([loss_of] if isinstance(loss_of, nn.Module) else [])], loss)
    return ["a scalar loss", "every parameter learns"]


def check_penalty(spec: PenaltySpec) -> list[str]:
    """A number per pair of images, zero if they are equal and otherwise positive; its gradient is finite."""
    tried = 0
    for format in (*FORMATS, ImageFormat(1, 28, 28), ImageFormat(3, 64, 64)):
        try:
            penalty: Any = spec.build(format)
        except UserError:
            continue
        tried += 1
        x = torch.rand(4, *format.shape)
        equal = penalty(x, x.clone())
        has_shape(spec, "penalty(x, y)", equal, (4,))
        require(bool((equal.abs() < 1e-5).all()), spec, f"is {equal.tolist()} for equal images, but must be 0")
        y = torch.rand_like(x).requires_grad_()
        found = penalty(x, y)
        require(bool((found > 0).all()), spec, f"is {found.tolist()} for images that differ, but must be positive")
        (slope,) = torch.autograd.grad(found.sum(), y)
        require(bool(slope.isfinite().all() and slope.any()), spec, "has no gradient, or one that is not finite")
        learning = [name for name, weight in penalty.named_parameters() if weight.requires_grad]
        require(not learning, spec, f"has weights that are trained, {' and '.join(learning)}; fix them")
    require(tried > 0, spec, "takes no image format that is tried here")
    return ["zero for equal images", "a finite gradient", "fixed weights"]


def check_kernel(spec: KernelSpec) -> list[str]:
    """A finite value per distance, largest at zero, and a Gram matrix without negative eigenvalues."""
    points = torch.randn(30, 3, dtype=torch.float64)
    gram: Any = spec((points[:, None] - points).square().sum(-1), 3)
    has_shape(spec, "k(u, v)", gram, (30, 30))
    require(bool(gram.isfinite().all()), spec, "gives values that are not finite")
    require(bool((gram.diagonal() >= gram.max() - 1e-9).all()), spec, "is not largest at distance zero")
    least = float(torch.linalg.eigvalsh(gram).min())
    require(least > -1e-9 * float(gram.max()), spec, f"has a Gram matrix with the eigenvalue {least:.3g}")
    return ["largest at distance zero", "positive definite"]


def check_regulariser(spec: RegulariserSpec) -> list[str]:
    """A finite scalar that is not negative and gives the decoder a gradient."""
    model: Any = VAE(3, network=Mlp(hidden=(8,))).build(ImageFormat(1, 8, 8))
    found: Any = spec(model(torch.rand(4, 1, 8, 8), None, 1))
    has_shape(spec, "the regulariser", found, ())
    require(bool(found.isfinite() and found >= 0), spec, f"is {float(found.detach())}, but must be finite and >= 0")
    slopes = torch.autograd.grad(found, list(model.network.decoder.parameters()), allow_unused=True)
    learning = any(slope is not None and bool(slope.any()) for slope in slopes)
    require(learning, spec, "gives the decoder no gradient")
    return ["a scalar >= 0", "a gradient for the decoder"]


def away(model: nn.Module, spread: float, centre: float) -> None:
    """Move the posterior of a fresh model away from the prior, and quantised vectors away from zero."""
    for name, parameter in model.named_parameters():
        part = name.removeprefix("posteriors.0.").removeprefix("posterior.")
        if part.startswith("mean"):
            parameter.data.mul_(spread)
        if part.startswith(("mean", "vector")) and name.endswith("bias"):
            parameter.data.fill_(centre if "mean" in name else 0.7)


def check_schedule(spec: ScheduleSpec) -> list[str]:
    """A finite number at every step of a run, the same when asked again."""
    for epoch in range(1, 5):
        for step in range(4):
            progress = Progress(epoch, step, 4, 4, 100)
            value: Any = spec(progress)
            require(isinstance(value, int | float) and math.isfinite(value), spec, f"gives {value!r}, no finite number")
            require(spec(progress) == value, spec, "gives another number when asked again; it must not keep a state")
    require(isinstance(encode(spec), dict), spec, "is no object in JSON")
    return ["a finite number at every step"]
