"""Networks and their parts: shapes, gradients, positions of feature maps, and agreement in bf16."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
import tyro
from torch import Tensor, nn

from vaelab.codec import decode, encode
from vaelab.contract import Network
from vaelab.data import ImageFormat
from vaelab.errors import UserError
from vaelab.models import VAE, Ladder
from vaelab.networks import Bottleneck, CellSpec, Conv, Depthwise, Mlp, Modules, NetworkSpec, ResNet
from vaelab.networks.attention import SelfAttention
from vaelab.sizes import Sizes
from vaelab.spec import words

# The last gives maps of a single pixel.
IMAGES = ((1, 28, 28), (3, 9, 14), (2, 33, 17), (1, 3, 5))
CELLS = (Bottleneck(), Depthwise())
NETWORKS = [
    ResNet((8, 12, 16), cell=cell, attention=attention, spatial=spatial)
    for cell, attention, spatial in itertools.product(CELLS, (False, True), (False, True))
]


def name(network: ResNet) -> str:
    return "-".join([network.cell.kind, *["attention"] * network.attention, *["spatial"] * network.spatial])


def built(network: ResNet, image: tuple[int, int, int], condition: int = 0) -> Network:
    torch.manual_seed(0)
    return network.build(Sizes(image, latent=2, condition=condition, parameters=5))


def loss(network: Network, head: nn.Module, x: Tensor, c: Tensor | None) -> Tensor:
    """A scalar that depends on every output, and not only on their sum."""
    theta = network.decode(head(network.encode(x, c)), c).to(x.dtype)
    return (theta * torch.linspace(-1, 1, theta.numel(), dtype=x.dtype).view_as(theta)).sum() + theta.square().mean()


@pytest.mark.parametrize("image", IMAGES, ids=str)
@pytest.mark.parametrize("condition", [0, 3])
@pytest.mark.parametrize("spec", NETWORKS, ids=name)
def test_any_image_size_works_and_every_parameter_has_a_gradient(
    spec: ResNet, condition: int, image: tuple[int, int, int]
) -> None:
    network = built(spec, image, condition)
    rows, columns = (-(-n // 8) for n in image[1:])
    assert network.positions == (rows * columns if spec.spatial else 1)
    assert network.features == 16 * rows * columns

    x = torch.rand(4, *image)
    c = torch.rand(4, condition, requires_grad=True) if condition else None
    head = network.head(2)
    h = network.encode(x, c)
    assert h.shape == (4, network.features)
    z = head(h)
    assert z.shape == (4, 2 * network.positions)
    assert network.decode(z, c).shape == (4, 5, *image[1:])

    loss(network, head, x, c).backward()
    for key, parameter in [*network.named_parameters(), *head.named_parameters()]:
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
        assert parameter.grad.abs().sum() > 0, key
    if c is not None:
        assert (c.grad.abs() > 0).all()


@pytest.mark.parametrize("blocks", [1, 3])
def test_each_stage_has_its_cells_and_halves_the_image(blocks: int) -> None:
    network, shapes = built(ResNet((4, 6, 10), blocks), (3, 33, 17)), []
    for layer in [*network.down, *network.up]:
        if not isinstance(layer, nn.GELU | nn.Upsample):
            layer.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape[1:])))
    network.decode(torch.zeros(1, 2), network.encode(torch.rand(1, 3, 33, 17), None)[:, :0])
    down = [(4, 17, 9), (6, 9, 5), (10, 5, 3)]
    expected = [shape for shape in down for _ in range(blocks + 1)] + [(10, 5, 3)] * blocks
    expected += [shape for shape in [(6, 9, 5), (4, 17, 9)] for _ in range(blocks + 1)]
    assert shapes == [*expected, (4, 33, 17), (5, 33, 17)]


def centre(weights: Tensor) -> Tensor:
    """The centre of mass (row, column) of non-negative weights on pixels."""
    weights = weights / weights.sum()
    rows, columns = (torch.arange(n, dtype=weights.dtype) for n in weights.shape)
    return torch.stack([weights.sum(1) @ rows, weights.sum(0) @ columns])


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.kind)
def test_positions_of_the_map_match_positions_in_the_image(cell: CellSpec) -> None:
    """Each dimension at a position, in row-major order, reads and writes mainly the pixels around that position."""
    image, stride, rows, columns = (1, 33, 17), 4, 9, 5
    network = built(ResNet((16, 16), cell=cell, spatial=True), image).double()
    head = network.head(2).double()
    x = torch.rand(1, *image, dtype=torch.float64, requires_grad=True)
    outputs = head(network.encode(x, None))[0]
    z = torch.randn(1, 2 * rows * columns, dtype=torch.float64)
    plain = network.decode(z, None)
    shifts: dict[str, list[Tensor]] = {"seen": [], "painted": []}
    for place, dimension in itertools.product(range(rows * columns), range(2)):
        index, row, column = 2 * place + dimension, place // columns, place % columns
        (read,) = torch.autograd.grad(outputs[index], x, retain_graph=True)
        changed = z.clone()
        changed[0, index] += 1
        painted = (network.decode(changed, None) - plain)[0].abs().sum(0).detach()
        for side, weights in (("seen", read[0, 0].abs()), ("painted", painted)):
            near = torch.zeros_like(weights, dtype=torch.bool)
            top, left = (max(0, stride * n - 2 * stride) for n in (row, column))
            near[top : stride * row + 2 * stride + 1, left : stride * column + 2 * stride + 1] = True
            assert weights[near].mean() > 2 * weights[~near].mean(), (side, place, dimension)
            # Positions on the border have pixels on one side only, which shifts their centres inwards.
            if 0 < row < rows - 1 and 0 < column < columns - 1:
                shifts[side].append(centre(weights) - stride * torch.tensor([row, column]))
    for side, shift in shifts.items():
        assert torch.stack(shift).mean(0).abs().max() < stride / 2, side


def test_a_spatial_head_is_the_same_at_every_position() -> None:
    """Feature maps shifted by one position give outputs shifted by one position."""
    network = built(ResNet((8, 16), spatial=True), (1, 12, 16))
    head = network.head(5)
    h = torch.randn(2, 12, 16)  # 3 x 4 positions
    outputs = head(h.flatten(1)).view(2, 12, 5)
    torch.testing.assert_close(head(h.roll(1, 1).flatten(1)).view(2, 12, 5), outputs.roll(1, 1))
    torch.testing.assert_close(head(h[:, :1].repeat(1, 12, 1).flatten(1)).view(2, 12, 5)[:, 7], outputs[:, 0])


@pytest.mark.parametrize("channels", [3, 16, 64])
@pytest.mark.parametrize("cell", [*CELLS, Bottleneck(1.0), Depthwise(1)], ids=str)
def test_cells_start_near_the_identity_and_more_so_in_deeper_stacks(cell: CellSpec, channels: int) -> None:
    x = torch.randn(2, channels, 7, 5)

    def change(depth: int) -> Tensor:
        torch.manual_seed(0)
        return cell.build(channels, depth)(x) - x

    assert change(1).shape == x.shape
    assert 0 < change(1).norm() < 0.3 * x.norm()
    assert (2 * change(16) - change(4)).norm() < 0.05 * change(4).norm()


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.kind)
def test_a_stack_of_many_cells_preserves_the_scale(cell: CellSpec) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 32, 7, 7, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        y = nn.Sequential(*[cell.build(32, 50) for _ in range(50)])(x.to(torch.bfloat16))
    y.float().sum().backward()
    assert 0.8 < y.float().norm() / x.norm() < 1.25
    assert 0.8 < x.grad.square().mean().sqrt() < 1.25


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.kind)
def test_differences_pass_through_many_stages(cell: CellSpec) -> None:
    network = built(ResNet((8, 16, 32, 32, 64), cell=cell), (3, 64, 64))
    assert network.encode(torch.rand(16, 3, 64, 64), None).std(0).mean() > 0.03
    assert network.decode(torch.randn(16, 2), None).std(0).mean() > 0.03


@pytest.mark.parametrize("spec", NETWORKS, ids=name)
def test_outputs_do_not_depend_on_the_rest_of_the_batch(spec: ResNet) -> None:
    network = built(spec, (3, 9, 14))
    x = torch.rand(5, 3, 9, 14)
    h = network.encode(x, None)
    torch.testing.assert_close(network.encode(x[2:3], None), h[2:3])
    assert torch.equal(network.eval().encode(x, None), h)


@pytest.mark.parametrize("spec", NETWORKS, ids=name)
def test_bf16_is_close_to_fp32(spec: ResNet) -> None:
    network = built(spec, (1, 28, 28), condition=3)
    head = network.head(2)
    x, c = torch.rand(16, 1, 28, 28), torch.rand(16, 3)
    parameters = [*network.parameters(), *head.parameters()]

    def measured(bf16: bool) -> tuple[Tensor, Tensor]:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            theta = network.decode(head(network.encode(x, c)), c)
            assert theta.dtype == (torch.bfloat16 if bf16 else torch.float32)
        gradients = torch.autograd.grad((theta.float() - x).square().sum(), parameters)
        return theta.float(), torch.cat([gradient.flatten() for gradient in gradients])

    for half, full in zip(measured(True), measured(False), strict=True):
        assert half.isfinite().all()
        assert (half - full).norm() < 0.03 * full.norm()


def test_attention_reads_from_all_positions_and_is_permutation_equivariant() -> None:
    torch.manual_seed(0)
    attention = SelfAttention(16).double()
    x = torch.randn(2, 16, 3, 5, dtype=torch.float64, requires_grad=True)
    y = attention(x)
    order = torch.randperm(15)
    permuted = attention(x.flatten(2)[..., order].unflatten(2, (3, 5)))
    torch.testing.assert_close(permuted.flatten(2), y.flatten(2)[..., order])
    (gradient,) = torch.autograd.grad(y[0, :, 0, 0].square().sum(), x)
    assert (gradient[0].abs().sum(0) > 0).all()
    assert (gradient[1] == 0).all()


def test_attention_is_softmax_of_scaled_products() -> None:
    torch.manual_seed(0)
    attention = SelfAttention(8).double()
    x = torch.randn(1, 8, 2, 3, dtype=torch.float64)
    places = nn.functional.group_norm(x, 1).flatten(2)[0].T  # (6, 8)
    q, k, v = (places @ attention.qkv.weight.flatten(1).T + attention.qkv.bias).split(8, dim=1)
    read = torch.softmax(q @ k.T / 8**0.5, dim=1) @ v
    added = read @ attention.project.weight.flatten(1).T + attention.project.bias
    torch.testing.assert_close(attention(x), x + added.T.view_as(x))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ResNet(channels=()), "ResNet.channels is empty, but needs at least one"),
        (lambda: ResNet(channels=(8, 0)), "ResNet.channels[1] is 0, but must be >= 1"),
        (lambda: ResNet(blocks=0), "ResNet.blocks is 0, but must be >= 1"),
        (lambda: ResNet(cell="bottleneck"), "must be of type CellSpec"),
        (lambda: Bottleneck(ratio=0.1), "Bottleneck.ratio is 0.1, but must be >= 0.25"),
        (lambda: Depthwise(factor=0), "Depthwise.factor is 0, but must be >= 1"),
    ],
)
def test_invalid_settings_are_named(make: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        make()
    assert message in str(caught.value)


def test_cells_survive_json_within_their_network() -> None:
    for cell in (*CELLS, Bottleneck(0.25), Depthwise(6)):
        network = ResNet((8,), 2, cell, attention=True, spatial=True)
        assert decode(ResNet, encode(network)) == network


def test_the_word_on_the_command_line_is_the_kind_in_json() -> None:
    choice: Any = tyro.cli(words(NetworkSpec)["resnet"], args=["--spatial", "cell:depthwise", "--cell.factor", "2"])
    assert choice == ResNet(spatial=True, cell=Depthwise(2))
    assert encode(choice)["kind"] == "resnet"


# ---- The last layer ----


def test_without_the_last_layer_every_image_is_the_same() -> None:
    """Of networks, of two modules with tied weights and of a hierarchy: with its weight at zero, z has no effect."""
    shared = nn.Linear(64, 64)
    own = Modules(nn.Sequential(nn.Flatten(), shared), nn.Sequential(nn.Linear(3, 64), shared))
    specs = [VAE(3, network=network) for network in (Conv(channels=(4,)), Mlp(hidden=(8,)), *NETWORKS[:2], own)]
    for spec in (*specs, Ladder((1, 1), 2, 8)):
        model: Any = spec.build(ImageFormat(1, 8, 8)).eval()
        z = torch.randn(2, sum(model.widths))
        first, second = model.decode(z).mean
        assert not torch.equal(first, second)
        assert isinstance(model.last_layer, nn.Parameter)
        with torch.no_grad():
            model.last_layer.zero_()
        first, second = model.decode(z).mean
        assert torch.equal(first, second), spec
