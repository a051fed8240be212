"""The evaluation of a model: its parts measured one after the other, kept as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from vaelab.data import BinarisationSpec, Grey, ImageData
from vaelab.errors import UserError
from vaelab.evaluation import chosen
from vaelab.evaluation.measured import Budget, Subject
from vaelab.evaluation.results import Evaluation
from vaelab.models.files import weights_digest
from vaelab.models.model import Model
from vaelab.training.device import describe_machine


def evaluate(
    model: Model,
    data: ImageData,
    binarisation: BinarisationSpec | None = None,
    only: Sequence[str] = (),
    budget: Budget | None = None,
) -> Evaluation:
    """Measure all parts of a model that can be measured, or those named: what `vaelab evaluate` prints.

    Args:
        model: any model, on any device.
        data: with splits `train` and `test`; the test split is measured on.
        binarisation: from bytes to the pixels that the model is shown; grey by default.
        only: parts by name: elbo, evidence, gaps, samples, representation, disentanglement.
        budget: how many images and draws are spent.

    Raises:
        UserError: weights that are not finite, images that the model does not take, no part of a name, or one that
            was named cannot be measured.

    >>> from vaelab import VAE, Budget, Mlp, open_data
    >>> data = open_data("digits")
    >>> found = evaluate(VAE(network=Mlp()).build(data.format), data, only=["elbo"], budget=Budget(images=50))
    >>> [number.name for number in found.section("elbo").numbers][:2]
    ['distortion', 'rate']
    """
    return evaluate_subject(Subject(model, data, binarisation or Grey(), budget or Budget()), only)


def evaluate_subject(
    subject: Subject,
    only: Sequence[str] = (),
    command: str = "",
    measured: Callable[[Evaluation], None] = lambda found: None,
) -> Evaluation:
    """`evaluate` of a model together with what it is measured on.

    Args:
        subject: model, data and budget.
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
