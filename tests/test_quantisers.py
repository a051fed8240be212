"""Quantisers without moving averages: enumeration of all codes, geometry and another library are the oracles."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize
from torch.testing import assert_close
from vector_quantize_pytorch import LFQ, SimVQ

from vaelab import (
    VAE,
    Adam,
    BinarySpherical,
    Digits,
    Experiment,
    LookupFree,
    Mlp,
    SimVq,
    Training,
    UniformCodes,
    UserError,
    train,
)
from vaelab.data import ImageFormat
from vaelab.data.limited import Limited
from vaelab.networks import ResNet
from vaelab.posteriors.bits import bits_of, entropy, entropy_of_mean, integers
from vaelab.posteriors.codebook import rotated

IMAGES = ImageFormat(1, 8, 8)
BINARY = [LookupFree, BinarySpherical]


def built(part: Any, latent: int) -> Any:
    """The posterior of a network with 2 x 2 positions."""
    torch.manual_seed(0)
    network = ResNet(channels=(4, 4), spatial=True)
    return VAE(latent, network=network, posterior=part, prior=UniformCodes()).build(IMAGES).posterior


def signs(bits: int) -> Tensor:
    """Every vector of -1 and 1, in the order of its integer."""
    return torch.tensor(list(itertools.product((-1.0, 1.0), repeat=bits)))


def entropy_of(p: Tensor) -> Tensor:
    return -(p * p.log()).sum(-1)


def name(part: Any) -> str:
    return part.__name__


# Bits.


@pytest.mark.parametrize("bits", [1, 2, 5, 8])
def test_entropies_are_sums_over_all_codes(bits: int) -> None:
    """Values and gradients, of each distribution and of their mean, in float64."""
    logits = (3 * torch.randn(7, bits, generator=torch.Generator().manual_seed(bits))).double().requires_grad_()
    of_codes = (logits[:, None] * signs(bits)).sigmoid().prod(-1)
    assert_close(of_codes.sum(-1), torch.ones(7).double())
    each, mean = entropy_of(of_codes), entropy_of(of_codes.mean(0))
    assert_close(entropy(logits), each)
    assert_close(entropy_of_mean(logits), mean)
    for ours, theirs in ((entropy(logits).sum(), each.sum()), (entropy_of_mean(logits), mean)):
        assert_close(torch.autograd.grad(ours, logits), torch.autograd.grad(theirs, logits, retain_graph=True))


def test_entropies_of_certain_bits_are_zero_with_a_finite_slope() -> None:
    logits = torch.tensor([[1e4, -1e4, 300.0]], requires_grad=True)
    for value in (entropy(logits).sum(), entropy_of_mean(logits)):
        assert value == 0
        (slope,) = torch.autograd.grad(value, logits)
        assert slope.isfinite().all()
    # Two certain codes are one bit.
    assert_close(entropy_of_mean(torch.tensor([[1e4, 1e4], [-1e4, 1e4]])), torch.tensor(2.0).log())
    # A small entropy is not rounded away, as by a bound on logarithms.
    assert_close(entropy(torch.tensor([[20.0]])), 21 * torch.tensor([-20.0]).exp(), rtol=1e-3, atol=0)


@pytest.mark.parametrize("bits", [1, 3, 16])
def test_integers_and_bits_are_inverse(bits: int) -> None:
    codes = torch.arange(2**bits)
    assert torch.equal(integers(bits_of(codes, bits).bool()), codes)
    if bits == 3:
        assert torch.equal(bits_of(codes, bits), ((signs(3) + 1) / 2).long())


# Signs of vectors.


@pytest.mark.parametrize("part", BINARY, ids=name)
def test_a_binary_code_is_the_nearest_of_all_corners(part: Any) -> None:
    posterior = built(part(bits=5), latent=5)
    codes = torch.arange(32)[:, None].expand(-1, 4)
    corners = posterior.read(codes).unflatten(1, (4, 5))[:, 0]
    assert_close(corners, signs(5) * (1 if part is LookupFree else 5**-0.5))
    vectors = torch.randn(50, 4, 5)
    quantised, found = posterior.quantise(vectors, learn=False)
    placed = vectors if part is LookupFree else normalize(vectors, dim=-1)
    assert torch.equal(found[..., 0], torch.cdist(placed.flatten(0, 1), corners).argmin(-1).view(50, 4))
    assert torch.equal(quantised, corners[found[..., 0]])
    assert torch.equal(posterior.codes_of(vectors), found)


@pytest.mark.parametrize("part", BINARY, ids=name)
def test_several_codes_share_the_bits_of_a_position(part: Any) -> None:
    """One code of six bits, or two of three, for the same vectors."""
    one, two = built(part(bits=6), latent=6), built(part(bits=3, codes=2), latent=6)
    vectors = torch.randn(20, 4, 6)
    (z, whole), (same, halves) = (each.quantise(vectors, learn=False) for each in (one, two))
    assert torch.equal(z, same)
    assert torch.equal(whole[..., 0], 8 * halves[..., 0] + halves[..., 1])
    assert_close(two.read(halves.flatten(1)), one.read(whole.flatten(1)))
    assert (one.code_space, two.code_space) == ((4, 64), (8, 8))


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("part", BINARY, ids=name)
def test_gradients_pass_straight_through_the_signs(part: Any, train: bool) -> None:
    """dz / dv is the identity, on the sphere after the gradient of the projection."""
    posterior = built(part(bits=5), latent=5).train(train)
    vectors = torch.randn(6, 4, 5, requires_grad=True)
    quantised, _ = posterior.quantise(vectors, learn=train)
    direction = torch.randn_like(quantised)
    (gradient,) = torch.autograd.grad((quantised * direction).sum(), vectors)
    if part is LookupFree:
        assert torch.equal(gradient, direction)
        return
    length = vectors.norm(dim=-1, keepdim=True)
    unit = (vectors / length).detach()
    tangent = direction - (direction * unit).sum(-1, keepdim=True) * unit
    assert_close(gradient, tangent / length)


@pytest.mark.parametrize("bits", [1, 2, 7, 16])
def test_the_error_on_the_sphere_is_bounded(bits: int) -> None:
    """Codes are unit vectors; the largest error is that of a vector with one entry."""
    posterior = built(BinarySpherical(bits=bits, commitment=1.0, entropy=0.0), latent=bits)
    axes = torch.cat([torch.eye(bits), torch.randn(1000, bits)])
    vectors = axes[:, None].expand(-1, 4, -1)
    quantised, _ = posterior.quantise(vectors, learn=False)
    assert_close(quantised.norm(dim=-1), torch.ones(len(axes), 4))
    error = (normalize(vectors, dim=-1) - quantised).square().sum(-1)
    bound = 2 - 2 / math.sqrt(bits)
    assert error.max() <= bound + 1e-5
    assert_close(error[:bits], torch.full((bits, 4), bound))
    # The commitment is this error, added up over the positions.
    assert_close(posterior.penalty(vectors, quantised), error.sum(-1))


@pytest.mark.parametrize("codes", [1, 2])
@pytest.mark.parametrize("part", BINARY, ids=name)
def test_the_entropy_penalty_is_that_of_soft_codes(part: Any, codes: int) -> None:
    """Softmax of the distances to all corners, enumerated; the codes of a position are independent in the batch's."""
    spec = part(bits=3, codes=codes, commitment=0.0, entropy=0.7, diversity=1.3, temperature=0.4)
    posterior = built(spec, latent=5).double()
    vectors = torch.randn(6, 4, 3 * codes).double()
    scale = 1 if part is LookupFree else (3 * codes) ** -0.5
    placed = vectors if part is LookupFree else normalize(vectors, dim=-1)
    corners = scale * signs(3 * codes).double()
    soft = (-(placed[:, :, None] - corners).square().sum(-1) / 0.4).softmax(-1)
    each = entropy_of(soft).sum(-1)
    mean = soft.mean((0, 1)).view(8, -1)
    of_mean = entropy_of(mean.flatten()) if codes == 1 else entropy_of(mean.sum(0)) + entropy_of(mean.sum(1))
    found = posterior.penalty(vectors, posterior.quantise(vectors, learn=False)[0])
    assert_close(found, 0.7 * (each - 1.3 * 4 * of_mean))
    if codes == 2:
        assert of_mean >= entropy_of(mean.flatten())


@pytest.mark.parametrize("diversity", [1.0, 2.0])
@pytest.mark.parametrize("part", BINARY, ids=name)
def test_codes_and_penalties_are_those_of_another_library(part: Any, diversity: float) -> None:
    """Per token there, per image here; its logarithms are bounded, which these probabilities do not reach."""
    theirs = LFQ(
        dim=4,
        codebook_size=16,
        entropy_loss_weight=0.3,
        commitment_loss_weight=0.5,
        diversity_gamma=diversity,
        spherical=part is BinarySpherical,
    )
    posterior = built(part(bits=4, commitment=0.5 / 4, entropy=0.3, diversity=diversity, temperature=2.0), latent=4)
    vectors = torch.randn(9, 4, 4, requires_grad=True)
    quantised, codes, loss = theirs.train()(vectors, inv_temperature=0.5)
    ours, found = posterior.quantise(vectors, learn=True)
    assert_close(ours, quantised)
    assert torch.equal(found[..., 0], codes)
    # Its commitment is a mean over entries.
    penalty = posterior.penalty(vectors, ours).mean() / 4
    assert_close(penalty, loss, atol=1e-5, rtol=1e-5)
    assert_close(*(torch.autograd.grad(each, vectors)[0] for each in (penalty, loss)), atol=1e-5, rtol=1e-4)


# One linear map.


def test_an_identity_map_is_a_plain_codebook() -> None:
    """A fresh one: nearest of fixed vectors; after a step the map has moved, and with it every code."""
    posterior = built(SimVq(size=20), latent=3)
    vectors = torch.randn(30, 4, 3)
    book = posterior.frozen.clone()
    quantised, codes = posterior.quantise(vectors, learn=True)
    assert_close(posterior.codebook, book)
    assert torch.equal(codes, torch.cdist(vectors.flatten(0, 1), book).argmin(-1).view(30, 4))
    assert_close(quantised, book[codes])
    few = vectors[:1, :1].expand(2, 4, 3)
    posterior.penalty(few, posterior.quantise(few, learn=True)[0]).sum().backward()
    before = posterior.codebook.detach()
    posterior.map.weight.data -= 0.1 * posterior.map.weight.grad
    assert torch.equal(posterior.frozen, book)
    assert ((posterior.codebook - before).abs().amax(1) > 0).all()


@pytest.mark.parametrize("rotation", [False, True])
def test_one_linear_map_is_that_of_another_library(rotation: bool) -> None:
    """Codes, vectors, both gradients of the vectors and that of the map."""
    posterior = built(SimVq(size=20, commitment=0.3, rotation=rotation), latent=3)
    posterior.map.weight.data.copy_(torch.randn(3, 3))
    theirs = SimVQ(dim=3, codebook_size=20, rotation_trick=rotation, input_to_quantize_commit_loss_weight=0.3)
    theirs.frozen_codebook.copy_(posterior.frozen)
    theirs.code_transform.weight.data.copy_(posterior.map.weight.data)
    vectors = torch.randn(9, 4, 3, requires_grad=True)
    quantised, codes, loss = theirs(vectors)
    ours, found = posterior.quantise(vectors, learn=True)
    assert_close(ours, quantised)
    assert torch.equal(found, codes)
    penalty = posterior.penalty(vectors, ours)
    assert_close(penalty.mean() / (4 * 3), loss)
    scaled = penalty.mean() / (4 * 3)
    weight, their_weight = posterior.map.weight, theirs.code_transform.weight
    assert_close(torch.autograd.grad(scaled, [vectors, weight]), torch.autograd.grad(loss, [vectors, their_weight]))
    if rotation:
        # Its rotated vectors also pass a gradient to the code; ours are those of `Codebook`.
        assert_close(ours, rotated(vectors, quantised.detach()))
        return
    direction = torch.randn_like(ours)
    (gradient,) = torch.autograd.grad((ours * direction).sum(), vectors)
    assert torch.equal(gradient, direction)


# In training.


@pytest.mark.parametrize(
    ("part", "least"),
    [(LookupFree(bits=6), 5), (BinarySpherical(bits=6), 15), (SimVq(size=64), 12)],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_a_training_uses_its_codes(part: Any, least: int, tmp_path: Path) -> None:
    """Of 64 codes more than a number, by the perplexity in the metrics; a fresh encoder uses one or two."""
    model = VAE(6, network=Mlp(hidden=(64,)), posterior=part, prior=UniformCodes())
    settings = Training(epochs=15, batch_size=50, validation=0, optimiser=Adam(learning_rate=1e-2))
    run = train(Experiment(Limited(Digits(), 1000), model=model, training=settings), tmp_path / "run", show=False)
    last = run.rows[-1]
    assert last["test_kl"] == pytest.approx(math.log(64))
    assert last["test_code_perplexity"] > least
    assert last["test_dead_codes"] < 0.9
    assert last["test_reconstruction"] < run.rows[0]["test_reconstruction"] - 10


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LookupFree(bits=17), "LookupFree.bits is 17, but must be <= 16"),
        (lambda: BinarySpherical(temperature=0.0), "BinarySpherical.temperature is 0.0, but must be > 0"),
        (lambda: SimVq(size=1), "SimVq.size is 1, but must be >= 2"),
    ],
)
def test_settings_out_of_range_are_named(make: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        make()
    assert message in str(caught.value)
