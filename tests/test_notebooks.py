"""The notebooks run, open with a question, and end with an exercise whose answer is hidden and checked."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from . import warm

jupytext = pytest.importorskip("jupytext", reason="notebooks need pip install '.[docs]'")

FOLDER = Path(__file__).parent.parent / "docs/notebooks"
NOTEBOOKS = [path for path in sorted(FOLDER.glob("*.md")) if path.stem != "index"]
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(path: Path) -> list[Any]:
    return jupytext.read(path).cells


@each
def test_it_runs(path: Path, tmp_path: Path) -> None:
    """In a process of its own, so that two processes of tests share the notebooks."""
    script = tmp_path / f"{path.stem}.py"
    script.write_text(jupytext.writes(jupytext.read(path), "py:percent"))
    done = warm.run(script, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr


@each
def test_it_opens_with_a_question(path: Path) -> None:
    opening = cells(path)[0].source
    assert re.match(r"# .+\n\n\*\*.+\?\*\*(\n|$)", opening), opening[:200]


@each
def test_it_ends_with_an_exercise_whose_answer_is_hidden_and_checked(path: Path) -> None:
    *_, task, answer = cells(path)
    assert task.cell_type == "markdown"
    assert "## Exercise" in task.source
    assert answer.metadata["tags"] == ["hide-cell"]
    assert "assert " in answer.source


@each
def test_no_code_is_wider_than_a_page(path: Path) -> None:
    code = [line for cell in cells(path) if cell.cell_type == "code" for line in cell.source.splitlines()]
    assert max(map(len, code)) <= 92


@each
def test_formulas_and_figures_teach(path: Path) -> None:
    """Each notebook has a formula, and each figure a caption that says what it shows."""
    found = cells(path)
    assert any("$" in cell.source for cell in found if cell.cell_type == "markdown")
    for cell, below in pairwise(found):
        if cell.source.endswith(".figure"):
            assert re.match(r"\*[^*]+\.\*(\n|$)", below.source), cell.source


def test_the_index_lists_every_notebook() -> None:
    text = (FOLDER / "index.md").read_text()
    assert sorted(re.findall(r"\]\((\w+)\.md\)", text)) == [path.stem for path in NOTEBOOKS]
