"""One test over all compositions that the unions allow: a part that joins a union is tested unasked."""

from __future__ import annotations

import dataclasses
import itertools
from functools import partial
from pathlib import Path
from typing import Any

import jaxtyping
import pytest
import torch
from torch.nn.functional import conv_transpose2d

from vaelab import (
    VAE,
    AutoregressiveCodes,
    Codebook,
    Conv,
    DiscretisedLogistic,
    Experiment,
    Factor,
    FiniteScalar,
    Flow,
    FlowPosterior,
    Folder,
    FreeBits,
    Ladder,
    Mlp,
    ResidualCodebook,
    ResNet,
    UniformCodes,
    UserError,
    Vamp,
    load,
    save,
)
from vaelab.codec import decode, encode
from vaelab.data import BinarisationSpec, ImageFormat, SourceSpec
from vaelab.experiment import Training
from vaelab.likelihoods import LikelihoodSpec
from vaelab.networks import CellSpec, NetworkSpec
from vaelab.objectives import ObjectiveSpec
from vaelab.posteriors import PosteriorSpec
from vaelab.presets import PRESETS
from vaelab.priors import PriorSpec
from vaelab.schedules import Progress, ScheduleSpec
from vaelab.spec import members

FORMATS = (
    ImageFormat(1, 8, 8, ("a", "b", "c")),
    ImageFormat(3, 5, 7, ("a", "b")),
    ImageFormat(2, 9, 6, (), ("size", "angle")),
)
MIDWAY = Progress(epoch=2, step=1, steps=4, epochs=4, n_images=100)

# Small instances, so that all compositions take minutes; whoever joins a union is tested with its defaults.
SMALL: dict[type, Any] = {
    Conv: Conv(channels=(4,)),
    Mlp: Mlp(hidden=(8,)),
    ResNet: ResNet(channels=(4,)),
    Vamp: Vamp(components=5),
    Flow: Flow(transforms=1, hidden=(8,)),
    FlowPosterior: FlowPosterior(transforms=1, hidden=(8,), context=4),
    AutoregressiveCodes: AutoregressiveCodes(layers=1, width=8, heads=2),
    Codebook: Codebook(size=6),
    ResidualCodebook: ResidualCodebook(size=6),
    FiniteScalar: FiniteScalar(levels=(4, 4, 4)),
    DiscretisedLogistic: DiscretisedLogistic(components=2),
    Factor: Factor(hidden=(8,)),
    FreeBits: FreeBits(floor=0.01),
}


def small(part: type) -> Any:
    return SMALL[part] if part in SMALL else part()


NETWORKS = [small(part) for part in members(NetworkSpec, own=True)] + [
    ResNet(channels=(4,), attention=True, spatial=True)
]
SPINES = list(
    itertools.product(NETWORKS, members(PosteriorSpec, own=True), members(PriorSpec, own=True), (False, True))
)


def names(value: Any) -> str:
    if isinstance(value, bool):
        return "conditional" if value else "plain"
    spatial = "Spatial" if getattr(value, "spatial", False) else ""
    return spatial + (value.__name__ if isinstance(value, type) else type(value).__name__)


def refused(check: Any, *named: str) -> None:
    """What cannot be composed is refused by the names of what does not fit, in one line."""
    with pytest.raises(UserError) as caught:
        check()
    for name in named:
        assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def holds_the_contract(spec: Any, images: ImageFormat, file: Path) -> None:
    """Everything that is asked of a model, whatever it is composed of, with every objective there is."""
    torch.manual_seed(0)
    model = spec.build(images)
    # Codes away from the prior, so that no KL hides below a floor, where nothing is learned of it, but, where a flow is
    # the prior, within the reach of its splines; and numbers that are not rounded to zero, of which the decoder's first
    # layer would learn nothing.
    spread, away = (5, 2) if isinstance(getattr(spec, "prior", None), Flow) else (20, 3)
    for name, parameter in model.named_parameters():
        if name.startswith("posterior.mean"):
            parameter.data.mul_(spread)
        if name.startswith(("posterior.mean", "posterior.vector")) and name.endswith("bias"):
            parameter.data.fill_(away if "mean" in name else 0.7)
    x, y = torch.rand(4, *images.shape), torch.rand(4, len(images.attributes))
    if images.classes:
        y = torch.arange(4) % len(images.classes)
    width = sum(model.widths)

    for kind in members(ObjectiveSpec, own=True):
        objective = small(kind)
        if objective.requirements() - spec.traits:
            refused(partial(Experiment(model=spec, objective=objective).check, images), kind.__name__, spec.summary)
            continue
        Experiment(model=spec, objective=objective).check(images)
        loss_of = objective.build(width)
        trace = model(x, y, 2)
        assert trace.reconstruction.shape == trace.total.shape == trace.log_weight.shape == (2, 4)
        assert trace.kl.shape == (len(model.widths), 2, 4)
        loss = loss_of(trace, MIDWAY)
        assert loss.shape == ()
        model.zero_grad()
        loss.backward()
        learned = list(loss_of.named_parameters()) if isinstance(loss_of, torch.nn.Module) else []
        for name, parameter in [*model.named_parameters(), *learned]:
            assert parameter.grad is not None, (kind, name)
            assert parameter.grad.isfinite().all(), (kind, name)
            assert parameter.grad.abs().sum() > 0, (kind, name)

    assert model.encode(x, y).mean.shape == (4, width)
    assert torch.equal(model.encode(x, y).mean, model.encode(x, y).mean)
    assert model.decode(torch.zeros(4, width), y).mean.shape == x.shape
    # Missing labels are drawn; attributes are real numbers, which are not.
    some = None if images.classes else y[:2]
    assert model.generate(2, some).shape == (2, *images.shape)
    assert model.generate(2, some, given=torch.zeros(2, width)).shape == (2, *images.shape)

    save(model, file)
    again = load(file)
    assert again.spec == spec
    assert again.format == images
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    torch.manual_seed(1)
    before = model.eval()(x, y).total
    torch.manual_seed(1)
    assert torch.equal(before, again(x, y).total)


@pytest.mark.parametrize("spine", SPINES, ids=lambda spine: "-".join(map(names, spine)))
def test_every_composition_holds_the_contract(spine: tuple[Any, ...], tmp_path: Path) -> None:
    """Every network x posterior x prior, conditional and not, with every likelihood and every objective."""
    network, posterior, prior, conditional = spine
    for likelihood in members(LikelihoodSpec, own=True):
        spec = VAE(3, conditional, network, small(posterior), small(prior), small(likelihood))
        assert decode(VAE, encode(spec)) == spec
        for images in FORMATS:
            if posterior.discrete != prior.discrete:
                refused(partial(spec.check, images), posterior.__name__, prior.__name__)
            elif prior.needs_condition and not conditional:
                refused(partial(spec.check, images), prior.__name__)
            else:
                holds_the_contract(spec, images, tmp_path / "model.safetensors")


@pytest.mark.parametrize("conditional", [False, True], ids=names)
@pytest.mark.parametrize("likelihood", members(LikelihoodSpec, own=True), ids=names)
@pytest.mark.parametrize("cell", members(CellSpec, own=True), ids=names)
def test_every_hierarchy_holds_the_contract(cell: type, likelihood: type, conditional: bool, tmp_path: Path) -> None:
    for images in FORMATS:
        spec = Ladder((1, 2), 2, 8, cell=cell(), conditional=conditional, likelihood=small(likelihood))
        assert decode(Ladder, encode(spec)) == spec
        holds_the_contract(spec, images, tmp_path / "model.safetensors")


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_returns_from_json(name: str) -> None:
    experiment = PRESETS[name][1]
    assert decode(Experiment, encode(experiment)) == experiment


@pytest.mark.parametrize(
    "part",
    [*members(ScheduleSpec, own=True), *members(BinarisationSpec, own=True), *members(SourceSpec, own=True)],
    ids=names,
)
def test_every_setting_returns_from_json(part: type) -> None:
    needed = {"path": "somewhere"} if "path" in {field.name for field in dataclasses.fields(part)} else {}
    value = part(**needed)
    assert decode(part, encode(value)) == value


def test_the_study_has_the_tables_shapes() -> None:
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


@pytest.mark.parametrize("network", members(NetworkSpec, own=True), ids=names)
def test_conditioning_changes_code_and_image(network: type) -> None:
    model = VAE(conditional=True, network=network()).build(ImageFormat(1, 28, 28, ("a", "b")))
    x, z = torch.rand(1, 1, 28, 28), torch.zeros(1, 2)
    a, b = torch.tensor([0]), torch.tensor([1])
    assert not torch.equal(model.encode(x, a).mean, model.encode(x, b).mean)
    assert not torch.equal(model.decode(z, a).mean, model.decode(z, b).mean)
    plain = VAE(network=network()).build(ImageFormat(1, 28, 28, ("a", "b")))
    assert torch.equal(plain.encode(x, a).mean, plain.encode(x, b).mean)


def test_each_sample_is_decoded_under_its_own_label() -> None:
    """With S samples the labels must be laid out as the codes are."""
    torch.manual_seed(0)
    model = VAE(conditional=True).build(ImageFormat(1, 28, 28, ("a", "b", "c")))
    y = torch.tensor([0, 2])
    trace = model(torch.rand(2, 1, 28, 28), y, 3)
    for sample in range(3):
        alone = model.decode(trace.latents[0].z[sample], y).mean
        torch.testing.assert_close(trace.p.mean[sample], alone)


def test_a_missing_label_is_drawn_however_it_is_said_to_be_missing() -> None:
    model = VAE(conditional=True, network=Mlp(hidden=(8,))).build(ImageFormat(1, 8, 8, ("a", "b")))
    code = torch.zeros(60, 2)
    for y in (None, -1, torch.full((60,), -1)):
        assert len(model.generate(60, y, given=code).flatten(1).unique(dim=0)) == 2


def test_embedding_is_the_mean_not_a_draw() -> None:
    model = VAE().build(ImageFormat(1, 28, 28))
    x = torch.rand(2, 1, 28, 28)
    assert torch.equal(model.encode(x).mean, model.encode(x).mean)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: VAE(latent=0), "VAE.latent is 0, but must be >= 1"),
        (lambda: Training(epochs=2.5), "Training.epochs is 2.5, but must be of type int"),
        (lambda: Training(seed=True), "must be of type int"),
        (lambda: Training(seed=2**64), "Training.seed is"),
        (lambda: Training(precision="fp16"), "Training.precision is 'fp16', but must be one of auto, bf16, fp32"),
        (lambda: VAE(prior="mixture"), "must be of type StandardNormal or "),
        (lambda: VAE(posterior=Conv()), "must be of type Gaussian or "),
        (lambda: Conv(channels=()), "at least one"),
        (lambda: Conv(channels=(32, 0)), "every width must be >= 1"),
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
            "temperature is -3.0, but must be >= 0",
        ),
        (
            lambda: VAE(conditional=True).build(ImageFormat(1, 28, 28, ("a",))).generate(2, y=torch.zeros(3).long()),
            "y has shape (3,), but must be (2,): one label an image",
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
def test_mistakes_are_named(make: Any, says: str) -> None:
    with pytest.raises(UserError) as caught:
        make()
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_list_stands_for_a_tuple() -> None:
    assert Mlp(hidden=[8, 4]) == Mlp(hidden=(8, 4))


def test_shapes_are_checked_in_these_tests() -> None:
    """The hook that conftest.py installs is at work: an image without its batch axis is refused by its shape."""
    model = VAE().build(ImageFormat(1, 28, 28))
    with pytest.raises(jaxtyping.TypeCheckError):
        model.network.encode(torch.zeros(1, 28, 28), None)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"latent": 3, "latnet": 2}, "latnet: Unexpected keyword argument"),
        ({"prior": {"kind": "mixture", "componets": 3}}, "prior.mixture.componets: Unexpected keyword argument"),
        ({"prior": {"kind": "mixtur"}}, "prior: Input tag 'mixtur'"),
        ({"latent": "3"}, "latent: Input should be a valid integer"),
        ({"latent": -1}, "latent: Input should be greater than or equal to 1"),
    ],
)
def test_json_is_read_strictly(values: Any, says: str) -> None:
    with pytest.raises(UserError, match=says.replace(".", r"\.")):
        decode(VAE, values)


def test_grey_pixels_have_a_cross_entropy_and_no_log_likelihood() -> None:
    from vaelab.metrics import importance_bound

    model = VAE().build(ImageFormat(1, 28, 28))
    assert model.likelihood.score_name(binary=False) == "cross-entropy"
    assert model.likelihood.score_name(binary=True) == "negative log-likelihood"
    with pytest.raises(UserError, match="grey pixels"):
        importance_bound(model, torch.rand(2, 1, 28, 28), samples=2)
    assert importance_bound(model, torch.rand(2, 1, 28, 28).round(), samples=2).log_p.isfinite().all()


def test_fast_transposed_convolution_is_torchs_own() -> None:
    """The detour by which the transposed convolution is fast on a CPU gives its values and its gradients."""
    from vaelab.networks.transposed import TransposedConv2d

    torch.manual_seed(0)
    for kernel, size in ((3, (7, 7)), (4, (14, 14)), (4, (9, 15)), (3, (8, 5))):
        layer = TransposedConv2d(6, 5, kernel, size)
        down = [(n + 2 - kernel) // 2 + 1 for n in size]
        x = torch.randn(3, 6, *down, requires_grad=True)
        inputs = (x, layer.weight, layer.bias)
        plain = conv_transpose2d(x, layer.weight, layer.bias, 2, 1, layer.output_padding)
        assert plain.shape == (3, 5, *size)
        torch.testing.assert_close(layer(x), plain, atol=1e-5, rtol=1e-5)
        direction = torch.randn_like(plain)
        with torch.autocast("cpu", torch.bfloat16):
            fast = layer(x)
        assert fast.dtype == torch.bfloat16
        torch.testing.assert_close(fast.float(), plain, atol=0.05, rtol=0.05)
        expected = torch.autograd.grad((plain * direction).sum(), inputs)
        for mine, theirs in zip(torch.autograd.grad((fast.float() * direction).sum(), inputs), expected, strict=True):
            assert (mine - theirs).norm() / theirs.norm() < 0.02
        for mine, theirs in zip(torch.autograd.grad((layer(x) * direction).sum(), inputs), expected, strict=True):
            torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-4)
