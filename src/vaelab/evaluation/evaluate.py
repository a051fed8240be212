"""The evaluation of a model, part by part."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from vaelab.data import BinarisationSpec, data_of
from vaelab.errors import UserError
from vaelab.evaluation.budget import Budget
from vaelab.evaluation.measurement import Measurement
from vaelab.evaluation.parts import PARTS, Part, chosen
from vaelab.evaluation.results import Evaluation, Section
from vaelab.measured import MeasuredModel
from vaelab.models.files import weights_digest
from vaelab.models.model import Model
from vaelab.processes import count, first
from vaelab.training.by_rows import computed_by_rows
from vaelab.training.device import describe_machine, keep_freed_memory
from vaelab.training.group import Lost, joined, require_alike, require_all


def evaluate(
    model: Model,
    data: Any,
    binarisation: BinarisationSpec | None = None,
    only: str | Sequence[str] = (),
    budget: Budget | None = None,
    *,
    parts: Sequence[Part] = (),
) -> Evaluation:
    """Measure a model by every part of the evaluation that applies to it, like `vaelab evaluate`.

    Args:
        model: any model, on any device.
        data: `ImageData`, a source or its name, or anything that `vaelab.as_data` takes; the test split is measured.
        binarisation: from bytes to the pixels that the model sees; grey by default.
        only: names of parts, instead of all, such as elbo; `vaelab evaluate --help` lists them.
        budget: numbers of images and draws.
        parts: your own parts, measured along with the built-in ones; see `Part`.

    Raises:
        UserError: weights that are not finite, images that the model does not take, no part of a name, or a part named
            in `only` that does not apply. Other parts that do not apply are in `left_out`, with the reason.

    >>> from vaelab import VAE, Budget, Mlp, open_data
    >>> data = open_data("digits")
    >>> found = evaluate(VAE(network=Mlp()).build(data.format), data, only=["elbo"], budget=Budget(n_images=50))
    >>> found
    Evaluation of the model: elbo
    >>> [number.name for number in found.section("elbo").numbers][:2]
    ['distortion', 'rate']
    """
    if not isinstance(model, Model):
        raise UserError(f"model is a {type(model).__name__}, but must be a model, such as run.model")
    measured = MeasuredModel(model, data_of(data), binarisation)
    names = (only,) if isinstance(only, str) else only
    return measure_parts(Measurement(measured, budget or Budget()), names, parts=parts)


def measure_parts(
    measurement: Measurement,
    only: Sequence[str] = (),
    command: str = "",
    keep: Callable[[Evaluation], None] = lambda found: None,
    parts: Sequence[Part] = (),
) -> Evaluation:
    """`evaluate` of a `Measurement`.

    Of several processes that `torchrun` started, each computes the networks for its share of the images and draws; the
    rest is the same in all of them, and all return the same numbers.

    Args:
        measurement: model, data and budget.
        only: names of parts, instead of all.
        command: the command line, for the record.
        keep: called after each part with all results so far, such as to write them; by one of several processes.
        parts: further parts.

    Raises:
        UserError: there is no part of a name, or a part named in `only` does not apply.
    """
    keep_freed_memory()
    model = measurement.model
    machine, digest = describe_machine(model.device, bf16=False), weights_digest(model)
    found = Evaluation(measurement.measured.title, digest, (), {}, command, machine)
    with joined(model.device), computed_by_rows(model.by_row):
        if count() > 1:
            settings = f"{measurement.budget} {measurement.measured.binarisation} {only}"
            require_alike({"weights": digest, "data": measurement.measured.data.digest, "settings": settings})
        for part in chosen(only, parts):
            try:
                section = _measured(part, measurement)
            except Lost:
                raise
            except UserError as why:
                if part.name in only:
                    raise
                found = replace(found, left_out={**found.left_out, part.name: str(why)})
            else:
                found = replace(found, sections=(*found.sections, section))
            # Where another process has died, a part may have taken that for a reason to leave numbers out.
            require_all()
            if first():
                keep(found)
    return found


def _measured(part: Part, measurement: Measurement) -> Section:
    """The results of a part, with the conditions of the measurement.

    Raises:
        UserError: the part does not apply, or its function returned no section of its name.
    """
    began = time.perf_counter()
    try:
        section = part.measure(measurement)
    except NotImplementedError as lack:
        # Torch's distributions raise it for means, draws or densities that they do not have.
        raise UserError(
            f"{part.name} needs a method that a distribution of this model lacks ({lack or 'such as mean or log_prob'})"
        ) from lack
    if not isinstance(section, Section) or section.part != part.name:
        got = f"a section {section.part!r}" if isinstance(section, Section) else type(section).__name__
        raise UserError(
            f"part {part.name!r}: measure returned {got}, but must return vaelab.Section({part.name!r}, ...)"
        )
    pixels = {"pixels": measurement.measured.binarisation.kind} if measurement.noun == "images" else {}
    about = {
        **({} if part in PARTS else {"measures": part.shows}),
        "data": measurement.measured.data.name,
        **pixels,
        **section.about,
        "seconds": round(time.perf_counter() - began, 1),
    }
    return replace(section, about=about)
