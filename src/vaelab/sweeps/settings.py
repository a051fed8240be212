"""What a sweep varies and what it looks for: the content of SPACE.json."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge

from vaelab.codec import decode, encode
from vaelab.data import parse_source
from vaelab.errors import UserError, did_you_mean
from vaelab.experiment import Experiment
from vaelab.files import read_json
from vaelab.presets import preset
from vaelab.spec import Spec


class Range(Spec):
    """The values that one setting takes."""

    word: ClassVar[str]
    """Its field in JSON, by which it is known."""

    @abstractmethod
    def ends(self) -> Sequence[Any]:
        """Values that show whether the setting takes all of them: both ends, or every choice."""


@dataclass(frozen=True)
class IntRange(Range):
    """Whole numbers from low to high, both included: `{"int": [2, 32], "log": true}`."""

    bounds: tuple[int, int]
    log: bool = False
    """Drawn uniformly in the logarithm."""
    word: ClassVar[str] = "int"
    json_names: ClassVar[Mapping[str, str]] = {"bounds": "int"}

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_bounds(*self.bounds, log=self.log)

    def ends(self) -> Sequence[Any]:
        """Both ends."""
        return self.bounds


@dataclass(frozen=True)
class FloatRange(Range):
    """Numbers from low to high: `{"float": [1e-4, 1e-2], "log": true}`."""

    bounds: tuple[float, float]
    log: bool = False
    """Drawn uniformly in the logarithm."""
    word: ClassVar[str] = "float"
    json_names: ClassVar[Mapping[str, str]] = {"bounds": "float"}

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_bounds(*self.bounds, log=self.log)

    def ends(self) -> Sequence[Any]:
        """Both ends."""
        return self.bounds


@dataclass(frozen=True)
class Choice(Range):
    """Values as an experiment's JSON has them, parts among them: `{"choice": [{"kind": "mixture"}, ...]}`."""

    values: tuple[Any, ...]
    word: ClassVar[str] = "choice"
    json_names: ClassVar[Mapping[str, str]] = {"values": "choice"}

    def __post_init__(self) -> None:
        super().__post_init__()
        labels = [json.dumps(value, sort_keys=True) for value in self.values]
        if not labels or len(set(labels)) < len(labels):
            raise UserError(f"choice is [{', '.join(labels)}], but must have at least one value, each once")

    def ends(self) -> Sequence[Any]:
        """Every choice."""
        return self.values


def _check_bounds(low: float, high: float, log: bool) -> None:
    if low > high:
        raise UserError(f"the range is from {low} to {high}, but must be from low to high; swap them")
    if log and low <= 0:
        raise UserError(f"the range begins at {low}, but has log, so it must begin above 0")


@dataclass(frozen=True)
class Sweep(Spec):
    """A search over settings of an experiment, each named by its path in the experiment's JSON.

    >>> from vaelab import preset
    >>> Sweep(preset("vae", validation=100), {"model.latnet": IntRange((2, 8))})
    Traceback (most recent call last):
    ...
    vaelab.errors.UserError: space: model.latnet: unknown field of VAE; did you mean latent?

    Raises:
        UserError: a setting that the experiment does not have, or a value that it does not take.
    """

    experiment: Experiment
    """What every trial has in common."""
    space: Any
    """The ranges by setting, such as `{"model.latent": IntRange((2, 32))}`."""
    measured: str = "validation_total"
    """The column of metrics.csv that is compared, after the last epoch."""
    direction: Literal["minimise", "maximise"] = "minimise"
    """What is sought of it."""
    prune: bool = True
    """End a trial after an epoch at which it is worse than the median of the others."""
    startup: Annotated[int, Ge(1)] = 10
    """Trials that are drawn at random, and not pruned, before the others are chosen by their results."""
    seed: Annotated[int, Ge(0)] = 0
    """Decides, with the number of a trial, what is drawn for it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.space, Mapping) or not self.space:
            raise UserError("space is empty; name a setting and its values, such as model.latent")
        object.__setattr__(self, "space", dict(self.space))
        for name, values in self.space.items():
            if not isinstance(values, Range):
                raise UserError(f"space: {name}: is {values!r}, but must be an IntRange, a FloatRange or a Choice")
        if self.measured.startswith("validation_") and self.experiment.training.validation == 0:
            raise UserError(
                f"measured is {self.measured!r}, but training.validation is 0, so that no images are held out; give "
                "their number, or null for a twelfth, or measure another column of metrics.csv"
            )
        first = {name: values.ends()[0] for name, values in self.space.items()}
        for name, values in self.space.items():
            for value in values.ends():
                self.experiment_of(first | {name: value})

    def experiment_of(self, values: Mapping[str, Any], specs: Sequence[type[Spec]] = ()) -> Experiment:
        """The experiment with these values of its settings.

        Raises:
            UserError: naming the setting.
        """
        return decode(Experiment, with_settings(encode(self.experiment), values), "space", specs)


def with_settings(experiment: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON of an experiment with other values, by dotted names, outer settings first.

    >>> with_settings({"model": {"latent": 2}}, {"model.latent": 8})
    {'model': {'latent': 8}}
    """
    changed: dict[str, Any] = json.loads(json.dumps(experiment))
    for name in sorted(values, key=lambda name: name.count(".")):
        *outer, last = name.split(".")
        place: Any = changed
        for index, part in enumerate(outer):
            if part not in place:
                raise UserError(f"space: {name}: there is no {part!r}{did_you_mean(part, place)}")
            place = place[part]
            if not isinstance(place, dict):
                raise UserError(f"space: {name}: {'.'.join(outer[: index + 1])} is {place!r}, which has no settings")
        place[last] = json.loads(json.dumps(values[name]))
    return changed


_RANGES = {known.word: known for known in (IntRange, FloatRange, Choice)}


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
    space = values.get("space")
    if isinstance(space, dict):
        # A range is known by its field, so it has no kind.
        values["space"] = dict(_ranges(space, path))
    ranges = values.pop("space", None)
    known = ("experiment", "data", "settings", "space", *(name for name in Sweep.__dataclass_fields__))
    for name in values:
        if name not in known:
            raise UserError(f"{path}: {name}: unknown field of a sweep{did_you_mean(name, known)}")
    if "experiment" not in values:
        raise UserError(f"{path}: experiment is missing; name a preset, or give an experiment's JSON")
    experiment = decode(Experiment, values.pop("experiment"), f"{path}: experiment", specs)
    try:
        return Sweep(experiment, ranges, **values)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _ranges(space: dict[str, Any], path: Path) -> Iterator[tuple[str, Range]]:
    for name, values in space.items():
        word = next((word for word in _RANGES if isinstance(values, dict) and word in values), None)
        if word is None:
            raise UserError(f"{path}: space: {name}: is {values!r}, but must have one of {', '.join(_RANGES)}")
        if word == "choice":
            if not isinstance(values["choice"], list) or len(values) > 1:
                raise UserError(
                    f"{path}: space: {name}: is {values!r}, but must have a list as choice, and nothing else"
                )
            yield name, Choice(tuple(values["choice"]))
        else:
            yield name, decode(_RANGES[word], values, f"{path}: space: {name}")
