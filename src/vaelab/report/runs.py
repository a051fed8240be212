"""The contents of a report, read from folders: runs that differ only by their seed, and the results of studies."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vaelab.codec import decode, encode
from vaelab.errors import UserError
from vaelab.experiment import Experiment, Record, read_record
from vaelab.files import read_json
from vaelab.report.blocks import Table
from vaelab.report.claims import Claims, StudyFigure, read_claims
from vaelab.report.parts import own_parts, repeatable
from vaelab.spec import Spec
from vaelab.training.folder import Row, RunFolder


@dataclass(frozen=True)
class Trained:
    """A run with the epochs that it has done so far, without its model."""

    folder: RunFolder
    record: Record
    rows: list[Row]

    @property
    def epochs(self) -> int:
        """The number of epochs that it has done."""
        return int(self.rows[-1]["epoch"])


@dataclass(frozen=True)
class Group:
    """Runs that are equal but for their seed.

    Args:
        name: the name of their folders, without the seed.
        runs: in the order of their seeds.
    """

    name: str
    runs: tuple[Trained, ...]

    @property
    def record(self) -> Record:
        """The record of the first run; the others differ by their seed."""
        return self.runs[0].record

    @property
    def seeds(self) -> list[int]:
        """The seeds of the runs."""
        return [run.record.experiment.training.seed for run in self.runs]

    @property
    def counted(self) -> str:
        """The seed, or the number of seeds."""
        return f"{len(self.seeds)} seeds" if len(self.seeds) > 1 else f"seed {self.seeds[0]}"


@dataclass(frozen=True)
class Contents:
    """Everything that a report is about.

    Args:
        groups: the runs.
        tables: the tables of studies.
        claims: the claims of studies.
        figures: the figures of studies: the file, its caption, and the name of the study.
        shown: paths of the runs whose figures are drawn; runs that a study does not name are left out.
        notices: warnings for the top of the page.
        commands: the commands that repeat it all.
    """

    groups: tuple[Group, ...]
    tables: tuple[Table, ...]
    claims: tuple[Claims, ...]
    figures: tuple[tuple[Path, StudyFigure, str], ...]
    shown: frozenset[Path]
    notices: tuple[str, ...]
    commands: tuple[str, ...]


@dataclass(frozen=True)
class _Results:
    """The results that a study left in its folder."""

    table: Table | None = None
    claims: Claims | None = None
    figures: tuple[tuple[Path, StudyFigure, str], ...] = ()
    about: tuple[dict[str, Any], ...] = ()
    shown: tuple[str, ...] = field(default=())

    @property
    def notices(self) -> list[str]:
        """Warnings about the data."""
        return [about["notice"] for about in self.about if about.get("notice")]

    @property
    def commands(self) -> list[str]:
        """The commands that made the study."""
        return [about["command"] for about in self.about if about.get("command")]


def read_folders(folders: Sequence[Path], specs: Sequence[type[Spec]] = ()) -> Contents:
    """Read run folders, and folders of studies with the runs beneath them.

    Runs that have done different numbers of epochs form different groups.

    Args:
        folders: the folders.
        specs: the spec classes of parts that are not this package's own, if they are not imported yet.

    Raises:
        UserError: no folder is named, one holds no run and no study, no run has done an epoch, or a file cannot be
            read.
    """
    if not folders:
        raise UserError("no folder is named; name run folders, or folders of studies")
    runs: dict[Path, Trained] = {}
    studies: list[_Results] = []
    notices: list[str] = []
    shown, of_studies = set[Path](), set[Path]()
    for folder in folders:
        paths = _runs_in(folder)
        for path in paths:
            run = RunFolder(path)
            rows = run.rows()
            if rows:
                runs.setdefault(path.resolve(), Trained(run, read_record(run.record, specs), rows))
            else:
                notices.append(f"{path} has not done an epoch yet and is left out.")
        study = _results(folder)
        studies.append(study)
        shown |= {path.resolve() for path in paths if not study.shown or path.name in study.shown}
        # The command of a study repeats the runs beneath it.
        of_studies |= {path.resolve() for path in paths} if study.commands else set()
    tables = tuple(study.table for study in studies if study.table is not None)
    claims = tuple(study.claims for study in studies if study.claims is not None)
    if not runs and not tables and not claims:
        raise UserError(f"{folders[0]} holds no run that has done an epoch; wait for it, or name other folders")
    commands = [command for study in studies for command in study.commands]
    commands += [
        _command(run) for path, run in runs.items() if path not in of_studies and repeatable(run.record.experiment)
    ]
    return Contents(
        _grouped(list(runs.values())),
        tables,
        claims,
        tuple(figure for study in studies for figure in study.figures),
        frozenset(shown),
        _once([*notices, *(notice for study in studies for notice in study.notices)]),
        _once(commands),
    )


def _results(folder: Path) -> _Results:
    """The results of the study in a folder; empty if it holds none.

    Raises:
        UserError: a file cannot be read.
    """
    path = folder / "results.json"
    results: dict[str, Any] = read_json(path) if path.exists() else {}
    table = decode(Table, results["table"], f"{path}: table") if "table" in results else None
    captions = [decode(StudyFigure, each, f"{path}: figures") for each in results.get("figures", ())]
    named = [(figure, folder.resolve().name if table is None else table.caption) for figure in captions]
    about, claims = [results.get("about", {})], None
    if (folder / "claims.json").exists():
        claims = read_claims(folder / "claims.json")
        about.append(claims.about)
        named += [(figure, claims.of) for figure in claims.figures]
    figures = tuple((folder / "figures" / f"{figure.name}.svg", figure, of) for figure, of in named)
    return _Results(table, claims, figures, tuple(about), claims.shown if claims is not None else ())


def _runs_in(folder: Path) -> list[Path]:
    """The run in a folder, or the runs beneath it in the order in which they began."""
    if (folder / "experiment.json").exists():
        return [folder]
    beneath = sorted((path.parent for path in folder.glob("*/experiment.json")), key=_started)
    if not beneath and not any((folder / name).exists() for name in ("results.json", "claims.json")):
        raise UserError(f"{folder} holds no run and no study; name a folder that `vaelab train` or `vaelab study` made")
    return beneath


def _started(folder: Path) -> tuple[float, str]:
    events = RunFolder(folder).events()
    return (events[0]["time"] if events else 0.0, folder.name)


def _grouped(runs: Sequence[Trained]) -> tuple[Group, ...]:
    """The runs by everything but their seed; a seed that occurs twice forms a group of its own."""
    groups: dict[tuple[Any, ...], list[Trained]] = {}
    seen: Counter[tuple[Any, ...]] = Counter()
    for run in runs:
        experiment = run.record.experiment
        # As text, since the settings of a user's own part need not be hashable.
        alike = (_seedless(experiment), run.record.image_format, run.record.data_sha256, run.epochs)
        seen[alike, experiment.training.seed] += 1
        groups.setdefault((*alike, seen[alike, experiment.training.seed]), []).append(run)
    members = [tuple(sorted(group, key=lambda run: run.record.experiment.training.seed)) for group in groups.values()]
    return tuple(map(Group, _names(members), members))


def _seedless(experiment: Experiment) -> str:
    return json.dumps(encode(replace(experiment, training=replace(experiment.training, seed=0))), sort_keys=True)


def _names(groups: Sequence[tuple[Trained, ...]]) -> list[str]:
    """The name of each group's folders without the seed, with the epochs of an unfinished run; with the path if two
    groups have the same name."""
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


def _command(run: Trained) -> str:
    """The command that repeats a run in another folder."""
    folder = run.folder.path
    again = folder.with_name(f"{folder.resolve().name}-again")
    modules = dict.fromkeys(part.module for part in own_parts(run.record.experiment) if part.module is not None)
    plugins = [word for module in modules for word in ("--plugin", module)]
    return shlex.join(["vaelab", "train", "--config", str(folder / "experiment.json"), "--out", str(again), *plugins])


def _once(lines: Sequence[str]) -> tuple[str, ...]:
    """Each line once, in order."""
    return tuple(dict.fromkeys(lines))
