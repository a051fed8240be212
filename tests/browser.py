"""Open pages from disk in a real headless Chromium, and record their errors."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# No updates, no reports, no background traffic.
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = Path(__file__).parent.parent / "explorer/node_modules/axe-core/axe.min.js"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def installed() -> str | None:
    """The path of Chromium on this machine, or None."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


@contextmanager
def started() -> Iterator[Browser]:
    """A browser for several pages. Skips the test if none is installed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install '.[dev]')")
    path = installed()
    if path is None:
        pytest.skip(f"no browser to open the page in: none of {', '.join(_NAMES)} is on PATH")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def window(
    browser: Browser, width: int = 1440, scheme: str = "light"
) -> Iterator[Callable[[Path, str], tuple[Page, list[str]]]]:
    """A function that shows a page from disk, fully loaded, with a list of its problems: console messages, script
    errors, requests. One window for many pages spares each a process of its own.

    Args:
        browser: a started browser.
        width: the width of the window in pixels; a phone up to 500.
        scheme: "light" or "dark".
    """
    phone = width <= 500
    context = browser.new_context(
        viewport={"width": width, "height": 844 if phone else 900},
        color_scheme=scheme,
        is_mobile=phone,
        has_touch=phone,
    )
    page, complaints = context.new_page(), []

    def console(message) -> None:
        complaints.append(f"console: {message.text}")

    def request(sent) -> None:
        if not sent.url.startswith(("file:", "data:", "blob:")):
            complaints.append(f"asked for {sent.url}")

    def failed(sent) -> None:
        # The page before can still be reading a blob of its own when it is left.
        if not (sent.url.startswith("blob:") and sent.failure == "net::ERR_ABORTED"):
            complaints.append(f"failed: {sent.url[:80]}, {sent.failure}")

    page.on("console", console)
    page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
    page.on("request", request)
    page.on("requestfailed", failed)

    def show(file: Path, fragment: str) -> tuple[Page, list[str]]:
        complaints.clear()
        address = file.resolve().as_uri() + (f"#{fragment}" if fragment else "")
        page.goto(address, wait_until="load", timeout=180_000)
        return page, complaints

    try:
        yield show
    finally:
        context.close()


@contextmanager
def opened(
    browser: Browser, file: Path, width: int = 1440, scheme: str = "light", fragment: str = ""
) -> Iterator[tuple[Page, list[str]]]:
    """A page in a window of its own. What follows # in its address is the fragment."""
    with window(browser, width, scheme) as show:
        yield show(file, fragment)


def broken_images(page: Page) -> list[str]:
    """Alternative texts (or sources) of images that did not load."""
    return page.evaluate(
        "() => [...document.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.alt || i.src.slice(0, 80))"
    )


def violations(page: Page) -> list[str]:
    """What axe-core complains about, with the first elements; nothing where it is not installed."""
    if not AXE.is_file():
        return []
    if page.evaluate("() => typeof axe") == "undefined":
        page.evaluate(AXE.read_text())
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [f"{each['id']}: {[node['html'][:120] for node in each['nodes'][:3]]}" for each in found]


def overflow(page: Page) -> int:
    """The number of pixels by which the page is wider than its window."""
    return page.evaluate("() => Math.max(document.documentElement.scrollWidth, document.body.scrollWidth) - innerWidth")


def contrasts(page: Page, selector: str) -> list[tuple[float, str]]:
    """The contrast (WCAG 2, 1 to 21) of each visible element with its background, lowest first.

    Args:
        page: an open page.
        selector: a CSS selector; only elements with text of their own are measured, and SVG.
    """
    pairs = page.evaluate(_CONTRASTS, selector)
    return sorted((ratio, text) for ratio, text in pairs)


_CONTRASTS = """selector => {
  const parse = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const holds = e => e instanceof SVGElement
    || [...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.textContent.trim());
  return [...document.querySelectorAll(selector)]
    .filter(e => e.getClientRects().length && holds(e))
    .map(e => {
      const style = getComputedStyle(e);
      const ink = parse(e instanceof SVGElement ? style.fill : style.color), paper = behind(e);
      const [a, b] = [light(ink), light(paper)].sort((x, y) => y - x);
      return [(a + 0.05) / (b + 0.05), (e.textContent || e.tagName).trim().slice(0, 40)];
    });
}"""
