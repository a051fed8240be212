"""The study of Optuna that the processes of a sweep share: a journal file, or a database."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vaelab.codec import encode
from vaelab.errors import UserError, reason
from vaelab.ranges import optuna
from vaelab.sweeps.quantity import part_of
from vaelab.sweeps.settings import Sweep
from vaelab.trackers.server import without_password

# A process tells a database so often that its trial is running, seconds, and is taken for dead when it has not for so
# long.
BEAT = 30
GRACE = 120


class SweepError(UserError):
    """A fault of the sweep itself, not of one trial."""


@contextmanager
def reaching(storage: str) -> Iterator[None]:
    """One line for whatever goes wrong with the storage; trials that run are taken up later."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna().exceptions.ExperimentalWarning)
            warnings.filterwarnings("ignore", "Heartbeat of storage")  # it is expected in Optuna's own loop alone
            yield
    except (UserError, KeyboardInterrupt):
        raise
    except Exception as error:
        why = without_password(reason(error))
        raise SweepError(
            f"storage is {without_password(storage)!r}, which cannot be used ({why}); start it or name another, "
            "such as runs/sweep.journal or sqlite:///sweep.db"
        ) from None


def is_journal(storage: str) -> bool:
    """Whether a storage is a file, not the URL of a database."""
    return "://" not in storage


def claims_of(storage: str, out: Path, name: str) -> Path:
    """The beginning of the paths of locks: beside a journal, which all its processes reach, otherwise in the folder."""
    return (Path(storage).parent if is_journal(storage) else out) / quote(name, safe="")


def open_study(sweep: Sweep, digest: str, storage: str, name: str) -> Any:
    """The study, made if there is none.

    Raises:
        UserError: the storage cannot be reached, or the study was begun with another sweep or other images.
    """
    package = optuna()
    began = described(sweep, digest)
    with reaching(storage):
        if is_journal(storage):
            Path(storage).parent.mkdir(parents=True, exist_ok=True)
            place = package.storages.JournalStorage(package.storages.journal.JournalFileBackend(storage))
        else:
            place = package.storages.RDBStorage(storage, heartbeat_interval=BEAT, grace_period=GRACE)
        study = package.create_study(
            storage=place,
            study_name=name,
            pruner=sweep.pruning.build(sweep.epochs),
            direction=sweep.better.replace("ise", "ize"),
            load_if_exists=True,
        )
        if not began.keys() <= study.user_attrs.keys():
            study.set_metric_names([sweep.measured])
            for field in began.keys() - study.user_attrs.keys():
                study.set_user_attr(field, began[field])
    check_same(study, began, name)
    return study


def check_same(study: Any, began: dict[str, Any], name: str) -> None:
    """Refuse a study that was begun with something else.

    Raises:
        UserError: naming what differs.
    """
    differing = [field for field in began if study.user_attrs.get(field) != began[field]]
    if differing:
        raise UserError(
            f"the study {name!r} was begun with another {differing[0]}; give it the same, or name another study"
        )


def described(sweep: Sweep, digest: str) -> dict[str, Any]:
    """What all processes of a study have to agree on."""
    values: dict[str, Any] = {
        "experiment": encode(sweep.experiment),
        "space": {name: encode(values) for name, values in sweep.space.items()},
        "measured": sweep.measured,
        "direction": sweep.better,
        "images": digest,
    }
    if part_of(sweep.measured)[0]:
        values["budget"] = encode(sweep.budget)
    agreed: dict[str, Any] = json.loads(json.dumps(values))
    return agreed


@contextmanager
def beating(study: Any, trial: Any) -> Iterator[None]:
    """Tell a database that the process of a trial lives, while the block runs; beside a journal, its lock says so."""
    beat = getattr(study._storage, "record_heartbeat", None)
    if beat is None:
        yield
        return
    ended = threading.Event()

    def go_on() -> None:
        while not ended.wait(BEAT):
            with suppress(Exception):  # whether the storage can be reached is seen by the process itself
                beat(trial._trial_id)

    beat(trial._trial_id)
    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def fail_silent(study: Any) -> None:
    """Mark trials as failed whose process has told the database nothing for long."""
    optuna().storages.fail_stale_trials(study)


def distributions(sweep: Sweep) -> dict[str, Any]:
    """The space as Optuna takes it."""
    return {name: values.distribution() for name, values in sweep.space.items()}


def values_of(sweep: Sweep, params: dict[str, Any]) -> dict[str, Any]:
    """The values of the settings in a trial, as JSON."""
    return {name: sweep.space[name].value(drawn) for name, drawn in params.items()}
