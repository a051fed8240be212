"""The quantity that trials are compared by: a column of metrics.csv, or a number of the evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from vaelab.evaluation import Budget, Evaluation, Part

if TYPE_CHECKING:
    from vaelab.data import Data
    from vaelab.training import Run

Direction = Literal["minimise", "maximise"]

_BETTER: dict[Direction, tuple[str, ...]] = {
    "minimise": (
        *("*_total", "*_reconstruction", "*_bits_per_dimension"),
        *("elbo: distortion", "elbo: -ELBO", "elbo: cross-entropy + rate", "elbo: total, no bound"),
        *("gaps: *", "evidence: BDMC gap", "samples: * distance", "samples: exact copies"),
    ),
    "maximise": (
        *("evidence: log p(x)", "evidence: ELBO", "evidence: IWAE-*", "evidence: AIS", "evidence: AIS from *"),
        *("samples: precision", "samples: recall", "samples: density", "samples: coverage"),
        *("representation: *", "disentanglement: *", "views: ELBO of *", "views: IWAE-* of *"),
    ),
}


def part_of(measured: str) -> tuple[str, str]:
    """The part of the evaluation and the number that a name such as "evidence: log p(x)" means; no part for a column.

    >>> part_of("evidence: log p(x)"), part_of("validation_total")
    (('evidence', 'log p(x)'), ('', 'validation_total'))
    """
    part, found, number = measured.partition(": ")
    return (part, number) if found else ("", measured)


def direction_of(measured: str) -> Direction | None:
    """Whether less or more of a quantity is better; None if that is not known.

    >>> direction_of("evidence: IWAE-50"), direction_of("test_total"), direction_of("elbo: rate")
    ('maximise', 'minimise', None)
    """
    matching = (way for way, names in _BETTER.items() if any(fnmatchcase(measured, name) for name in names))
    return next(matching, None)


def evaluated(
    run: Run, data: Data, part: str, budget: Budget, parts: Sequence[Part], say: Callable[[str], None]
) -> Evaluation:
    """One part of the evaluation of a trained model.

    Args:
        run: the trained model.
        data: with the validation images as the split `test`.
        part: its name.
        budget: numbers of images and draws.
        parts: parts of a user's own.
        say: called with a line about each step that takes long.

    Raises:
        UserError: the part does not apply to the model or the images.
    """
    from vaelab.evaluation.evaluate import measure_parts
    from vaelab.evaluation.measurement import Measurement
    from vaelab.measured import MeasuredModel
    from vaelab.training.device import choose_device

    model = run.model.to(choose_device(run.experiment.training.device))
    title = f"{run.folder.name}, validation images"
    measured = MeasuredModel(model, data, run.experiment.binarisation, title=title)
    return measure_parts(Measurement(measured, budget, say), [part], parts=parts)
