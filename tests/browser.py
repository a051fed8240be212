"""A real headless Chromium that opens pages from disk, and what a page did wrong in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# Quiet: no update, no report, nothing but the page itself.
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
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def installed() -> str | None:
    """The Chromium of this machine, if it has one."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


@contextmanager
def started() -> Iterator[Browser]:
    """A browser for several pages; the test is skipped where the machine has none."""
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
def opened(browser: Browser, file: Path, width: int = 1440, scheme: str = "light") -> Iterator[tuple[Page, list[str]]]:
    """A page from disk, loaded whole, and the list of complaints: on the console, of scripts, of requests.

    Args:
        browser: a started browser.
        file: the page.
        width: of the window, in pixels; up to 500 it is a phone's.
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
        if message.type in ("error", "warning"):
            complaints.append(f"console: {message.text}")

    def request(asked) -> None:
        if not asked.url.startswith(("file:", "data:", "blob:")):
            complaints.append(f"asked for {asked.url}")

    page.on("console", console)
    page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
    page.on("request", request)
    page.on("requestfailed", lambda asked: complaints.append(f"failed: {asked.url[:80]}"))
    page.goto(file.resolve().as_uri(), wait_until="load")
    try:
        yield page, complaints
    finally:
        context.close()


def broken_images(page: Page) -> list[str]:
    """Images that did not load, by what stands in their place."""
    return page.evaluate(
        "() => [...document.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.alt || i.src.slice(0, 80))"
    )


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return page.evaluate("() => Math.max(document.documentElement.scrollWidth, document.body.scrollWidth) - innerWidth")


def contrasts(page: Page, selector: str) -> list[tuple[float, str]]:
    """The contrast (WCAG 2, 1 to 21) of each visible element's colour with what is painted behind it, the lowest first.

    Args:
        page: an open page.
        selector: which elements; of text, those that hold some themselves.
    """
    found = page.evaluate(_CONTRASTS, selector)
    return sorted((ratio, text) for ratio, text in found)


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
