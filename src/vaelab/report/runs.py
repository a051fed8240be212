"""The contents of a report, read from folders: runs grouped over seeds, and the results of studies."""

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
    """A run with the metrics of its completed epochs, without its model."""

    folder: RunFolder
    record: Record
    rows: list[Row]

    @property
    def epochs(self) -> int:
        """Number of completed epochs."""
        return int(self.rows[-1]["epoch"])


@dataclass(frozen=True)
class Group:
    """Runs that differ only in their seed.

    Args:
        name: the name of their folders without the seed.
        runs: in the order of their seeds.
    """

    name: str
    runs: tuple[Trained, ...]

    @property
    def record(self) -> Record:
        """The record of the first run; the others differ only in the seed."""
        return self.runs[0].record

    @property
    def seeds(self) -> list[int]:
        """The seeds of the runs."""
        return [run.record.experiment.training.seed for run in self.runs]

    @property
    def counted(self) -> str:
        """The seed, or the number of seeds, as text."""
        return f"{len(self.seeds)} seeds" if len(self.seeds) > 1 else f"seed {self.seeds[0]}"


@dataclass(frozen=True)
class Contents:
    """The contents of a report.

    Args:
        groups: the runs, grouped over seeds.
        tables: the tables of studies.
        claims: the claims of studies.
        figures: the figures of studies: the file, its caption, and the name of the study.
        shown: paths of the runs whose figures are drawn; a study can name a subset of its runs.
        tabulated: paths of the runs that the table of a study is about.
        notices: warnings for the top of the page.
        commands: the commands that reproduce the results.
    """

    groups: tuple[Group, ...]
    tables: tuple[Table, ...]
    claims: tuple[Claims, ...]
    figures: tuple[tuple[Path, StudyFigure, str], ...]
    shown: frozenset[Path]
    tabulated: frozenset[Path]
    notices: tuple[str, ...]
    commands: tuple[str, ...]


@dataclass(frozen=True)
class _Results:
    """The results in the folder of a study."""

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
        """The commands of the study."""
        return [about["command"] for about in self.about if about.get("command")]


def read_folders(folders: Sequence[Path], specs: Sequence[type[Spec]] = ()) -> Contents:
    """Read run folders, and folders of studies with the runs in them.

    Runs with different numbers of completed epochs form different groups.

    Args:
        folders: the folders.
        specs: spec classes of parts from outside this package, if they are not imported yet.

    Raises:
        UserError: no folder is named, a folder holds no run and no study, no run has completed an epoch, or a file
            cannot be read.
    """
    if not folders:
        raise UserError("no folder is named; name run folders, or folders of studies")
    runs: dict[Path, Trained] = {}
    studies: list[_Results] = []
    notices: list[str] = []
    with_figures, in_studies, tabulated = set[Path](), set[Path](), set[Path]()
    for folder in folders:
        paths = _runs_in(folder)
        for path in paths:
            run = RunFolder(path)
            rows = run.rows()
            if rows:
                runs.setdefault(path.resolve(), Trained(run, read_record(run.record, specs), rows))
            else:
                notices.append(f"{path} has not completed an epoch and is left out.")
        study = _results(folder)
        studies.append(study)
        with_figures |= {path.resolve() for path in paths if not study.shown or path.name in study.shown}
        tabulated |= {path.resolve() for path in paths} if study.table is not None else set()
        # The command of a study repeats the runs in its folder.
        in_studies |= {path.resolve() for path in paths} if study.commands else set()
    tables = tuple(study.table for study in studies if study.table is not None)
    claims = tuple(study.claims for study in studies if study.claims is not None)
    if not runs and not tables and not claims:
        raise UserError(f"{folders[0]} holds no run that has completed an epoch; wait for it, or name other folders")
    commands = [command for study in studies for command in study.commands]
    commands += [
        _command(run) for path, run in runs.items() if path not in in_studies and repeatable(run.record.experiment)
    ]
    return Contents(
        _grouped(list(runs.values())),
        tables,
        claims,
        tuple(figure for study in studies for figure in study.figures),
        frozenset(with_figures),
        frozenset(tabulated),
        _once([*notices, *(notice for study in studies for notice in study.notices)]),
        _once(commands),
    )


def _results(folder: Path) -> _Results:
    """Results of the study in a folder; empty if there is none.

    Raises:
        UserError: a file cannot be read.
    """
    path = folder / "results.json"
    results: Any = read_json(path) if path.exists() else {}
    if not isinstance(results, dict) or not isinstance(results.get("about", {}), dict):
        raise UserError(f"{path} holds no results of a study; restore it, or run the study again")
    table = decode(Table, results["table"], f"{path}: table") if "table" in results else None
    captions = [decode(StudyFigure, each, f"{path}: figures") for each in _list(results.get("figures", []), path)]
    named = [(figure, folder.resolve().name if table is None else table.caption) for figure in captions]
    about, claims = [results.get("about", {})], None
    if (folder / "claims.json").exists():
        claims = read_claims(folder / "claims.json")
        about.append(claims.about)
        named += [(figure, claims.of) for figure in claims.figures]
    figures = tuple((folder / "figures" / f"{figure.name}.svg", figure, of) for figure, of in named)
    return _Results(table, claims, figures, tuple(about), claims.shown if claims is not None else ())


def _list(values: Any, path: Path) -> list[Any]:
    if not isinstance(values, list):
        raise UserError(f"{path}: figures is no list; restore the file, or run the study again")
    return values


def _runs_in(folder: Path) -> list[Path]:
    """The run in a folder, or the runs in its subfolders by time of start."""
    if (folder / "experiment.json").exists():
        return [folder]
    runs = sorted((path.parent for path in folder.glob("*/experiment.json")), key=_started)
    if not runs and not any((folder / name).exists() for name in ("results.json", "claims.json")):
        raise UserError(f"{folder} holds no run and no study; name a folder that `vaelab train` or `vaelab study` made")
    return runs


def _started(folder: Path) -> tuple[float, str]:
    events = RunFolder(folder).events()
    return (events[0]["time"] if events else 0.0, folder.name)


def _grouped(runs: Sequence[Trained]) -> tuple[Group, ...]:
    """Runs grouped by everything except the seed; a repeated seed starts another group."""
    groups: dict[tuple[Any, ...], list[Trained]] = {}
    occurrences: Counter[tuple[Any, ...]] = Counter()
    for run in runs:
        experiment = run.record.experiment
        # As text, since the settings of a user-defined part need not be hashable.
        key = (_seedless(experiment), run.record.data_format, run.record.data_sha256, run.epochs)
        occurrences[key, experiment.training.seed] += 1
        groups.setdefault((*key, occurrences[key, experiment.training.seed]), []).append(run)
    members = [tuple(sorted(group, key=lambda run: run.record.experiment.training.seed)) for group in groups.values()]
    return tuple(map(Group, _names(members), members))


def _seedless(experiment: Experiment) -> str:
    return json.dumps(encode(replace(experiment, training=replace(experiment.training, seed=0))), sort_keys=True)


def _names(groups: Sequence[tuple[Trained, ...]]) -> list[str]:
    """The folder name of each group without the seed, with the epochs of an unfinished run, and with the path if two
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
    """Lines without duplicates, in order."""
    return tuple(dict.fromkeys(lines))
