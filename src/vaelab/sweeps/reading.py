"""SPACE.json: a sweep as a file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vaelab.codec import decode, encode
from vaelab.data import parse_source
from vaelab.errors import UserError, did_you_mean
from vaelab.evaluation import Budget
from vaelab.experiment import Experiment
from vaelab.files import read_json
from vaelab.presets import preset
from vaelab.ranges import RangeSpec
from vaelab.spec import Spec, tag_of, words
from vaelab.sweeps.pruners import PrunerSpec
from vaelab.sweeps.samplers import SamplerSpec
from vaelab.sweeps.settings import Sweep, with_settings

_PARTS: dict[str, type[Spec]] = {"sampler": SamplerSpec, "pruner": PrunerSpec, "budget": Budget}
# What only Python can give.
_NOT_JSON = {"parts"}


def read_sweep(path: Path, specs: Sequence[type[Spec]] = ()) -> Sweep:
    """A sweep from its JSON, in which `experiment` may be the name of a preset and `data` the name of a source.

    Raises:
        UserError: the file is absent or no JSON, or a field is unknown, missing or unsuitable.
    """
    values: Any = read_json(path)
    if not isinstance(values, dict):
        raise UserError(f"{path} is no object; give it experiment and space")
    values = dict(values)
    named, data = values.get("experiment"), values.pop("data", None)
    base = encode(preset(named)) if isinstance(named, str) else named
    if isinstance(base, dict):
        source = {} if data is None else {"data": encode(parse_source(data)) if isinstance(data, str) else data}
        values["experiment"] = with_settings(base | source, values.pop("settings", {}))
    space = values.pop("space", None)
    known = [*("experiment", "data", "settings", "space"), *(Sweep.__dataclass_fields__.keys() - _NOT_JSON)]
    for name in values:
        if name not in known:
            raise UserError(f"{path}: {name}: unknown field of a sweep{did_you_mean(name, known)}")
    if "experiment" not in values:
        raise UserError(f"{path}: experiment is missing; name a preset, or give an experiment's JSON")
    experiment = decode(Experiment, values.pop("experiment"), f"{path}: experiment", specs)
    ranges = dict(_ranges(space, f"{path}: space", specs)) if isinstance(space, dict) else space
    for name, room in _PARTS.items():
        if isinstance(values.get(name), dict):
            values[name] = decode(room, values[name], f"{path}: {name}", specs)
    try:
        return Sweep(experiment, ranges, **values)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _ranges(space: Mapping[str, Any], where: str, specs: Sequence[type[Spec]]) -> Iterator[tuple[str, RangeSpec]]:
    """The ranges, each by its word, `{"int": [2, 32]}`, or as `encode` gives it, with its kind."""
    known = words(RangeSpec)
    for name, values in space.items():
        given = dict(values) if isinstance(values, dict) else {}
        found = [word for word in known if word in given]
        if "kind" not in given and len(found) != 1:
            hint = did_you_mean(next(iter(given), ""), known) or ", or bring your own with --plugin"
            raise UserError(f"{where}: {name}: is {values!r}, but must have one of {', '.join(known)}{hint}")
        if "kind" not in given:
            (word,) = found
            first: Any = next(field for field in dataclasses.fields(known[word]) if not field.kw_only)  # type: ignore[arg-type]
            given = {"kind": tag_of(known[word]), first.name: given.pop(word)} | given
        yield name, decode(RangeSpec, given, f"{where}: {name}", specs)
