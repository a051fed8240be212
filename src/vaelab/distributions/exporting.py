"""Whether a model is being exported."""

from __future__ import annotations

import torch


def exporting() -> bool:
    """Whether torch.export traces the model: values are not known then, and gradients are not needed."""
    # torch 2.6 has no such function.
    asked: bool = getattr(torch.compiler, "is_exporting", bool)()
    return asked
