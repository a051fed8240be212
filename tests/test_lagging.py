"""`Lagging` against the algorithm with two optimisers, and its mutual information against known values."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from vaelab import VAE, Codebook, Elbo, Factor, Gaussian, ImageFormat, Iwae, Lagging, Linear, Mlp, UserError, Vamp
from vaelab.cli.train import Train
from vaelab.codec import decode, encode
from vaelab.contract import Latent
from vaelab.distributions import diagonal_normal
from vaelab.models.vae import VAEModel
from vaelab.objectives.lagging_loss import mutual_information
from vaelab.objectives.sides import inference_weights
from vaelab.schedules import Progress

FORMAT = ImageFormat(1, 3, 4)


def vae(**parts: Any) -> VAEModel:
    torch.manual_seed(0)
    return VAE(2, network=Mlp(hidden=(6,)), **parts).build(FORMAT)


def images(n: int = 5, seed: int = 1) -> Tensor:
    return torch.rand(n, 1, 3, 4, generator=torch.Generator().manual_seed(seed))


def at(step: int, steps: int = 100) -> Progress:
    """Step `step` of the run, counted from 0 through all epochs."""
    return Progress(step // steps + 1, step % steps, steps, epochs=10)


def sides(model: VAEModel) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The encoder's weights and all others, told apart by their names."""
    named = dict(model.named_parameters())
    encoder = {name for name in named if name.startswith(("network.encoder", "posterior"))}
    return {name: named[name] for name in encoder}, {name: named[name] for name in named.keys() - encoder}


@pytest.mark.parametrize("prior", [None, Vamp(components=3)])
def test_the_encoder_is_what_draws_depend_on(prior: Any) -> None:
    """Also where the prior is made of the encoder: its pseudo-inputs are no weights of the encoder."""
    model = vae() if prior is None else vae(prior=prior)
    found = inference_weights(model(images()))
    assert {id(weight) for weight in found} == {id(weight) for weight in sides(model)[0].values()}


def test_steps_equal_those_of_two_optimisers() -> None:
    """He et al. (2019), algorithm 1: Adam's moments of the decoder rest while the encoder takes steps of its own."""
    one, two = vae(), vae()
    loss_of = Lagging(steps=3).build_for(2, FORMAT)
    joint = torch.optim.AdamW(one.parameters(), lr=0.05, weight_decay=0.1)
    encoder, decoder = (torch.optim.AdamW(side.values(), lr=0.05, weight_decay=0.1) for side in sides(two))
    for step in range(9):
        torch.manual_seed(step)
        loss_of(one(images(seed=step)), at(step)).backward()
        joint.step()
        joint.zero_grad()

        torch.manual_seed(step)
        two(images(seed=step)).total.mean().backward()
        encoder.step()
        if step % 3 == 2:
            decoder.step()
        two.zero_grad()
    for ours, theirs in zip(one.parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


def test_the_value_is_the_loss_of_the_base_and_its_weights_always_learn() -> None:
    model, base = vae(), Factor(hidden=(4,))
    loss_of = Lagging(base, steps=4).build_for(2, FORMAT)
    trace = model(images())
    torch.manual_seed(3)
    loss = loss_of(trace, at(0))
    torch.manual_seed(3)
    torch.testing.assert_close(loss, loss_of.base(trace, at(0)))
    loss.backward()
    assert all(weight.grad is None for weight in sides(model)[1].values())
    assert all(weight.grad is not None for weight in loss_of.parameters())


def test_mutual_information_of_known_posteriors() -> None:
    q = diagonal_normal(torch.tensor([[0.0], [0.0], [100.0]]).double(), torch.ones(3, 1).double())
    code = q.sample((2,))
    latent = Latent(q=q, code=code, z=code, p=q)
    # Each of the first two shares its density with the other, the third has its own.
    expected = torch.tensor([math.log(1.5), math.log(1.5), math.log(3)]).double().expand(2, 3)
    torch.testing.assert_close(mutual_information(latent), expected)
    # A mixture of N(-a, 1) and N(a, 1), whose entropy is known by quadrature.
    a, n = 0.8, 4000
    q = diagonal_normal(torch.tensor([[-a], [a]]).double(), torch.ones(2, 1).double())
    torch.manual_seed(0)
    code = q.sample((n,))
    grid = torch.linspace(-12, 12, 20001).double()
    density = q.log_prob(grid[:, None, None]).exp().mean(1)
    entropy = -torch.trapezoid(density * density.log(), grid)
    exact = float(entropy) - 0.5 * math.log(2 * math.pi * math.e)
    assert float(mutual_information(Latent(q=q, code=code, z=code, p=q)).mean()) == pytest.approx(exact, abs=0.02)


def test_an_epoch_of_less_information_ends_the_lag_and_a_checkpoint_keeps_that() -> None:
    model = vae()
    loss_of: Any = Lagging(steps=100).build_for(2, FORMAT)

    def spread(scale: float) -> None:
        with torch.no_grad():
            for weight in (model.posterior.mean.weight, model.posterior.mean.bias):
                weight.mul_(scale)

    def frozen(step: int, loss_of: Any = loss_of) -> bool:
        model.zero_grad()
        loss_of(model(images()), at(step, steps=2)).backward()
        return all(weight.grad is None for weight in sides(model)[1].values())

    assert frozen(0)
    spread(20)
    assert frozen(1)
    assert frozen(2)
    assert frozen(3)  # more information in this epoch
    again: Any = Lagging(steps=100).build_for(2, FORMAT)
    spread(0.01)
    assert frozen(4)
    again.load_state_dict(copy.deepcopy(loss_of.state_dict()))
    for each in (loss_of, again):
        assert frozen(5, each)
        assert not frozen(6, each)
        spread(1e4)
        assert not frozen(7, each)
        assert not frozen(8, each)  # it does not begin again
        spread(1e-4)


def test_settings_of_the_base_hold() -> None:
    spec = Lagging(Elbo(beta=Linear(epochs=4), samples=3))
    assert (spec.samples, spec.beta(at(100))) == (3, 0.5)
    assert spec.schedules == spec.base.schedules
    with pytest.raises(UserError, match="objective is Lagging, which needs codes in a real vector space"):
        spec.check(VAE(2, posterior=Codebook(size=4), network=Mlp()).traits, "a VAE", FORMAT)
    spec.check(VAE(2, posterior=Gaussian()).traits, "a VAE", FORMAT)


def test_the_base_of_a_wrapper_is_chosen_by_a_word() -> None:
    """Each wrapper takes the words of those objectives that wrap none; JSON gives the same spec back."""
    for word in ("lagging", "perceptual", "adversarial-reconstruction", "subset-bounds"):
        line = f"--out x objective:{word} objective.base:iwae --objective.base.samples 7"
        objective: Any = Train.parse("vaelab train", line.split()).experiment.objective
        assert objective.kind == word
        assert objective.base == Iwae(samples=7)
        assert decode(type(objective), encode(objective), "objective") == objective
    with pytest.raises(UserError, match=r"objective\.base:perceptual"):
        Train.parse("vaelab train", ["--out", "x", "objective:lagging", "objective.base:perceptual"])
