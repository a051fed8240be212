"""The autoencoder of latent diffusion: its layers, its training as a preset, and its export to diffusers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import conv2d, group_norm, pad, silu

import vaelab as vl
from vaelab.sizes import Sizes

from .conftest import Cli

NAMES = json.loads((Path(__file__).parent / "fixtures" / "autoencoder_kl.json").read_text())
COLOUR = vl.ImageFormat(3, 16, 16)
SMALL = vl.AutoencoderKl(channels=(8, 16, 16), blocks=1, groups=4)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def tokenizer(format: vl.ImageFormat = COLOUR, **parts: Any) -> Any:
    """A small model whose posterior and biases are not the fresh ones."""
    spec = vl.VAE(latent=2, **{"network": SMALL, "likelihood": vl.LearnedGaussian()} | parts)
    model = spec.build(format).eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.add_(0.05 * torch.randn_like(parameter))
    return model


# ---- The network ----


@pytest.mark.parametrize(
    ("levels", "side", "places"), [(1, 8, 8), (3, 32, 8), (4, 32, 4), (3, 30, 7), (3, 5, 1)], ids=str
)
def test_between_two_levels_the_map_is_halved(levels: int, side: int, places: int) -> None:
    """Three levels are f4, four are f8; odd sizes round down and come back."""
    network: Any = vl.AutoencoderKl((4,) * levels, 1, 2).build(Sizes((3, side, side + 1), 2, 0, 3))
    assert network.positions == places * ((side + 1) >> (levels - 1))
    h = network.encode(torch.rand(2, 3, side, side + 1), None)
    assert h.shape == (2, network.positions * 4)
    assert network.decode(torch.randn(2, network.positions * 2), None).shape == (2, 3, side, side + 1)
    with pytest.raises(vl.UserError, match=f"of 3 x 9 pixels cannot be halved {levels + 1} times"):
        vl.AutoencoderKl((4,) * (levels + 2), 1, 2).build(Sizes((3, 3, 9), 2, 0, 3))


def test_a_level_by_hand() -> None:
    """x + f(x) with two convolutions, then a halving that sees one more row and column at the end."""
    network: Any = vl.AutoencoderKl((4, 8), 1, 2).build(Sizes((1, 6, 6), 2, 0, 1))
    level = network.encoder.down_blocks[0]
    w = {name: weight.detach() for name, weight in level.state_dict().items()}
    x = torch.randn(3, 4, 6, 6)
    h = x
    for n in (1, 2):
        h = silu(group_norm(h, 2, w[f"resnets.0.norm{n}.weight"], w[f"resnets.0.norm{n}.bias"], eps=1e-6))
        h = conv2d(h, w[f"resnets.0.conv{n}.weight"], w[f"resnets.0.conv{n}.bias"], padding=1)
    down = conv2d(pad(x + h, (0, 1, 0, 1)), w["downsamplers.0.conv.weight"], w["downsamplers.0.conv.bias"], stride=2)
    torch.testing.assert_close(level(x), down)


def test_places_of_latents_are_places_of_the_image() -> None:
    """Row by row, each with its own vector: mirrored latents of mirrored weights give mirrored images."""
    model = tokenizer(likelihood=vl.GaussianPixels())
    z = torch.randn(2, 32)
    image = model.decode(z).mean
    for layer in model.network.decoder.modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight.copy_(layer.weight.flip(3))
    mirrored = z.view(2, 4, 4, 2).flip(2).flatten(1)
    torch.testing.assert_close(model.decode(mirrored).mean, image.flip(3), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("channels", "groups", "message"),
    [
        ((16, 12), 8, "has 12, but groups is 8: each must be a multiple of it, at least 16"),
        ((8, 16), 8, "has 8, but"),
        ((), 4, "is empty"),
    ],
)
def test_channels_that_cannot_be_grouped_are_refused(channels: Any, groups: int, message: str) -> None:
    with pytest.raises(vl.UserError, match=message):
        vl.AutoencoderKl(channels=channels, groups=groups)


# ---- The export ----


def test_names_and_shapes_are_those_of_diffusers(tmp_path: Path) -> None:
    """The list was written by diffusers' AutoencoderKL of the same sizes."""
    assert (NAMES["channels"], NAMES["blocks"], NAMES["groups"]) == ([*SMALL.channels], SMALL.blocks, SMALL.groups)
    model = tokenizer()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    folder = vl.export_diffusers(model, tmp_path / "out", scaling_factor=0.5)
    weights = load_file(folder / "diffusion_pytorch_model.safetensors")
    assert {name: [*weight.shape] for name, weight in weights.items()} == NAMES["shapes"]
    config = json.loads((folder / "config.json").read_text())
    assert config["block_out_channels"] == [8, 16, 16]
    assert (config["latent_channels"], config["sample_size"], config["scaling_factor"]) == (2, 16, 0.5)
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


def test_the_outer_layers_of_the_export_compute_what_the_model_does(tmp_path: Path) -> None:
    """quant_conv gives mean and log variance, and conv_out an image on the scale from -1 to 1."""
    model, x = tokenizer(likelihood=vl.GaussianPixels()), torch.rand(2, 3, 16, 16)
    w = load_file(vl.export_diffusers(model, tmp_path) / "diffusion_pytorch_model.safetensors")
    h = model.network.encoder(2 * x - 1)
    mean, log_variance = conv2d(h, w["quant_conv.weight"], w["quant_conv.bias"]).chunk(2, 1)
    q = model.encode(x)
    torch.testing.assert_close(maps(q.mean), mean, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(maps(q.stddev), (log_variance / 2).exp(), atol=1e-5, rtol=1e-5)
    last = {}
    model.network.decoder.conv_out.register_forward_pre_hook(lambda _, inputs: last.update(input=inputs[0]))
    image = model.decode(q.mean).mean
    decoded = conv2d(last["input"], w["decoder.conv_out.weight"], w["decoder.conv_out.bias"], padding=1)
    torch.testing.assert_close(decoded, 2 * image - 1, atol=1e-5, rtol=1e-5)


def maps(z: Tensor) -> Tensor:
    """Latents as maps of two channels, (N, 2, 4, 4)."""
    return z.unflatten(1, (4, 4, 2)).permute(0, 3, 1, 2)


@pytest.mark.parametrize(
    "likelihood", [vl.LearnedGaussian(), vl.StudentT(), vl.OptimalGaussian()], ids=lambda p: p.kind
)
def test_diffusers_loads_it_and_computes_the_same(likelihood: Any, tmp_path: Path) -> None:
    """Means and deviations of latents, and decoded images, within 1e-4; skipped where diffusers is not installed."""
    diffusers = pytest.importorskip("diffusers")
    format = vl.ImageFormat(3, 16, 24)
    model = tokenizer(format, likelihood=likelihood)
    theirs = diffusers.AutoencoderKL.from_pretrained(vl.export_diffusers(model, tmp_path)).eval()
    x = torch.rand(4, *format.shape)
    with torch.no_grad():
        q, ours = theirs.encode(2 * x - 1).latent_dist, model.encode(x)
        for found, expected in ((q.mean, ours.mean), (q.std, ours.stddev)):
            flat = found.permute(0, 2, 3, 1).flatten(1)
            torch.testing.assert_close(flat, expected, atol=1e-4, rtol=0)
        torch.testing.assert_close(
            theirs.decode(q.mean).sample, 2 * model.decode(ours.mean).mean - 1, atol=1e-4, rtol=0
        )


@pytest.mark.parametrize(
    ("parts", "format", "message"),
    [
        ({"network": vl.ResNet((4,))}, COLOUR, "a VAE with the network ResNet, but an export to diffusers takes"),
        ({"posterior": vl.FlowPosterior()}, COLOUR, "has the posterior FlowPosterior"),
        ({"conditional": True}, vl.ImageFormat(3, 16, 16, ("a", "b")), "is conditional"),
        ({"likelihood": vl.Bernoulli()}, COLOUR, "likelihood is Bernoulli, whose mean is not affine"),
        ({"likelihood": vl.DiscretisedLogistic()}, COLOUR, "likelihood is DiscretisedLogistic, whose mean"),
        ({}, vl.ImageFormat(3, 16, 18), "16 x 18 pixels.*must be multiples of 4"),
    ],
)
def test_other_models_are_refused_in_one_line(parts: Any, format: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(vl.UserError, match=message) as caught:
        vl.export_diffusers(tokenizer(format, **parts), tmp_path)
    assert "\n" not in str(caught.value)
    with pytest.raises(vl.UserError, match="the model is a Ladder, but"):
        vl.export_diffusers(vl.Ladder((1,), 1, 4).build(COLOUR), tmp_path)
    assert not [*tmp_path.iterdir()]


def test_the_command_writes_it_or_says_in_one_line_why_not(cli: Cli, tmp_path: Path) -> None:
    """The folder is that of `export_diffusers`; another model, or parts named besides, end with code 2."""
    model = tokenizer()
    vl.save(model, tmp_path / "model.safetensors")
    assert cli("export", "model.safetensors", "--out", "out", "--diffusers").stdout == "out\n"
    expected = vl.export_diffusers(model, tmp_path / "expected")
    for name in ("config.json", "diffusion_pytorch_model.safetensors"):
        assert (tmp_path / "out" / name).read_bytes() == (expected / name).read_bytes()
    vl.save(vl.VAE(network=vl.Mlp((4,))).build(COLOUR), tmp_path / "mlp.safetensors")
    refused = cli("export", "mlp.safetensors", "--out", "other", "--diffusers", code=2).stderr
    assert "a VAE with the network Mlp, but an export to diffusers takes a VAE with the network Aut" in refused
    both = cli("export", "model.safetensors", "--out", "other", "--diffusers", "--only", "decoder", code=2).stderr
    assert "--only names parts of an ONNX export" in both
    assert refused.count("\n") == both.count("\n") == 1
    assert not (tmp_path / "other").exists()


# ---- The preset ----


def test_the_preset_trains_its_discriminator_and_exports(tmp_path: Path) -> None:
    """Two epochs of smooth colour images: the second is adversarial, and the reconstruction falls all the same."""
    ramps = np.linspace(0, 255, 32)[None, None, :, None] * np.ones((1, 1, 1, 32))
    shades = np.random.default_rng(0).random((96, 3, 1, 1))
    experiment = vl.preset("tokenizer", epochs=2, average=0.5, batch_size=16)
    assert isinstance(experiment.objective, vl.AdversarialReconstruction)
    objective = replace(experiment.objective, start=1.0, width=8)
    images = (shades * ramps).astype(np.uint8)
    run = vl.train(replace(experiment, objective=objective), tmp_path / "run", data=images)
    assert float(run.rows[1]["test_reconstruction"]) < float(run.rows[0]["test_reconstruction"])
    assert (vl.export_diffusers(run.model, tmp_path / "out") / "config.json").exists()
