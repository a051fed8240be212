"""An image tokenizer in the layout of diffusers' AutoencoderKL, for the latent diffusion models of others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaelab.data import ImageFormat
from vaelab.errors import UserError
from vaelab.files import write_atomically
from vaelab.models import VAE
from vaelab.networks import AutoencoderKl
from vaelab.posteriors import Gaussian

if TYPE_CHECKING:
    from torch import Tensor

    from vaelab.models.model import Model

_REMEDY = "an export to diffusers takes a VAE with the network AutoencoderKl"


def export_diffusers(model: Model, out: str | Path, scaling_factor: float = 1.0) -> Path:
    """Write a model as a folder that `diffusers.AutoencoderKL.from_pretrained` loads: config.json and its weights.

    The network there takes and returns images on the scale from -1 to 1, 2 x - 1. It encodes them as q(z | x), as maps,
    and decodes the mean of p(x | z). The prior and the scale of the likelihood are left out.

    Args:
        model: a `VAE` with the network `AutoencoderKl`, on any device, in any precision and mode; it stays as it is.
        out: the folder, which is made if absent.
        scaling_factor: what a diffusion model multiplies the latents by, one over their standard deviation (Rombach et
            al. 2022, appendix G); it is written to config.json and changes no weight.

    Returns:
        The folder.

    Raises:
        UserError: another composition, a conditional model, a likelihood whose mean is not affine in the decoder's
            output, images whose sides cannot be halved evenly, or a folder that cannot be written.
    """
    spec, format = model.spec, model.format
    if not isinstance(spec, VAE) or not isinstance(spec.network, AutoencoderKl):
        network = getattr(spec, "network", None)
        made_of = f"a {type(spec).__name__}" + (f" with the network {type(network).__name__}" if network else "")
        raise UserError(f"the model is {made_of}, but {_REMEDY}")
    if type(spec.posterior) is not Gaussian or spec.conditional:
        what = "is conditional" if spec.conditional else f"has the posterior {type(spec.posterior).__name__}"
        raise UserError(f"the model {what}, but {_REMEDY}, the posterior Gaussian and no condition")
    assert isinstance(format, ImageFormat)
    levels = spec.network.channels
    factor = 2 ** (len(levels) - 1)
    if format.height % factor or format.width % factor:
        raise UserError(
            f"images are {format.height} x {format.width} pixels, but diffusers halves them {len(levels) - 1} times, "
            f"so their sides must be multiples of {factor}; train on resized ones"
        )
    from safetensors.torch import save

    from vaelab.export.convert import plain_copy, undisturbed

    with undisturbed():
        weights = _weights(plain_copy(model))
    config = {
        "_class_name": "AutoencoderKL",
        "act_fn": "silu",
        "block_out_channels": [*levels],
        "down_block_types": ["DownEncoderBlock2D"] * len(levels),
        "in_channels": format.channels,
        "latent_channels": spec.latent,
        "layers_per_block": spec.network.blocks,
        "norm_num_groups": spec.network.groups,
        "out_channels": format.channels,
        "sample_size": format.height if format.height == format.width else [format.height, format.width],
        "scaling_factor": scaling_factor,
        "up_block_types": ["UpDecoderBlock2D"] * len(levels),
        "use_post_quant_conv": True,
        "use_quant_conv": True,
    }
    folder = Path(out)
    write_atomically(folder / "diffusion_pytorch_model.safetensors", save(weights, {"format": "pt"}))
    write_atomically(folder / "config.json", (json.dumps(config, indent=2) + "\n").encode())
    return folder


def _weights(model: Any) -> dict[str, Tensor]:
    """The weights by the names that diffusers has for them."""
    import torch

    network = model.network
    found: dict[str, Tensor] = {}
    for side in ("encoder", "decoder"):
        for name, weight in getattr(network, side).state_dict().items():
            found |= _attention(f"{side}.{name}", weight) if "attentions" in name else {f"{side}.{name}": weight}
    # The posterior's heads, linear layers per place, are the first and the second half of one convolution.
    heads = [head[1] for head in (model.posterior.mean, model.posterior.log_variance)]
    found["quant_conv.weight"] = torch.cat([head.weight for head in heads])[:, :, None, None]
    found["quant_conv.bias"] = torch.cat([head.bias for head in heads])
    found["post_quant_conv.weight"] = network.post_quant_conv.weight
    found["post_quant_conv.bias"] = network.post_quant_conv.bias
    # The mean of p(x | z) is slope theta + offset in [0, 1], and 2 mean - 1 on the scale of diffusers.
    slope, offset = _affine(model)
    found["decoder.conv_out.weight"] = 2 * slope * found["decoder.conv_out.weight"]
    found["decoder.conv_out.bias"] = 2 * (slope * found["decoder.conv_out.bias"] + offset) - 1
    return {name: weight.detach().contiguous() for name, weight in found.items()}


def _attention(name: str, weight: Tensor) -> dict[str, Tensor]:
    """Convolutions 1x1 as linear layers, that of queries, keys and values as three."""
    start, layer, kind = name.rsplit(".", 2)
    if layer == "normalise":
        return {f"{start}.group_norm.{kind}": weight}
    linear = weight.flatten(1) if kind == "weight" else weight
    if layer == "project":
        return {f"{start}.to_out.0.{kind}": linear}
    return {f"{start}.to_{letter}.{kind}": part for letter, part in zip("qkv", linear.chunk(3), strict=True)}


def _affine(model: Any) -> tuple[float, float]:
    """Slope and offset of the likelihood's mean in theta.

    Raises:
        UserError: it is not affine, or has other parameters per pixel than one per channel.
    """
    import torch

    shape = model.format.shape
    likelihood = type(model.spec.likelihood).__name__
    if model.likelihood.outputs(shape[0]) == shape[0]:
        theta = torch.linspace(-3, 3, 7)[:, None, None, None].expand(-1, *shape)
        mean = model.likelihood(theta).mean
        slope, offset = float((mean[-1] - mean[0]).mean()) / 6, float(mean[3].mean())
        if torch.allclose(mean, slope * theta + offset, atol=1e-6):
            return slope, offset
    raise UserError(
        f"likelihood is {likelihood}, whose mean is not affine in what the decoder gives, but diffusers' decoder gives "
        "the image itself; train with another, such as GaussianPixels or LearnedGaussian"
    )
