"""Posteriors: densities, draws and gradients, and codebooks in training and evaluation."""

from __future__ import annotations

import copy
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence
from torch.testing import assert_close

from vaelab import (
    VAE,
    BinarySpherical,
    CategoricalPosterior,
    Codebook,
    FiniteScalar,
    FlowPosterior,
    FullGaussian,
    Gaussian,
    GumbelSoftmax,
    HierarchicalCodebook,
    LookupFree,
    Mlp,
    ResidualCodebook,
    ResNet,
    SimVq,
    UniformCodes,
    UserError,
    load,
    save,
)
from vaelab.contract import Latent
from vaelab.data import ImageData, ImageFormat
from vaelab.distributions import PointMass, diagonal_normal
from vaelab.models.vae import VAEModel
from vaelab.posteriors import PosteriorSpec
from vaelab.sizes import EUCLIDEAN, Sizes
from vaelab.spec import members
from vaelab.testing.spaces import known
from vaelab.training import full_pass
from vaelab.training.full_pass import CodeUse

IMAGES = ImageFormat(1, 8, 8)

# Small instances; new posteriors are tested with their defaults.
SMALL: dict[type, Any] = {
    FlowPosterior: FlowPosterior(transforms=2, hidden=(8,), context=4),
    Codebook: Codebook(size=6),
    ResidualCodebook: ResidualCodebook(size=6, levels=3),
    FiniteScalar: FiniteScalar(levels=(3, 4, 5)),
    LookupFree: LookupFree(bits=3, codes=2),
    BinarySpherical: BinarySpherical(bits=4),
    SimVq: SimVq(size=6),
}
UNION = [SMALL.get(part) or part() for part in members(PosteriorSpec, own=True)]
# Codes that are drawn have tests of their own, in test_categorical.py.
DRAWN = (CategoricalPosterior, GumbelSoftmax)
DISCRETE = [part for part in UNION if part.discrete and not isinstance(part, DRAWN)]
REAL = [part for part in UNION if part.space == EUCLIDEAN and part.has_density and not part.discrete]
LEARNED = [part for part in DISCRETE if hasattr(part, "decay")]


def name(part: Any) -> str:
    return type(part).__name__


def built(part: Any, latent: int = 2) -> Any:
    """A posterior of a small network with the features of three images and perturbed weights."""
    torch.manual_seed(0)
    network = Mlp(hidden=(6,)).build(Sizes((1, 4, 4), latent, 0, 1))
    posterior = part.build(network, latent)
    for parameter in posterior.parameters():
        parameter.data.add_(0.2 * torch.randn_like(parameter))
    return posterior.double(), 0.5 * torch.randn(3, 6, dtype=torch.float64)


def on_a_grid(q: Any) -> tuple[Tensor, Tensor]:
    """Grid points and the probability mass of q in the cell of each, for every image."""
    # Dense near zero and wide, for heavy tails: equal steps of t, z = sinh(t).
    t = torch.linspace(-5, 5, 400, dtype=torch.float64)
    line, step = t.sinh(), t.cosh() * (t[1] - t[0])
    points = torch.cartesian_prod(line, line)
    with torch.no_grad():
        return points, q.log_prob(points[:, None]).exp() * torch.outer(step, step).flatten()[:, None]


def moments(z: Tensor) -> Tensor:
    """Both coordinates, their squares and product, and a bounded function that detects curvature."""
    x, y = z.unbind(-1)
    return torch.stack([x, y, x * x, y * y, x * y, (2 * x).sin() * (2 * y).cos()], -1)


@pytest.mark.parametrize("part", REAL, ids=name)
def test_a_real_posterior_integrates_to_one_and_its_draws_follow_it(part: Any) -> None:
    posterior, h = built(part)
    q = posterior.distribution(h)
    points, mass = on_a_grid(q)
    assert_close(mass.sum(0), torch.ones(3, dtype=torch.float64), atol=1e-3, rtol=0)

    expected = torch.einsum("nb,nm->bm", mass, moments(points))
    drawn = moments(posterior(h, 20_000).z.detach())
    error = drawn.std(0) / math.sqrt(len(drawn))
    assert ((drawn.mean(0) - expected).abs() < 4 * error).all()

    # The embedding: for a flow, a fixed average close to the mean, which has no closed form.
    mean = torch.einsum("nb,nd->bd", mass, points)
    spread = (torch.einsum("nb,nd->bd", mass, points.square()) - mean.square()).sqrt()
    assert ((q.mean - mean).abs() < 0.04 * spread).all()


@pytest.mark.parametrize("part", REAL, ids=name)
def test_the_mean_is_deterministic(part: Any) -> None:
    """The same at every call, without using the caller's random numbers."""
    posterior, h = built(part)
    torch.manual_seed(1)
    one = posterior.distribution(h).mean
    expected = torch.rand(())
    torch.manual_seed(1)
    assert torch.rand(()) == expected
    torch.manual_seed(2)
    assert torch.equal(one, posterior.distribution(h).mean)


@pytest.mark.parametrize("latent", [1, 2, 5])
@pytest.mark.parametrize("part", REAL, ids=name)
def test_a_posterior_expands(part: Any, latent: int) -> None:
    posterior, h = built(part, latent)
    q = posterior.distribution(h)
    wide = q.expand((4, 3))
    assert (q.batch_shape, wide.batch_shape, q.event_shape) == ((3,), (4, 3), (latent,))
    z = wide.rsample((2,))
    assert z.shape == (2, 4, 3, latent)
    assert_close(wide.log_prob(z), q.log_prob(z))
    assert_close(wide.mean, q.mean.expand(4, 3, latent))
    # The draws of an expanded batch are independent.
    assert (z[:, 0] - z[:, 1]).abs().amin() > 0
    # The posterior of one image for many rows, as in a VampPrior.
    single = posterior.distribution(h[:1])
    assert_close(single.expand((3,)).log_prob(z[0, 0]), single.log_prob(z[0, 0]))


@pytest.mark.parametrize("part", [part for part in UNION if part.reparameterised], ids=name)
def test_a_gradient_through_z_reaches_every_parameter(part: Any) -> None:
    posterior, h = built(part)
    h.requires_grad_()
    draw = posterior(h, 4)
    loss = (draw.z * torch.randn_like(draw.z)).sum()
    # The map of a frozen codebook follows the vectors, not the decoder's gradient, which passes straight through.
    (loss + draw.penalty.sum() if isinstance(part, SimVq) else loss).backward()
    for name_of, weight in [("h", h), *posterior.named_parameters()]:
        assert weight.grad is not None, name_of
        assert weight.grad.isfinite().all(), name_of
        assert (weight.grad != 0).any(), name_of


@pytest.mark.parametrize("part", REAL, ids=name)
def test_draws_and_densities_agree_under_autocast(part: Any) -> None:
    """Under autocast z and log q(z) are float32, and agree with double precision on the same h and z.

    The heads of the diagonal Gaussian may run in bf16, since their outputs define its moments. The other posteriors
    compute draws and densities in several steps, which must be rounded consistently.
    """
    posterior, _ = built(part, latent=3)
    h = torch.randn(5, 6).bfloat16()
    single, exact = copy.deepcopy(posterior).float(), posterior.distribution(h.double())

    with torch.autocast("cpu", torch.bfloat16):
        torch.manual_seed(0)
        draw = single(h, 7)
        log_q = draw.q.log_prob(draw.code)
        torch.manual_seed(0)
        directly = draw.q.rsample((7,))
        mean = draw.q.mean
    assert draw.z.dtype == log_q.dtype == directly.dtype == mean.dtype == torch.float32
    if isinstance(part, Gaussian):
        own = Normal(mean.double(), draw.q.stddev.double()).log_prob(draw.z.double()).sum(-1)
        assert_close(log_q.double(), own, atol=1e-3, rtol=0)
        assert_close(mean.double(), exact.mean, atol=0.05, rtol=0)
        return
    assert_close(log_q.double(), exact.log_prob(draw.z.double()), atol=1e-3, rtol=0)
    assert_close(mean.double(), exact.mean, atol=1e-4, rtol=0)

    # The same noise gives the same draws as without autocast.
    torch.manual_seed(0)
    outside = single(h.float(), 7).z
    assert_close(draw.z, outside, atol=1e-5, rtol=1e-5)
    assert_close(directly, outside, atol=1e-5, rtol=1e-5)


def test_a_flows_density_follows_the_change_of_variables() -> None:
    """log q(z) = log N(e; 0, I) - log |det dz/de|, with the derivative by automatic differentiation."""
    posterior, h = built(SMALL[FlowPosterior], latent=3)
    q = posterior.distribution(h[:1])
    noise = torch.randn(20, 3, dtype=torch.float64)
    for e in noise:
        z = q.transform.inv(e[None])
        slope = torch.autograd.functional.jacobian(lambda e: q.transform.inv(e[None])[0], e)
        expected = Normal(0, 1).log_prob(e).sum() - torch.linalg.slogdet(slope).logabsdet
        assert_close(q.log_prob(z)[0], expected)


def test_a_flow_shifts_and_scales_like_a_gaussian_but_is_not_normal() -> None:
    """Shifting and scaling the heads shifts and scales the draws."""
    posterior, h = built(SMALL[FlowPosterior])
    torch.manual_seed(0)
    before = posterior(h, 50).z
    posterior.mean.bias.data.add_(3.0)
    torch.manual_seed(0)
    assert_close(posterior(h, 50).z, before + 3.0)
    centre = posterior.mean(h)
    posterior.log_variance.bias.data.add_(2 * math.log(0.5))
    torch.manual_seed(0)
    assert_close(posterior(h, 50).z, centre + 0.5 * (before + 3.0 - centre))
    # The third moment is not that of a normal.
    z = posterior.distribution(h).rsample((20_000,)).detach()
    assert ((z - z.mean(0)) / z.std(0)).pow(3).mean(0).abs().max() > 0.1


# The full covariance.


def test_full_gaussian_kl_matches_torch_and_samples() -> None:
    posterior, h = built(FullGaussian(), latent=3)
    draw = posterior(h, 50_000)
    p = diagonal_normal(torch.randn(3, 3, dtype=torch.float64), torch.rand(3, 3, dtype=torch.float64) + 0.5)
    latent = Latent(q=draw.q, code=draw.code, z=draw.z, p=p)
    theirs = kl_divergence(
        MultivariateNormal(draw.q.mean, covariance_matrix=draw.q.covariance_matrix),
        MultivariateNormal(p.mean, torch.diag_embed(p.variance)),
    )
    assert_close(latent.kl(), theirs.expand(50_000, -1))
    ratio = latent.log_ratio()
    assert ((ratio.mean(0) - theirs).abs() < 4 * ratio.std(0) / math.sqrt(50_000)).all()

    # A prior without a batch, and one with two event dimensions, for which there is no closed form.
    zeros, identity = torch.zeros(3, dtype=torch.float64), torch.eye(3, dtype=torch.float64)
    q = MultivariateNormal(draw.q.mean, draw.q.covariance_matrix)
    theirs = kl_divergence(q, MultivariateNormal(zeros, identity))
    assert_close(kl_divergence(draw.q, diagonal_normal(zeros, zeros + 1)), theirs)
    with pytest.raises(NotImplementedError):
        kl_divergence(draw.q, Independent(Normal(torch.zeros(3, 1, 3), 1.0), 2))


@pytest.mark.parametrize("latent", [1, 4])
def test_full_gaussian_scale_is_triangular_with_a_positive_diagonal(latent: int) -> None:
    posterior, h = built(FullGaussian(), latent)
    scale = posterior.distribution(10 * h).scale_tril
    assert (scale.diagonal(dim1=-2, dim2=-1) > 0).all()
    assert (scale.triu(1) == 0).all()
    below = scale[:, *torch.tril_indices(latent, latent, -1)]
    assert (below != 0).all()
    assert below.shape == (3, latent * (latent - 1) // 2)
    # The heads are read by name.
    assert_close(scale.diagonal(dim1=-2, dim2=-1), posterior.log_scale(10 * h).exp())
    assert_close(posterior.distribution(h).mean, posterior.mean(h))


# Codebooks.


def quantising(part: Any, spatial: bool = True, latent: int = 3, train: bool = False) -> VAEModel:
    """A model with 2 x 2 positions of one code each, or with one position."""
    torch.manual_seed(0)
    network = ResNet(channels=(4, 4), spatial=spatial)
    return VAE(latent, network=network, posterior=part, prior=UniformCodes()).build(IMAGES).train(train)


def images(n: int = 12) -> Tensor:
    return torch.rand(n, *IMAGES.shape, generator=torch.Generator().manual_seed(3))


def codebook(posterior: Any) -> Tensor:
    """The vector of every code, as read by the decoder: (K, latent)."""
    codes = torch.arange(posterior.code_space.size)[:, None].expand(-1, posterior.code_space.slots)
    return posterior.read(codes).unflatten(1, (posterior.positions, -1))[:, 0].detach()


def buffers(model: torch.nn.Module) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in model.state_dict().items()}


def the_same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(value, other[key]) for key, value in one.items())


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("latent", [1, 3])
def test_each_vector_goes_to_the_nearest_code(train: bool, latent: int) -> None:
    posterior = quantising(Codebook(size=20), latent=latent, train=train).posterior
    vectors = torch.randn(30, 4, latent)
    book = codebook(posterior)
    quantised, codes = posterior.quantise(vectors, learn=False)
    distance = (vectors[:, :, None] - book).square().sum(-1)
    assert torch.equal(codes, distance.argmin(-1))
    assert torch.equal(quantised, book[codes])


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("part", LEARNED, ids=name)
def test_gradients_pass_straight_through_the_codebook(part: Any, train: bool) -> None:
    """dz / dvector is the identity, for one codebook and for residual codebooks."""
    posterior = quantising(part, train=train).posterior
    vectors = torch.randn(5, 4, 3, requires_grad=True)
    quantised, _ = posterior.quantise(vectors, learn=train)
    direction = torch.randn_like(quantised)
    (gradient,) = torch.autograd.grad((quantised * direction).sum(), vectors)
    assert torch.equal(gradient, direction)


@pytest.mark.parametrize("train", [False, True])
def test_the_rotation_trick_turns_the_gradient_with_the_vector(train: bool) -> None:
    """The angle of gradient and vector is that of the decoder's gradient and the code; values are those of codes."""
    posterior = quantising(Codebook(size=6, rotation=True), train=train).posterior
    vectors = torch.randn(5, 4, 3, requires_grad=True)
    quantised, codes = posterior.quantise(vectors, learn=False)
    code = codebook(posterior)[codes]
    assert torch.equal(quantised, code)
    direction = torch.randn_like(quantised)
    (gradient,) = torch.autograd.grad((quantised * direction).sum(), vectors)
    ratio = code.norm(dim=-1) / vectors.norm(dim=-1)
    assert_close(gradient.norm(dim=-1), ratio * direction.norm(dim=-1))
    unit = torch.nn.functional.normalize
    assert_close((unit(gradient, dim=-1) * unit(vectors, dim=-1)).sum(-1), torch.cosine_similarity(direction, code, -1))
    # The rotation is in the plane of the two: what is orthogonal to both is only scaled.
    normal = torch.linalg.cross(vectors, code)
    assert_close((gradient * normal).sum(-1), ratio * (direction * normal).sum(-1))


@pytest.mark.parametrize("part", LEARNED, ids=name)
def test_the_penalty_pulls_vectors_to_their_codes(part: Any) -> None:
    """commitment |vector - code|^2, summed over positions and dimensions, with a gradient for the vector only."""
    model = quantising(part, train=True)
    h = torch.randn(5, model.network.features, requires_grad=True)
    draw = model.posterior(h, 2)
    vectors = model.posterior.vector(h)
    difference = vectors - draw.z[0].detach()
    assert draw.penalty.shape == (5,)
    assert_close(draw.penalty, part.commitment * difference.square().sum(-1))
    (gradient,) = torch.autograd.grad(draw.penalty.sum(), h, retain_graph=True)
    (expected,) = torch.autograd.grad(vectors, h, grad_outputs=2 * part.commitment * difference.detach())
    assert_close(gradient, expected)
    # Every objective adds it; the reported numbers exclude it.
    trace = model(images(), None, 1)
    assert_close(trace.penalised_reconstruction, trace.reconstruction + trace.penalty)
    assert (trace.penalty > 0).all()
    assert_close(trace.total, trace.reconstruction + model.posterior.code_space.slots * math.log(6))


def test_the_codebook_follows_moving_averages_of_its_vectors() -> None:
    """N <- d N + (1 - d) n, m <- d m + (1 - d) sum of vectors, code = m / N, from N = 1 and m = code."""
    decay = 0.7
    posterior = quantising(Codebook(size=5, decay=decay, restart_below=0.0), train=True).posterior
    book = codebook(posterior)
    counts, sums = torch.ones(5), book.clone()
    for step in range(6):
        vectors = torch.randn(40, 4, 3, generator=torch.Generator().manual_seed(step)) + 0.5
        nearest = (vectors.flatten(0, 1)[:, None] - book).square().sum(-1).argmin(-1)
        hits = torch.nn.functional.one_hot(nearest, 5).float()
        counts = decay * counts + (1 - decay) * hits.sum(0)
        sums = decay * sums + (1 - decay) * hits.T @ vectors.flatten(0, 1)
        _, codes = posterior.quantise(vectors, learn=True)
        assert torch.equal(codes.flatten(), nearest)
        book = sums / counts[:, None]
        assert_close(codebook(posterior), book, atol=1e-4, rtol=1e-4)


def test_codes_converge_to_the_mean_of_their_vectors() -> None:
    posterior = quantising(Codebook(size=3, decay=0.5), train=True).posterior
    middles = 4 * torch.eye(3)
    vectors = (middles + 0.01 * torch.randn(50, 3, 3)).flatten(0, 1)[:148].reshape(37, 4, 3)
    for _ in range(40):
        posterior.quantise(vectors, learn=True)
    assert torch.cdist(middles, codebook(posterior)).amin(1).max() < 0.02


@pytest.mark.parametrize("part", DISCRETE, ids=name)
def test_codebooks_change_only_in_training(part: Any) -> None:
    x = images()
    for train in (False, True):
        model = quantising(part, train=train)
        before = buffers(model)
        model.encode(x)
        model.posterior.distribution(model.network.encode(x, None))
        model.generate(3)
        assert the_same(before, buffers(model)), "moved by looking"
        model(x, None, 2)
        assert the_same(before, buffers(model)) == (not train or part not in LEARNED)


@pytest.mark.parametrize("part", [Codebook, ResidualCodebook], ids=lambda part: part.__name__)
def test_dead_codes_restart_at_vectors_of_the_batch(part: Any) -> None:
    """A code far from all vectors becomes one of them, or stays where it is with restart_below = 0."""
    vectors = torch.randn(30, 4, 3)
    for restart_below in (0.5, 0.0):
        posterior = quantising(part(size=8, restart_below=restart_below), train=True).posterior
        first = getattr(posterior.quantiser, "layers", [posterior.quantiser])[0]._codebook
        for tensor in (first.embed, first.embed_avg):
            tensor[0, 2:] = 1000.0
        for _ in range(10):
            posterior.quantise(vectors, learn=True)
        restarted = first.embed[0, 2:]
        if restart_below:
            assert restarted.abs().max() < 6
            assert posterior.quantise(vectors, learn=False)[1].reshape(120, -1)[:, 0].unique().numel() > 4
        else:
            assert_close(restarted, torch.full((6, 3), 1000.0), rtol=0.01, atol=0)


def test_a_restarted_code_is_one_of_the_batchs_vectors() -> None:
    posterior = quantising(Codebook(size=8, restart_below=0.5), train=True).posterior
    codebook = posterior.quantiser._codebook
    for tensor in (codebook.embed, codebook.embed_avg):
        tensor[0, 2:] = 1000.0
    vectors = torch.randn(30, 4, 3)
    posterior.quantise(vectors, learn=True)
    known = vectors.flatten(0, 1).tolist()
    assert all(code in known for code in codebook.embed[0, 2:].tolist())


def test_restarts_die_out_even_with_a_large_codebook(monkeypatch: pytest.MonkeyPatch) -> None:
    """With more codes than vectors in a batch, a restarted code gets time to be assigned a vector."""
    posterior = quantising(Codebook(size=512), spatial=False, train=True).posterior
    codebook, replaced = posterior.quantiser._codebook, []
    replace = codebook.replace

    def counted(samples: Tensor, batch_mask: Tensor, **rest: Any) -> None:
        replaced.append(int(batch_mask.sum()))
        replace(samples, batch_mask, **rest)

    monkeypatch.setattr(codebook, "replace", counted)
    for _ in range(120):
        posterior.quantise(torch.randn(128, 1, 3), learn=True)
    assert sum(replaced) < 120 * 512 * 0.02


@pytest.mark.parametrize("latent", [1, 3])
@pytest.mark.parametrize("spatial", [False, True])
@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("part", DISCRETE, ids=name)
def test_codes_are_read_back_as_the_input_of_the_decoder(part: Any, train: bool, spatial: bool, latent: int) -> None:
    """The z of a trace, the embedding and the look-up of the codes agree bit for bit."""
    model = quantising(part, spatial, latent, train)
    x, posterior = images(), model.posterior
    q = model.encode(x)
    assert posterior.positions == (4 if spatial else 1)
    assert q.codes.shape == (12, posterior.code_space.slots)
    assert posterior.code_space.slots == posterior.positions * getattr(part, "levels", 1) if part in LEARNED else True
    assert 0 <= q.codes.min() <= q.codes.max() < posterior.code_space.size
    read = posterior.read(q.codes)
    assert read.shape == (12, posterior.positions * latent)
    assert_close(q.mean, read, rtol=0, atol=0 if part in LEARNED else 1e-6)

    (drawn,) = model(x, None, 3).latents
    assert drawn.code.shape == (3, 12, posterior.code_space.slots)
    # In training its codes are drawn, which has a test of its own.
    if not (train and isinstance(part, HierarchicalCodebook)):
        assert torch.equal(drawn.code, q.codes.expand(3, -1, -1))
        assert torch.equal(drawn.z, q.mean.expand(3, -1, -1))


@pytest.mark.parametrize("part", DISCRETE, ids=name)
def test_images_are_generated_from_codes(part: Any) -> None:
    model = quantising(part)
    slots, size = model.posterior.code_space
    codes = torch.randint(size, (5, slots))
    with torch.no_grad():
        expected = model.decode(model.posterior.read(codes)).mean
    assert torch.equal(model.generate(5, given=codes), expected)
    assert_close(model.generate(5, given=model.posterior.read(codes)), expected)
    one_changed = codes.clone()
    one_changed[:, 0] = (codes[:, 0] + 1) % size
    assert (model.generate(5, given=one_changed) - expected).abs().flatten(1).amax(1).min() > 0
    assert model.generate(4, temperature=0.0).shape == (4, *IMAGES.shape)


@pytest.mark.parametrize("part", DISCRETE, ids=name)
def test_invalid_codes_are_named(part: Any) -> None:
    model = quantising(part)
    slots, size = model.posterior.code_space
    for codes, message in (
        (
            torch.zeros(2, slots + 1, dtype=torch.long),
            f"codes has {slots + 1} codes per image, but",
        ),
        (torch.full((2, slots), size), f"codes run from {size} to {size}, but must be from 0 to {size - 1}"),
        (torch.full((2, slots), -1), f"codes run from -1 to -1, but must be from 0 to {size - 1}"),
    ):
        with pytest.raises(UserError) as caught:
            model.generate(2, given=codes)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


def test_each_position_of_a_map_has_its_own_code() -> None:
    """Changing the vector at one position changes only the code and z at that position."""
    posterior = quantising(Codebook(size=50)).posterior
    vectors = torch.randn(9, 4, 3)
    changed = vectors.clone()
    changed[:, 2] = -changed[:, 2]
    (z, codes), (moved, others) = (posterior.quantise(v, learn=False) for v in (vectors, changed))
    assert torch.equal((codes != others).any(0), torch.tensor([False, False, True, False]))
    assert torch.equal((z != moved).any(0).any(-1), torch.tensor([False, False, True, False]))
    # Flattened codes and vectors have the same order of positions.
    for place in range(4):
        assert torch.equal(posterior.read(codes)[:, 3 * place : 3 * place + 3], z[:, place])


def test_more_residual_codebooks_leave_less_error() -> None:
    vectors, errors = torch.randn(100, 4, 3), []
    for levels in (1, 2, 3, 4):
        posterior = quantising(ResidualCodebook(size=16, levels=levels), train=True).posterior
        for _ in range(30):
            posterior.quantise(vectors, learn=True)
        quantised, codes = posterior.quantise(vectors, learn=False)
        assert codes.shape == (100, 4, levels)
        errors.append((vectors - quantised).square().sum(-1).mean().item())
    assert all(after < 0.6 * before for before, after in itertools.pairwise(errors))


def test_each_residual_codebook_quantises_the_remaining_error() -> None:
    posterior = quantising(ResidualCodebook(size=10, levels=3)).posterior
    vectors = torch.randn(20, 4, 3)
    quantised, codes = posterior.quantise(vectors, learn=False)
    left = vectors
    for level, book in enumerate(posterior.quantiser.codebooks):
        nearest = (left[:, :, None] - book).square().sum(-1).argmin(-1)
        assert torch.equal(codes[..., level], nearest)
        left = left - book[nearest]
    assert_close(vectors - left, quantised)


@pytest.mark.parametrize("levels", [(3, 4, 5), (8, 8), (7,), (3,)])
def test_finite_scalars_reach_each_level(levels: tuple[int, ...]) -> None:
    """Each coordinate has the given number of evenly spaced values, and every code is reached."""
    posterior = quantising(FiniteScalar(levels=levels), latent=len(levels)).posterior
    vectors = 8 * torch.randn(20_000, 4, len(levels))
    quantised, codes = posterior.quantise(vectors, learn=False)
    for coordinate, count in enumerate(levels):
        values = (1000 * quantised[..., coordinate]).round().unique() / 1000
        assert len(values) == count
        assert values.diff().std() < 0.01 if count > 2 else True
        assert values.abs().max() <= 1
    assert len(codes.unique()) == math.prod(levels) == FiniteScalar(levels=levels).size
    assert_close(posterior.read(codes), quantised.flatten(1), rtol=0, atol=1e-6)
    # No two codes have the same vector.
    assert len(codebook(posterior).unique(dim=0)) == math.prod(levels)


def test_gradients_of_finite_scalars_are_those_of_their_bound() -> None:
    """Rounding passes the gradient through; the slope of the bound decreases on both sides."""
    posterior = quantising(FiniteScalar(levels=(5, 5)), latent=2).posterior
    line = torch.linspace(-3, 3, 61)[:, None, None].expand(-1, 4, 2).clone().requires_grad_()
    (slope,) = torch.autograd.grad(posterior.quantise(line, learn=False)[0].sum(), line)
    assert (slope > 0).all()
    assert slope[30, 0, 0] == slope.max() == pytest.approx(1, abs=0.01)
    assert (slope[:30].diff(dim=0) > 0).all()
    assert_close(slope, slope.flip(0))


@pytest.mark.parametrize("levels", [(2, 3), (1,), ()])
def test_too_few_levels_are_named(levels: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match=r"FiniteScalar.levels(\[0\] is \d, but must be >= 3| is empty)"):
        FiniteScalar(levels=levels)


@pytest.mark.parametrize("part", DISCRETE, ids=name)
def test_codes_under_autocast_are_those_of_full_precision(part: Any) -> None:
    model = quantising(part)
    h = model.network.encode(images(), None)
    plain = model.posterior(h, 1)
    with torch.autocast("cpu", torch.bfloat16):
        cast = model.posterior(h, 1)
    assert cast.z.dtype == torch.float32
    assert torch.equal(cast.code, plain.code)
    assert_close(cast.z, plain.z)


@pytest.mark.parametrize("part", DISCRETE, ids=name)
def test_a_saved_codebook_is_restored_bit_for_bit(part: Any, tmp_path: Path) -> None:
    model, x = quantising(part, train=True), images()
    for _ in range(3):
        model(x)
    save(model, tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    assert the_same(buffers(model), buffers(again))
    assert torch.equal(codebook(model.posterior), codebook(again.posterior))
    assert torch.equal(model.eval().encode(x).codes, again.encode(x).codes)
    assert torch.equal(model.encode(x).mean, again.encode(x).mean)


def test_a_point_mass_is_certain() -> None:
    codes, vectors = torch.tensor([[1, 2], [3, 0]]), torch.randn(2, 6, dtype=torch.float64)
    q = PointMass(codes, 4, vectors)
    assert (q.batch_shape, q.event_shape) == ((2,), (2,))
    assert torch.equal(q.log_prob(codes), torch.zeros(2, dtype=torch.float64))
    # One different code makes a different value.
    other = torch.tensor([[1, 3], [3, 0]])
    assert torch.equal(q.log_prob(other), torch.tensor([-math.inf, 0.0], dtype=torch.float64))
    assert q.log_prob(torch.stack([codes, other, codes])).shape == (3, 2)
    assert torch.equal(q.sample(), codes)
    assert torch.equal(q.sample((5,)), codes.expand(5, 2, 2))
    assert q.sample((5, 3)).shape == (5, 3, 2, 2)
    assert torch.equal(q.mean, vectors)
    everything = torch.tensor(list(itertools.product(range(4), repeat=2)))
    assert q.log_prob(everything[:, None].expand(-1, 2, -1)).exp().sum(0).tolist() == [1, 1]


# Codebook usage.


def test_perplexity_counts_the_codes_in_use() -> None:
    assert CodeUse(((5,) * 8,)).perplexity == pytest.approx(8)
    assert CodeUse(((5,) * 8,)).dead == 0
    assert CodeUse(((0, 7, 0, 0),)).perplexity == pytest.approx(1)
    assert CodeUse(((0, 7, 0, 0),)).dead == pytest.approx(0.75)
    assert CodeUse(((4, 4, 0, 0),)).perplexity == pytest.approx(2)
    assert CodeUse(((1, 3),)).perplexity == pytest.approx(4 / 3**0.75)
    # Residual codebooks are counted separately: the first uses all its codes, the second only one.
    assert CodeUse(((2, 2, 2, 2), (8, 0, 0, 0))).perplexity == pytest.approx((4 + 1) / 2)
    assert CodeUse(((2, 2, 2, 2), (8, 0, 0, 0))).dead == pytest.approx(3 / 8)


@pytest.mark.parametrize("part", [*REAL, *DISCRETE], ids=name)
def test_a_full_pass_counts_every_code(part: Any) -> None:
    stored = (255 * images(30)).byte().numpy()
    data = ImageData("noise", np.ascontiguousarray(stored))
    if not part.discrete:
        prior = known(part.space, part).prior
        assert (
            full_pass(VAE(posterior=part, prior=prior, network=Mlp(hidden=(6,))).build(IMAGES), data).code_use is None
        )
        return
    model = quantising(part, train=True)
    before = buffers(model)
    passes = [full_pass(model, data, batch_size=size) for size in (7, 30)]
    assert model.training
    assert the_same(before, buffers(model))
    codes = model.encode(torch.from_numpy(stored).float() / 255).codes
    levels = model.posterior.code_space.slots // model.posterior.positions
    by_level = codes.unflatten(1, (-1, levels)).flatten(0, 1).T
    size = model.posterior.code_space.size
    expected = tuple(tuple((level == code).sum().item() for code in range(size)) for level in by_level)
    assert sum(map(sum, expected)) == 30 * model.posterior.code_space.slots
    for totals in passes:
        assert totals.code_use is not None
        assert totals.code_use.counts == expected
        assert totals.kl == pytest.approx(
            model.posterior.code_space.slots * math.log(model.posterior.code_space.size), rel=1e-5
        )


def test_the_diagonal_posterior_has_two_heads() -> None:
    posterior, h = built(Gaussian())
    q = posterior.distribution(h)
    assert_close(q.mean, posterior.mean(h))
    assert_close(q.variance, posterior.log_variance(h).exp())
