"""The evaluation of a model: its parts measured one after the other, kept as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from vaelab.errors import UserError
from vaelab.evaluation import chosen
from vaelab.evaluation.results import Evaluation
from vaelab.evaluation.subject import Subject
from vaelab.models.files import weights_digest
from vaelab.training.device import describe_machine


def evaluate(
    subject: Subject,
    only: Sequence[str] = (),
    command: str = "",
    measured: Callable[[Evaluation], None] = lambda found: None,
) -> Evaluation:
    """Measure all parts of a model that can be measured, or those named.

    Args:
        subject: model, data and effort.
        only: parts by name.
        command: the command line, for the record.
        measured: is given all there is so far after each part, such as to write it.

    Raises:
        UserError: there is no part of a name, or one that was named cannot be measured. Of those that were not named,
            `left_out` tells why.
    """
    machine = describe_machine(subject.model.device, bf16=False)
    found = Evaluation(subject.title, weights_digest(subject.model), (), {}, command, machine)
    for part in chosen(only):
        began = time.perf_counter()
        try:
            section = part.measure(subject)
        except UserError as why:
            if part.name in only:
                raise
            found = replace(found, left_out={**found.left_out, part.name: str(why)})
        else:
            protocol = subject.binarisation.kind
            about = {
                "data": subject.data.name,
                "pixels": protocol,
                **section.about,
                "seconds": round(time.perf_counter() - began, 1),
            }
            found = replace(found, sections=(*found.sections, replace(section, about=about)))
        measured(found)
    return found
