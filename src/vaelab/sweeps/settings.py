"""The settings of a sweep: what is varied, and what trials are compared by."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import Ge

from vaelab.codec import decode, encode
from vaelab.errors import UserError, did_you_mean
from vaelab.evaluation import PARTS, Budget, Part
from vaelab.evaluation.budget import QUICK
from vaelab.experiment import Experiment
from vaelab.ranges import RangeSpec
from vaelab.spec import Spec, classes_in
from vaelab.sweeps.pruners import MedianPruner, NoPruner, PrunerSpec
from vaelab.sweeps.quantity import Direction, direction_of, part_of
from vaelab.sweeps.samplers import SamplerSpec, TreeParzen


@dataclass(frozen=True)
class Sweep(Spec):
    """A search over settings of an experiment, each named by its path in the experiment's JSON.

    >>> from vaelab import IntRange, preset
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
    """A column of metrics.csv, as it is after the last epoch, or a number of the evaluation of the validation images,
    such as `evidence: log p(x)`, under the names that `vaelab evaluate` prints."""
    direction: Direction | None = None
    """Minimise or maximise it; None takes the known direction of the quantity."""
    sampler: SamplerSpec = TreeParzen()
    """Decides what is tried next."""
    pruner: PrunerSpec | None = None
    """Ends trials early; by default `median` for a column and `none` for a number of the evaluation, which is known at
    the end alone. A pruner that is given then compares the totals of the validation images."""
    budget: Budget = Budget(**QUICK)
    """Images and draws of the evaluation, if a number of it is measured."""
    seed: Annotated[int, Ge(0)] = 0
    """Decides, with the number of a trial, what is drawn for it."""
    parts: tuple[Part, ...] = ()
    """Parts of the evaluation of your own, which `measured` may name."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.space, Mapping) or not self.space:
            raise UserError("space is empty; name a setting and its values, such as model.latent")
        object.__setattr__(self, "space", dict(self.space))
        for name, values in self.space.items():
            if not isinstance(values, RangeSpec):
                raise UserError(
                    f"space: {name}: is {values!r}, but must be an IntRange, FloatRange, Choice or a range of your own"
                )
        part, _ = part_of(self.measured)
        known = [each.name for each in (*PARTS, *self.parts)]
        if part and part not in known:
            hint = did_you_mean(part, known)
            raise UserError(f"measured is {self.measured!r}, but the evaluation has the parts {', '.join(known)}{hint}")
        if (part or self.measured.startswith("validation_")) and self.experiment.training.validation == 0:
            raise UserError(
                f"measured is {self.measured!r}, but training.validation is 0, so that no images are held out; give "
                "their number, or null for a twelfth, or measure another column of metrics.csv"
            )
        if self.direction is None and direction_of(self.measured) is None:
            hint = did_you_mean(self.measured, ("validation_total", "validation_reconstruction", "test_total"))
            raise UserError(
                f"measured is {self.measured!r}, of which neither less nor more is known to be better"
                + (hint or "; give direction, minimise or maximise")
            )
        first = {name: values.ends()[0] for name, values in self.space.items()}
        for name, values in self.space.items():
            for value in values.ends():
                self.experiment_of(first | {name: value})

    @property
    def better(self) -> Direction:
        """Whether less or more of the quantity is better."""
        found = self.direction or direction_of(self.measured)
        assert found is not None
        return found

    @property
    def pruning(self) -> PrunerSpec:
        """What ends trials early."""
        return self.pruner or (NoPruner() if part_of(self.measured)[0] else MedianPruner())

    @property
    def epochs(self) -> int:
        """The largest number of epochs of a trial."""
        varied = self.space.get("training.epochs")
        return max(varied.ends()) if varied else self.experiment.training.epochs

    def experiment_of(self, values: Mapping[str, Any]) -> Experiment:
        """The experiment with these values of its settings.

        Raises:
            UserError: naming the setting.
        """
        changed = with_settings(encode(self.experiment), values)
        read = decode(Experiment, changed, "space", classes_in(self.experiment))
        found: Experiment = _with_parts(read, self.experiment)
        return found


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


def _with_parts(read: Any, given: Any) -> Any:
    """What was read, with the given parts wherever their JSON is the same: a part may hold objects that JSON cannot."""
    if type(read) is not type(given):
        return read
    if isinstance(read, tuple) and len(read) == len(given):
        return tuple(map(_with_parts, read, given))
    if not isinstance(read, Spec):
        return read
    if encode(read) == encode(given):
        return given
    fields = dataclasses.fields(read)  # type: ignore[arg-type]  # every concrete spec is a dataclass
    parts = {each.name: _with_parts(getattr(read, each.name), getattr(given, each.name)) for each in fields}
    return dataclasses.replace(read, **parts)  # type: ignore[type-var]
