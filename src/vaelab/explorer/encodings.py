"""Where an exported encoder puts images: means and deviations, or codes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch.distributions import Normal, kl_divergence

from vaelab.measured import MeasuredModel

_BATCH = 250


@dataclass(frozen=True)
class Encodings:
    """The encodings of N images.

    Args:
        mean: means of q(z | x), (N, D); None for codes.
        deviation: standard deviations of q(z | x), (N, D); None for codes.
        codes: codes, (N, slots); None for real latents.
    """

    mean: Float[NDArray[np.float32], "N D"] | None = None
    deviation: Float[NDArray[np.float32], "N D"] | None = None
    codes: Int[NDArray[np.int64], "N slots"] | None = None


def encode(encoder: bytes, measured: MeasuredModel) -> Encodings:
    """The encodings of a model's images by its exported encoder, in batches on one thread per core."""
    import onnxruntime

    session = onnxruntime.InferenceSession(encoder, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    condition = next((each.name for each in session.get_inputs() if each.name != "image"), None)
    parts: list[list[Any]] = []
    for start in range(0, measured.n_images, _BATCH):
        rows = slice(start, start + _BATCH)
        given = {"image": measured.pixels[rows].numpy()}
        if condition is not None and measured.condition is not None:
            given[condition] = measured.completed(rows).numpy()
        parts.append(session.run(names, given))
    found = dict(zip(names, map(np.concatenate, zip(*parts, strict=True)), strict=True))
    return Encodings(found.get("mean"), found.get("stddev"), found.get("codes"))


def metadata(part: bytes) -> dict[str, Any]:
    """What an exported part says of itself."""
    import onnx

    properties = {entry.key: entry.value for entry in onnx.load_from_string(part).metadata_props}
    described: dict[str, Any] = json.loads(properties["vaelab"])
    return described


def kl_by_dimension(encodings: Encodings) -> Float[NDArray[np.float64], " D"]:
    """KL(q(z_d | x), N(0, 1)) of each dimension, nats, averaged over images."""
    mean, deviation = (torch.from_numpy(each).double() for each in (encodings.mean, encodings.deviation))
    kl: NDArray[np.float64] = kl_divergence(Normal(mean, deviation), Normal(0.0, 1.0)).mean(0).numpy()
    return kl
