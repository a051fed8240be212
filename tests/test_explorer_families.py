"""The explorer with every family of real latents: its controls, and its numbers beside PyTorch's."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from .explorer_families import DESK, PHONE, Group, check_layout, family
from .family_pages import agrees, at_cursor, eventually, look, take_image

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HALF_LOG_2_PI = math.log(2 * math.pi) / 2


def text(page: Page, test_id: str) -> str:
    return page.locator(f"#loss [data-testid={test_id}]").inner_text()


@family("sixteen")
def test_dimensions(shown: tuple[Any, Page], test_images: tuple[torch.Tensor, torch.Tensor]) -> None:
    """Axes by KL, sliders that hold the rest, draws from the prior."""
    model, page = shown
    q = model.encode(test_images[0])
    mean, variance = q.mean.double(), q.stddev.double() ** 2
    kl = ((mean**2 + variance - 1 - variance.log()) / 2).mean(0)
    panel = page.get_by_role("region", name="16 dimensions")
    options = panel.get_by_label("right").locator("option").all_inner_texts()
    assert options == [f"z{d + 1} · {kl[d]:.2f} nats" for d in kl.argsort(descending=True).tolist()]
    assert look(page, "p.axes") == kl.argsort(descending=True)[:2].tolist()
    panel.get_by_label("right").select_option("5")
    panel.get_by_label("up").select_option("2")
    assert look(page, "p.axes") == [5, 2]
    before = at_cursor(page)
    box = page.get_by_role("application", name="Latent plane").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.7 * box["width"], box["y"] + 0.4 * box["height"])
    after = at_cursor(page)
    assert (after != before).nonzero()[:, 1].tolist() == [2, 5]
    said = page.get_by_test_id("cursor").inner_text()
    assert said.startswith(f"z6 = {float(after[0, 5]):.2f}, z3 = {float(after[0, 2]):.2f}")
    slider = panel.get_by_role("slider", name=re.compile("z8 "))
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    moved = at_cursor(page)
    assert (moved != after).nonzero()[:, 1].tolist() == [7]
    agrees(page, "s.decoded.mean", model.decode(moved).mean)
    agrees(page, "s.logPrior", -0.5 * moved.square().sum() - 16 * HALF_LOG_2_PI)
    panel.get_by_role("button", name="Draw from the prior").click()
    drawn = at_cursor(page)
    assert not (drawn == moved).any()
    assert 0.4 < drawn.std() < 1.8
    agrees(page, "s.decoded.mean", model.decode(drawn).mean)
    panel.get_by_role("button", name="All to 0").click()
    assert not at_cursor(page).any()


@family("sixteen")
def test_principal_axes(shown: tuple[Any, Page], test_images: tuple[torch.Tensor, torch.Tensor]) -> None:
    """The cursor moves within the plane that the means spread in most; what is orthogonal to it is held."""
    model, page = shown
    means = model.encode(test_images[0]).mean.double().numpy()
    axes = np.linalg.svd(means - means.mean(0), full_matrices=False)[2][:2]
    panel = page.get_by_role("region", name="16 dimensions")
    panel.get_by_role("button", name="Draw from the prior").click()
    panel.get_by_role("button", name="principal axes").click()
    before = at_cursor(page).double().numpy()
    field = page.get_by_role("application", name="Latent plane")
    field.scroll_into_view_if_needed()
    box = field.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.2 * box["width"], box["y"] + 0.3 * box["height"])
    step = at_cursor(page).double().numpy() - before
    assert np.linalg.norm(step) > 0.1
    assert np.abs(step - step @ axes.T @ axes).max() < 1e-4
    scores = re.findall(r"-?[\d.]+", page.get_by_test_id("cursor").inner_text())[:2]
    # Which way an axis points is arbitrary.
    assert np.allclose(np.abs(np.float64(scores)), np.abs((before + step - means.mean(0)) @ axes.T), atol=0.006)
    agrees(page, "s.decoded.mean", model.decode(at_cursor(page)).mean)
    panel.get_by_role("button", name="principal axes").click()
    assert look(page, "p.axes") != "principal"


@family("sixteen", "line")
def test_loss_of_normal_posteriors(shown: tuple[Any, Page], test_images: tuple[torch.Tensor, torch.Tensor]) -> None:
    """KL in closed form; the reconstruction is an average over draws, so it is near that of many draws."""
    model, page = shown
    row = take_image(page)
    x = test_images[0][row : row + 1]
    q = model.encode(x)
    agrees(page, "s.encoding.mean", q.mean)
    agrees(page, "s.encoding.stddev", q.stddev)
    agrees(page, "s.reconstruction.mean", model.decode(q.mean).mean)
    kl = (q.mean.square() + q.stddev.square() - 1) / 2 - q.stddev.log()
    agrees(page, "s.loss.klByDimension", kl)
    agrees(page, "s.loss.kl", kl.sum())
    torch.manual_seed(0)
    draws = -model.decode(q.sample((4000,)).flatten(0, 1)).log_prob(x)
    found = look(page, "s.loss.reconstruction")
    assert abs(found - draws.mean()) < 4 * draws.std() / math.sqrt(32)
    assert look(page, "s.loss.total") == pytest.approx(found + look(page, "s.loss.kl"))
    assert float(text(page, "kl")) == pytest.approx(float(kl.sum()), abs=0.006)


@family("line")
def test_one_dimension(shown: tuple[Any, Page], test_images: tuple[torch.Tensor, torch.Tensor]) -> None:
    """The images lie along one axis, and the cursor moves along it."""
    model, page = shown
    field = page.get_by_role("application", name="Latent plane")
    field.scroll_into_view_if_needed()
    box = field.bounding_box()
    assert box is not None
    # Beside the points: a click on one takes its image.
    page.mouse.click(box["x"] + 0.7 * box["width"], box["y"] + 0.2 * box["height"])
    z = at_cursor(page)
    assert z.shape == (1, 1)
    assert 0.1 < z < 30
    assert page.get_by_test_id("cursor").inner_text().startswith(f"z = ({float(z):.2f})")
    agrees(page, "s.decoded.mean", model.decode(z).mean)
    means = model.encode(test_images[0]).mean
    agrees(page, "s.entry.positions.means", means)
    # The points lie in the middle, at the scale that the first click showed.
    scale = 0.2 * box["width"] / float(z)
    page.mouse.click(box["x"] + box["width"] / 2 + float(means[7]) * scale, box["y"] + box["height"] / 2)
    assert abs(means[look(page, "p.row")] - means[7]) < 4 / scale
    assert "two dimensions, and this model has one" in page.locator("#truth").inner_text()


@family("correlated", "pointed")
def test_other_posteriors(shown: tuple[Any, Page], test_images: tuple[torch.Tensor, torch.Tensor]) -> None:
    """Mean and deviations do not tell the KL of a posterior that is no diagonal normal, so no loss is shown."""
    model, page = shown
    row = take_image(page)
    q = model.encode(test_images[0][row : row + 1])
    agrees(page, "s.encoding.mean", q.mean)
    agrees(page, "s.encoding.stddev", q.stddev)
    agrees(page, "s.reconstruction.mean", model.decode(q.mean).mean)
    assert "it is no diagonal normal" in page.locator("#loss").inner_text()
    assert not page.locator("#loss table").count()
    assert look(page, "s.entry.positions.about.kl") is None
    assert "not known here as a diagonal normal" in page.locator("#truth").inner_text()


@family("by class", "vamp", "flow prior")
def test_priors(shown: tuple[Any, Page], test_images: tuple[torch.Tensor, torch.Tensor]) -> None:
    """log p(z) at the cursor, under the label that is chosen."""
    model, page = shown
    row = take_image(page)
    x, y = (each[row : row + 1] for each in test_images)
    label = y if model.spec.conditional else None
    agrees(page, "s.encoding.mean", model.encode(x, label).mean)
    page.get_by_role("button", name="Move the cursor to q's mean").click()
    z = at_cursor(page)
    agrees(page, "s.decoded.mean", model.decode(z, label).mean)
    agrees(page, "s.logPrior", model.prior_of(label, 1).log_prob(z))
    eventually(
        lambda: page.get_by_test_id("cursor").inner_text(),
        lambda said: f"log p(z) = {float(model.prior_of(label, 1).log_prob(z)):.2f} nats" in said,
        "the line under the plane",
    )
    assert not page.get_by_label("prior", exact=True).count()
    if label is None:
        return
    other = torch.tensor([(int(y) + 3) % 10])
    page.get_by_role("radiogroup", name="Label").get_by_role("radio").nth(int(other)).click()
    agrees(page, "s.logPrior", model.prior_of(other, 1).log_prob(z))
    agrees(page, "s.decoded.mean", model.decode(z, other).mean)
    agrees(page, "s.encoding.mean", model.encode(x, other).mean)


@family("flow posterior")
def test_flow_posterior(shown: tuple[Any, Page]) -> None:
    """It decodes; images are left out of its plane, with the reason."""
    model, page = shown
    page.get_by_role("application", name="Latent plane").focus()
    page.keyboard.press("ArrowRight")
    agrees(page, "s.decoded.mean", model.decode(at_cursor(page)).mean)
    left_out = page.get_by_label("Left out").inner_text()
    assert "images in the latent space" in left_out
    assert "TransformedPosterior gives a FlowDistribution, whose standard deviation is not known" in left_out
    take_image(page)
    assert "cannot be encoded here" in page.locator("#loss").inner_text()
    assert not page.get_by_label("points", exact=True).count()


@pytest.mark.parametrize("width", [DESK, PHONE])
@pytest.mark.parametrize("name", ["vectors", "priors"])
def test_layout(group: Callable[[str], Group], browser: Browser, name: str, width: int) -> None:
    check_layout(group(name), browser, width)
