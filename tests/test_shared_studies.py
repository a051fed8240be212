"""Several processes that are given the same study share its runs, and end with the same table."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from . import warm

BETA_SWEEP = "beta-sweep --betas 1 4 --seeds 1"
CLAIMS = "claims --seeds 2 --only axes"
# Figures, explorers and boosted trees take far longer than the runs that are shared.
QUICK = """
import sys
from vaelab.cli import main
from vaelab.metrics.disentanglement import published
from vaelab.studies import Study
from vaelab.studies.beta_sweep import BetaSweepStudy
from vaelab.studies.claims.study import ClaimsStudy

published.dci_boosted_classifiers = published.dci_logistic_classifiers
for study in (BetaSweepStudy, ClaimsStudy):
    study.figures, study.explored = Study.figures, Study.explored
    study.run_figures, study.draw = (), Study.draw
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def factors_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of a bar whose factors are known, place and width, which digits have not."""
    path = tmp_path_factory.mktemp("data") / "bars.npz"
    place, width = np.random.default_rng(0).integers([4, 3], size=(400, 2)).T
    columns = np.arange(16)
    lit = (columns >= 3 * place[:, None]) & (columns <= 3 * place[:, None] + width[:, None])
    images = np.repeat(lit[:, None, None, :], 16, axis=2).astype(np.uint8) * np.uint8(255)
    factors = np.stack([place, width], 1).astype(np.float32)
    train, test = slice(300), slice(300, None)
    named = {"attribute_names": np.array(["place", "width"])}
    np.savez(
        path,
        images=images[train],
        attributes=factors[train],
        test_images=images[test],
        test_attributes=factors[test],
        **named,
    )
    return path


@pytest.mark.parametrize("study", [BETA_SWEEP, CLAIMS], ids=["beta-sweep", "claims"])
def test_two_processes_train_each_run_once_and_end_with_the_same_table(
    study: str, digits_file: Path, factors_file: Path, tmp_path: Path
) -> None:
    out, data = tmp_path / "out", factors_file if study == BETA_SWEEP else digits_file
    words = [*study.split(), "--epochs", "1", "--data", f"npz:{data}", "--out", str(out), "--quiet"]
    both = [warm.start("-c", QUICK, "study", *words, environment=os.environ | {"COLUMNS": "200"}) for _ in range(2)]
    ended = [process.communicate(timeout=500) for process in both]
    assert [process.returncode for process in both] == [0, 0], ended
    tables = ["\n".join(line for line in shown.splitlines() if "│" in line) for shown, _ in ended]
    assert tables[0] == tables[1] != ""
    trained = sorted(path.parent for path in out.glob("*/events.jsonl"))
    assert len(trained) >= 2
    for run in trained:
        events = [json.loads(line)["event"] for line in (run / "events.jsonl").read_text().splitlines()]
        assert (events.count("started"), events.count("epoch")) == (1, 1), run
