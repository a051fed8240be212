"""The documents match the code: their Python runs, and their commands and links exist."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import vaelab

from . import warm
from .conftest import Cli

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LINKED = [*PAGES, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs/notebooks").glob("*.md"))]
# Runs each file as a script in a folder of its own.
SCRIPTS = """
import os, pathlib, runpy, sys
for path in map(pathlib.Path, sys.argv[1:]):
    print(path.name, flush=True)
    path.with_suffix("").mkdir()
    os.chdir(path.with_suffix(""))
    runpy.run_path(str(path), run_name="__main__")
"""


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.name)
def test_python_blocks_in_the_documents_run(page: Path, tmp_path: Path) -> None:
    files = []
    for index, code in enumerate(blocks(page, "python")):
        files.append(tmp_path / f"block-{index}.py")
        files[-1].write_text(code)
    done = warm.run("-c", SCRIPTS, *files)
    if "the explorer's page is not built" in done.stderr:
        pytest.skip("the explorer's page is not built (make explorer)")
    if "vaelab[export]" in done.stderr or "No module named 'onnxruntime'" in done.stderr:
        pytest.skip("the extra export is not installed")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_the_first_example_of_the_readme_is_short() -> None:
    first = blocks(ROOT / "README.md", "python")[0]
    assert len([line for line in first.splitlines() if line.strip()]) <= 12


def anchors(page: Path) -> set[str]:
    """The anchors that a forge gives to the headings of a page; the site gives the same."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.name)
def test_links_and_images_have_targets(page: Path) -> None:
    prose = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if target.startswith("http"):
            address = urlsplit(target)
            assert address.scheme == "https", target
            assert "." in address.netloc, target
            continue
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


def examples() -> list[object]:
    """All docstring examples of the package."""
    finder, collected = doctest.DocTestFinder(exclude_empty=True), []
    for module in pkgutil.walk_packages(vaelab.__path__, "vaelab."):
        if not module.name.endswith("__main__"):
            loaded = importlib.import_module(module.name)
            collected += [test for test in finder.find(loaded, module.name) if test.examples]
    return [pytest.param(test, id=test.name) for test in collected]


EXAMPLES = examples()


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_in_docstrings_run(example: doctest.DocTest) -> None:
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example).failed == 0


def test_docstrings_have_examples() -> None:
    assert len(EXAMPLES) >= 8


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_documents_exist(page: Path, cli: Cli) -> None:
    """The command and flags of each `vaelab ...` line in a shell block exist."""
    helps: dict[tuple[str, ...], str] = {}
    for line in "\n".join(blocks(page, "sh")).splitlines():
        words = line.split("#")[0].split()
        if words[:1] != ["vaelab"]:
            continue
        depth = 3 if words[1] in ("study", "data") or (words[1] == "train" and not words[2].startswith("-")) else 2
        command = (*words[1:depth], "--help-all" if words[1] == "train" and depth == 3 else "--help")
        if command not in helps:
            helps[command] = cli(*command).stdout
            if command == ("train", "--help"):  # a saved experiment takes the flags of a preset
                helps[command] += cli("train", "vae", "--help-all").stdout
        for flag in re.findall(r"--[a-z.-]+", line.split("#")[0]):
            known = re.search(rf"{re.escape(flag)}(?![a-z-])", helps[command])
            assert known or flag in ("--prior.components", "--resume"), line


def test_the_page_of_figures_lists_every_figure() -> None:
    from vaelab.figures import ENTRIES

    page = (ROOT / "docs" / "figures.md").read_text()
    table = page[page.index("| figure |") :]
    assert re.findall(r"`([a-z-]+)`", table.split("\n\n")[0]) == [entry.name for entry in ENTRIES]
