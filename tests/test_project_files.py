"""The files for those who cite, report and contribute: valid, and true of the project as it is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import vaelab

ROOT = Path(__file__).parent.parent
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
pytestmark = pytest.mark.skipif(not (ROOT / "CITATION.cff").is_file(), reason="not in a checkout")


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_citation_names_this_version() -> None:
    citation = read(ROOT / "CITATION.cff")
    assert citation["version"] == vaelab.__version__
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["license"] == "MIT"


def test_the_changelog_begins_with_this_version() -> None:
    sections = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sections[0] == vaelab.__version__
    assert len(sections) == len(set(sections))


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_an_issue_form_is_valid(path: Path) -> None:
    form = read(path)
    assert all(isinstance(form[key], str) and form[key] for key in ("name", "description"))
    fields = form["body"]
    assert len({field["id"] for field in fields}) == len(fields)
    for field in fields:
        assert set(field) <= {"type", "id", "attributes", "validations"}
        assert field["type"] in {"input", "textarea", "dropdown", "checkboxes"}
        assert field["attributes"]["label"]
        if field["type"] == "checkboxes":
            assert all(option["label"] for option in field["attributes"]["options"])
    assert "vaelab -V" in path.read_text(encoding="utf-8") or path.stem == "feature"


def test_there_is_a_form_for_bugs_features_and_questions() -> None:
    assert [path.stem for path in FORMS] == ["bug", "feature", "question"]


def test_hooks_before_a_commit_are_valid_and_need_no_network() -> None:
    pytest.importorskip("pre_commit", reason="pre-commit is not installed")
    config = ROOT / ".pre-commit-config.yaml"
    subprocess.run([sys.executable, "-m", "pre_commit", "validate-config", config], check=True)
    assert [repo["repo"] for repo in read(config)["repos"]] == ["local"]
    hooks = [hook["entry"] for repo in read(config)["repos"] for hook in repo["hooks"]]
    lint = re.findall(r"^\t\$\(BIN\)/(\S+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {hook.split()[0].removeprefix(".venv/bin/") for hook in hooks} <= set(lint)


def test_contributing_names_targets_and_files_that_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)`", text)) == targets - {"clean"}
    for name in re.findall(r"`(test_\w+\.py)`", text):
        assert (ROOT / "tests" / name).is_file(), name
    for name in re.findall(r"`(src/vaelab/[\w./]+)`", text):
        assert (ROOT / name).exists(), name
    headings = re.findall(r"^## (.*)", (ROOT / "docs/extending.md").read_text(encoding="utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^a-z -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"docs/extending\.md#([a-z-]+)", text)) <= anchors
