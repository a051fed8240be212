"""One test over all compositions of the built-in parts. New parts in a room are included automatically."""

from __future__ import annotations

import dataclasses
import itertools
import re
from functools import cache, partial
from pathlib import Path
from typing import Any

import jaxtyping
import pytest
import torch
from torch.nn.functional import conv_transpose2d

from vaelab import (
    VAE,
    Bernoulli,
    ByColumn,
    Codebook,
    Conv,
    Experiment,
    Flow,
    Folder,
    Ladder,
    Mlp,
    Multimodal,
    UniformCodes,
    UserError,
)
from vaelab.codec import decode, encode
from vaelab.data import BinarisationSpec, DataFormat, ImageFormat, SourceSpec
from vaelab.experiment import Training
from vaelab.experts import ExpertsSpec
from vaelab.networks import CellSpec, NetworkSpec
from vaelab.presets import PRESETS
from vaelab.schedules import ScheduleSpec
from vaelab.spec import members
from vaelab.testing.faults import FORMATS, TABLES
from vaelab.testing.models import check_model
from vaelab.traits import Trait

from .compositions import (
    BEYOND_PAIRS,
    CHOSEN,
    COVERING,
    MOST,
    OBJECTIVES,
    OF_IMAGES,
    PAIRS,
    PARTS,
    REFUSED,
    Composition,
    allowed,
    composed,
    holding,
    pairs_of,
    part_of,
    parts,
    product,
)


def refused(check: Any, *named: str) -> None:
    """Check that an incompatible composition is refused in one line that names the given parts."""
    with pytest.raises(UserError) as caught:
        check()
    for name in named:
        assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@cache
def survives_json(spec: Any) -> None:
    """Check it, once for all formats of a model."""
    assert decode(type(spec), encode(spec)) == spec


known: dict[tuple[frozenset[Trait], bool], list[Any]] = {}


def fitting(spec: Any, format: DataFormat) -> list[Any]:
    """The objectives that go with a model; check that the others are refused.

    They ask for its traits alone, and whether the data are images, so models that are alike in these are asked once.
    """
    table = format in TABLES
    if (spec.traits, table) not in known:
        found = [
            objective
            for objective in OBJECTIVES
            if not objective.requirements() - spec.traits and not (objective.of_images and table)
        ]
        for objective in OBJECTIVES:
            check = partial(Experiment(model=spec, objective=objective).check, format)
            if objective in found:
                check()
            else:
                refused(check, type(objective).__name__)
        known[spec.traits, table] = found
    return known[spec.traits, table]


def holds_the_contract(spec: Any, format: DataFormat, file: Path) -> None:
    """Run the contract test of a model with every compatible objective; check that the others are refused."""
    survives_json(spec)
    # With a flow as the prior, latents stay within the range of its splines.
    spread = (5, 2) if isinstance(getattr(spec, "prior", None), Flow) else (20, 3)
    # For so small images oneDNN prepares a convolution for several times as long as torch's own takes.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.backends.mkldnn, "enabled", False)
        check_model(spec, [format], fitting(spec, format), file, spread)


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where each model is saved in turn."""
    return tmp_path_factory.mktemp("contract") / "model.safetensors"


def test_every_allowed_pair_of_parts_is_tested() -> None:
    allowed_pairs = set(PAIRS) - set(REFUSED)
    assert set().union(*map(pairs_of, COVERING)) == allowed_pairs
    assert len(COVERING) < 340
    # A random draw, or a part of the product, misses some.
    held = set().union(*map(pairs_of, CHOSEN))
    assert held <= allowed_pairs if MOST or PARTS > 1 else held == allowed_pairs


def test_the_parts_of_the_product_add_up_to_it() -> None:
    for parts_of_it in (1, 7):
        shares = [part_of(list(range(100)), number, parts_of_it) for number in range(1, parts_of_it + 1)]
        assert sorted(itertools.chain(*shares)) == list(range(100))
        assert {len(share) for share in shares} <= {100 // parts_of_it, 100 // parts_of_it + 1}


@pytest.mark.parametrize("composition", list(map(composed, CHOSEN)), ids=str)
def test_a_composition_holds_the_contract(composition: Composition, file: Path) -> None:
    """Network, posterior, prior, likelihood, condition and image format, with every objective."""
    holds_the_contract(composition.spec, composition.format, file)


def test_every_incompatible_composition_is_refused() -> None:
    """By the name of a part at fault: prior and posterior of two kinds, or images only for rows of a table."""
    for numbers in itertools.islice(product(), MOST) if BEYOND_PAIRS else map(next, map(holding, REFUSED)):
        if allowed(numbers):
            continue
        composition = composed(numbers)
        table = composition.format in TABLES
        check = partial(composition.spec.check, composition.format)
        types = {column.type for column in composition.format.columns} if table else set()
        if composition.conditional and not composition.format.condition_size:
            refused(check, "conditional is True")
        elif types - composition.likelihood.columns or (not table and composition.likelihood not in OF_IMAGES):
            refused(check, type(composition.likelihood).__name__)
        elif table and not composition.network.tables:
            refused(check, type(composition.network).__name__)
        elif composition.prior.discrete != composition.posterior.discrete:
            refused(check, type(composition.posterior).__name__, type(composition.prior).__name__)
        else:
            refused(check, type(composition.prior).__name__)


@pytest.mark.parametrize("conditional", [False, True], ids=["plain", "conditional"])
@pytest.mark.parametrize("index", range(len(OF_IMAGES)), ids=lambda index: type(OF_IMAGES[index]).__name__)
def test_a_hierarchy_holds_the_contract(index: int, conditional: bool, file: Path) -> None:
    """Every likelihood, with every cell and image format in turn."""
    cells = parts(CellSpec)
    formats = FORMATS if BEYOND_PAIRS else FORMATS[index % 3 : index % 3 + 1]
    cell = cells[(index + conditional) % len(cells)]
    for format in formats:
        spec = Ladder((1, 2), 2, 8, cell=cell, conditional=conditional, likelihood=OF_IMAGES[index])
        holds_the_contract(spec, format, file)


@pytest.mark.parametrize("experts", parts(ExpertsSpec), ids=lambda experts: type(experts).__name__)
def test_a_model_of_two_views_holds_the_contract(experts: Any, file: Path) -> None:
    """Every kind of experts, with labels and attributes, of images and of rows with missing values."""
    likelihoods = {FORMATS[0]: Bernoulli(), FORMATS[2]: Bernoulli(), TABLES[2]: ByColumn()}
    for format, likelihood in likelihoods.items():
        spec = Multimodal(3, network=Mlp(hidden=(12,)), likelihood=likelihood, experts=experts, label_weight=2.0)
        holds_the_contract(spec, format, file)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_survives_json(name: str) -> None:
    experiment = PRESETS[name][1]
    assert decode(Experiment, encode(experiment)) == experiment


@pytest.mark.parametrize(
    "part",
    [*members(ScheduleSpec, own=True), *members(BinarisationSpec, own=True), *members(SourceSpec, own=True)],
    ids=lambda part: part.kind,
)
def test_every_setting_survives_json(part: type) -> None:
    fields = {field.name for field in dataclasses.fields(part)}
    needed: dict[str, Any] = {"path": "somewhere"} if "path" in fields else {}
    needed |= {"source": Folder("somewhere"), "limit": 2} if "source" in fields else {}
    needed |= {"name": "module:function"} if part.kind == "function-schedule" else {}
    value = part(**needed)
    assert decode(part, encode(value)) == value


def test_the_studys_model_has_the_shapes_of_its_tables() -> None:
    """Every layer of both tables: 28 x 28 -> 32 x 14 x 14 -> 64 x 7 x 7 -> 128 x 4 x 4 -> 2048 -> 2 and back."""
    for conditional, classes in ((False, 0), (True, 10)):
        model = VAE(conditional=conditional).build(ImageFormat(1, 28, 28, tuple("0123456789")))
        network, shapes = model.network, []
        for layer in [*network.down, *network.up]:
            layer.register_forward_hook(lambda _, __, out, seen=shapes: seen.append(tuple(out.shape[1:])))
        model(torch.rand(2, 1, 28, 28), torch.tensor([3, 7]))
        down = [(32, 14, 14), (64, 7, 7), (128, 4, 4)]
        up = [(64, 7, 7), (32, 14, 14)]
        assert shapes == [s for s in down for _ in (0, 1)] + [s for s in up for _ in (0, 1)] + [(1, 28, 28)]
        assert network.features == 2048
        assert (model.posterior.mean.in_features, model.posterior.mean.out_features) == (2048, 2)
        assert (network.expand.in_features, network.expand.out_features) == (2 + classes, 2048)
        assert network.down[0].in_channels == 1 + classes
        kernels = [layer.kernel_size for layer in [*network.down, *network.up] if hasattr(layer, "kernel_size")]
        assert kernels == [(4, 4), (4, 4), (3, 3), (3, 3), (4, 4), (4, 4)]


@pytest.mark.parametrize("network", parts(NetworkSpec), ids=lambda network: network.kind)
def test_the_condition_changes_latent_and_image(network: Any) -> None:
    model = VAE(conditional=True, network=network).build(ImageFormat(1, 28, 28, ("a", "b")))
    x, z = torch.rand(1, 1, 28, 28), torch.zeros(1, sum(model.widths))
    a, b = torch.tensor([0]), torch.tensor([1])
    assert not torch.equal(model.encode(x, a).mean, model.encode(x, b).mean)
    assert not torch.equal(model.decode(z, a).mean, model.decode(z, b).mean)
    plain = VAE(network=network).build(ImageFormat(1, 28, 28, ("a", "b")))
    assert torch.equal(plain.encode(x, a).mean, plain.encode(x, b).mean)


def test_each_sample_is_decoded_under_its_own_label() -> None:
    """With several samples the labels must be in the same order as the latents."""
    torch.manual_seed(0)
    model = VAE(conditional=True).build(ImageFormat(1, 28, 28, ("a", "b", "c")))
    y = torch.tensor([0, 2])
    trace = model(torch.rand(2, 1, 28, 28), y, 3)
    for sample in range(3):
        alone = model.decode(trace.latents[0].z[sample], y).mean
        torch.testing.assert_close(trace.p.mean[sample], alone)


def test_missing_labels_are_drawn_in_every_notation() -> None:
    model = VAE(conditional=True, network=Mlp(hidden=(8,))).build(ImageFormat(1, 8, 8, ("a", "b")))
    code = torch.zeros(60, 2)
    for y in (None, -1, torch.full((60,), -1)):
        assert len(model.generate(60, y, given=code).flatten(1).unique(dim=0)) == 2


def test_embedding_is_the_mean_not_a_draw() -> None:
    model = VAE().build(ImageFormat(1, 28, 28))
    x = torch.rand(2, 1, 28, 28)
    assert torch.equal(model.encode(x).mean, model.encode(x).mean)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: VAE(latent=0), "VAE.latent is 0, but must be >= 1"),
        (lambda: Training(epochs=2.5), "Training.epochs is 2.5, but must be of type int"),
        (lambda: Training(seed=True), "must be of type int"),
        (lambda: Training(seed=2**64), "Training.seed is"),
        (lambda: Training(precision="fp16"), "Training.precision is 'fp16', but must be one of auto, bf16, fp32"),
        (lambda: VAE(prior="mixture"), "must be of type PriorSpec"),
        (lambda: VAE(posterior=Conv()), "must be of type PosteriorSpec"),
        (lambda: Conv(channels=()), "at least one"),
        (lambda: Conv(channels=(32, 0)), "Conv.channels[1] is 0, but must be >= 1"),
        (
            lambda: VAE(conditional=True).build(ImageFormat(1, 28, 28)),
            "conditional is True, but the data has no labels",
        ),
        (lambda: VAE().build(ImageFormat(1, 3, 3)), "cannot be halved"),
        (lambda: VAE().build(ImageFormat(1, 28, 28))(torch.rand(1, 3, 28, 28)), "the model takes (1, 28, 28)"),
        (lambda: VAE().build(ImageFormat(1, 28, 28)).generate(0), "n is 0"),
        (
            lambda: VAE(conditional=True).build(ImageFormat(1, 28, 28, ("a", "b"))).generate(2, y=9),
            "y has labels from 9 to 9, but classes go from 0 to 1",
        ),
        (lambda: VAE().build(ImageFormat(1, 28, 28)).generate(2, given=torch.zeros(2, 3)), "z has 3 dimensions"),
        (
            lambda: VAE().build(ImageFormat(1, 28, 28)).generate(2, given=torch.zeros(3, 2)),
            "given has shape (3, 2), but n is 2",
        ),
        (
            lambda: VAE().build(ImageFormat(1, 28, 28)).generate(2, given=torch.zeros(2)),
            "given has shape (2,), but n is",
        ),
        (
            lambda: VAE().build(ImageFormat(1, 28, 28)).generate(2, given=torch.zeros(2, 2).int()),
            "given holds integers, but the model has no codebook",
        ),
        (
            lambda: VAE().build(ImageFormat(1, 28, 28)).generate(2, temperature=-3.0),
            "temperature is -3.0, but must be a number >= 0",
        ),
        (
            lambda: VAE(conditional=True).build(ImageFormat(1, 28, 28, ("a",))).generate(2, y=torch.zeros(3).long()),
            "y has shape (3,), but must be (2,): one label per image",
        ),
        (
            lambda: (
                VAE(4, posterior=Codebook(6), prior=UniformCodes())
                .build(ImageFormat(1, 28, 28))
                .generate(1, given=torch.tensor([[6]]))
            ),
            "codes run from 6 to 6, but must be from 0 to 5",
        ),
        (
            lambda: VAE(conditional=True).build(ImageFormat(1, 28, 28, ("a",)))(torch.rand(1, 1, 28, 28)),
            "y is None, but the model is conditional",
        ),
        (lambda: Folder("x", image_size=-4), "Folder.image_size is -4"),
    ],
)
def test_invalid_settings_are_named(make: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        make()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_list_is_accepted_for_a_tuple() -> None:
    assert Mlp(hidden=[8, 4]) == Mlp(hidden=(8, 4))


def test_shape_annotations_are_checked_in_tests() -> None:
    """The hook of conftest.py is active: an image without a batch axis is refused because of its shape."""
    model = VAE().build(ImageFormat(1, 28, 28))
    with pytest.raises(jaxtyping.TypeCheckError):
        model.network.encode(torch.zeros(1, 28, 28), None)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"latent": 3, "latnet": 2}, "latnet: unknown field of VAE; did you mean latent?"),
        (
            {"prior": {"kind": "mixture", "componets": 3}},
            "prior.componets: unknown field of Mixture; did you",
        ),
        ({"prior": {"kind": "mixtur"}}, "prior: kind is 'mixtur', but must be one of"),
        ({"latent": "3"}, "latent: Input should be a valid integer"),
        ({"latent": -1}, "latent: Input should be greater than or equal to 1"),
    ],
)
def test_json_is_read_strictly(values: Any, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        decode(VAE, values)


def test_grey_pixels_have_a_cross_entropy_and_no_log_likelihood() -> None:
    from vaelab.metrics.evidence import importance_bound

    model = VAE().build(ImageFormat(1, 28, 28))
    assert model.likelihood.score_name(binary=False) == "cross-entropy"
    assert model.likelihood.score_name(binary=True) == "negative log-likelihood"
    with pytest.raises(UserError, match="grey pixels"):
        importance_bound(model, torch.rand(2, 1, 28, 28), samples=2)
    assert importance_bound(model, torch.rand(2, 1, 28, 28).round(), samples=2).log_p.isfinite().all()


@pytest.mark.parametrize("channels", [1, 5])
@pytest.mark.parametrize(("kernel", "size"), [(3, (7, 7)), (4, (14, 14)), (4, (9, 15)), (3, (8, 5))])
def test_fast_transposed_convolution_matches_torch(channels: int, kernel: int, size: tuple[int, int]) -> None:
    """The fast CPU path has the values and gradients of torch's transposed convolution, in the dtype of its input."""
    from vaelab.networks.transposed import TransposedConv2d

    torch.manual_seed(0)
    layer = TransposedConv2d(6, channels, kernel, size)
    down = [(n + 2 - kernel) // 2 + 1 for n in size]
    x = torch.randn(3, 6, *down, requires_grad=True)
    inputs = (x, layer.weight, layer.bias)
    plain = conv_transpose2d(x, layer.weight, layer.bias, 2, 1, layer.output_padding)
    assert plain.shape == (3, channels, *size)
    torch.testing.assert_close(layer(x), plain, atol=1e-5, rtol=1e-5)
    direction = torch.randn_like(plain)
    with torch.autocast("cpu", torch.bfloat16):
        fast = layer(x)
    assert fast.dtype == torch.bfloat16
    torch.testing.assert_close(fast.float(), plain, atol=0.05, rtol=0.05)
    expected = torch.autograd.grad((plain * direction).sum(), inputs)
    for gradient, reference in zip(
        torch.autograd.grad((fast.float() * direction).sum(), inputs), expected, strict=True
    ):
        assert (gradient - reference).norm() / reference.norm() < 0.02
    for gradient, reference in zip(torch.autograd.grad((layer(x) * direction).sum(), inputs), expected, strict=True):
        torch.testing.assert_close(gradient, reference, atol=1e-5, rtol=1e-4)
    layer, exact = layer.double(), x.detach().double()
    precise = conv_transpose2d(exact, layer.weight, layer.bias, 2, 1, layer.output_padding)
    torch.testing.assert_close(layer(exact), precise, atol=1e-13, rtol=1e-13)
