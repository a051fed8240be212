"""Perceptual penalties against scipy, loops and closed forms; no penalty is a part of what is reported."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

import vaelab as vl
from vaelab.data import ImageData
from vaelab.metrics.samples.classifier import ImageClassifier
from vaelab.objectives.perceptual.ms_ssim import MsSsimPenalty
from vaelab.schedules import Progress
from vaelab.testing import check_spec

PROGRESS = Progress(epoch=1, step=0, steps=1, epochs=1, n_images=10)
close = partial(torch.testing.assert_close, rtol=0, atol=1e-10)
GREY = vl.ImageFormat(1, 28, 28, ("a", "b"))


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def images(n: int, *shape: int) -> tuple[Tensor, Tensor]:
    """Random images, and others that resemble them."""
    x = torch.rand(n, *shape, dtype=torch.float64)
    return x, 0.7 * x + 0.3 * torch.rand_like(x)


# ---- MS-SSIM ----


def ssim(x: Any, y: Any) -> tuple[Any, Any]:
    """Maps of the luminance, and of contrast and structure, by scipy (Wang et al. 2004, section III.B)."""

    def local(u: Any) -> Any:
        # Where the window of 11 x 11 lies within the image.
        return gaussian_filter(u, 1.5, radius=5)[5:-5, 5:-5]

    a, b = local(x), local(y)
    va, vb, cov = local(x * x) - a * a, local(y * y) - b * b, local(x * y) - a * b
    return (2 * a * b + 1e-4) / (a * a + b * b + 1e-4), (2 * cov + 9e-4) / (va + vb + 9e-4)


def test_one_scale_is_the_ssim_of_scipy() -> None:
    x, y = images(2, 3, 20, 17)
    expected = [
        np.mean([np.prod(ssim(u.numpy(), v.numpy()), axis=0).mean() for u, v in zip(*pair, strict=True)])
        for pair in zip(x, y, strict=True)
    ]
    close(vl.MsSsim(scales=1).build(vl.ImageFormat(3, 20, 17))(x, y), 1 - torch.tensor(expected))


def test_five_scales_multiply_powers_of_contrast_and_structure() -> None:
    x, y = images(1, 1, 180, 176)
    expected, exponents = 1.0, (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
    u, v = x, y
    for scale, exponent in enumerate(exponents):
        luminance, structure = ssim(u[0, 0].numpy(), v[0, 0].numpy())
        expected *= (structure if scale < 4 else luminance * structure).mean() ** (exponent / sum(exponents))
        u, v = avg_pool2d(u, 2), avg_pool2d(v, 2)
    close(vl.MsSsim().build(vl.ImageFormat(1, 180, 176))(x, y), torch.tensor([1 - expected]))


@pytest.mark.parametrize(("side", "scales"), [(5, 1), (11, 1), (22, 2), (28, 2), (64, 3), (175, 4), (176, 5)])
def test_small_images_have_fewer_scales(side: int, scales: int) -> None:
    assert MsSsimPenalty((1, side, 200)).scales == scales
    assert len(MsSsimPenalty((1, side, 200)).exponents) == scales
    assert math.fsum(MsSsimPenalty((1, side, 200)).exponents) == pytest.approx(1)
    if scales < 5:
        with pytest.raises(
            vl.UserError, match=rf"scales is {scales + 1}, but images of {side} x 200 .* at most {scales}"
        ):
            vl.MsSsim(scales=scales + 1).build(vl.ImageFormat(1, side, 200))


def test_ms_ssim_is_symmetric_and_lowest_for_equal_images() -> None:
    x, y = images(3, 1, 28, 28)
    penalty = vl.MsSsim().build(GREY)
    close(penalty(x, y), penalty(y, x))
    close(penalty(x, x), torch.zeros(3, dtype=torch.float64))
    assert (penalty(x, 0.9 * x + 0.1 * y) < penalty(x, y)).all()
    # The mean contrast and structure of an image and its negative are below zero, where a power has no value.
    slope = torch.autograd.grad(penalty(x, y := (1 - x).requires_grad_()).sum(), y)[0]
    assert slope.isfinite().all()


# ---- LPIPS ----

VGG = {0: 64, 2: 64, 5: 128, 7: 128, 10: 256, 12: 256, 14: 256, 17: 512, 19: 512, 21: 512, 24: 512, 26: 512, 28: 512}
ALEX = {0: (64, 11), 3: (192, 5), 6: (384, 3), 8: (256, 3), 10: (256, 3)}


def written(file: Path, convolutions: dict[int, tuple[int, int]], compared: tuple[int, ...]) -> str:
    """A file with random weights, scaled so that activations neither vanish nor explode."""
    tensors: dict[str, Tensor] = {}
    channels = 3
    for number, (width, kernel) in convolutions.items():
        tensors[f"features.{number}.weight"] = torch.randn(width, channels, kernel, kernel) / (
            kernel * math.sqrt(channels / 2)
        )
        tensors[f"features.{number}.bias"] = torch.randn(width) / 10
        channels = width
    for level, number in enumerate(compared):
        tensors[f"lin{level}.model.1.weight"] = torch.rand(1, convolutions[number][0], 1, 1)
    save_file(tensors, file)
    return str(file)


@pytest.fixture(scope="module")
def alexnet(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(tmp_path_factory.mktemp("lpips") / "alex.safetensors", ALEX, (0, 3, 6, 8, 10))


@pytest.fixture(scope="module")
def vgg16(tmp_path_factory: pytest.TempPathFactory) -> str:
    plan = {number: (width, 3) for number, width in VGG.items()}
    return written(tmp_path_factory.mktemp("lpips") / "vgg.safetensors", plan, (2, 7, 14, 21, 28))


def by_hand(file: str, x: Tensor, y: Tensor, modules: list[nn.Module], after: tuple[int, ...]) -> Tensor:
    """Zhang et al. (2018), equation 1, of one pair of images in a loop over layers and places."""
    from safetensors.torch import load_file

    weights = load_file(file)
    network = nn.Sequential(*modules)
    network.load_state_dict({name.removeprefix("features."): w for name, w in weights.items() if "features" in name})
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    u, v = ((2 * image.expand(3, -1, -1) - 1 - shift[:, None, None]) / scale[:, None, None] for image in (x, y))
    total = torch.zeros(())
    for number, layer in enumerate(network):
        u, v = layer(u), layer(v)
        if number not in after:
            continue
        w = weights[f"lin{after.index(number)}.model.1.weight"].flatten()
        _, height, width = u.shape
        for i in range(height):
            for j in range(width):
                difference = u[:, i, j] / u[:, i, j].norm() - v[:, i, j] / v[:, i, j].norm()
                total = total + (w * difference**2).sum() / (height * width)
    return total.detach()


def layers_of_alexnet() -> list[nn.Module]:
    """`torchvision.models.alexnet().features`, as its source has it."""
    return [
        *(nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.Conv2d(256, 256, 3, padding=1), nn.ReLU()),
    ]


def layers_of_vgg16() -> list[nn.Module]:
    """`torchvision.models.vgg16().features`, as its configuration D has it."""
    made: list[nn.Module] = []
    channels = 3
    for width in (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512):
        made += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()] if width else [nn.MaxPool2d(2, 2)]
        channels = width or channels
    return made


@pytest.mark.parametrize(
    ("network", "layers", "after"),
    [("alexnet", layers_of_alexnet, (1, 4, 7, 9, 11)), ("vgg16", layers_of_vgg16, (3, 8, 15, 22, 29))],
    ids=["alexnet", "vgg16"],
)
def test_lpips_is_the_sum_over_layers_and_places(network: str, layers: Any, after: Any, request: Any) -> None:
    """Of a colour image and of a grey one, which has three equal channels."""
    file = request.getfixturevalue(network)
    for channels in (3, 1) if network == "alexnet" else (3,):
        penalty: Any = vl.Lpips(file).build(vl.ImageFormat(channels, 35, 40))
        x, y = (each.float() for each in images(2, channels, 35, 40))
        found = penalty(x, y)
        for n in range(2 if network == "alexnet" else 1):
            torch.testing.assert_close(found[n], by_hand(file, x[n], y[n], layers(), after), rtol=1e-4, atol=1e-6)
        assert penalty(x, x).abs().max() == 0
    # Neither the checkpoint nor the optimiser has its weights.
    assert not penalty.state_dict()
    assert not list(penalty.parameters())


@pytest.mark.parametrize(
    ("change", "format", "message"),
    [
        (None, GREY, "does not exist; name a .safetensors file"),
        ({"features.0.weight": torch.zeros(64, 3, 5, 5)}, GREY, "neither torchvision's VGG16 nor its AlexNet"),
        ({"features.3.weight": None}, GREY, "has no features.3.weight"),
        ({"lin2.model.1.weight": torch.zeros(1, 5, 1, 1)}, GREY, r"has shape \(1, 5, 1, 1\), but must have \(1, 384"),
        ({}, GREY, "28 x 28 pixels are too small"),
        ({}, vl.ImageFormat(2, 64, 64), "takes images of 1 or 3 channels"),
        (b"pickle", GREY, "not a complete safetensors file"),
    ],
    ids=["absent", "other network", "no layer", "shape", "small", "channels", "damaged"],
)
def test_other_files_and_images_are_refused(
    change: Any, format: Any, message: str, alexnet: str, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    file = tmp_path / "weights.safetensors"
    if isinstance(change, bytes):
        file.write_bytes(change)
    elif change is not None:
        save_file({name: w for name, w in (load_file(alexnet) | change).items() if w is not None}, file)
    with pytest.raises(vl.UserError, match=message) as caught:
        vl.Lpips(str(file)).build(format)
    assert "\n" not in str(caught.value)


# ---- Features of a network ----


def test_deep_features_are_squared_differences_of_the_layers_of_a_classifier() -> None:
    """Those of the project's classifier in evaluation mode: the mean over features, halved, summed over layers."""
    classifier = ImageClassifier(GREY)
    x, y = (each.float() for each in images(3, 1, 28, 28))
    classifier.trunk(x)  # running statistics other than the initial ones
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    penalty: Any = vl.DeepFeatures(classifier.trunk, layers=(1, 4)).build(GREY)
    found = penalty.train()(x, y)
    trunk = classifier.eval().trunk
    expected = sum((trunk[:n](x) - trunk[:n](y)).square().mean((1, 2, 3)) / 2 for n in (2, 5))
    torch.testing.assert_close(found, expected)
    assert penalty(x, x).abs().max() == 0
    # The classifier is copied, and the copy's running statistics stay.
    assert all(torch.equal(value, before[name]) for name, value in classifier.state_dict().items())
    assert not any(weight.requires_grad for weight in penalty.parameters())
    whole = vl.DeepFeatures(classifier.trunk).build(GREY)(x, y)
    torch.testing.assert_close(whole, (trunk(x) - trunk(y)).square().mean(1) / 2)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (vl.DeepFeatures(), "needs its network, a module, which files cannot hold"),
        (
            vl.DeepFeatures(nn.Flatten(), layers=(1,)),
            r"layers is \(1,\), but Flatten is no nn.Sequential of more than 1",
        ),
        (vl.DeepFeatures(nn.Linear(3, 2)), "Linear, which for one image of shape .* raises"),
        (vl.DeepFeatures("vgg16"), "network is 'vgg16', but must be an nn.Module"),
    ],
)
def test_networks_without_such_features_are_refused(spec: Any, message: str) -> None:
    with pytest.raises(vl.UserError, match=message):
        spec.build(GREY)


# ---- The objective ----


def test_the_penalty_compares_images_with_decoded_means_and_is_added_once() -> None:
    model: Any = vl.VAE(2, network=vl.Mlp((8,))).build(GREY)
    trace = model(torch.rand(4, 1, 28, 28), None, 2)
    objective = vl.Perceptual(
        vl.Elbo(beta=3.0, samples=2), weight=vl.Linear(epochs=2, start=10.0, stop=30.0, smooth=True)
    )
    assert objective.samples == 2
    assert objective.beta(PROGRESS) == 3.0
    halfway = Progress(epoch=2, step=0, steps=1, epochs=2)
    penalty = vl.MsSsim().build(GREY)
    by_hand = [[penalty(trace.x[b, None], trace.p.mean[s, b, None]) for b in range(4)] for s in range(2)]
    mean = sum(sum(row) for row in by_hand) / 8
    loss = objective.build_for(2, GREY)(trace, halfway)
    torch.testing.assert_close(loss, trace.cost(3.0).mean() + 20 * mean[0], rtol=1e-6, atol=1e-4)
    # A run with such a schedule cannot be prolonged, whether it is the penalty's or the base's.
    both = vl.Perceptual(vl.Elbo(vl.Cosine()), weight=vl.Linear(epochs=2))
    assert both.schedules == (vl.Linear(epochs=2), vl.Cosine())


def test_a_base_keeps_its_needs_and_its_own_weights() -> None:
    objective = vl.Perceptual(vl.Factor(hidden=(4,)))
    assert {vl.Trait.one_latent, vl.Trait.real_codes} <= objective.requirements()
    loss: Any = objective.build_for(3, GREY)
    assert [*loss.state_dict()] == [f"base.discriminator.{n}.{part}" for n in (0, 2) for part in ("weight", "bias")]
    with pytest.raises(vl.UserError, match="Perceptual, which needs"):
        vl.Experiment(model=vl.Ladder(), objective=objective).check(GREY)


def test_a_penalty_trains_and_leaves_the_reported_numbers_alone(digits: ImageData, tmp_path: Path) -> None:
    """With a learning rate of nothing the numbers are those of the plain bound; the saved settings know the penalty."""
    training = vl.Training(epochs=1, batch_size=150, optimiser=vl.Adam(learning_rate=1e-30), precision="fp32")
    network = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.ReLU())
    rows = []
    for n, objective in enumerate((vl.Elbo(), vl.Perceptual(penalty=vl.DeepFeatures(network), weight=1e6))):
        experiment = vl.Experiment(model=vl.VAE(network=vl.Mlp((8,))), objective=objective, training=training)
        rows.append(vl.train(experiment, tmp_path / str(n), data=digits).rows[-1])
    for name in ("test_reconstruction", "test_kl", "test_total"):
        assert float(rows[1][name]) == pytest.approx(float(rows[0][name]), rel=1e-6)
    record = (tmp_path / "1" / "experiment.json").read_text()
    assert '"deep-features"' in record
    assert "torch.nn.modules.container:Sequential" in record


def test_every_penalty_keeps_the_contract(alexnet: str) -> None:
    for penalty in (vl.MsSsim(), vl.Lpips(alexnet), vl.DeepFeatures(nn.Conv2d(3, 4, 3))):
        assert "zero for equal images" in str(check_spec(penalty))

    class Negative(nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return (x - y).mean((1, 2, 3))

    class Signed(vl.PenaltySpec):
        def build(self, format: Any) -> nn.Module:
            return Negative()

    with pytest.raises(vl.UserError, match="must be positive"):
        check_spec(dataclass(frozen=True)(Signed)())
