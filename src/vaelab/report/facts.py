"""Facts about runs and studies: settings, version, machine and duration."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from vaelab.codec import encode
from vaelab.data import source_text
from vaelab.report.blocks import Fact, Facts
from vaelab.report.claims import Claims
from vaelab.report.parts import own_parts, repeatable
from vaelab.report.runs import Group


def facts_of(group: Group) -> Facts:
    """The facts about the runs of a group."""
    record, folders = group.record, [run.folder for run in group.runs]
    events = [event for folder in folders for event in folder.events()]
    machines = dict.fromkeys(event["machine"] for event in events if "machine" in event)
    seconds = [folder.seconds() for folder in folders]
    each = f", {duration(sum(seconds) / len(seconds))} per run" if len(seconds) > 1 else ""
    experiment = record.experiment
    own = ", ".join(f"{part.room}: {part.name}" for part in own_parts(experiment))
    lines = {
        "model": repr(experiment.model),
        "objective": repr(experiment.objective),
        **({"the user's own parts": own} if own else {}),
        "data": f"{source_text(experiment.data)}, sha256 {record.data_sha256}",
        "epochs": str(group.runs[0].epochs),
        "seeds": ", ".join(map(str, group.seeds)),
        "machine": "; ".join(machines) or "not recorded",
        "vaelab": record.vaelab,
        "duration": f"{duration(sum(seconds))}{each}" if events else "not recorded",
        "date": _day(max(event["time"] for event in events)) if events else "not recorded",
        "folders": ", ".join(str(folder.path) for folder in folders),
        **({} if repeatable(experiment) else {"reproduction": "in Python, with the same objects; no command has them"}),
    }
    return Facts(
        group.name, tuple(Fact(name, value) for name, value in lines.items()), json.dumps(encode(experiment), indent=2)
    )


def facts_of_claims(claims: Claims) -> Facts:
    """The facts about a study of claims."""

    def text(name: str, value: Any) -> str:
        if name.endswith("seconds"):
            return duration(value)
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

    lines = [
        Fact(name.replace("_seconds", "").replace("_", " "), text(name, value))
        for name, value in claims.about.items()
        # The error rate stands above the verdicts.
        if value is not None and name != "error_rate"
    ]
    return Facts("Claims", tuple(lines))


def duration(seconds: float) -> str:
    """A duration as text.

    >>> duration(45.4), duration(581), duration(7500)
    ('45 s', '9 min 41 s', '2 h 05 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _day(time: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M} UTC"
