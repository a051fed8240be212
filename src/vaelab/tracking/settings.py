"""A record as trackers take it: one level of names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from vaelab.codec import encode
from vaelab.experiment import Record
from vaelab.trackers import Setting


def settings_of(record: Record) -> dict[str, Setting]:
    """The settings of a run with names such as `model.prior.kind`, then images and versions."""
    values = encode(record)
    return flat(values.pop("experiment") | {name: value for name, value in values.items() if name != "format"})


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Setting]:
    """Nested values with their names joined by dots; a list of plain values is one text, and null is "none".

    >>> flat({"model": {"latent": 2, "hidden": [200, 200], "prior": None}, "cells": [{"kind": "depthwise"}]})
    {'model.latent': 2, 'model.hidden': '[200, 200]', 'model.prior': 'none', 'cells.0.kind': 'depthwise'}
    """
    found: dict[str, Setting] = {}
    for name, value in values.items():
        nested = dict(enumerate(value)) if isinstance(value, list) and _holds_objects(value) else value
        if isinstance(nested, Mapping):
            found |= flat({str(key): each for key, each in nested.items()}, f"{prefix}{name}.")
        elif value is None:
            found[f"{prefix}{name}"] = "none"
        else:
            found[f"{prefix}{name}"] = json.dumps(value) if isinstance(value, list) else value
    return found


def _holds_objects(values: list[Any]) -> bool:
    return any(isinstance(each, Mapping) for each in values)
