"""From folders to what a report tells of: runs that differ by their seed alone, and what studies found."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vaelab.codec import decode
from vaelab.errors import UserError
from vaelab.experiment import Experiment, Record, read_record
from vaelab.files import read_json
from vaelab.report.blocks import Table
from vaelab.report.claims import Claims, StudyFigure, read_claims
from vaelab.training.run import Row, RunFolder


@dataclass(frozen=True)
class Trained:
    """A run, as far as it has come, without its model."""

    folder: RunFolder
    record: Record
    rows: list[Row]

    @property
    def epochs(self) -> int:
        """How many epochs it has done."""
        return int(self.rows[-1]["epoch"])


@dataclass(frozen=True)
class Group:
    """Runs that are equal but for their seed.

    Args:
        name: that of their folders.
        runs: in the order of their seeds.
    """

    name: str
    runs: tuple[Trained, ...]

    @property
    def record(self) -> Record:
        """What the runs share, with the first seed."""
        return self.runs[0].record

    @property
    def seeds(self) -> list[int]:
        """The seeds of the runs."""
        return [run.record.experiment.training.seed for run in self.runs]

    @property
    def counted(self) -> str:
        """Which seed, or how many."""
        return f"{len(self.seeds)} seeds" if len(self.seeds) > 1 else f"seed {self.seeds[0]}"


@dataclass(frozen=True)
class Found:
    """All that a report tells of.

    Args:
        groups: the runs.
        tables: of studies, ready to be read.
        claims: of studies.
        figures: of studies: the file, the words below it, and whose it is.
        shown: paths of runs whose figures are to be drawn; those that a study does not name are left out.
        notices: what a reader must know first.
        commands: those that make it all again.
    """

    groups: tuple[Group, ...]
    tables: tuple[Table, ...]
    claims: tuple[Claims, ...]
    figures: tuple[tuple[Path, StudyFigure, str], ...]
    shown: frozenset[Path]
    notices: tuple[str, ...]
    commands: tuple[str, ...]


def find(folders: Sequence[Path]) -> Found:
    """Read run folders, and folders of studies with the runs beneath them.

    Runs that have not come equally far stand in groups of their own.

    Raises:
        UserError: no folder is named, one holds no run and no study, no run has done an epoch, or a file cannot be
            read.
    """
    if not folders:
        raise UserError("no folder is named; name run folders, or folders of studies")
    runs: dict[Path, Trained] = {}
    tables, claims, figures, notices, commands, studied = [], [], [], [], [], set()
    shown: set[Path] = set()
    for folder in folders:
        paths = _runs_in(folder)
        for path in paths:
            run = RunFolder(path)
            rows = run.rows()
            if rows:
                runs.setdefault(path.resolve(), Trained(run, read_record(run.record), rows))
            else:
                notices.append(f"{path} has not done an epoch yet and is left out.")
        results: dict[str, Any] = read_json(folder / "results.json") if (folder / "results.json").exists() else {}
        if "table" in results:
            tables.append(decode(Table, results["table"], f"{folder / 'results.json'}: table"))
        about = [results.get("about", {})]
        named: tuple[str, ...] = ()
        if (folder / "claims.json").exists():
            claims.append(read_claims(folder / "claims.json"))
            about.append(claims[-1].about)
            named = claims[-1].shown
            of = claims[-1].of
            figures += [(folder / "figures" / f"{figure.name}.svg", figure, of) for figure in claims[-1].figures]
        shown |= {path.resolve() for path in paths if not named or path.name in named}
        notices += [values["notice"] for values in about if values.get("notice")]
        made = [values["command"] for values in about if values.get("command")]
        commands += made
        # A study's command remakes the runs beneath it.
        studied |= {path.resolve() for path in paths} if made else set()
    if not runs and not tables and not claims:
        raise UserError(f"{folders[0]} holds no run that has done an epoch; wait for it, or name other folders")
    commands += [_command(run.folder.path) for path, run in runs.items() if path not in studied]
    return Found(
        _grouped(list(runs.values())),
        tuple(tables),
        tuple(claims),
        tuple(figures),
        frozenset(shown),
        _once(notices),
        _once(commands),
    )


def _runs_in(folder: Path) -> list[Path]:
    """The run that a folder is, or those beneath it."""
    if (folder / "experiment.json").exists():
        return [folder]
    beneath = sorted((path.parent for path in folder.glob("*/experiment.json")), key=_started)
    if not beneath and not any((folder / name).exists() for name in ("results.json", "claims.json")):
        raise UserError(f"{folder} holds no run and no study; name a folder that `vaelab train` or `vaelab study` made")
    return beneath


def _started(folder: Path) -> tuple[float, str]:
    """When a run began, so that those of a study stand in its own order."""
    events = RunFolder(folder).events()
    return (events[0]["time"] if events else 0.0, folder.name)


def _grouped(runs: Sequence[Trained]) -> tuple[Group, ...]:
    """Runs by all but their seed; a seed that is there twice does not count twice."""
    groups: dict[tuple[Any, ...], list[Trained]] = {}
    seen: Counter[tuple[Any, ...]] = Counter()
    for run in runs:
        experiment = run.record.experiment
        alike = (_seedless(experiment), run.record.image_format, run.record.data_sha256, run.epochs)
        seen[alike, experiment.training.seed] += 1
        groups.setdefault((*alike, seen[alike, experiment.training.seed]), []).append(run)
    members = [tuple(sorted(group, key=lambda run: run.record.experiment.training.seed)) for group in groups.values()]
    return tuple(map(Group, _names(members), members))


def _seedless(experiment: Experiment) -> Experiment:
    return replace(experiment, training=replace(experiment.training, seed=0))


def _names(groups: Sequence[tuple[Trained, ...]]) -> list[str]:
    """The folders' name without the seed, the epochs of one that is not done, and where it lies if that is needed."""
    names = []
    for runs in groups:
        path = runs[0].folder.path.resolve()
        name = re.sub(r"[-_]?seed[-_]?\d+$", "", path.name) or path.name
        planned = runs[0].record.experiment.training.epochs
        names.append(name if runs[0].epochs == planned else f"{name} ({runs[0].epochs} of {planned} epochs)")
    clashing = {name for name, count in Counter(names).items() if count > 1}
    return [
        f"{name} ({runs[0].folder.path})" if name in clashing else name
        for name, runs in zip(names, groups, strict=True)
    ]


def _command(folder: Path) -> str:
    """What makes a run again, elsewhere."""
    again = folder.with_name(f"{folder.resolve().name}-again")
    return shlex.join(["vaelab", "train", "--config", str(folder / "experiment.json"), "--out", str(again)])


def _once(lines: Sequence[str]) -> tuple[str, ...]:
    """Each line once, in order."""
    return tuple(dict.fromkeys(lines))
