"""The contract of ranges."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vaelab.ranges import RangeSpec, optuna
from vaelab.testing.faults import require

_DRAWS = 100


def check_range(spec: RangeSpec) -> list[str]:
    """Values within the range that JSON holds, drawn again for the same seed, and kept by a study that goes on.

    Raises:
        UserError: a fault, or Optuna is not installed.
    """
    ends = list(spec.ends())
    require(bool(ends), spec, "has no ends")
    with tempfile.TemporaryDirectory() as folder:
        drawn = _drawn(spec, Path(folder) / "study", _DRAWS)
        kept = [spec.value(trial.params["x"]) for trial in _study(Path(folder) / "study").get_trials()]
        again = _drawn(spec, Path(folder) / "again", _DRAWS)
    for value in drawn:
        require(_survives(value), spec, f"draws {value!r}, which JSON does not hold; value() has to give plain values")
        require(_within(value, ends), spec, f"draws {value!r}, which is not within {ends}")
    require(kept == drawn, spec, "has other values when the study is read again; value() has to depend on its argument")
    require(again == drawn, spec, "draws other values with the same seed; value() must not draw")
    return ["draws lie within the range", "values survive JSON", "a study that goes on has the same values"]


def _study(path: Path) -> Any:
    package = optuna()
    place = package.storages.JournalStorage(package.storages.journal.JournalFileBackend(str(path)))
    return package.create_study(storage=place, study_name="check", load_if_exists=True)


def _drawn(spec: RangeSpec, path: Path, draws: int) -> list[Any]:
    """Values that are drawn at random, half of them by a process that goes on with the study."""
    values = []
    for seed in (0, 1):
        study = _study(path)
        study.sampler = optuna().samplers.RandomSampler(seed=seed)
        values += [spec.value(study.ask({"x": spec.distribution()}).params["x"]) for _ in range(draws // 2)]
    return values


def _within(value: Any, ends: Sequence[Any]) -> bool:
    if all(isinstance(each, int | float) and not isinstance(each, bool) for each in (value, *ends)):
        return bool(min(ends) <= value <= max(ends))
    return value in ends


def _survives(value: Any) -> bool:
    try:
        return bool(json.loads(json.dumps(value)) == value)
    except (TypeError, ValueError):
        return False
