"""The explorer's image: drawn by mouse, touch and keyboard, encoded, and its loss and true posterior, as in PyTorch."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor

from vaelab.metrics.evidence import exact_evidence, inference_gaps
from vaelab.models.model import Model

from .explorer_pages import Map, Point, Screen, Site, box_of, close, decoded, place, shown

# A seven, in shares of the paper.
SEVEN = ((0.25, 0.2), (0.75, 0.2), (0.5, 0.5), (0.4, 0.85))


@pytest.fixture
def paper(desk: Screen) -> Screen:
    """The desk with an empty sheet."""
    desk.press("Clear", "#ink")
    desk.press("Pen", "#ink")
    assert desk.value("vaelab.image") is None
    return desk


def on_paper(screen: Screen, points: tuple[Point, ...] = SEVEN) -> list[Point]:
    box = box_of(screen.paper)
    return [place(box, *point) for point in points]


def paths(screen: Screen, kind: str) -> list[Tensor]:
    """The outlines of a kind that the plane shows, as points of its SVG, (n, 2) each."""
    shapes = screen.page.locator(f"#plane path.{kind}").evaluate_all("all => all.map(each => each.getAttribute('d'))")
    return [torch.tensor([float(n) for n in re.findall(r"-?[\d.]+", shape)]).view(-1, 2) for shape in shapes]


def elbo_of(model: Model, x: Tensor, y: Tensor | None = None) -> float:
    """The ELBO of one image by the trapezoidal rule over q, to a thousandth of a nat."""
    with torch.no_grad():
        q = model.encode(x, y)
        steps = torch.arange(-6, 6.01, 0.25)
        noise = torch.cartesian_prod(steps, steps)
        weights = (-0.5 * noise.square().sum(1)).exp()
        z = q.mean + q.stddev * noise
        log_p = model.decode(z, None if y is None else y.expand(len(z))).log_prob(x)
        kl = 0.5 * (q.mean.square() + q.stddev.square() - 1) - q.stddev.log()
    return float((weights * log_p).sum() / weights.sum() - kl.sum())


def assert_encoded(screen: Screen, site: Site) -> None:
    """The encoding, the reconstruction and the ellipses on the plane are those of PyTorch."""
    model, x = site.model("vae"), screen.image
    with torch.no_grad():
        q = model.encode(x)
    assert close(screen.floats("vaelab.main.encoding.mean"), q.mean)
    assert close(screen.floats("vaelab.main.encoding.stddev"), q.stddev)
    assert close(screen.floats("vaelab.main.reconstruction.mean"), decoded(model, q.mean))
    field = Map.of(screen, model, site)
    box = box_of(screen.plane)
    centre = torch.tensor(field.pixels(q.mean[0])) - torch.tensor([box["x"] + 1, box["y"] + 1])
    outlines = paths(screen, "posterior")
    assert len(outlines) == 2
    for deviations, outline in zip((1, 2), outlines, strict=True):
        reach = deviations * field.scale * q.stddev[0]
        assert close(outline.max(0).values, centre + reach, 0.6)
        assert close(outline.min(0).values, centre - reach, 0.6)


def test_a_drawing_by_mouse_is_encoded(paper: Screen, explorer_site: Site) -> None:
    paper.drag(*on_paper(paper))
    # As in the data: white ink, its box 20 pixels high, its centre of mass in the middle.
    image = paper.image[0, 0]
    assert image.max() > 0.95
    rows = image.sum(1).nonzero()
    assert 19 <= int(rows.max() - rows.min()) + 1 <= 22
    at = torch.arange(28) + 0.5
    assert float((image.sum(1) * at).sum() / image.sum()) == pytest.approx(14, abs=0.1)
    assert float((image.sum(0) * at).sum() / image.sum()) == pytest.approx(14, abs=0.1)
    assert_encoded(paper, explorer_site)
    assert close(paper.pictures("#ink .given"), image, 0.0021)


def test_the_eraser_and_the_width_of_the_pen(paper: Screen) -> None:
    ink = "vaelab.ink.reduce((sum, value) => sum + value, 0)"
    stroke = on_paper(paper, ((0.2, 0.5), (0.8, 0.5)))
    paper.drag(*stroke)
    thin = paper.value(ink)
    slider = paper.page.locator("#ink input[type=range]")
    slider.focus()
    paper.page.keyboard.press("End")
    paper.drag(*stroke)
    assert paper.value(ink) > 1.8 * thin
    paper.press("Eraser", "#ink")
    paper.drag(*on_paper(paper, ((0.2, 0.5), (0.5, 0.5))))
    half = paper.value(ink)
    assert half < 0.6 * 2.3 * thin
    paper.drag(*on_paper(paper, ((0.1, 0.5), (0.9, 0.5))))
    assert paper.value("vaelab.image") is None
    assert "no image yet" in paper.page.locator("#ink .given").inner_text()
    slider.focus()
    paper.page.keyboard.press("Home")
    for _ in range(5):
        paper.page.keyboard.press("ArrowRight")
    assert slider.input_value() == "9"


def test_a_drawing_by_keyboard_is_encoded(paper: Screen, explorer_site: Site) -> None:
    paper.paper.focus()
    for key in ["ArrowUp"] * 6 + ["Space"] + ["ArrowDown"] * 12 + ["Space"] + ["ArrowRight"] * 3:
        paper.page.keyboard.press(key)
    paper.rest()
    image = paper.image[0, 0]
    # A one: high and narrow. What follows with the pen lifted leaves no ink.
    high, wide = ((image > 0.5).any(axis).sum() for axis in (1, 0))
    assert high > 3 * wide > 0
    assert_encoded(paper, explorer_site)


def test_a_drawing_by_finger_is_encoded(browser, explorer_site: Site) -> None:
    with shown(browser, explorer_site.file, width=390) as phone:
        points = on_paper(phone)
        phone.fingers("touchStart", points[0])
        for point in points[1:]:
            phone.fingers("touchMove", point)
        phone.fingers("touchEnd")
        phone.rest()
        assert phone.image.sum() > 20
        # Drawing does not scroll the page away.
        assert [round(n) for n in points[0]] == [round(n) for n in on_paper(phone)[0]]
        assert_encoded(phone, explorer_site)


def test_the_loss_is_that_of_the_image(paper: Screen, explorer_site: Site) -> None:
    paper.drag(*on_paper(paper))
    model, x = explorer_site.model("vae"), paper.image
    with torch.no_grad():
        q = model.encode(x)
        kl = (0.5 * (q.mean.square() + q.stddev.square() - 1) - q.stddev.log())[0]
        z = q.mean + q.stddev * torch.randn(4000, 2, generator=torch.Generator().manual_seed(0))
        losses = -model.decode(z).log_prob(x).double()
    assert close(paper.floats("vaelab.main.loss.klByDimension"), kl)
    error = float(losses.std()) / len(losses) ** 0.5
    reconstruction = paper.number("reconstruction")
    assert reconstruction == pytest.approx(float(losses.mean()), abs=4 * error + 0.01)
    assert paper.number("kl") == pytest.approx(float(kl.sum()), abs=0.0051)
    assert paper.number("total") == pytest.approx(-elbo_of(model, x), abs=0.05)
    said = paper.page.locator("#loss .dimensions li").all_inner_texts()
    assert [re.sub(r"\s+", " ", line) for line in said] == [
        f"z{d + 1} {value:.2f}" for d, value in enumerate(kl.tolist())
    ]
    paper.page.locator("#loss summary").click()
    formulas = paper.page.locator("#loss details").inner_text()
    assert f"{reconstruction:.2f}" in formulas
    # Grey pixels have no probability under a Bernoulli likelihood, and the page says so.
    assert "cross-entropy" in paper.page.locator("#loss").inner_text()


@pytest.mark.parametrize("name", ["vae", "cvae"])
@pytest.mark.parametrize("source", ["drawn", "clicked"])
def test_the_true_posterior(paper: Screen, explorer_site: Site, name: str, source: str) -> None:
    paper.press(name, "header")
    model = explorer_site.model(name)
    if source == "drawn":
        paper.drag(*on_paper(paper))
        if name == "cvae":
            paper.page.get_by_role("radio", name="7").click()
        label = 7
    else:
        row = lonely_point(paper, model, explorer_site)
        label = int(explorer_site.labels[row])
        assert paper.value("vaelab.row") == row
        assert close(paper.image, explorer_site.images[row], 1e-6)
        assert f"test image {row} · {label}" in paper.page.locator("#ink .given").inner_text()
    paper.until("vaelab.truth !== null")
    x, y = paper.image, torch.tensor([label]) if name == "cvae" else None
    exact = exact_evidence(model, x, y, tolerance=0.01, allow_cross_entropy=True)
    assert paper.number("evidence") == pytest.approx(float(exact.log_p), abs=0.05)
    elbo = elbo_of(model, x, y)
    assert paper.number("elbo") == pytest.approx(elbo, abs=0.05)
    mean = [float(number) for number in re.findall(r"-?\d+\.\d+", paper.text("truth-mean"))]
    assert mean == pytest.approx(exact.mean[0].tolist(), abs=0.05)
    # The best q is found by other means here: steps of Adam, and 4,000 draws of it.
    moments = exact.mean, exact.covariance
    best = float(inference_gaps(model, x, exact.log_p, y, moments, steps=100, evaluation=4000).best_elbo)
    assert paper.number("approximation") == pytest.approx(float(exact.log_p) - best, abs=0.15)
    assert paper.number("amortisation") == pytest.approx(best - elbo, abs=0.15)
    assert "* The pixels are grey" in paper.page.locator("#truth").inner_text()
    # Dashed regions with 39, 86 and 99 % of the mass are drawn around the mean.
    field, box = Map.of(paper, model, explorer_site), box_of(paper.plane)
    rings = torch.cat(paths(paper, "truth"))
    centre = torch.tensor(field.pixels(exact.mean[0])) - torch.tensor([box["x"] + 1, box["y"] + 1])
    assert bool((rings.min(0).values < centre).all())
    assert bool((rings.max(0).values > centre).all())
    paper.press("vae", "header")


def lonely_point(screen: Screen, model: Model, site: Site) -> int:
    """Click on the point that is farthest from every other; returns its row."""
    with torch.no_grad():
        means = model.encode(site.images, site.labels if model.spec.conditional else None).mean
    apart = torch.cdist(means, means).fill_diagonal_(torch.inf).min(1).values
    inside = means.abs().max(1).values < 3
    row = int((apart * inside).argmax())
    screen.page.mouse.click(*Map.of(screen, model, site).pixels(means[row]))
    screen.rest()
    return row


def test_a_stroke_after_a_test_image_begins_a_new_drawing(paper: Screen) -> None:
    paper.press("Random test image", "#ink")
    assert paper.value("vaelab.row") is not None
    paper.drag(*on_paper(paper, ((0.5, 0.2), (0.5, 0.8))))
    assert paper.value("vaelab.row") is None
    drawn = paper.floats("vaelab.ink").sum()
    paper.press("Random test image", "#ink")
    paper.paper.focus()
    paper.page.keyboard.press("Space")
    paper.rest()
    paper.page.keyboard.press("Space")
    # A dot, and not the line that was drawn before.
    assert paper.floats("vaelab.ink").sum() < 0.5 * drawn


def test_the_cursor_moves_to_the_mean(paper: Screen, explorer_site: Site) -> None:
    paper.drag(*on_paper(paper))
    paper.press("Move the cursor to q's mean", "#decoded")
    assert torch.equal(paper.z, paper.floats("vaelab.main.encoding.mean"))
    assert close(paper.floats("vaelab.main.decoded.mean"), decoded(explorer_site.model("vae"), paper.z))
