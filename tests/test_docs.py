"""What the documents say, done: every block of Python in them runs as it stands."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import vaelab

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [
    pytest.param(code, id=f"{page.name}-{index}")
    for page in PAGES
    for index, code in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))
]


@pytest.mark.parametrize("code", BLOCKS)
def test_python_in_the_documents_runs(code: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_readmes_python_is_ten_lines() -> None:
    first = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[0]
    assert len([line for line in first.splitlines() if line.strip()]) <= 12


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_images_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert target.startswith("http") or (page.parent / target).exists(), target


def examples() -> list[object]:
    """Every docstring example of every module of the package."""
    finder, found = doctest.DocTestFinder(exclude_empty=True), []
    for module in pkgutil.walk_packages(vaelab.__path__, "vaelab."):
        if not module.name.endswith("__main__"):
            loaded = importlib.import_module(module.name)
            found += [test for test in finder.find(loaded, module.name) if test.examples]
    return [pytest.param(test, id=test.name) for test in found]


EXAMPLES = examples()


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_in_docstrings_run(example: doctest.DocTest) -> None:
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example).failed == 0


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 8


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_documents_exist(page: Path) -> None:
    """Each `vaelab ...` line of a shell block names a command and flags that are there."""
    for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL):
        for line in block.splitlines():
            words = line.split("#")[0].split()
            if words[:1] != ["vaelab"]:
                continue
            depth = 3 if words[1] in ("study", "data") or (words[1] == "train" and not words[2].startswith("-")) else 2
            asked = [
                sys.executable,
                "-m",
                "vaelab",
                *words[1:depth],
                "--help-all" if words[1] == "train" and depth == 3 else "--help",
            ]
            shown = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
            for flag in re.findall(r"--[a-z.-]+", line.split("#")[0]):
                known = re.search(rf"{re.escape(flag)}(?![a-z-])", shown)
                assert known or flag in ("--prior.components", "--resume"), line


def test_the_page_of_figures_names_every_one() -> None:
    from vaelab.figures import ENTRIES

    page = (ROOT / "docs" / "figures.md").read_text()
    table = page[page.index("| figure |") :]
    assert re.findall(r"`([a-z-]+)`", table.split("\n\n")[0]) == [entry.name for entry in ENTRIES]
