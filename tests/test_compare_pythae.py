"""The comparison with pythae as a script: its help, what it says without pythae, and the intervals of its table."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

SCRIPT = Path(__file__).parent.parent / "benchmarks/compare_pythae.py"
pytestmark = pytest.mark.skipif(not SCRIPT.is_file(), reason="not in a checkout")


@pytest.fixture(autouse=True)
def without_pythae(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pythae", None)


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> Any:
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *words])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    return stopped.value.code


def test_the_help_needs_no_pythae(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--help") == 0
    assert {"--only", "--epochs", "--images", "--seeds", "--data"} <= set(capsys.readouterr().out.split())


def test_without_pythae_one_line_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--data", "digits") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip install --no-deps" in line
    assert "PYTHONPATH" in line


def test_differences_are_paired_by_image_and_by_seed() -> None:
    summary = runpy.run_path(str(SCRIPT))["summary"]

    def seed(ours: list[float], theirs: list[float]) -> dict[str, Any]:
        rest = {"log_p_is": "exact", "images_per_second": 1.0}
        return {"ours": {"log_p": ours} | rest, "pythae": {"log_p": theirs} | rest}

    # The images differ by tens of nats, the models by 1 and 3: only the pairs tell.
    row = summary([seed([-100.0, -150.0], [-101.0, -151.0]), seed([-97.0, -147.0], [-100.0, -150.0])])
    assert row["difference"] == 2
    assert row["by_seed"] == [1, 3]
    assert row["over_images"] == [2, 2]
    assert row["over_seeds"] == pytest.approx(stats.t.interval(0.95, 1, loc=2, scale=1))
