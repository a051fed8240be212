"""The explorer's page with two small models, opened in a real browser, and hands to drive it as a user does."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from filelock import FileLock
from PIL import Image
from torch import Tensor

from vaelab import UserError, train
from vaelab.data import Npz
from vaelab.explorer.page import built_page, explore
from vaelab.models.model import Model
from vaelab.presets import PRESETS
from vaelab.training import Run, open_run

from .browser import opened
from .exports import quick_exports

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

# Machines are busy at times: a page may need minutes for what takes it a second.
PATIENCE = 180_000

Point = tuple[float, float]


@dataclass(frozen=True)
class Site:
    """The page's file, the runs in it, and the test images that it shows."""

    file: Path
    vae: Run
    cvae: Run
    images: Tensor
    labels: Tensor

    def model(self, name: str) -> Model:
        return getattr(self, name).model.eval()


def write_site(digits_file: Path, folder: Path) -> Site:
    """The study's VAE, with a snapshot, its CVAE and one page with both, made unless the folder has them."""
    try:
        built_page()
    except UserError as absent:
        pytest.skip(str(absent))
    pytest.importorskip("onnxscript", reason="the explorer exports models, which needs pip install '.[export]'")
    file = folder / "page.html"
    with FileLock(f"{folder}.lock"):
        if not file.exists():
            for name, every in (("vae", 2), ("cvae", 0)):
                experiment = replace(PRESETS[name][1], data=Npz(str(digits_file)))
                settings = replace(experiment.training, epochs=3, seed=0, device="cpu", snapshot_every=every)
                train(replace(experiment, training=settings), folder / name)
            with quick_exports():
                explore(folder / "vae", folder / "cvae", snapshots=True).write(file)
    with np.load(digits_file) as data:
        images = torch.from_numpy(data["test_images"]).float() / 255
        labels = torch.from_numpy(data["test_labels"]).long()
    return Site(file, open_run(folder / "vae"), open_run(folder / "cvae"), images.view(-1, 1, 28, 28), labels)


class Screen:
    """An open page. What a user does goes through the mouse, the keyboard or the fingers."""

    def __init__(self, page: Page, problems: list[str]) -> None:
        self.page, self.problems = page, problems
        self.cdp = page.context.new_cdp_session(page)

    # ---- what it holds and shows ----

    def value(self, expression: str) -> Any:
        return self.page.evaluate(f"() => {expression}")

    def floats(self, expression: str) -> Tensor:
        return torch.tensor(self.value(f"Array.from({expression} ?? [])"), dtype=torch.float32)

    def until(self, condition: str) -> None:
        """Wait for a condition in JavaScript, such as a text that appears."""
        self.page.wait_for_function(f"() => {condition}", timeout=PATIENCE)

    def rest(self) -> None:
        """Wait until the models have nothing left to compute."""
        self.until("(e => !e.running && !e.live.length && !e.later.length)(vaelab.engine) && !vaelab.main.decoding")

    def text(self, name: str, within: str = "") -> str:
        """The visible text of an element with a data-testid."""
        return self.page.locator(f"{within} [data-testid={name}]").first.inner_text()

    def number(self, name: str, within: str = "") -> float:
        return float(self.text(name, within))

    def canvases(self, selector: str) -> Tensor:
        """What canvases of one size show, (n, height, width, 4) from 0 to 255."""
        found = self.page.locator(selector).evaluate_all("all => all.map(each => each.toDataURL())")
        images = [Image.open(io.BytesIO(base64.b64decode(each.partition(",")[2]))).convert("RGBA") for each in found]
        return torch.from_numpy(np.stack([np.asarray(image) for image in images])).float()

    def pictures(self, selector: str) -> Tensor:
        """The grey images in an element, (n, 28, 28) from 0 to 1."""
        return self.canvases(f"{selector} canvas")[..., 0] / 255

    @property
    def z(self) -> Tensor:
        return self.floats("vaelab.z")

    @property
    def image(self) -> Tensor:
        """The image that the encoder is given, (1, 1, 28, 28)."""
        return self.floats("vaelab.image").view(1, 1, 28, 28)

    # ---- hands ----

    def button(self, name: str, within: str = "body") -> Locator:
        return self.page.locator(within).get_by_role("button", name=name, exact=True)

    def press(self, name: str, within: str = "body") -> None:
        self.button(name, within).click()
        self.rest()

    @property
    def plane(self) -> Locator:
        return self.page.locator("#plane [role=application]")

    @property
    def paper(self) -> Locator:
        return self.page.locator("#ink [role=application]")

    def drag(self, *points: Point) -> None:
        """Drag the mouse along points of the window, and let go."""
        mouse = self.page.mouse
        mouse.move(*points[0])
        mouse.down()
        for point in points[1:]:
            mouse.move(*point, steps=3)
        mouse.up()
        self.rest()

    def fingers(self, kind: str, *points: Point) -> None:
        """A touch event that the page has handled: touchStart, touchMove or touchEnd with all fingers on the screen."""
        touches = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        # The browser holds moves back until the next frame, so the command may return before the page sees them.
        once = f"seen => addEventListener('{kind.lower()}', seen, {{capture: true, once: true}})"
        self.value(f"void (window.touched = new Promise({once}))")
        self.cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
        self.value("window.touched.then(() => null)")


def box_of(element: Locator) -> dict[str, float]:
    """Where an element lies in the window, once it is scrolled into it: x, y, width and height."""
    element.scroll_into_view_if_needed()
    box = element.bounding_box()
    assert box is not None
    return box


def place(box: dict[str, float], across: float, down: float) -> Point:
    """The point at shares of a box's width and height."""
    return box["x"] + across * box["width"], box["y"] + down * box["height"]


@dataclass(frozen=True)
class Map:
    """From latents to pixels of the window, for a plane that shows everything."""

    centre: Point
    scale: float

    @classmethod
    def of(cls, screen: Screen, model: Model, site: Site) -> Map:
        """The map of a plane: it shows the prior to 3.4 deviations, or nearly all of the points."""
        box = box_of(screen.plane)
        y = site.labels if model.spec.conditional else None
        with torch.no_grad():
            sizes = model.encode(site.images, y).mean.abs().flatten().sort().values
        reach = max(3.4, 1.1 * float(sizes[int(0.995 * (len(sizes) - 1))]))
        # A border of one pixel is no part of the plane.
        side = min(box["width"], box["height"]) - 2
        return cls(place(box, 0.5, 0.5), side / (2 * reach))

    def pixels(self, z: Sequence[float] | Tensor) -> Point:
        return self.centre[0] + self.scale * float(z[0]), self.centre[1] - self.scale * float(z[1])

    def latent(self, point: tuple[float | Tensor, float | Tensor]) -> Tensor:
        """The latents at a point, or at points whose coordinates are tensors, (2, ...)."""
        across, down = (torch.as_tensor(each) for each in point)
        return torch.stack([(across - self.centre[0]) / self.scale, (self.centre[1] - down) / self.scale])


@contextmanager
def shown(browser: Browser, file: Path, width: int = 1440, scheme: str = "light", state: str = "") -> Iterator[Screen]:
    """A page whose models have opened; afterwards it must not have complained."""
    with opened(browser, file, width, scheme, fragment=state) as (page, problems):
        page.set_default_timeout(PATIENCE)
        page.wait_for_function("() => window.vaelab || document.querySelector('[role=alert]')", timeout=PATIENCE)
        screen = Screen(page, problems)
        screen.rest()
        yield screen
        assert problems == [], problems


def close(found: Tensor, expected: Tensor, within: float = 1e-4) -> bool:
    """Whether two tensors of the same number of elements agree."""
    assert found.numel() == expected.numel(), f"{found.numel()} values instead of {expected.numel()}"
    return float((found.flatten() - expected.detach().flatten()).abs().max()) <= within


def decoded(model: Model, z: Tensor, y: int | None = None) -> Tensor:
    """The decoder's images at latents, (N, 1, 28, 28), by PyTorch."""
    z = z.view(-1, 2)
    with torch.no_grad():
        return model.decode(z, None if y is None else torch.full((len(z),), y)).mean
