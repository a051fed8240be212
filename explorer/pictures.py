"""The pictures and the film of docs/explorer.md and README.md, taken in headless Chromium.

python explorer/pictures.py VAE CVAE DEEP CODES --out docs/images

VAE and CVAE are runs with a two-dimensional latent space, DEEP one with more dimensions, CODES one with a codebook.
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import cos, pi, sin
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

import vaelab as vl

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# A three in one go, in shares of the canvas.
THREE = [(0.3, 0.28), (0.42, 0.2), (0.6, 0.2), (0.68, 0.32), (0.6, 0.45), (0.46, 0.49)]
THREE += [(0.64, 0.53), (0.7, 0.66), (0.62, 0.8), (0.44, 0.84), (0.3, 0.76)]
# Of the film, pixels.
WIDTH = 760


@contextmanager
def opened(browser: Any, page_file: Path, width: int, height: int, scheme: str = "light") -> Iterator[Any]:
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.goto(page_file.as_uri())
    page.wait_for_function("() => window.vaelab?.main?.decoded", timeout=120_000)
    yield page
    context.close()


def draw(page: Any, points: list[tuple[float, float]], each: Callable[[], None] = lambda: None) -> None:
    """Draw on the canvas with the mouse."""
    box = page.locator("#ink .canvas").bounding_box()

    def at(point: tuple[float, float]) -> tuple[float, float]:
        return box["x"] + point[0] * box["width"], box["y"] + point[1] * box["height"]

    page.mouse.move(*at(points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*at(point), steps=4)
        each()
    page.mouse.up()


def drag(page: Any, points: list[tuple[float, float]], each: Callable[[], None] = lambda: None) -> None:
    """Drag the cursor through the plane; points in shares of its width and height."""
    box = page.locator(".plane").first.bounding_box()

    def at(point: tuple[float, float]) -> tuple[float, float]:
        return box["x"] + point[0] * box["width"], box["y"] + point[1] * box["height"]

    page.mouse.move(*at(points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*at(point))
        each()
    page.mouse.up()


def wait_for_truth(page: Any) -> None:
    page.wait_for_selector("[data-testid=evidence]", timeout=120_000)


def film(browser: Any, page_file: Path, out: Path) -> None:
    """A drawing, then a drag through the plane."""
    frames: list[Image.Image] = []
    with opened(browser, page_file, 1240, 760) as page:

        def frame() -> None:
            # The live numbers and the image are those of this position.
            page.wait_for_timeout(60)
            shot = Image.open(io.BytesIO(page.screenshot()))
            frames.append(shot.resize((WIDTH, round(shot.height * WIDTH / shot.width)), Image.Resampling.LANCZOS))

        frame()
        draw(page, THREE, frame)
        wait_for_truth(page)
        frames += [frames[-1]] * 3
        page.locator("#plane label", has_text="decoded").first.click()
        page.wait_for_timeout(3000)
        turns = [2 * pi * i / 24 for i in range(25)]
        path = [(0.5 + 0.3 * cos(turn), 0.5 + 0.3 * sin(2 * turn)) for turn in turns]
        drag(page, path, frame)
    palette = frames[len(frames) // 2].quantize(96, dither=Image.Dither.NONE)
    pictures = [each.quantize(palette=palette, dither=Image.Dither.NONE) for each in frames]
    durations = [120] * (len(pictures) - 1) + [1200]
    pictures[0].save(out, save_all=True, append_images=pictures[1:], duration=durations, loop=0, optimize=True)
    print(out)


def save(page: Any, out: Path, selector: str = "") -> None:
    """Take a picture of the window, or of one element."""
    shot = page.locator(selector).screenshot() if selector else page.screenshot()
    # A palette makes a picture of a page a third as large.
    Image.open(io.BytesIO(shot)).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(out, optimize=True)
    print(out)


def study(browser: Any, page_file: Path, cvae: str, out: Path) -> None:
    """The page of both study models: all of it, the loss, the true posterior, a path, a comparison."""
    with opened(browser, page_file, 1440, 1000) as page:
        draw(page, THREE)
        wait_for_truth(page)
        drag(page, [(0.5, 0.5), (0.62, 0.4), (0.7, 0.3)])
        page.wait_for_timeout(1000)
        save(page, out / "explorer.png")
        for panel in ("loss", "truth"):
            page.locator(f"#{panel} details").first.evaluate("each => each.open = true")
            save(page, out / f"explorer-{panel}.png", f"#{panel}")
        page.locator("#paths button", has_text="Add the cursor").click()
        page.evaluate("scrollTo(0, 0)")
        drag(page, [(0.5, 0.5), (0.3, 0.55), (0.25, 0.6)])
        page.locator("#paths button", has_text="Add the cursor").click()
        page.wait_for_selector("#paths .strip")
        page.locator("#paths button", has_text="shortest").click()
        page.wait_for_function("() => vaelab.way.length && !document.querySelector('#paths [role=status]')")
        page.wait_for_timeout(1000)
        save(page, out / "explorer-paths.png", "#paths")
        page.locator("#compare button", has_text=cvae).click()
        page.wait_for_selector("#compare article")
        page.locator("#compare select").select_option("3")
        page.wait_for_timeout(2000)
        save(page, out / "explorer-compare.png", "#compare")
    with opened(browser, page_file, 390, 844, "dark") as page:
        page.locator(".plane").scroll_into_view_if_needed()
        drag(page, [(0.5, 0.5), (0.35, 0.6)])
        page.wait_for_timeout(1000)
        save(page, out / "explorer-phone.png")


def classes(browser: Any, page_file: Path, out: Path) -> None:
    """The style of a drawing in every class."""
    with opened(browser, page_file, 1440, 1000, "dark") as page:
        draw(page, THREE)
        page.locator("#classes [role=radio]").nth(3).click()
        page.locator("#classes button", has_text="at the style of x").click()
        page.wait_for_timeout(2000)
        save(page, out / "explorer-classes.png", "#classes")


def codes(browser: Any, page_file: Path, out: Path) -> None:
    """The code map of a test image."""
    with opened(browser, page_file, 1440, 1000) as page:
        page.locator("#ink button", has_text="Random test image").click()
        page.wait_for_selector("#decoded figure")
        page.locator("#plane button", has_text="Codes of x").click()
        page.wait_for_timeout(1000)
        save(page, out / "explorer-codes.png", "#plane")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("vae", "cvae", "deep", "codes"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    chromium = next(path for name in NAMES if (path := shutil.which(name)))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:

        def page_of(*runs: Path) -> Path:
            return vl.explore(*runs).write(Path(folder, f"{'-'.join(run.name for run in runs)}.html"))

        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        both = page_of(given.vae, given.cvae)
        study(browser, both, given.cvae.name, given.out)
        film(browser, both, given.out / "explorer.gif")
        classes(browser, page_of(given.cvae), given.out)
        codes(browser, page_of(given.codes), given.out)
        with opened(browser, page_of(given.deep), 1440, 1000) as page:
            page.wait_for_timeout(1000)
            save(page, given.out / "explorer-dimensions.png", "#dimensions")
        browser.close()


if __name__ == "__main__":
    main()
