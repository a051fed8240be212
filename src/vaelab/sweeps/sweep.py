"""A process of a sweep: take up a trial that was left, or begin the next one, until there are enough."""

from __future__ import annotations

import csv
import io
import json
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaelab.codec import encode
from vaelab.errors import UserError
from vaelab.experiment import Experiment
from vaelab.files import claim_of, claimed, locked, write_atomically
from vaelab.metrics.checks import at_least
from vaelab.ranges import optuna
from vaelab.report import Table
from vaelab.sweeps.settings import Sweep
from vaelab.sweeps.storage import (
    SweepError,
    check_same,
    described,
    distributions,
    open_study,
    reaching,
    values_of,
)
from vaelab.tracking.train import train
from vaelab.training import Run
from vaelab.training.folder import Row
from vaelab.training.prepare import choose_data

# How often a trial is taken up, and how many trials in a row may fail, before that is final.
_ATTEMPTS = 3


@dataclass(frozen=True)
class SweepResults:
    """The trials of a sweep so far.

    Args:
        table: all trials, best first.
        best: the best experiment; None if no trial has ended well.
        out: the folder of the runs.
    """

    table: Table
    best: Experiment | None
    out: Path


def sweep(
    settings: Sweep,
    out: str | Path,
    *,
    trials: int,
    storage: str | None = None,
    name: str = "sweep",
    data: Any = None,
    data_directory: Path | None = None,
    show: bool | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> SweepResults:
    """Search over settings; processes that are given the same study and the same folder share its trials.

    A trial is the run OUT/trial-NNNN. It keeps the experiment's seed, so its experiment.json repeats it. A trial whose
    process was killed is taken up, and its run resumed, by the next process that is free. OUT/sweep.csv has all
    trials, best first, and OUT/best.json the best experiment, for `vaelab train --config`.

    Args:
        settings: what is varied, and what trials are compared by.
        out: the folder of the runs, the same for all processes.
        trials: how many trials the study has in all.
        storage: the path of a journal file, or the URL of a database; by default OUT/journal.log.
        name: the name of the study in the storage.
        data: images instead of those that the experiment names.
        data_directory: the folder of data sets.
        show: show progress on standard error.
        say: called with a line about each trial.

    Raises:
        UserError: a storage that cannot be reached, a study that was begun with another sweep or other images, three
            trials in a row that cannot be trained, or as `vaelab.train`.
        KeyboardInterrupt: as `vaelab.train`; the trial is taken up when the sweep goes on.
    """
    at_least("trials", trials, 1)
    folder = Path(out)
    storage = storage or str(folder / "journal.log")
    optuna()
    experiment, images = choose_data(settings.experiment, data, data_directory)
    worker = Worker(settings, experiment, images, folder, storage, name, show, say)
    return worker.work(trials)


class Worker:
    """One process of a sweep.

    Args:
        settings: and the other arguments: as for `sweep`, with the storage, and with images that are loaded.
    """

    def __init__(
        self,
        settings: Sweep,
        experiment: Experiment,
        images: Any,
        out: Path,
        storage: str,
        name: str,
        show: bool | None,
        say: Callable[[str], None],
    ) -> None:
        self.settings, self.experiment, self.images = settings, experiment, images
        self.out, self.storage, self.name, self.show, self.say = out, storage, name, show, say
        # Two processes at once cannot make the tables of a new database.
        with locked(out / "next"):
            self.study = open_study(settings, images.digest, storage, name)
        self.states = optuna().trial.TrialState

    def work(self, trials: int) -> SweepResults:
        """Work until the study has all its trials."""
        failed: list[UserError] = []
        while self._take_up(failed) or self._begin(trials, failed):
            if len(failed) >= _ATTEMPTS:
                raise failed[-1]
        return self.results()

    def _take_up(self, failed: list[UserError]) -> bool:
        """Go on with a trial of this folder whose process has ended; whether there was one."""
        for number in [trial.number for trial in self._trials() if trial.state == self.states.RUNNING]:
            if not claim_of(self._folder(number)).exists():
                continue  # begun in another folder
            with claimed(self._folder(number)) as mine:
                trial = self._trials()[number]
                if mine and trial.state == self.states.RUNNING:
                    self._run(number, trial, failed)
                    return True
        return False

    def _begin(self, trials: int, failed: list[UserError]) -> bool:
        """Begin the next trial; whether there was one left."""
        with locked(self.out / "next"), reaching(self.storage):
            check_same(self.study, described(self.settings, self.images.digest), self.name)
            number = len(self._trials())
            if number >= trials:
                return False
            # Two processes draw different values, and one that goes on draws as if it had never been stopped.
            self.study.sampler = optuna().samplers.TPESampler(
                n_startup_trials=self.settings.startup, seed=(self.settings.seed * 1_000_003 + number) % 2**32
            )
            claim = claimed(self._folder(number))
            mine = claim.__enter__()
            try:
                asked = self.study.ask(distributions(self.settings)) if mine else None
            except BaseException:
                claim.__exit__(None, None, None)
                raise
        try:
            if asked is not None and asked.number == number:
                self._run(number, self._trials()[number], failed)
        finally:
            claim.__exit__(None, None, None)
        return True

    def _run(self, number: int, trial: Any, failed: list[UserError]) -> None:
        """Train a claimed trial and tell the study its result."""
        attempts = trial.user_attrs.get("attempts", 0) + 1
        if attempts > _ATTEMPTS:
            self._tell(number, None, error=f"its process ended {_ATTEMPTS} times")
            return
        live = self._live(trial)
        with reaching(self.storage):
            live.set_user_attr("attempts", attempts)
            live.set_user_attr("worker", f"{socket.gethostname()}:{os.getpid()}")
        shown = ", ".join(f"{key} {value}" for key, value in trial.params.items())
        self.say(f"trial {number}: {shown}")
        pruned = False

        def stop(rows: list[Row]) -> bool:
            nonlocal pruned
            with reaching(self.storage):
                known = self._trials()[number].intermediate_values
                for row in rows:
                    if int(row["epoch"]) not in known:
                        live.report(self._value(row), int(row["epoch"]))
                pruned = len(rows) < self.experiment_of(trial).training.epochs and live.should_prune()
            return pruned

        try:
            run = train(
                self.experiment_of(trial),
                self._folder(number),
                resume=True,
                data=self.images,
                show=self.show,
                title=f"trial {number}",
                stop=stop,
            )
        except UserError as error:
            if isinstance(error, SweepError):
                raise
            self._write()  # where the table cannot be written, it is not the trial that fails
            self._tell(number, None, error=str(error))
            failed.append(error)
            return
        failed.clear()
        self._tell(number, run, pruned=pruned)

    def experiment_of(self, trial: Any) -> Experiment:
        """The experiment of a trial."""
        return self.settings.experiment_of(values_of(self.settings, trial.params))

    def _value(self, row: Row) -> float:
        if self.settings.measured not in row:
            raise SweepError(
                f"measured is {self.settings.measured!r}, but metrics.csv has the columns {', '.join(row)}; name one"
            )
        return row[self.settings.measured]

    def _tell(self, number: int, run: Run | None, pruned: bool = False, error: str = "") -> None:
        with reaching(self.storage):
            if run is None:
                self._live(self._trials()[number]).set_user_attr("error", error)
                self.study.tell(number, state=self.states.FAIL)
            elif pruned:
                self.study.tell(number, state=self.states.PRUNED)
            else:
                self.study.tell(number, self._value(run.rows[-1]))
        self.say(f"trial {number}: {error or ('pruned' if pruned else f'{self._trials()[number].value:.4f}')}")
        self._write()

    def _live(self, trial: Any) -> Any:
        """The trial as an object that can be told something, whichever process asked for it."""
        return optuna().trial.Trial(self.study, trial._trial_id)

    def _trials(self) -> list[Any]:
        with reaching(self.storage):
            found: list[Any] = self.study.get_trials(deepcopy=False)
            return found

    def _folder(self, number: int) -> Path:
        return self.out / f"trial-{number:04d}"

    def _ordered(self) -> list[Any]:
        """The trials, best first, then those that were pruned, failed or still run."""
        sign = 1 if self.settings.direction == "minimise" else -1
        done = [trial for trial in self._trials() if trial.state == self.states.COMPLETE]
        others = [trial for trial in self._trials() if trial.state != self.states.COMPLETE]
        return [*sorted(done, key=lambda trial: sign * trial.value), *others]

    def _write(self) -> None:
        """Write sweep.csv and best.json."""
        with locked(self.out / "sweep.csv"):
            trials = self._ordered()
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(["trial", "state", self.settings.measured, "epochs", *self.settings.space])
            for trial in trials:
                epochs = len(trial.intermediate_values)
                values = [trial.params.get(name, "") for name in self.settings.space]
                writer.writerow([trial.number, trial.state.name.lower(), trial.value, epochs, *values])
            write_atomically(self.out / "sweep.csv", text.getvalue())
            if trials and trials[0].state == self.states.COMPLETE:
                best = json.dumps(encode(self.experiment_of(trials[0])), indent=2)
                write_atomically(self.out / "best.json", best + "\n")

    def results(self) -> SweepResults:
        """The trials so far."""
        self._write()
        trials = self._ordered()
        rows = [
            (
                f"trial-{trial.number:04d}",
                f"{trial.value:.4f}" if trial.state == self.states.COMPLETE else trial.state.name.lower(),
                str(len(trial.intermediate_values)),
                *(f"{trial.params.get(name, '')}" for name in self.settings.space),
            )
            for trial in trials
        ]
        columns = ("trial", self.settings.measured, "epochs", *self.settings.space)
        best = trials[0] if trials and trials[0].state == self.states.COMPLETE else None
        table = Table(f"Sweep {self.name} on {self.images.name}, best first", columns, tuple(rows))
        return SweepResults(table, None if best is None else self.experiment_of(best), self.out)
