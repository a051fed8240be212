"""A process of a sweep: take up a trial that was left, or begin the next one, until there are enough."""

from __future__ import annotations

import functools
import os
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import Any

from vaelab.data import Data, validation_as_test
from vaelab.errors import UserError
from vaelab.experiment import Experiment
from vaelab.files import claim_of, claimed, locked
from vaelab.ranges import optuna
from vaelab.sweeps.quantity import evaluated, part_of
from vaelab.sweeps.results import SweepResults, Trials
from vaelab.sweeps.settings import Sweep
from vaelab.sweeps.storage import (
    SweepError,
    beating,
    check_same,
    claims_of,
    described,
    distributions,
    fail_silent,
    is_journal,
    open_study,
    reaching,
    values_of,
)
from vaelab.trackers import Log
from vaelab.tracking.train import train
from vaelab.training import Run
from vaelab.training.folder import Row

# How often a trial is taken up, and how many trials in a row may fail, before that is final.
_ATTEMPTS = 3


class Worker:
    """One process of a sweep.

    Args:
        settings: and the other arguments: as for `sweep`, with the storage.
        images: all images, loaded.
    """

    def __init__(
        self,
        settings: Sweep,
        images: Data,
        out: Path,
        storage: str,
        name: str,
        *,
        show: bool | None,
        say: Callable[[str], None],
        log: Log,
        log_every: int,
    ) -> None:
        self.settings, self.images, self.out, self.storage, self.name = settings, images, out, storage, name
        self.show, self.say, self.log, self.log_every = show, say, log, log_every
        self.states = optuna().trial.TrialState
        self.space = distributions(settings)
        self._sampler(0)  # one that cannot draw from the space is refused before any trial
        self.part, self.number = part_of(settings.measured)
        self.held_out = functools.cache(functools.partial(validation_as_test, images))
        self.claims = claims_of(storage, out, name)
        # Two processes at once cannot make the tables of a new database.
        with locked(self._claim("next")):
            self.study = open_study(settings, images.digest, storage, name)
        # A sampler that has tried everything stops the study, but Optuna's own `stop` works in its own loop alone.
        self.stopped = Event()
        self.study.stop = self.stopped.set

    def work(self, trials: int) -> SweepResults:
        """Work until the study has all its trials."""
        failed: list[UserError] = []
        most = min(trials, self.settings.sampler.most(self.space))
        while self._take_up(failed) or self._begin(most, failed):
            if len(failed) >= _ATTEMPTS:
                raise failed[-1]
        self._write()
        title = f"Sweep {self.name} on {self.images.name}, best first"
        return Trials(self.settings, self._trials()).results(title, self.out)

    def _take_up(self, failed: list[UserError]) -> bool:
        """Go on with a trial whose process has ended; whether there was one."""
        for number in [trial.number for trial in self._trials() if trial.state == self.states.RUNNING]:
            if not is_journal(self.storage) and not claim_of(self._claim(number)).exists():
                continue  # begun in another folder; the database hears of it, or not
            with claimed(self._claim(number)) as mine:
                trial = self._trials()[number]
                if mine and trial.state == self.states.RUNNING:
                    with reaching(self.storage):
                        self._draw(number)
                    self._run(number, failed)
                    return True
        return False

    def _begin(self, most: float, failed: list[UserError]) -> bool:
        """Begin the next trial; whether there was one left."""
        with ExitStack() as until_it_ends:
            with locked(self._claim("next")), reaching(self.storage):
                check_same(self.study, described(self.settings, self.images.digest), self.name)
                fail_silent(self.study)
                number = len(self._trials())
                if number >= most or self.stopped.is_set() or self.settings.sampler.exhausted(self.study):
                    return False
                # Claimed before it is there, so that no other process takes it for one that was left.
                self._claim_until(until_it_ends, number)
                self.study.sampler = self._sampler(number)
                asked = self.study.ask()
                if asked.number != number:  # a process in another folder was faster
                    number = asked.number
                    self._claim_until(until_it_ends, number)
                self._draw(number)
            self._run(number, failed)
        return True

    def _claim_until(self, end: ExitStack, number: int) -> None:
        if not end.enter_context(claimed(self._claim(number))):
            raise SweepError(f"trial {number} in {self.out} is run by a process of another study; name another folder")

    def _draw(self, number: int) -> None:
        """Draw the settings that a trial lacks: all, or those that a process was killed before it drew."""
        self.study.sampler = self._sampler(number)
        live = self._live(number)
        with beating(self.study, live):
            for name, values in self.space.items():
                live._suggest(name, values)

    def _run(self, number: int, failed: list[UserError]) -> None:
        """Train a claimed trial and tell the study its result."""
        attempts = self._trials()[number].user_attrs.get("attempts", 0) + 1
        if attempts > _ATTEMPTS:
            self._fail(number, f"its process ended {_ATTEMPTS} times")
            return
        with reaching(self.storage):
            live = self._live(number)
            live.set_user_attr("run", str(self._folder(number)))
            live.set_user_attr("attempts", attempts)
            live.set_user_attr("worker", f"{socket.gethostname()}:{os.getpid()}")
            live.set_user_attr("sampler", self.settings.sampler.kind)
            live.set_user_attr("sampler seed", self._seed(number))
        self.say(f"trial {number}: " + ", ".join(f"{name} {value}" for name, value in live.params.items()))
        try:
            with beating(self.study, live):
                pruned, run = self._train(live)
                value = None if pruned else self._measured(live, run)
        except UserError as error:
            if isinstance(error, SweepError):
                raise
            self._write()  # where the table cannot be written, it is not the trial that fails
            self._fail(number, str(error))
            failed.append(error)
            return
        failed.clear()
        with reaching(self.storage):
            self.study.tell(number, value, state=self.states.PRUNED if pruned else None)
        self.say(f"trial {number}: {'pruned' if pruned else f'{value:.4f}'}")
        self._write()

    def _train(self, live: Any) -> tuple[bool, Run]:
        """Train the model of a trial; whether it was pruned."""
        experiment, pruned = self.experiment_of(live), False

        def stop(rows: list[Row]) -> bool:
            nonlocal pruned
            with reaching(self.storage):
                known = self._trials()[live.number].intermediate_values
                for row in rows:
                    if int(row["epoch"]) not in known:
                        live.report(self._after_epoch(row), int(row["epoch"]))
                pruned = len(rows) < experiment.training.epochs and live.should_prune()
            return pruned

        run = train(
            experiment,
            self._folder(live.number),
            resume=True,
            data=self.images,
            show=self.show,
            title=f"trial {live.number}",
            log=self.log,
            log_every=self.log_every,
            stop=stop,
        )
        return pruned, run

    def _measured(self, live: Any, run: Run) -> float:
        """The quantity of a trained model; all numbers of a part of the evaluation are kept with the trial."""
        if not self.part:
            return self._column(run.rows[-1], self.number)
        data = self.held_out(run.experiment.training.validation)
        found = evaluated(run, data, self.part, self.settings.budget, self.settings.parts, self.say)
        found.write(run.folder / "validation.json")
        section = found.section(self.part)
        with reaching(self.storage):
            for number in section.numbers:
                live.set_user_attr(f"{self.part}: {number.name}", number.value)
        return section.value(self.number)

    def _after_epoch(self, row: Row) -> float:
        """What trials are compared by before their end: less is better where less of the quantity is."""
        if not self.part:
            return self._column(row, self.number)
        total = self._column(row, "validation_total")
        return total if self.settings.better == "minimise" else -total

    def _column(self, row: Row, name: str) -> float:
        if name not in row:
            raise SweepError(f"measured is {name!r}, but metrics.csv has the columns {', '.join(row)}; name one")
        return row[name]

    def experiment_of(self, trial: Any) -> Experiment:
        """The experiment of a trial."""
        return self.settings.experiment_of(values_of(self.settings, trial.params))

    def _fail(self, number: int, error: str) -> None:
        with reaching(self.storage):
            self._live(number).set_user_attr("error", error)
            self.study.tell(number, state=self.states.FAIL)
        self.say(f"trial {number}: {error}")
        self._write()

    def _seed(self, number: int) -> int | None:
        return self.settings.sampler.seed_of(self.settings.seed, number)

    def _sampler(self, number: int) -> Any:
        return self.settings.sampler.build(self.space, self._seed(number) or 0)

    def _live(self, number: int) -> Any:
        """The trial as an object that can be told something, whichever process asked for it."""
        return optuna().trial.Trial(self.study, self._trials()[number]._trial_id)

    def _trials(self) -> list[Any]:
        with reaching(self.storage):
            found: list[Any] = self.study.get_trials(deepcopy=False)
            return found

    def _folder(self, number: int) -> Path:
        return self.out / f"trial-{number:04d}"

    def _claim(self, what: int | str) -> Path:
        """The path whose lock is the claim on a trial."""
        return self.claims.with_name(f"{self.claims.name}.{what}")

    def _write(self) -> None:
        """Write sweep.csv and best.json."""
        with locked(self.out / "sweep.csv"):
            Trials(self.settings, self._trials()).write(self.out)
