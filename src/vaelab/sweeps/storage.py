"""The study of Optuna that the processes of a sweep share: a journal file, or a database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vaelab.codec import encode
from vaelab.errors import UserError, reason
from vaelab.ranges import optuna
from vaelab.sweeps.settings import Sweep
from vaelab.trackers.server import without_password


class SweepError(UserError):
    """A fault of the sweep itself, not of one trial."""


@contextmanager
def reaching(storage: str) -> Iterator[None]:
    """One line for whatever goes wrong with the storage; trials that run are taken up later."""
    try:
        yield
    except (UserError, KeyboardInterrupt):
        raise
    except Exception as error:
        why = without_password(reason(error))
        raise SweepError(
            f"storage is {without_password(storage)!r}, which cannot be used ({why}); start it or name another, "
            "such as runs/sweep.journal or sqlite:///sweep.db"
        ) from None


def open_study(sweep: Sweep, digest: str, storage: str, name: str) -> Any:
    """The study, made if there is none.

    Raises:
        UserError: the storage cannot be reached, or the study was begun with another sweep or other images.
    """
    package = optuna()
    began = described(sweep, digest)
    with reaching(storage):
        place: Any = storage
        if "://" not in storage:
            Path(storage).parent.mkdir(parents=True, exist_ok=True)
            place = package.storages.JournalStorage(package.storages.journal.JournalFileBackend(storage))
        pruner = package.pruners.MedianPruner(sweep.startup) if sweep.prune else package.pruners.NopPruner()
        direction = sweep.direction.replace("ise", "ize")
        study = package.create_study(
            storage=place, study_name=name, pruner=pruner, direction=direction, load_if_exists=True
        )
        if "sweep" not in study.user_attrs:
            study.set_user_attr("sweep", began)
    check_same(study, began, name)
    return study


def check_same(study: Any, began: dict[str, Any], name: str) -> None:
    """Refuse a study that was begun with something else.

    Raises:
        UserError: naming what differs.
    """
    stored = study.user_attrs.get("sweep", {})
    differing = [field for field in began if stored.get(field) != began[field]]
    if differing:
        raise UserError(
            f"the study {name!r} was begun with another {differing[0]}; give it the same, or name another study"
        )


def described(sweep: Sweep, digest: str) -> dict[str, Any]:
    """What all processes of a study have to agree on."""
    space = {name: encode(values) for name, values in sweep.space.items()}
    values = {"experiment": encode(sweep.experiment), "space": space, "measured": sweep.measured}
    agreed: dict[str, Any] = json.loads(json.dumps(values | {"direction": sweep.direction, "images": digest}))
    return agreed


def distributions(sweep: Sweep) -> dict[str, Any]:
    """The space as Optuna takes it."""
    return {name: values.distribution() for name, values in sweep.space.items()}


def values_of(sweep: Sweep, params: dict[str, Any]) -> dict[str, Any]:
    """The values of the settings in a trial, as JSON."""
    return {name: sweep.space[name].value(drawn) for name, drawn in params.items()}
