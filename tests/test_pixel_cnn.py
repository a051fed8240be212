"""The PixelCNN prior: causality, normalisation over all maps, conditions, and a fit to the codes of a trained model."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot
from torch.testing import assert_close

import vaelab as vl
from vaelab.sizes import CodeSpace, PriorSizes


def built(extent: tuple[int, int], size: int, levels: int = 1, condition: int = 0, **settings: Any) -> Any:
    """A PixelCNN in double precision with weights that matter."""
    torch.manual_seed(0)
    space = CodeSpace(extent[0] * extent[1] * levels, size)
    prior: Any = vl.PixelCnn(**({"layers": 3, "width": 8} | settings)).build(
        PriorSizes((1, 8, 8), 4, condition, space, map=extent)
    )
    for parameter in prior.parameters():
        parameter.data.add_(0.2 * torch.randn_like(parameter))
    return prior.double()


def test_logits_depend_on_every_code_before_and_on_none_after() -> None:
    """The Jacobian of each slot's logits by the vectors of all codes: no blind spot, and no look ahead."""
    prior, seen = built((4, 5), size=3, layers=5), []
    prior.embedding.register_forward_hook(lambda _, __, out: seen.append(out.requires_grad_()))
    logits = prior.next_logits(torch.randint(3, (1, 20)), None)
    for slot in range(20):
        (slope,) = torch.autograd.grad(logits[0, slot].square().sum(), seen[0], retain_graph=True)
        depends = slope[0, :, 0].abs().sum(-1)
        assert (depends[:slot] > 1e-12).all()
        assert (depends[slot:] == 0).all()


@pytest.mark.parametrize(("extent", "levels"), [((2, 3), 2), ((1, 4), 2), ((3, 1), 2), ((1, 1), 3)])
def test_levels_of_a_position_depend_on_those_before(extent: tuple[int, int], levels: int) -> None:
    """Changing a code changes the logits of all later slots, by position and then by level, and of no others."""
    prior = built(extent, size=3, levels=levels, layers=4)
    slots = extent[0] * extent[1] * levels
    codes = torch.randint(3, (5, slots))
    with torch.no_grad():
        before = prior.next_logits(codes, None)
        for slot in range(slots):
            changed = codes.clone()
            changed[:, slot] = (codes[:, slot] + 1) % 3
            differs = (prior.next_logits(changed, None) - before).abs().amax((0, 2)) > 1e-9
            assert torch.equal(differs, torch.arange(slots) > slot)
            assert_close(prior.next_logits(codes[:, :slot], None), before[:, : slot + 1])


@pytest.mark.parametrize("condition", [0, 3])
@pytest.mark.parametrize(("extent", "levels", "size"), [((2, 2), 1, 4), ((2, 1), 2, 3), ((1, 3), 1, 5)])
def test_probabilities_of_all_maps_add_up_to_one(
    extent: tuple[int, int], levels: int, size: int, condition: int
) -> None:
    prior = built(extent, size, levels, condition)
    slots = extent[0] * extent[1] * levels
    maps = torch.tensor(list(itertools.product(range(size), repeat=slots)))
    c = one_hot(torch.arange(3)).double() if condition else None
    with torch.no_grad():
        log_p = prior(c).log_prob(maps[:, None].expand(-1, 3, -1) if condition else maps)
    mass = log_p.exp()
    assert_close(mass.sum(0), torch.ones_like(mass.sum(0)))
    if condition:
        assert (mass.diff(dim=1).abs().sum(0) > 0.01).all()
        return
    drawn = prior.draw(4000, None, None, 1.0)
    shares = (drawn @ (size ** torch.arange(slots - 1, -1, -1))).bincount(minlength=len(maps)) / 4000
    assert ((shares - mass).abs() < 5 * (mass * (1 - mass) / 4000).sqrt() + 1e-9).all()


def test_codes_above_are_learned() -> None:
    """Each code equals the one above it, which neighbours in a row do not tell."""
    torch.manual_seed(0)
    prior: Any = vl.PixelCnn(layers=2, width=16).build(PriorSizes((1, 8, 8), 4, 0, CodeSpace(9, 4), map=(3, 3)))
    codes = torch.randint(4, (200, 1, 3)).expand(-1, 3, -1).flatten(1)
    optimiser = torch.optim.Adam(prior.parameters(), 0.01)
    for _ in range(80):
        optimiser.zero_grad()
        (loss := -prior().log_prob(codes).mean()).backward()
        optimiser.step()
    assert float(loss.detach()) == pytest.approx(3 * np.log(4), abs=0.4)


def test_even_kernels_are_refused() -> None:
    with pytest.raises(vl.UserError, match=r"PixelCnn.kernel is 4, but must be odd"):
        vl.PixelCnn(kernel=4)


@pytest.mark.parametrize("posterior", [vl.Codebook(size=6), vl.ResidualCodebook(size=6)], ids=["one", "residual"])
def test_it_is_fitted_to_the_map_of_a_trained_model(posterior: Any, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 2, (200, 4, 4), np.uint8) * np.uint8(255)
    data = vl.as_data(np.kron(images, np.ones((1, 2, 2), np.uint8)), np.arange(200) % 2)
    experiment = vl.preset(
        "vq-vae", epochs=2, batch_size=20, posterior=posterior, network=vl.ResNet((8, 8), spatial=True)
    )
    run = vl.train(experiment, tmp_path / "run", data=data, show=False)
    fitted: Any = vl.fit_prior(run, vl.PixelCnn(layers=2, width=16), tmp_path / "fitted", epochs=3, show=False)
    model = fitted.model
    assert model.prior.extent == (2, 2) == model.map
    assert model.prior.levels == model.posterior.code_space.slots // 4
    assert fitted.rows[-1]["test_kl"] < run.rows[-1]["test_kl"] - 0.1
    assert model.generate(3).shape == (3, 1, 8, 8)
    again: Tensor = vl.load(tmp_path / "fitted").state_dict()["prior.start"]
    assert torch.equal(again, model.state_dict()["prior.start"])
