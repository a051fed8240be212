"""The site is built without a warning, needs no network, and its pages open in a browser, on a phone too."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from filelock import FileLock

import vaelab as vl

from . import warm
from .browser import broken_images, opened, overflow, violations, window

pytest.importorskip("myst_nb", reason="the site needs pip install '.[docs]'")

ROOT = Path(__file__).parent.parent
PHONE, DESK = 390, 1440


@dataclass
class Page(HTMLParser):
    """What a page of the site names: anchors, links, and what a browser loads for it."""

    path: Path
    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.anchors |= {value for key, value in attrs if key == "id" and value}
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))
        elif given.get("src"):
            self.loaded.append(str(given["src"]))
        elif tag == "link" and given.get("rel") in ("stylesheet", "icon", "preload", "preconnect"):
            self.loaded.append(str(given["href"]))


@pytest.fixture(scope="session")
def site(request: pytest.FixtureRequest, shared: Path) -> Path:
    """The folder of the built site, without outputs of notebooks; with an explorer where its page is built."""
    folder = shared / "site"
    with FileLock(f"{folder}.lock"):
        if not (folder / "log.txt").exists():
            build(request, folder)
    return folder / "html"


def build(request: pytest.FixtureRequest, folder: Path) -> None:
    try:
        shown = request.getfixturevalue("explorer_site")
        given = {"VAELAB_EXPLORER": str(shown.file), "VAELAB_RUNS": f"{shown.vae.folder} {shown.cvae.folder}"}
    except pytest.skip.Exception:
        given = {}
    # A copy, since the build writes pages beside its sources.
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("generated"))
    for name in ("README.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, folder)
    options = ["-q", "-W", "--keep-going", "-D", "nb_execution_mode=off", "-b", "html"]
    done = warm.run(
        "-m", "sphinx", *options, folder / "docs", folder / "html", folder=folder, environment=dict(os.environ) | given
    )
    (folder / "log.txt").write_text(f"{done.returncode}\n{done.stderr}")


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[Path, Page]:
    """The pages of the site; the explorer is none of them."""
    return {path: Page(path) for path in sorted(site.rglob("*.html")) if path.name != "page.html"}


def test_it_is_built_without_a_warning(site: Path) -> None:
    code, _, said = (site.parent / "log.txt").read_text().partition("\n")
    assert code == "0", said
    assert said == "" or said.startswith("docs: the explorer is left out"), said


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    for page in pages.values():
        for address in page.loaded:
            assert not urlsplit(address).netloc, f"{page.path.name}: {address}"
            if not address.startswith("data:"):
                assert (page.path.parent / unquote(urlsplit(address).path)).is_file(), f"{page.path.name}: {address}"
    for sheet in site.rglob("*.css"):
        for address in re.findall(r"url\(\s*[\"']?([^\"')]+)", sheet.read_text()):
            assert address.startswith(("data:", "#")) or (sheet.parent / address).is_file(), f"{sheet.name}: {address}"


def test_every_link_has_its_target(pages: dict[Path, Page]) -> None:
    for page in pages.values():
        for link in page.links:
            address = urlsplit(link)
            if address.netloc:
                assert address.scheme == "https" or address.hostname == "localhost", f"{page.path.name}: {link}"
                continue
            target = (page.path.parent / unquote(address.path)).resolve() if address.path else page.path
            assert target.is_file(), f"{page.path.name}: {link}"
            if address.fragment and target in pages:
                assert unquote(address.fragment) in pages[target].anchors, f"{page.path.name}: {link}"


def test_the_reference_has_every_public_name(site: Path, pages: dict[Path, Page]) -> None:
    described = set().union(*(page.anchors for path, page in pages.items() if "api" in path.parts))
    assert {f"vaelab.{name}" for name in vl.__all__ if name != "__version__"} <= described


def test_equations_of_docstrings_are_formulas(site: Path) -> None:
    """One of a paragraph's start, and one on an indented line."""
    objectives = (site / "generated/api/objectives.html").read_text()
    assert re.search(r"<math[^>]*>(?:(?!</math>).)*<mi>β</mi>(?:(?!</math>).)*KL", objectives, re.DOTALL)
    assert "<mo>∫</mo>" in (site / "generated/api/metrics.html").read_text()


def test_notebooks_can_be_downloaded(site: Path) -> None:
    sources = [path for path in (ROOT / "docs/notebooks").glob("*.md") if path.stem != "index"]
    for source in sources:
        notebook = json.loads((site / "notebooks" / f"{source.stem}.ipynb").read_text())
        assert notebook["nbformat"] == 4
        assert notebook["cells"][0]["source"]


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_pages_open_in_a_browser(browser, pages: dict[Path, Page], width: int) -> None:
    """No message, no request to the network, no picture missing, nothing wider than the window."""
    with window(browser, width) as show:
        for path in pages:
            page, problems = show(path, "")
            assert overflow(page) <= 0, path.name
            assert broken_images(page) == [], path.name
            assert problems == [], path.name


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "name", ["index", "notebooks/elbo", "generated/api/objectives", "generated/gallery", "results"]
)
def test_pages_are_accessible(browser, site: Path, name: str, scheme: str) -> None:
    with opened(browser, site / f"{name}.html", DESK, scheme) as (page, _):
        assert violations(page) == []


def test_examples_of_the_extensions_run() -> None:
    done = subprocess.run([sys.executable, "-m", "doctest", ROOT / "docs/extensions/equations.py"], check=False)
    assert done.returncode == 0
