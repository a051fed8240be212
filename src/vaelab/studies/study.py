"""The contract of a study, and the steps that all studies share."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch

from vaelab._version import __version__
from vaelab.codec import encode
from vaelab.errors import UserError, did_you_mean
from vaelab.experiment import Experiment
from vaelab.explorer.page import explore
from vaelab.figures import ENTRIES, DrawnFigure, chosen
from vaelab.figures.source import FigureSource
from vaelab.files import locked, write_atomically
from vaelab.plots import save_figure
from vaelab.report import StudyFigure, Table, write_run_report
from vaelab.studies.measured import Measured, NumbersFile, fingerprint
from vaelab.studies.runs import StudyRuns
from vaelab.studies.settings import StudySettings
from vaelab.training import Run
from vaelab.training.folder import RunFolder


class Study(ABC):
    """One question, several runs, one table.

    A study plans runs, measures each of them, and puts the numbers into a table; `run_study` does everything else.
    A subclass defines `plan`, `measure` and `table`; the other methods have defaults.

    >>> from vaelab import VAE, Experiment, Mlp, full_pass
    >>> class Widths(Study):
    ...     def plan(self, settings):
    ...         return {f"vae-{width}d": Experiment(model=VAE(latent=width, network=Mlp())) for width in (2, 8)}
    ...
    ...     def measure(self, run, settings):
    ...         return {"total": full_pass(run.model, settings.data.split("test")).total}
    ...
    ...     def table(self, results):
    ...         rows = tuple((name, f"{numbers['total']:.2f}") for name, numbers in results["runs"].items())
    ...         return Table("Totals on the test split", ("run", "nats per image"), rows)

    `run_study(Widths(), StudySettings("runs/widths", vaelab.open_data("mnist"), epochs=5))` then trains and measures
    both models, writes results.json and report.html, and continues if it was stopped.
    """

    file: ClassVar[str] = "results.json"
    """The name of the results file."""
    protocol: ClassVar[str] = ""
    """How the numbers are measured, for the record; numbers that were measured by another protocol are not reused."""
    seeds: ClassVar[int | None] = None
    """The number of seeds if the settings name none; None to train each planned run once, with its planned seed."""
    partial: ClassVar[bool] = False
    """Whether the results make sense without some cases; they are then written after each case."""
    run_figures: ClassVar[Sequence[str] | None] = ()
    """The figures of a run in the report, by their names in `vaelab figures`; None for all that its model can have."""

    def check(self, settings: StudySettings) -> None:  # noqa: B027  # most studies take any settings
        """Refuse, before anything is trained, settings that the study cannot use; by default none.

        Raises:
            UserError: naming the setting.
        """

    @abstractmethod
    def plan(self, settings: StudySettings) -> Mapping[str, Experiment]:
        """The runs by name, in the order of training; images, device, epochs and seeds are taken from the settings."""

    def cases(self, runs: StudyRuns, settings: StudySettings) -> Iterator[tuple[str, Any]]:
        """The objects to measure, by name; by default the runs, in turn with other processes of the study.

        Looking up a run trains it.
        """
        yield from runs.in_turn()

    @abstractmethod
    def measure(self, case: Any, settings: StudySettings) -> Any:
        """The numbers of one case, by default one run, as JSON values.

        Raises:
            UserError: this case cannot be measured; the others are measured all the same.
        """

    def numbers_file(self, name: str, case: Any, settings: StudySettings) -> NumbersFile | None:
        """The file that keeps the numbers of a case; None to measure it each time."""
        values = (__version__, settings.data.digest, type(self).__qualname__, self.protocol, sorted(vars(self).items()))
        return NumbersFile(settings.out / name / "measured.json", fingerprint(values, [case]))

    def results(self, measured: Measured, runs: StudyRuns, settings: StudySettings) -> dict[str, Any]:
        """The content of the results file, without table and figures."""
        refused = {"left_out": {name: str(error) for name, error in measured.refused.items()}}
        about = {"about": self.about(runs, settings), "runs": measured.numbers}
        return about | refused if measured.refused else about

    @abstractmethod
    def table(self, results: dict[str, Any]) -> Table:
        """The table of the report."""

    def figures(self, measured: Measured, runs: StudyRuns, settings: StudySettings) -> Sequence[DrawnFigure]:
        """Figures of the whole study, which are saved in its folder `figures`; by default none."""
        return ()

    def draw(self, run: Run, settings: StudySettings) -> Sequence[DrawnFigure]:
        """The figures of one run in the report; by default those that `run_figures` names."""
        source = FigureSource.of_run(run, settings.data)
        names = self.run_figures
        return [entry.render(source) for entry in chosen(source) if names is None or entry.name in names]

    def explored(self, runs: StudyRuns) -> Sequence[Run]:
        """The runs that explorer.html shows, beside the report; by default none, and no such page."""
        return ()

    def printed(self, results: dict[str, Any]) -> Sequence[Table]:
        """The tables that the command line prints; by default that of the report."""
        return (self.table(results),)

    def remarks(self, results: dict[str, Any]) -> Sequence[str]:
        """The lines that the command line prints below the tables; by default what was left out, and the notice."""
        refused = [f"{name} was not measured: {why}" for name, why in results.get("left_out", {}).items()]
        notice = results.get("about", {}).get("notice")
        return (*refused, notice) if notice else refused

    def about(self, runs: StudyRuns, settings: StudySettings) -> dict[str, Any]:
        """The data, settings, machine and versions of the runs, for the record."""
        trained = list(runs.trained.values())
        folders = [RunFolder(run.folder) for run in trained]
        epochs = sorted({run.experiment.training.epochs for run in trained})
        about: dict[str, Any] = {"data": settings.data.name, "data_sha256": settings.data.digest}
        about |= {"protocol": self.protocol} if self.protocol else {}
        return about | {
            "notice": settings.notice,
            "epochs": epochs[0] if len(epochs) == 1 else epochs,
            "seeds": sorted({run.experiment.training.seed for run in trained}),
            "runs": len(trained),
            "command": settings.command,
            "machine": folders[0].events()[0]["machine"] if folders else None,
            "training_seconds": round(sum(folder.seconds() for folder in folders), 1),
            "vaelab": __version__,
            "torch": torch.__version__,
        }

    def document(self, results: dict[str, Any], figures: Sequence[DrawnFigure]) -> dict[str, Any]:
        """The content of the results file: the results, their table, and the captions of the figures."""
        return results | {"table": encode(self.table(results))} | captions(figures)


def run_study(study: Study, settings: StudySettings) -> dict[str, Any]:
    """Train the runs of a study, measure them, and write results, figures and report.html into its folder.

    A study that was stopped continues: trained runs are kept, a run that was being trained is resumed from its
    checkpoint, and numbers are kept until the weights, the images or the study's protocol change.

    Several processes that are given the same study and folder share its runs: each trains and measures what no other is
    at, and each ends with all results. A run of a process that was killed is resumed by another.

    Args:
        study: a built-in study, or a `Study` of your own.
        settings: the folder, the images, and what all runs share.

    Returns:
        The content of the results file.

    Raises:
        UserError: as `train`, settings that the study refuses, or no case can be measured.
    """
    measured, runs, settings = measure_study(study, settings)
    with locked(settings.out / study.file):
        return _finish(study, measured, runs, settings)


def measure_study(study: Study, settings: StudySettings) -> tuple[Measured, StudyRuns, StudySettings]:
    """Train and measure the runs of a study, and write neither figures nor report.

    Returns:
        The numbers, the runs, and the settings with the number of seeds.

    Raises:
        UserError: as `run_study`.
    """
    settings = replace(settings, seeds=study.seeds if settings.seeds is None else settings.seeds)
    known = [entry.name for entry in ENTRIES]
    for name in study.run_figures or ():
        if name not in known:
            raise UserError(f"run_figures has {name!r}, but there is no such figure{did_you_mean(name, known)}")
    study.check(settings)
    runs = StudyRuns(study.plan(settings), settings)
    measured = Measured()
    with _closed(study.cases(runs, settings)) as cases:
        for name, case in cases:
            try:
                measured.numbers[name] = _numbers(study, name, case, settings)
            except UserError as error:
                measured.refused[name] = error
            measured.order(runs)
            if study.partial and measured:
                _write(study, study.results(measured, runs, settings), (), settings)
    if measured.refused and not measured:
        raise next(iter(measured.refused.values()))
    return measured, runs, settings


@contextmanager
def _closed(cases: Iterator[tuple[str, Any]]) -> Iterator[Iterator[tuple[str, Any]]]:
    """End a generator with the block, and with it its claim; an exception that is kept would keep it otherwise."""
    try:
        yield cases
    finally:
        if isinstance(cases, Generator):
            cases.close()


def _finish(study: Study, measured: Measured, runs: StudyRuns, settings: StudySettings) -> dict[str, Any]:
    """Draw the figures, and write results and report."""
    figures = study.figures(measured, runs, settings)
    for drawn in figures:
        for kind in ("svg", "png"):
            save_figure(drawn.figure, settings.out / "figures" / f"{drawn.name}.{kind}")
    results = _write(study, study.results(measured, runs, settings), figures, settings)

    def draw(folder: Path) -> Sequence[DrawnFigure]:
        # Opening a model takes time, and is not always possible, so it is done for figures only.
        none = study.run_figures is not None and not study.run_figures and type(study).draw is Study.draw
        return () if none else study.draw(runs.open(folder.name), settings)

    _write_explorer(study, runs, settings)
    settings.say("writing the report")
    write_run_report([settings.out], settings.out / "report.html", draw=draw, specs=runs.specs)
    return results


def _write_explorer(study: Study, runs: StudyRuns, settings: StudySettings) -> None:
    """Write explorer.html, or say in one line why there is none."""
    if not (shown := study.explored(runs)):
        return
    settings.say("writing the explorer")
    try:
        explore(*shown, data=settings.data).write(settings.out / "explorer.html")
    except UserError as error:
        settings.say(f"explorer.html is left out: {error.on_command_line}")


def captions(figures: Sequence[DrawnFigure]) -> dict[str, Any]:
    """The entry of a results file by which the report finds a study's figures; empty for none."""
    listed = [encode(StudyFigure(drawn.name, drawn.caption)) for drawn in figures]
    return {"figures": listed} if listed else {}


def _numbers(study: Study, name: str, case: Any, settings: StudySettings) -> Any:
    """The numbers of a case, read from its file or measured.

    Raises:
        UserError: it cannot be measured.
    """
    file = study.numbers_file(name, case, settings)
    stored = None if file is None else file.read()
    if stored is not None:
        return stored
    settings.say(f"measuring {name.replace('-seed', ', seed ')}")
    numbers = study.measure(case, settings)
    if file is not None:
        file.write(numbers)
    return numbers


def _write(
    study: Study, results: dict[str, Any], figures: Sequence[DrawnFigure], settings: StudySettings
) -> dict[str, Any]:
    document = study.document(results, figures)
    write_atomically(settings.out / study.file, json.dumps(document, indent=2) + "\n")
    return document
