"""The explorer with images of every kind: colour, attributes, binarised, many classes, none, and names with markup."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

import vaelab as vl
from vaelab.data import ImageData

from .browser import opened
from .family_pages import (
    agrees,
    at_cursor,
    eventually,
    look,
    model_of,
    page_of,
    ready,
    take_image,
    well_made,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MLP = vl.Mlp(hidden=(8,))
MARKUP = ("</script><b>x</b>", "<!--", "ünï\u2028", '"&amp;')


def images(shape: tuple[int, int, int], n: int = 40, **more: Any) -> ImageData:
    """Random images, all of them for testing."""
    pixels = np.random.default_rng(0).integers(0, 256, (n, *shape), np.uint8)
    return ImageData("random", pixels, splits={"test": range(n)}, **more)


def labelled(classes: tuple[str, ...], n: int = 40) -> ImageData:
    return images((1, 8, 8), n, labels=np.arange(n) % len(classes), classes=classes)


def both_widths(browser: Browser, page: Page, complaints: list[str], file: Path) -> None:
    """With an image, at both widths: no message, no request, nothing that axe finds, nothing that is cut off."""

    def check(page: Page, complaints: list[str], about: str) -> None:
        take_image(page)
        page.wait_for_function("() => window.vaelab.main.reconstruction")
        well_made(page, complaints, about)

    page.emulate_media(color_scheme="dark")
    page.wait_for_function("() => window.vaelab.dark")
    check(page, complaints, "on a desktop, in dark colours")
    with opened(browser, file, width=390) as (phone, said):
        ready(phone)
        check(phone, said, "on a phone")


def test_colour(browser: Browser, tmp_path: Path) -> None:
    """There is no canvas, and the page says why; the density of the pixels is that of PyTorch."""
    data = images((3, 32, 32))
    model = model_of(vl.VAE(network=vl.Conv(channels=(4, 4)), likelihood=vl.DiscretisedLogistic()), data)
    file = page_of(model, data=data).write(tmp_path / "page.html")
    with opened(browser, file) as (page, complaints):
        ready(page)
        assert "images of 3 channels, so there is no canvas" in page.locator("#ink").inner_text()
        assert not page.get_by_role("application", name="Drawing").count()
        row = take_image(page)
        x = data.tensors()[0][row : row + 1]
        q = model.encode(x)
        nodes, weights = np.polynomial.hermite_e.hermegauss(8)
        z = torch.tensor([(a, b) for a in nodes for b in nodes], dtype=torch.float32) * q.stddev + q.mean
        over = torch.tensor(np.outer(weights, weights).ravel() / (2 * np.pi))
        reconstruction = -(over * model.decode(z).log_prob(x)).sum()
        agrees(page, "s.loss.reconstruction", reconstruction)
        assert float(page.get_by_test_id("reconstruction").inner_text()) == pytest.approx(float(reconstruction), 1e-4)
        agrees(page, "s.reconstruction.mean", model.decode(q.mean).mean.clamp(0, 1))
        assert "this model has another likelihood" in page.locator("#truth").inner_text()
        both_widths(browser, page, complaints, file)


def test_attributes(browser: Browser, tmp_path: Path) -> None:
    """An image brings its attributes, and a slider changes each; images of two channels are shown as grey."""
    given = np.random.default_rng(1).normal(3, 2, (40, 2)).astype(np.float32)
    data = images((2, 9, 6), attributes=given, attribute_names=("size", "angle <i>"))
    model = model_of(vl.VAE(conditional=True, network=MLP), data)
    file = page_of(model, data=data).write(tmp_path / "page.html")
    with opened(browser, file) as (page, complaints):
        ready(page)
        row = take_image(page)
        x, c = (each[row : row + 1] for each in data.tensors())
        agrees(page, "p.attributes", given[row])
        agrees(page, "s.encoding.mean", model.encode(x, c).mean)
        agrees(page, "s.decoded.mean", model.decode(at_cursor(page), c).mean)
        sliders = page.get_by_role("list", name="Attributes").get_by_role("slider")
        assert sliders.count() == 2
        sliders.nth(1).focus()
        page.keyboard.press("Home")
        changed = torch.tensor([look(page, "p.attributes")])
        assert changed[0, 0] == c[0, 0]
        assert float(changed[0, 1]) == pytest.approx(given[:, 1].min(), abs=1e-4)
        agrees(page, "s.encoding.mean", model.encode(x, changed).mean)
        agrees(page, "s.decoded.mean", model.decode(at_cursor(page), changed).mean)
        assert not np.allclose(model.decode(at_cursor(page), changed).mean, model.decode(at_cursor(page), c).mean)
        eventually(lambda: page.evaluate("location.hash"), lambda link: "attributes=" in link, "the link")
        both_widths(browser, page, complaints, file)


@pytest.mark.parametrize("count", [12, 300])
def test_many_classes(browser: Browser, tmp_path: Path, count: int) -> None:
    """Labels above 255 keep their class."""
    data = labelled((*MARKUP, *(f"class {i}" for i in range(count - 4))), 2 * count)
    model = model_of(vl.VAE(conditional=True, network=MLP), data)
    file = page_of(model, data=data, title=MARKUP[0]).write(tmp_path / "page.html")
    with opened(browser, file) as (page, complaints):
        ready(page)
        page.evaluate("row => window.vaelab.takeRow(row)", 2 * count - 1)
        assert look(page, "p.label") == count - 1
        assert f"class {count - 5}" in page.locator("#ink").inner_text()
        x = data.tensors()[0][-1:]
        agrees(page, "s.encoding.mean", model.encode(x, [count - 1]).mean)
        # Names are text, whatever they are.
        assert page.get_by_role("heading", level=1).inner_text() == MARKUP[0]
        assert page.title() == f"{MARKUP[0]} · vaelab"
        assert not page.locator("h1 b, .legend b, #classes b").count()
        legend = page.get_by_role("group", name="Classes that are shown").get_by_role("button")
        assert [legend.nth(i).text_content() for i in range(4)] == list(MARKUP)
        legend.nth(1).click()
        assert look(page, "[...p.hidden]") == [1]
        pictures = page.get_by_role("radiogroup", name="Label").get_by_role("radio")
        assert pictures.count() == count
        pictures.nth(0).click()
        agrees(page, "s.decoded.mean", model.decode(at_cursor(page), [0]).mean)
        if count > 100:
            both_widths(browser, page, complaints, file)
        assert not complaints


def test_binarised_without_labels(browser: Browser, tmp_path: Path, digits: ImageData) -> None:
    """The images of the page are what the model saw: each pixel 0 or 1, by the draw of its run."""
    plain = replace(digits, labels=None, classes=())
    experiment = vl.Experiment(
        model=vl.VAE(network=MLP), binarisation=vl.Static(seed=3), training=vl.Training(epochs=1, batch_size=64)
    )
    run = vl.train(experiment, tmp_path / "run", data=plain)
    file = page_of(run).write(tmp_path / "page.html")
    with opened(browser, file) as (page, complaints):
        ready(page)
        row = take_image(page)
        seen = set(look(page, "p.image"))
        assert seen == {0, 1}
        assert look(page, "p.images.binary")
        assert look(page, "p.images.labels") is None
        assert not page.get_by_role("group", name="Classes that are shown").count()
        x = torch.tensor(look(page, "p.image"), dtype=torch.float32).view(1, 1, 28, 28)
        grey = plain.split("test").tensors()[0][row]
        assert x[0][grey == 0].max() == 0
        assert x[0][grey == 1].min() == 1
        agrees(page, "s.encoding.mean", run.model.encode(x).mean)
        assert "negative log-likelihood" in page.locator("#loss").inner_text()
        assert not complaints
