"""The explorer's panels about models: classes, paths, comparison and epochs, each beside PyTorch."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor

from vaelab.models.files import load
from vaelab.training.folder import RunFolder

from .explorer_pages import Map, Screen, Site, box_of, close, decoded, place


@pytest.fixture
def vae(desk: Screen) -> Screen:
    desk.press("vae", "header")
    return desk


@pytest.fixture
def cvae(desk: Screen) -> Screen:
    desk.press("cvae", "header")
    return desk


def go(screen: Screen, site: Site, *z: float) -> None:
    """Click on a point of the plane."""
    name = "cvae" if screen.value("vaelab.index") else "vae"
    screen.page.mouse.click(*Map.of(screen, site.model(name), site).pixels(z))
    screen.rest()


def take_image(screen: Screen) -> None:
    screen.press("Clear", "#ink")
    box = box_of(screen.paper)
    screen.drag(place(box, 0.5, 0.15), place(box, 0.45, 0.85))


# ---- classes ----


def test_every_class_at_the_same_point(cvae: Screen, explorer_site: Site) -> None:
    model = explorer_site.model("cvae")
    go(cvae, explorer_site, 0.8, -1.1)
    for label in (3, 7):
        cvae.page.get_by_role("radio", name=str(label)).click()
        cvae.rest()
        assert close(cvae.floats("vaelab.main.decoded.mean"), decoded(model, cvae.z, label))
        assert close(cvae.pictures("#decoded .picture")[:1], decoded(model, cvae.z, label), 0.002)
    expected = torch.cat([decoded(model, cvae.z, label) for label in range(10)])
    assert close(cvae.pictures("#classes"), expected, 0.002)
    # The label is also the one that the encoder is given.
    take_image(cvae)
    with torch.no_grad():
        q = model.encode(cvae.image, torch.tensor([7]))
    assert close(cvae.floats("vaelab.main.encoding.mean"), q.mean)
    cvae.press("at the style of x", "#classes")
    expected = torch.cat([decoded(model, q.mean, label) for label in range(10)])
    assert close(cvae.pictures("#classes"), expected, 0.002)
    cvae.press("at the cursor", "#classes")


# ---- paths ----


@pytest.fixture
def pathless(vae: Screen) -> Screen:
    while vae.value("vaelab.path.length"):
        vae.press("Remove the last", "#paths")
    vae.press("linear", "#paths")
    return vae


def frames_of(screen: Screen, site: Site) -> Tensor:
    """The points of the path, after its frames have been compared with PyTorch's."""
    way = torch.tensor(screen.value("vaelab.way.map(z => Array.from(z))"))
    assert len(way) == 16
    assert close(screen.pictures("#paths .strip >> nth=0 >>"), decoded(site.model("vae"), way), 0.002)
    return way


def between_pixels(screen: Screen) -> float:
    said = re.search(r"([\d.]+) between the frames' pixels", screen.page.locator("#paths").inner_text())
    assert said is not None
    return float(said[1])


def test_paths_of_two_points(pathless: Screen, explorer_site: Site) -> None:
    ends = (-1.8, 1.0), (0.4, 0.5)
    for end in ends:
        go(pathless, explorer_site, *end)
        pathless.press("Add the cursor", "#paths")
    assert pathless.text("path-points") == "2 points"
    pathless.until("vaelab.way.length === 16")
    pathless.rest()
    points = torch.tensor(pathless.value("vaelab.path.map(z => Array.from(z))"))
    assert close(points, torch.tensor(ends), 0.01)
    straight = frames_of(pathless, explorer_site)
    assert close(straight, points[0] + torch.linspace(0, 1, 16)[:, None] * (points[1] - points[0]), 1e-5)
    images = decoded(explorer_site.model("vae"), straight).flatten(1)
    pixels = between_pixels(pathless)
    assert pixels == pytest.approx(float(images.diff(dim=0).norm(dim=1).sum()), abs=0.01)
    # The arc keeps its distance from the centre of the prior.
    pathless.press("spherical", "#paths")
    pathless.until("document.querySelectorAll('#paths .strip button').length === 16")
    pathless.rest()
    arc = frames_of(pathless, explorer_site)
    norms = points.norm(dim=1)
    assert close(arc.norm(dim=1), torch.lerp(norms[0], norms[1], torch.linspace(0, 1, 16)), 1e-4)
    assert close(arc[[0, -1]], points, 1e-5)
    # The shortest path changes the image no more than the straight one.
    pathless.press("shortest", "#paths")
    pathless.until("!document.querySelector('#paths [role=status]')")
    pathless.rest()
    shortest = frames_of(pathless, explorer_site)
    assert close(shortest[[0, -1]], points, 1e-5)
    assert between_pixels(pathless) <= pixels + 0.01


def test_a_path_through_three_points_is_played(pathless: Screen, explorer_site: Site) -> None:
    take_image(pathless)
    for end in ((-1, -1), (0.5, 1.5)):
        go(pathless, explorer_site, *end)
        pathless.press("Add the cursor", "#paths")
    pathless.press("Add x", "#paths")
    pathless.until("vaelab.way.length === 16")
    pathless.rest()
    way = frames_of(pathless, explorer_site)
    assert close(way[-1], pathless.floats("vaelab.main.encoding.mean"), 1e-5)
    steps = way.diff(dim=0).norm(dim=1)
    assert steps.max() <= 1.001 * steps.median()
    assert pathless.page.locator("#plane path.path").get_attribute("d").count("L") == 15
    # A frame that is chosen is where the cursor goes.
    pathless.page.get_by_role("button", name="Frame 4 of 16").first.click()
    pathless.rest()
    assert close(pathless.z, way[3], 1e-6)
    pathless.button("Play", "#paths").click()
    pathless.until("document.querySelectorAll('#paths .strip button')[9].getAttribute('aria-pressed') === 'true'")
    pathless.press("Stop", "#paths")
    z = pathless.z
    at = pathless.value(
        "[...document.querySelectorAll('#paths .strip button')].findIndex(b => b.ariaPressed === 'true')"
    )
    assert close(z, way[at], 1e-6)
    assert close(pathless.floats("vaelab.main.decoded.mean"), decoded(explorer_site.model("vae"), z))


def test_the_same_path_under_two_labels(cvae: Screen, explorer_site: Site) -> None:
    while cvae.value("vaelab.path.length"):
        cvae.press("Remove the last", "#paths")
    cvae.press("linear", "#paths")
    cvae.page.get_by_role("radio", name="2").click()
    for end in ((-1, 0.5), (1, 0.3)):
        go(cvae, explorer_site, *end)
        cvae.press("Add the cursor", "#paths")
    choice = cvae.page.locator("#paths select")
    choice.select_option("5")
    cvae.until("document.querySelectorAll('#paths .strip').length === 2")
    cvae.rest()
    way = torch.tensor(cvae.value("vaelab.way.map(z => Array.from(z))"))
    for strip, label in enumerate((2, 5)):
        shown_frames = cvae.pictures(f"#paths .strip >> nth={strip} >>")
        assert close(shown_frames, decoded(explorer_site.model("cvae"), way, label), 0.002)
    choice.select_option("")
    cvae.until("document.querySelectorAll('#paths .strip').length === 1")


# ---- comparison and epochs ----


def test_two_models_side_by_side(vae: Screen, explorer_site: Site) -> None:
    go(vae, explorer_site, -0.4, 0.7)
    vae.press("cvae", "#compare")
    vae.until("document.querySelectorAll('#compare article').length === 2")
    take_image(vae)
    other, label = explorer_site.model("cvae"), vae.value("vaelab.label")
    assert label is not None
    with torch.no_grad():
        q = other.encode(vae.image, torch.tensor([label]))
    assert close(vae.floats("vaelab.others[0].encoding.mean"), q.mean)
    here = vae.pictures("#compare article >> nth=1 >> .pair")
    assert close(here[0], decoded(other, vae.z, label), 0.002)
    assert close(here[1], decoded(other, q.mean, label), 0.002)
    first = vae.pictures("#compare article >> nth=0 >> .pair")
    assert close(first[0], decoded(explorer_site.model("vae"), vae.z), 0.002)
    kl = float((0.5 * (q.mean.square() + q.stddev.square() - 1) - q.stddev.log()).sum())
    assert vae.number("kl", "#compare article >> nth=1 >>") == pytest.approx(kl, abs=0.0051)
    # The model in the middle takes no label, so the panel asks for the other's.
    vae.page.locator("#compare").get_by_label("label for conditional models").select_option("4")
    vae.rest()
    label = 4
    assert close(vae.pictures("#compare article >> nth=1 >> .pair")[0], decoded(other, vae.z, label), 0.002)
    # Its own plane moves the cursor of both.
    plane = vae.page.locator("#compare [role=application]").nth(1)
    vae.page.mouse.click(*place(box_of(plane), 0.62, 0.41))
    vae.rest()
    here = vae.pictures("#compare article >> nth=1 >> .pair")
    assert close(here[0], decoded(other, vae.z, label), 0.002)
    assert close(vae.floats("vaelab.main.decoded.mean"), decoded(explorer_site.model("vae"), vae.z))
    vae.press("cvae", "#compare")
    assert vae.page.locator("#compare article").count() == 0


def test_epochs_are_scrubbed(vae: Screen, explorer_site: Site) -> None:
    go(vae, explorer_site, 0.9, 0.2)
    scrubber = vae.page.get_by_role("group", name="Training").get_by_role("slider")
    snapshots = dict(RunFolder(explorer_site.vae.folder).snapshots())
    assert sorted(snapshots) == [0, 2]
    scrubber.focus()
    for key, said in (("Home", "0"), ("ArrowRight", "2"), ("End", "last")):
        vae.page.keyboard.press(key)
        vae.until(f"document.querySelector('[data-testid=epoch]').innerText === '{said}'")
        vae.rest()
        model = explorer_site.model("vae") if said == "last" else load(snapshots[int(said)]).eval()
        assert close(vae.floats("vaelab.main.decoded.mean"), decoded(model, vae.z)), said
        with torch.no_grad():
            means = model.encode(explorer_site.images).mean
        assert close(vae.floats("vaelab.main.entry.positions.means"), means), said
    # Whatever opens first, the last choice is shown.
    for key in ("Home", "ArrowRight", "End", "Home"):
        vae.page.keyboard.press(key)
    vae.until("document.querySelector('[data-testid=epoch]').innerText === '0'")
    vae.press("Play", "#plane")
    vae.until("document.querySelector('[data-testid=epoch]').innerText === '2'")
    vae.press("Stop", "#plane")
    scrubber.focus()
    vae.page.keyboard.press("End")
    vae.until("document.querySelector('[data-testid=epoch]').innerText === 'last'")
