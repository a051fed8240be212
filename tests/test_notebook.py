"""What a notebook shows of runs, evaluations, experiments, specs and models, and the data frame of a run."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

import pytest

import vaelab as vl
from vaelab.data import ImageData
from vaelab.evaluation.results import Number, Section
from vaelab.spec import members
from vaelab.training import Run

# What fits on a screen without scrolling far.
MOST_ROWS, MOST_BYTES = 26, 12_000


class Page(HTMLParser):
    """The cells of a table as a reader sees them; every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.caption = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "caption" in self.open:
            self.caption += data
        elif self.open and self.open[-1] in ("th", "td"):
            self.rows[-1][-1] += data

    @property
    def named(self) -> dict[str, str]:
        return {row[0]: row[1] for row in self.rows if len(row) == 2}


def shown(thing: Any) -> Page:
    text = thing._repr_html_()
    assert len(text) < MOST_BYTES
    # Colours are the notebook's own, light or dark.
    assert not re.search(r"#[0-9a-fA-F]{3}\b|rgb\(|(?<![-\w])(?:black|white)", text)
    page = Page(text)
    assert len(page.rows) <= MOST_ROWS
    return page


@pytest.fixture(scope="module")
def run(digits: ImageData, tmp_path_factory: pytest.TempPathFactory) -> Run:
    experiment = vl.Experiment(model=vl.VAE(network=vl.Mlp(hidden=(8,))), training=vl.Training(epochs=7, validation=50))
    return vl.train(experiment, tmp_path_factory.mktemp("runs") / "seen", data=digits)


def test_a_run_shows_its_last_epochs(run: Run) -> None:
    page = shown(run)
    assert page.caption == f"Run {run.folder}"
    heading, left_out, *epochs = page.rows
    assert heading == [
        *("epoch", "train running total", "validation total", "test reconstruction", "test kl", "test total"),
    ]
    assert left_out == ["… 2 earlier"]
    assert [row[0] for row in epochs] == ["3", "4", "5", "6", "7"]
    assert epochs[-1][-1] == f"{run.rows[-1]['test_total']:.2f}"


def test_an_experiment_shows_what_differs_from_the_defaults() -> None:
    page = shown(vl.preset("vae", data="digits", latent=8, prior=vl.Mixture(components=20), epochs=3))
    assert page.caption == "Experiment"
    assert page.named["model"].startswith("VAE(latent=8")
    assert "prior=Mixture(components=20)" in page.named["model"]
    assert "epochs=3" in page.named["training"]
    assert "learning_rate" not in page.named["training"]


@pytest.mark.parametrize(
    "room", [vl.PriorSpec, vl.NetworkSpec, vl.ObjectiveSpec, vl.TrackerSpec], ids=lambda room: room.__name__
)
def test_every_spec_of_a_room_shows_its_fields(room: Any) -> None:
    for spec in members(room, own=True):
        if spec.python_only:
            continue
        page = shown(spec())
        assert page.caption == spec.__name__


def test_a_model_shows_its_parts_and_its_weights(run: Run) -> None:
    page = shown(run.model)
    assert page.named["network"] == "Mlp(hidden=(8,))"
    assert page.named["images"] == "1 x 28 x 28"
    assert page.named["weights"] == f"{sum(each.numel() for each in run.model.parameters()):,}"


def test_an_evaluation_shows_the_first_numbers_of_each_part() -> None:
    numbers = tuple(Number(f"number {index}", index / 3, "nats", (0.0, 9.0)) for index in range(40))
    sections = (Section("evidence", numbers), Section("samples", numbers[:1]))
    page = shown(vl.Evaluation("a model", "0" * 64, sections, {"codes": "no codebook"}))
    assert [row[:2] for row in page.rows[1:]] == [
        ["evidence", "number 0"],
        ["", "number 1"],
        ["", "number 2"],
        ["", "… 37 more"],
        ["samples", "number 0"],
    ]
    assert "left out: codes" in vl.Evaluation("a", "", (), {"codes": "no codebook"})._repr_html_()


def test_names_of_a_users_own_are_text_and_never_markup() -> None:
    page = shown(vl.Npz("<script>alert(1)</script>&amp;"))
    assert page.named["path"] == repr("<script>alert(1)</script>&amp;")
    assert "<script>" not in vl.Npz("<script>")._repr_html_()


def test_a_spec_with_many_fields_and_long_values_stays_short() -> None:
    fields = {f"field_{index}": f"x{index}" * 500 for index in range(90)}
    wide = dataclass(frozen=True)(
        type("Wide", (vl.Spec,), {"__annotations__": dict.fromkeys(fields, str), "__module__": __name__} | fields)
    )
    page = shown(wide())
    assert ["… 66 more"] in page.rows
    assert all(len(cell) <= 125 for row in page.rows for cell in row)


def test_a_frame_has_the_columns_of_metrics_csv(run: Run) -> None:
    import pandas as pd

    frame = run.frame()
    pd.testing.assert_frame_equal(frame, pd.read_csv(run.folder / "metrics.csv"), check_dtype=False)
    assert frame["epoch"].tolist() == list(range(1, 8))


def test_a_frame_without_pandas_is_refused_in_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)  # type: ignore[arg-type]
    with pytest.raises(vl.UserError, match=r"^frame needs pandas, which is not installed; pip install pandas"):
        run.frame()


def test_the_tables_need_no_torch() -> None:
    code = "import sys, vaelab as vl; vl.Mixture()._repr_html_(); print('torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
