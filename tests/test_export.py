"""Exported models: the same numbers in onnxruntime as in PyTorch, what a file says of itself, and what is refused."""

from __future__ import annotations

import builtins
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn
from torch.distributions import Laplace, kl_divergence

import vaelab as vl
from vaelab.codec import encode
from vaelab.contract import Network, Posterior
from vaelab.data import ImageFormat
from vaelab.distributions import diagonal_normal
from vaelab.export import PARTS, onnx_parts
from vaelab.export.check import BATCHES, largest_error
from vaelab.export.convert import plain_copy
from vaelab.export.graphs import GRAPHS
from vaelab.networks import NetworkSpec
from vaelab.networks.transposed import TransposedConv2d
from vaelab.posteriors import PosteriorSpec
from vaelab.sizes import Sizes
from vaelab.testing.objectives import away

from .conftest import Cli
from .exports import quick_exports

LABELS = ImageFormat(1, 8, 8, ("cat", "<b>d&g</b>", "ünï\u2028"))
PLAIN = ImageFormat(1, 8, 8)
COLOUR = ImageFormat(3, 32, 32)
ATTRIBUTES = ImageFormat(2, 9, 6, (), ("size", "angle"))

MLP = vl.Mlp(hidden=(8,))
MAP = vl.ResNet(channels=(4,), spatial=True)


@dataclass(frozen=True)
class Own(NetworkSpec):
    """A network of a user's own, whose modules ask for the number of images in Python's way."""

    def build(self, sizes: Sizes) -> Network:
        return OwnNetwork(sizes)


class OwnNetwork(Network):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.features, self.image = 5, (sizes.parameters, *sizes.image[1:])
        self.there = nn.LazyLinear(5)
        self.back = nn.Linear(sizes.latent, sizes.parameters * sizes.image[1] * sizes.image[2])
        self.there(torch.zeros(1, int(np.prod(sizes.image))))

    def encode(self, x: torch.Tensor, c: torch.Tensor | None) -> torch.Tensor:
        return self.there(x.reshape(len(x), -1)).tanh() + x.mean()

    def decode(self, z: torch.Tensor, c: torch.Tensor | None) -> torch.Tensor:
        return self.back(z).view(len(z), *self.image)


@dataclass(frozen=True)
class Heavy(PosteriorSpec):
    """A posterior of a user's own that declares no traits."""

    known: bool = True

    def build(self, network: Network, latent: int) -> Posterior:
        return HeavyPosterior(network.head(latent), self.known)


class HeavyPosterior(Posterior):
    def __init__(self, mean: nn.Module, known: bool) -> None:
        super().__init__()
        self.mean, self.known = mean, known

    def distribution(self, h: torch.Tensor) -> Any:
        mean = self.mean(h)
        if self.known:
            return torch.distributions.Independent(Laplace(mean, torch.ones_like(mean), validate_args=False), 1)
        return Unknown(mean)


class Unknown(torch.distributions.Distribution):
    """A point with an unknown spread."""

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, mean: torch.Tensor) -> None:
        self.mean_ = mean
        super().__init__(mean.shape[:1], mean.shape[1:])

    @property
    def mean(self) -> torch.Tensor:
        return self.mean_


def quantised(posterior: Any, network: Any = MAP) -> vl.VAE:
    return vl.VAE(latent=3, network=network, posterior=posterior, prior=vl.UniformCodes())


MODELS: dict[str, tuple[Any, ImageFormat]] = {
    "vae": (vl.VAE(network=vl.Conv(channels=(4, 8))), PLAIN),
    "cvae": (vl.VAE(latent=3, conditional=True, network=vl.Conv(channels=(4,)), prior=vl.ConditionalNormal()), LABELS),
    "sixteen": (
        vl.VAE(latent=16, network=MLP, posterior=vl.FullGaussian(), likelihood=vl.LearnedGaussian()),
        PLAIN,
    ),
    "ladder": (vl.Ladder(groups=(1, 1), width=4, latent=2, conditional=True), LABELS),
    "vq": (quantised(vl.Codebook(size=6), MLP), PLAIN),
    "fsq": (quantised(vl.FiniteScalar(levels=(8, 5, 5, 4))), PLAIN),
    "residual": (quantised(vl.ResidualCodebook(size=6, levels=3)), PLAIN),
    "lfq": (quantised(vl.LookupFree(bits=3, codes=2)), PLAIN),
    "bsq": (quantised(vl.BinarySpherical(bits=6), MLP), PLAIN),
    "simvq": (quantised(vl.SimVq(size=6)), PLAIN),
    "vamp": (vl.VAE(network=MLP, prior=vl.Vamp(components=4)), PLAIN),
    "attributes": (vl.VAE(conditional=True, network=MLP, prior=vl.Flow(transforms=1, hidden=(8,))), ATTRIBUTES),
    "colour": (vl.VAE(network=vl.Conv(channels=(4,)), likelihood=vl.DiscretisedLogistic(components=2)), COLOUR),
    "foreign": (vl.VAE(network=Own(), posterior=Heavy()), PLAIN),
    "modules": (vl.VAE(network=vl.Modules(nn.Sequential(nn.Flatten(), nn.Linear(64, 4)), nn.Linear(2, 64))), PLAIN),
}
CODES = ("vq", "fsq", "residual", "lfq", "bsq", "simvq")
# Each part takes seconds of tracing, so parts that another model shows as well are left out.
FEWER = dict.fromkeys((*CODES, "foreign", "modules"), ("encoder", "decoder"))


@pytest.fixture(autouse=True)
def untyped() -> Iterator[None]:
    with quick_exports():
        yield


def built(name: str, spread: float = 5.0) -> Any:
    """A model with weights that matter: its posterior is away from the prior."""
    torch.manual_seed(0)
    spec, format = MODELS[name]
    model = spec.build(format)
    away(model, spread, 1.0)
    for weight, parameter in model.named_parameters():
        if weight.endswith(("residual.weight", "vector.weight", "vector.1.weight")):
            parameter.data.mul_(20)  # posteriors of a hierarchy, and vectors that several codes are nearest to
    if name in CODES:
        for _ in range(3):
            model(torch.rand(16, *format.shape))  # codebooks begin with the vectors of a batch
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def exported() -> dict[str, dict[str, bytes]]:
    """Every model, exported when it is first asked for."""
    return {}


@pytest.fixture
def pair(request: pytest.FixtureRequest, exported: dict[str, dict[str, bytes]]) -> tuple[Any, dict[str, bytes]]:
    model = built(request.param)
    if request.param not in exported:
        exported[request.param] = onnx_parts(model, FEWER.get(request.param, tuple(PARTS)))
    return model, exported[request.param]


def run(content: bytes, **arrays: Any) -> dict[str, Any]:
    """The outputs of an ONNX file by name."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    given = {name: np.asarray(array) for name, array in arrays.items()}
    outputs = [value.name for value in session.get_outputs()]
    return dict(zip(outputs, session.run(outputs, given), strict=True))


def about(content: bytes) -> dict[str, Any]:
    (entry,) = onnx.load_from_string(content).metadata_props
    assert entry.key == "vaelab"
    found: dict[str, Any] = json.loads(entry.value)
    return found


def condition(model: Any, n: int) -> dict[str, torch.Tensor]:
    if not model.spec.conditional:
        return {}
    if model.format.classes:
        return {"label": torch.arange(n) % (len(model.format.classes) + 1) - 1}
    return {"attributes": torch.rand(n, len(model.format.attributes))}


def close(found: Any, expected: torch.Tensor, tolerance: float = 1e-5) -> None:
    assert found.shape == tuple(expected.shape)
    assert np.abs(found - expected.numpy()).max() <= tolerance * max(1, float(expected.abs().max()))


@pytest.mark.parametrize("pair", MODELS, indirect=True)
def test_both_ways(pair: tuple[Any, dict[str, bytes]]) -> None:
    """Encoder and decoder agree with `encode` and `decode` for any number of images."""
    model, files = pair
    for n in BATCHES:
        x, y = torch.rand(n, *model.format.shape), condition(model, n)
        label = next(iter(y.values()), None)
        q = model.encode(x, label)
        code = run(files["encoder"], image=x, **y)
        if "codes" in code:
            assert code["codes"].dtype == np.int64
            # A vector halfway between two codes may take either.
            assert (code["codes"] != q.codes.numpy()).mean() <= 1e-3
            inputs: dict[str, Any] = {"codes": q.codes}
        elif isinstance(model.spec, vl.Ladder):
            edges = np.cumsum(model.widths)[:-1]
            inputs = {f"noise_{i + 1}": part for i, part in enumerate(np.split(code["mean"], edges, 1))}
        else:
            close(code["mean"], q.mean)
            close(code["stddev"], q.stddev)
            inputs = {"z": code["mean"]}
        image = run(files["decoder"], **inputs, **y)
        p = model.decode(model.posterior.read(torch.tensor(code["codes"])) if "codes" in code else q.mean, label)
        close(image["mean"], p.mean.clamp(0, 1))
        if "likelihood" in files:
            close(run(files["likelihood"], parameters=image["parameters"], image=x)["log_density"], p.log_prob(x))


@pytest.mark.parametrize("pair", [name for name in MODELS if name not in ("ladder", *FEWER)], indirect=True)
def test_prior_density(pair: tuple[Any, dict[str, bytes]]) -> None:
    """log p(z | c), also where a label is unknown."""
    model, files = pair
    y, z = condition(model, 7), 2 * torch.randn(7, sum(model.widths))
    expected = model.prior_of(next(iter(y.values()), None), 7).log_prob(z)
    close(run(files["prior"], z=z, **y)["log_density"], expected)


@pytest.mark.parametrize("pair", ["ladder"], indirect=True)
def test_noise_of_a_hierarchy(pair: tuple[Any, dict[str, bytes]]) -> None:
    """In its noise the prior of a hierarchy is N(0, I), and the KL of the first group is that of the model."""
    model, files = pair
    x, y = torch.rand(7, *model.format.shape), condition(model, 7)
    code = run(files["encoder"], image=x, **y)
    first = model.widths[0]
    q = diagonal_normal(*(torch.from_numpy(code[name][:, :first]) for name in ("mean", "stddev")))
    standard = diagonal_normal(torch.zeros(first), torch.ones(first))
    assert torch.allclose(kl_divergence(q, standard), model(x, y["label"]).kl[0, 0], rtol=1e-4, atol=1e-6)
    noise = torch.randn(7, sum(model.widths))
    parts = dict(zip(model.coordinates.widths, noise.split(model.widths, 1), strict=True))
    whole = diagonal_normal(torch.zeros(noise.shape[1]), torch.ones(noise.shape[1]))
    close(run(files["prior"], **parts, **y)["log_density"], whole.log_prob(noise))
    groups = about(files["decoder"])["latent"]["groups"]
    assert [group["shape"] for group in groups] == [[2, 2, 2], [2, 4, 4]]
    assert [group["name"] for group in groups] == ["noise_1", "noise_2"]


@pytest.mark.parametrize("name", CODES)
def test_codes_without_the_library(name: str) -> None:
    """The codes that can be exported are those that vector-quantize-pytorch finds, several of them in use."""
    model = built(name)
    h = model.network.encode(torch.rand(200, *model.format.shape), None)
    codes = model.posterior.describe(h)["codes"]
    assert torch.equal(codes, model.posterior.distribution(h).codes)
    assert len(codes.unique()) > 2


@pytest.mark.parametrize("pair", ["cvae"], indirect=True)
def test_metadata(pair: tuple[Any, dict[str, bytes]]) -> None:
    model, files = pair
    for part, content in files.items():
        found = about(content)
        assert found == {
            "format": 1,
            "vaelab": vl.__version__,
            "part": part,
            "summary": "VAE with posterior Gaussian and prior ConditionalNormal",
            "composition": encode(model.spec),
            "image": [1, 8, 8],
            "classes": ["cat", "<b>d&g</b>", "ünï\u2028"],
            "attributes": [],
            "conditional": True,
            "latent": {"kind": "vector", "dimensions": 3},
            "posterior": {"kind": "diagonal-normal"},
            "prior": {"kind": "other"},
            "likelihood": {
                "kind": "bernoulli",
                "binary": True,
                "discrete": False,
                "score_name_grey": "cross-entropy",
            },
            "dtype": "float32",
        }
        assert found["composition"]["network"] == {"channels": [4], "kind": "conv"}
    graph = onnx.load_from_string(files["decoder"]).graph
    shapes = {value.name: value.type.tensor_type.shape.dim for value in (*graph.input, *graph.output)}
    assert list(shapes) == ["z", "label", "mean", "parameters"]
    assert {shape[0].dim_param for shape in shapes.values()} == {"batch"}
    assert str(Path(__file__).parent.parent).encode() not in files["decoder"]


@pytest.mark.parametrize("pair", ["vae", "fsq", "vq", "sixteen", "modules"], indirect=True)
def test_metadata_of_other_parts(pair: tuple[Any, dict[str, bytes]], request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.params["pair"]
    found = about(pair[1]["encoder"])
    if name == "fsq":
        assert found["latent"] == {"kind": "codes", "slots": 16, "size": 800, "positions": 16, "map": [4, 4]}
    if name == "vq":
        assert found["latent"] == {"kind": "codes", "slots": 1, "size": 6, "positions": 1, "map": None}
    if name == "vae":
        assert found["prior"] == {"kind": "standard-normal"}
    if name == "sixteen":
        assert found["likelihood"] == {
            "kind": "other",
            "binary": False,
            "discrete": False,
            "score_name_grey": "negative log-likelihood",
        }
    if name == "modules":
        assert found["composition"]["network"]["kind"] == "modules"


def test_the_model_stays_as_it_is() -> None:
    """Mode, precision, gradients, random numbers and autocast of the caller are untouched; half precision works."""
    model = built("cvae").train().requires_grad_(True).to(torch.bfloat16)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        files = onnx_parts(model, ("decoder",))
        assert torch.is_autocast_enabled("cpu")
        assert torch.is_grad_enabled()
    assert torch.equal(torch.rand(2), expected)
    assert list(files) == ["decoder"]
    assert model.training
    assert all(p.requires_grad and p.dtype == torch.bfloat16 for p in model.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    z, y = torch.randn(4, 3), torch.tensor([0, 1, 2, -1])
    close(run(files["decoder"], z=z, label=y)["mean"], plain_copy(model).decode(z, y).mean)


def test_a_wrong_file_is_noticed() -> None:
    """The check fails if the file computes something else."""
    model = built("vae")
    files = onnx_parts(model, ("decoder",))
    graph = GRAPHS["decoder"](model)
    assert largest_error(graph, files["decoder"], "decoder") <= 1e-5
    model.network.expand.bias.data += 0.01
    with pytest.raises(vl.UserError, match=r"decoder: mean differs by .* between onnxruntime and PyTorch"):
        largest_error(graph, files["decoder"], "decoder")


def test_certain_pixels() -> None:
    """A trained decoder is certain of many pixels: where a sigmoid is 0 in float32, its logarithm is still finite."""
    model = built("vae")
    graph = GRAPHS["likelihood"](model)
    content = onnx_parts(model, ("likelihood",))["likelihood"]
    given = graph.inputs(7) | {"parameters": torch.linspace(-200, 200, 7 * 64).view(7, 1, 8, 8)}
    (expected,) = graph(*given.values())
    assert expected.isfinite().all()
    close(run(content, **given)["log_density"], expected)


def test_transposed_convolution_is_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside an export the fast path computes it."""
    layer, x = TransposedConv2d(3, 2, 4, (8, 8)), torch.rand(2, 3, 4, 4)
    monkeypatch.setattr(nn.ConvTranspose2d, "forward", None)
    assert layer(x).shape == (2, 2, 8, 8)


def test_refused_by_name(tmp_path: Path) -> None:
    """A posterior without a known spread is refused in one line; its decoder is exported alone."""
    flow = vl.VAE(network=MLP, posterior=vl.FlowPosterior(transforms=1, hidden=(8,), context=4)).build(PLAIN)
    with pytest.raises(
        vl.UserError,
        match=r"encoder cannot be exported: TransformedPosterior gives a FlowDistribution, whose standard deviation is "
        r"not known; leave it out with parts=\('decoder', 'prior', 'likelihood'\)",
    ):
        vl.export_onnx(flow, tmp_path)
    assert not list(tmp_path.iterdir())
    assert list(vl.export_onnx(flow, tmp_path, parts=("decoder",)).paths) == ["decoder"]
    assert [path.name for path in tmp_path.iterdir()] == ["decoder.onnx"]
    unknown = vl.VAE(network=Own(), posterior=Heavy(known=False)).build(PLAIN)
    with pytest.raises(vl.UserError, match="encoder cannot be exported: HeavyPosterior gives a Unknown"):
        onnx_parts(unknown, ("encoder",))
    with pytest.raises(vl.UserError, match=r"parts has 'decodr', but the parts are: .*; did you mean decoder"):
        onnx_parts(unknown, ("decodr",))


class Fickle(nn.Linear):
    """A module whose path depends on values, which cannot be traced."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return super().forward(z) if float(z.sum()) > 0 else super().forward(-z)


def test_a_part_that_cannot_be_traced() -> None:
    """It is refused with its class; the others are exported."""
    network = vl.Modules(nn.Sequential(nn.Flatten(), nn.Linear(64, 4)), Fickle(2, 64))
    model = vl.VAE(latent=2, network=network).build(PLAIN)
    with pytest.raises(vl.UserError, match=r"decoder cannot be exported: torch.onnx cannot trace VAE, Modules, Bern"):
        onnx_parts(model, ("encoder", "decoder"))
    assert list(onnx_parts(model, ("encoder",))) == ["encoder"]


def test_an_optional_part_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prior that cannot be exported leaves the others, with its reason."""

    def silent(self: Any, c: Any) -> Any:
        raise NotImplementedError("it is not said")

    model = built("vae")
    monkeypatch.setattr(type(model), "prior_at", silent)
    found = vl.export_onnx(model, tmp_path, parts=("decoder", "prior"))
    assert found.left_out == {"prior": "it is not said"}
    assert list(found.paths) == list(found.errors) == ["decoder"]
    with pytest.raises(vl.UserError, match="prior cannot be exported: it is not said"):
        vl.export_onnx(model, tmp_path, parts=("prior",))


def test_command(cli: Cli, tmp_path: Path, digits_file: Path) -> None:
    """A run's folder and a model's file are taken; the files are named and the largest difference told."""
    vl.save(built("cvae"), tmp_path / "model.safetensors")
    done = cli("export", "model.safetensors", "--out", "onnx")
    lines = done.stdout.splitlines()
    assert lines[:-1] == [f"onnx/{part}.onnx" for part in ("encoder", "decoder", "prior", "likelihood")]
    assert lines[-1].startswith("largest difference from PyTorch: ")
    assert not done.stderr
    cli(
        "train",
        "vae",
        "--data",
        f"npz:{digits_file}",
        "--epochs",
        "1",
        "--out",
        "run",
        "network:mlp",
        "--network.hidden",
        "8",
    )
    assert cli("export", "run", "--out", "onnx2", "--only", "decoder").stdout.startswith("onnx2/decoder.onnx")
    assert [path.name for path in (tmp_path / "onnx2").iterdir()] == ["decoder.onnx"]
    assert "does not exist" in cli("export", "nowhere", "--out", "x", code=2).stderr
    assert "did you mean encoder" in cli("export", "run", "--out", "x", "--only", "encodr", code=2).stderr
    vl.save(vl.VAE(posterior=vl.FlowPosterior(), network=MLP).build(PLAIN), tmp_path / "flow.safetensors")
    refused = cli("export", "flow.safetensors", "--out", "x", code=2).stderr
    assert refused.count("\n") == 1
    assert "leave it out with --only decoder prior likelihood" in refused
    assert not (tmp_path / "x").exists()


def test_without_the_extra(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("onnx"):
            raise ImportError(name=name)
        return imported(name, *rest)

    vl.save(built("vae"), tmp_path / "model.safetensors")
    monkeypatch.setattr(builtins, "__import__", without)
    said = cli("export", "model.safetensors", "--out", "onnx", code=2).stderr
    assert "an export needs the package onnx; install vaelab[export]" in said
