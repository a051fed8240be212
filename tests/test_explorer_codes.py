"""The explorer with hierarchies and codebooks: its controls, and its numbers beside PyTorch's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import torch

import vaelab as vl

from .explorer_families import DESK, PHONE, Group, check_layout, family
from .family_pages import agrees, at_cursor, eventually, look, take_image

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@family("ladder")
def test_ladder(shown: tuple[Any, Page], test_images: tuple[torch.Tensor, torch.Tensor]) -> None:
    """A group that is drawn again leaves the others; the image is the model's for that noise."""
    model, page = shown
    row = take_image(page)
    x = test_images[0][row : row + 1]
    q = model.encode(x)
    agrees(page, "s.reconstruction.mean", model.decode(q.mean).mean)
    page.get_by_role("button", name="Move the cursor to q's mean").click()
    before = at_cursor(page)
    agrees(page, "s.decoded.mean", model.decode(q.mean).mean)
    groups = page.get_by_role("list", name="Groups of latents").get_by_role("listitem")
    assert [line.split("\n")[0] for line in groups.all_inner_texts()] == ["noise 1 1 × 7 × 7", "noise 2 1 × 14 × 14"]
    groups.nth(1).get_by_role("button", name="redraw").click()
    after = at_cursor(page)
    assert torch.equal(after[:, :49], before[:, :49])
    assert not (after[:, 49:] == before[:, 49:]).any()
    agrees(page, "s.decoded.mean", model.likelihood(model.theta_at(after.split(model.widths, 1), None)).mean)
    groups.nth(0).get_by_role("button", name="set to the mean").click()
    held = at_cursor(page)
    assert not held[:, :49].any()
    assert torch.equal(held[:, 49:], after[:, 49:])
    agrees(page, "s.decoded.mean", model.likelihood(model.theta_at(held.split(model.widths, 1), None)).mean)
    agrees(page, "s.logPrior", -0.5 * held.square().sum() - 245 * math.log(2 * math.pi) / 2)
    assert "depends on the draws of those above it" in page.locator("#loss").inner_text()


@family("codebook", "fsq", "residual", "in order")
def test_codes(shown: tuple[Any, Page], test_images: tuple[torch.Tensor, torch.Tensor]) -> None:
    """Codes of x, a click that changes one of them, and log p(codes) in the loss."""
    model, page = shown
    row = take_image(page)
    x = test_images[0][row : row + 1]
    found = eventually(lambda: look(page, "s.encoding.codes"), lambda value: value is not None, "the codes of x")
    expected = torch.tensor([found])
    # A vector halfway between two codes may take either.
    assert (expected == model.encode(x).codes).float().mean() > 0.95
    agrees(page, "s.reconstruction.mean", model.generate(given=expected, n=1))
    page.get_by_role("button", name="Codes of x").click()
    agrees(page, "p.z", expected, 0)
    slots = page.get_by_role("group", name="Code map").get_by_role("button")
    assert slots.count() == expected.shape[1]
    size = model.posterior.code_space.size
    slots.nth(5).click()
    slots.nth(5).click()
    changed = expected.clone()
    changed[0, 5] = (changed[0, 5] + 1) % size
    agrees(page, "p.z", changed, 0)
    agrees(page, "s.decoded.mean", model.generate(given=changed, n=1))
    number = page.get_by_label("Code", exact=True)
    number.fill(str(size - 1))
    number.press("Enter")
    changed[0, 5] = size - 1
    agrees(page, "p.z", changed, 0)
    agrees(page, "s.decoded.mean", model.generate(given=changed, n=1))
    kl = -model.prior_of(None, 1).log_prob(expected)
    agrees(page, "s.loss.kl", kl)
    agrees(page, "s.loss.reconstruction", -model.decode(model.posterior.read(expected)).log_prob(x))
    assert float(page.locator("#loss [data-testid=kl]").inner_text()) == pytest.approx(float(kl), abs=0.006)
    uniform = expected.shape[1] * math.log(size)
    if isinstance(model.spec.prior, vl.UniformCodes):
        assert float(kl) == pytest.approx(uniform)
    else:
        assert abs(float(kl) - uniform) > 1


@pytest.mark.parametrize("width", [DESK, PHONE])
@pytest.mark.parametrize("name", ["hierarchy", "codes"])
def test_layout(group: Callable[[str], Group], browser: Browser, name: str, width: int) -> None:
    check_layout(group(name), browser, width)
