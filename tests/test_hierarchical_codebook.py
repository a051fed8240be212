"""Hierarchical residual quantisation: nearest codes, draws, depth dropout and the penalty on lengths."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

import vaelab as vl
from vaelab.networks import Mlp
from vaelab.sizes import Sizes


def built(**settings: Any) -> Any:
    torch.manual_seed(0)
    network = Mlp(hidden=(8,)).build(Sizes((1, 4, 4), 3, 0, 1, False))
    return vl.HierarchicalCodebook(**({"size": 5, "levels": 3} | settings)).build(network, 3).double()


def vectors(n: int = 40) -> Tensor:
    return torch.randn(n, 1, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def by_hand(codebooks: Tensor, of: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Codes and vectors of each level, by all distances."""
    codes, parts = [], []
    for book in codebooks:
        codes.append(torch.cdist(of[:, 0], book).argmin(1))
        parts.append(book[codes[-1]])
        of = of - parts[-1][:, None]
    return codes, parts


def test_without_noise_each_code_is_the_nearest_to_what_is_left() -> None:
    posterior, of = built(), vectors()
    codes, parts = by_hand(posterior.codebooks.detach(), of)
    quantised, found = posterior.quantise(of, learn=False)
    assert torch.equal(found[:, 0], torch.stack(codes, -1))
    assert_close(quantised[:, 0].detach(), sum(parts))
    assert torch.equal(posterior.codes_of(of), found)
    assert_close(posterior.look_up(found.flatten(1))[:, 0].detach(), sum(parts))


def test_draws_have_the_shares_of_the_softmax() -> None:
    """A code is drawn with the probability softmax(-|r - e|^2), whatever the temperature of the gradient."""
    posterior, of = built(levels=1, temperature=vl.Constant(0.3)), vectors(1)
    _, codes = posterior.quantise(of.expand(20_000, 1, 3), learn=True)
    expected = (-torch.cdist(of[0], posterior.codebooks[0]).square()).softmax(-1)[0].detach()
    found = codes.flatten().bincount(minlength=5) / 20_000
    assert_close(found.double(), expected, atol=0.015, rtol=0)


def test_depth_dropout_cuts_the_sum_off() -> None:
    posterior, of = built(depth_dropout=0.4), vectors(4000)
    quantised, codes = posterior.quantise(of, learn=True)
    parts = [book[code] for book, code in zip(posterior.codebooks, codes[:, 0].unbind(-1), strict=True)]
    sums = torch.stack([torch.zeros_like(parts[0]), *torch.stack(parts).cumsum(0)])
    depth = (sums - quantised[:, 0]).abs().amax(-1).argmin(0)
    assert_close(sums[depth, torch.arange(4000)], quantised[:, 0])
    shares = depth.bincount(minlength=4) / 4000
    assert_close(shares, torch.tensor([0.4, 0.24, 0.144, 0.216]), atol=0.035, rtol=0)


def test_the_gradient_is_that_of_the_softmax() -> None:
    posterior, of = built(levels=1, temperature=vl.Constant(0.7)), vectors().requires_grad_()
    direction = torch.randn_like(of)
    (found,) = torch.autograd.grad((posterior.quantise(of, learn=False)[0] * direction).sum(), of)
    shares = (-torch.cdist(of[:, 0], posterior.codebooks[0]).square() / 0.7).softmax(-1)
    (expected,) = torch.autograd.grad(((shares @ posterior.codebooks[0].detach()) * direction[:, 0]).sum(), of)
    assert_close(found, expected)


def test_the_penalty_is_on_codes_that_are_longer_than_those_before() -> None:
    posterior, of = built(norm_weight=2.0, norm_ratio=1.5), vectors()
    # Fresh codebooks halve from level to level.
    assert_close(posterior.penalty(of, of), torch.zeros(40, dtype=torch.float64))
    posterior.codebooks.data[1].mul_(2.5)
    _, parts = by_hand(posterior.codebooks.detach(), of)
    lengths = torch.stack(parts).norm(dim=-1)
    expected = 2 * ((1.5 * lengths[1:] / lengths[:-1]).clamp(min=1) - 1).square().sum(0)
    assert_close(posterior.penalty(of, of).detach(), expected)
    assert expected.max() > 0.1


def test_it_trains(tmp_path: Any) -> None:
    part = vl.HierarchicalCodebook(size=8, levels=2)
    settings: Any = {"data": "digits", "network": vl.Mlp(hidden=(16,)), "epochs": 3, "prior": vl.UniformCodes()}
    run = vl.train(vl.preset("vae", posterior=part, latent=4, **settings), tmp_path / "run", show=False)
    assert run.rows[-1]["test_total"] < run.rows[0]["test_total"]


def test_a_temperature_of_zero_is_refused() -> None:
    with pytest.raises(vl.UserError, match=r"HierarchicalCodebook\.temperature is 0\.0 after 0 epochs"):
        built(temperature=vl.Linear(epochs=1, start=1.0, stop=0.0))
