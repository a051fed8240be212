"""Posteriors that draw codes: exact sums over all codes are the oracle."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from vaelab import (
    VAE,
    AutoregressiveCodes,
    CategoricalPosterior,
    Constant,
    Cosine,
    Digits,
    Experiment,
    GumbelSoftmax,
    Iwae,
    Linear,
    Mlp,
    Progress,
    Training,
    UniformCodes,
    UserError,
    full_pass,
    importance_bound,
    train,
)
from vaelab.data import ImageFormat
from vaelab.data.limited import Limited

IMAGES = ImageFormat(1, 4, 4)
PRIOR = AutoregressiveCodes(layers=1, width=8, heads=2)
SIZE, VARIABLES = 3, 2
ALL = torch.tensor(list(itertools.product(range(SIZE), repeat=VARIABLES)))
DRAWN = [
    CategoricalPosterior(SIZE, VARIABLES),
    CategoricalPosterior(SIZE, VARIABLES, learned=False),
    GumbelSoftmax(SIZE, VARIABLES),
    GumbelSoftmax(SIZE, VARIABLES, learned=False),
]


def built(part: Any, prior: Any = UniformCodes()) -> Any:  # noqa: B008  # frozen
    """A model in float64 with logits well away from uniform, in evaluation mode."""
    torch.manual_seed(0)
    model: Any = VAE(SIZE * VARIABLES, network=Mlp(hidden=(8,)), posterior=part, prior=prior).build(IMAGES).double()
    for parameter in model.parameters():
        parameter.data.add_(0.3 * torch.randn_like(parameter))
    return model.eval()


def images(n: int) -> Tensor:
    return torch.rand(n, *IMAGES.shape, generator=torch.Generator().manual_seed(1)).round().double()


def name(part: Any) -> str:
    return f"{type(part).__name__}-{'learned' if part.learned else 'one-hot'}"


@pytest.mark.parametrize("prior", [UniformCodes(), PRIOR], ids=lambda part: part.kind)
@pytest.mark.parametrize("part", DRAWN[::2], ids=name)
def test_the_kl_is_a_sum_over_all_codes(part: Any, prior: Any) -> None:
    """Exact under a uniform prior, without bias under an autoregressive one."""
    model, x = built(part, prior), images(3)
    with torch.no_grad():
        (latent,) = model(x, None, 10_000).latents
        log_q = latent.q.log_prob(ALL[:, None].expand(-1, 3, -1))
        log_p = latent.p.log_prob(ALL if prior == UniformCodes() else ALL[:, None]).reshape(-1, 1)
        exact = (log_q.exp() * (log_q - log_p)).sum(0)
        kl = latent.kl()
    if prior == UniformCodes():
        assert_close(kl, exact.expand_as(kl))
    else:
        assert ((kl.mean(0) - exact).abs() < 4 * kl.std(0) / len(kl) ** 0.5).all()


@pytest.mark.parametrize("part", DRAWN, ids=name)
def test_evaluation_is_that_of_the_model_with_discrete_codes(part: Any) -> None:
    """log p(x) by a sum over all codes; the mean of q; what is generated from codes."""
    model, x = built(part), images(4)
    with torch.no_grad():
        z = model.posterior.read(ALL)
        p = model.decode(z)
        joint = torch.stack([p.log_prob(image) for image in x], 1) - VARIABLES * torch.tensor(SIZE).double().log()
        found = importance_bound(model, x, samples=4000, seed=0)
        q = model.encode(x)
        mean = q.log_prob(ALL[:, None].expand(-1, 4, -1)).exp().T @ z
    # The standard error of the log of a mean of so many weights, by the delta method.
    error = found.effective.rsqrt()
    assert ((found.log_p - joint.logsumexp(0)).abs() < 4 * error).all()
    assert (error < 0.1).all()
    assert_close(q.mean, mean)
    assert_close(model.generate(len(ALL), given=ALL), p.mean)
    (latent,) = model(x, None, 2).latents
    assert_close(latent.z, z[latent.code @ torch.tensor([SIZE, 1])])
    if not part.learned:
        assert ((z == 0) | (z == 1)).all()
        assert (z.sum(1) == VARIABLES).all()


def relaxed(temperature: float, draws: int, straight_through: bool = False) -> tuple[Any, Tensor, Any]:
    """The posterior of one image in training mode, its logits, and its draws."""
    part = GumbelSoftmax(SIZE, learned=False, temperature=Constant(temperature), straight_through=straight_through)
    torch.manual_seed(0)
    model: Any = VAE(SIZE, network=Mlp(hidden=(4,)), posterior=part, prior=UniformCodes()).build(IMAGES).double()
    bias = model.posterior.logits.bias
    bias.data.copy_(torch.tensor([0.5, -0.5, 1.0]))
    return model.posterior, bias, model.posterior(torch.zeros(1, 4).double(), draws)


def quadratic(z: Tensor) -> Tensor:
    return (z @ torch.tensor([1.0, -2.0, 0.5]).double() + 1).square()


def test_relaxed_draws_tend_to_the_categorical() -> None:
    """Codes are exact draws at every temperature; the shares tend to their one-hot vectors as it falls."""
    distances = []
    for temperature in (2.0, 0.5, 0.02):
        _, bias, draw = relaxed(temperature, 40_000)
        probabilities = bias.softmax(0)
        error = 4 * (probabilities * (1 - probabilities) / 40_000).sqrt()
        assert ((draw.code.flatten().bincount() / 40_000 - probabilities).abs() < error).all()
        assert_close(draw.z.sum(-1), torch.ones(40_000, 1).double())
        distances.append(float((draw.z.detach().mean((0, 1)) - probabilities.detach()).abs().max()))
    assert distances[0] > 0.05
    assert distances[2] < 0.01


def test_the_gradient_of_an_expectation_tends_to_that_of_the_sum_over_codes() -> None:
    """A bias that falls with the temperature."""
    biases = []
    for temperature in (0.3, 0.03):
        _, bias, draw = relaxed(temperature, 400_000)
        (estimate,) = torch.autograd.grad(quadratic(draw.z).mean(), bias)
        (exact,) = torch.autograd.grad(bias.softmax(0) @ quadratic(torch.eye(SIZE).double()), bias)
        biases.append(float((estimate - exact).norm() / exact.norm()))
    assert biases[0] > 0.3
    assert biases[1] < 0.08


def test_straight_through_decodes_codes_with_the_gradient_of_the_relaxation() -> None:
    _, soft_bias, soft = relaxed(0.7, 50)
    _, hard_bias, hard = relaxed(0.7, 50, straight_through=True)
    assert torch.equal(soft.code, hard.code)
    assert_close(hard.z, torch.eye(SIZE).double()[hard.code[..., 0]])
    direction = torch.randn_like(soft.z)
    (expected,) = torch.autograd.grad((soft.z * direction).sum(), soft_bias)
    (gradient,) = torch.autograd.grad((hard.z * direction).sum(), hard_bias)
    assert_close(gradient, expected)


def test_the_score_of_categorical_draws_is_unbiased() -> None:
    """E[f(code) grad log q(code)] is the gradient of the sum over codes: what a score function needs."""
    model = built(CategoricalPosterior(SIZE, VARIABLES))
    values = torch.randn(len(ALL)).double()
    h = model.network.encode(images(1), None).detach()
    draw = model.posterior(h, 40_000)
    bias = model.posterior.logits.bias
    f = values[draw.code @ torch.tensor([SIZE, 1])]
    (estimate,) = torch.autograd.grad((f * draw.q.log_prob(draw.code)).mean(), bias)
    (exact,) = torch.autograd.grad(values @ model.posterior.distribution(h).log_prob(ALL[:, None])[:, 0].exp(), bias)
    assert_close(estimate, exact, atol=0.02, rtol=0)
    assert not draw.code.is_floating_point()


def test_a_run_sets_the_temperature_and_its_prior_is_fitted_afterwards(tmp_path: Path) -> None:
    """The loop tells the posterior where it is; the discrete model's KL falls when a prior is fitted to its codes."""
    part = GumbelSoftmax(4, 2, temperature=Linear(epochs=2, start=1.0, stop=0.5, smooth=True))
    model = VAE(4, network=Mlp(hidden=(32,)), posterior=part, prior=UniformCodes())
    data = Limited(Digits(), 300)
    settings = Training(epochs=2, batch_size=50, validation=0)
    run = train(Experiment(data, model=model, training=settings), tmp_path / "run", show=False)
    steps = 300 // 50
    fresh = model.build(run.model.format)
    fresh.posterior.follow(Progress(epoch=2, step=steps - 1, steps=steps, epochs=2))
    assert fresh.posterior.temperature == pytest.approx(1 - 0.25 * (1 + (steps - 1) / steps))
    use = full_pass(run.model, run.load_data().split("test")).code_use
    assert use is not None
    assert len(use.counts) == 2
    assert use.size == 4
    assert 1.3 < use.perplexity <= 4

    with_prior = VAE(4, network=Mlp(hidden=(32,)), posterior=part, prior=PRIOR)
    fitting = Training(epochs=2, batch_size=50, validation=0, fit="prior")
    fitted = train(
        Experiment(data, model=with_prior, training=fitting, start=str(tmp_path / "run")),
        tmp_path / "prior",
        show=False,
    )
    assert_close(dict(fitted.model.posterior.named_parameters()), dict(run.model.posterior.named_parameters()))
    assert fitted.rows[-1]["test_kl"] < fitted.rows[0]["test_kl"]
    # A schedule over the whole run forbids prolonging it.
    spanning = VAE(
        4, network=Mlp(hidden=(8,)), posterior=GumbelSoftmax(4, temperature=Cosine(1.0, 0.5)), prior=UniformCodes()
    )
    once = Experiment(data, model=spanning, training=Training(epochs=1, batch_size=300, validation=0))
    train(once, tmp_path / "once", show=False)
    longer = Experiment(data, model=spanning, training=Training(epochs=2, batch_size=300, validation=0))
    with pytest.raises(UserError, match="schedule cosine spans"):
        train(longer, tmp_path / "once", resume=True, show=False)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Experiment(model=VAE(posterior=CategoricalPosterior(), prior=UniformCodes())).check(IMAGES),
            "objective is Elbo, which needs a posterior that is drawn from by reparameterisation",
        ),
        (
            lambda: Experiment(model=VAE(posterior=GumbelSoftmax(), prior=AutoregressiveCodes())).check(IMAGES),
            "objective is Elbo, which needs a posterior that is drawn from by reparameterisation",
        ),
        (
            lambda: Experiment(model=VAE(posterior=GumbelSoftmax(), prior=UniformCodes()), objective=Iwae()).check(
                IMAGES
            ),
            "objective is Iwae, which needs a posterior whose draws are not relaxed in training",
        ),
        (
            lambda: built(CategoricalPosterior(size=5, learned=False)),
            "latent is 6, but 1 one-hot vectors of 5 classes have 5 dimensions; set latent to 5 or learned to True",
        ),
        (
            lambda: built(GumbelSoftmax(temperature=Linear(epochs=1, start=1.0, stop=0.0))),
            "GumbelSoftmax.temperature is 0.0 after 0 epochs, but must be > 0",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused(make: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        make()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
