"""The evaluation: what a trained model can be held to, measured with its uncertainty.

Each part says what it measures; the function that does it stands in the module of its name, as `measure`. Nothing here
imports torch, so that help is quick.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vaelab.errors import UserError

if TYPE_CHECKING:
    from vaelab.evaluation.measured import Subject
    from vaelab.evaluation.results import Section


@dataclass(frozen=True)
class Part:
    """A part of the evaluation.

    Args:
        name: on the command line, in evaluation.json, and of the module in this room that measures it.
        shows: what it measures, in a line.
    """

    name: str
    shows: str

    def measure(self, subject: Subject) -> Section:
        """Measure it.

        Raises:
            UserError: the model or the data lacks what it needs.
        """
        section: Section = importlib.import_module(f"vaelab.evaluation.{self.name}").measure(subject)
        return section


PARTS = (
    Part("elbo", "distortion and rate, what the rate is made of, active units, collapse in words"),
    Part("evidence", "log p(x): exact in up to three dimensions, by importance samples and by annealing"),
    Part("gaps", "log p(x) - ELBO: what the family of posteriors costs, and what the encoder costs"),
    Part("samples", "how near samples are to real images, what they leave out, whether they are copies"),
    Part("representation", "what codes tell of labels: neighbours, a linear probe, clusters, few labels"),
    Part("disentanglement", "how far each code stands for one factor of variation"),
)


def chosen(only: Sequence[str]) -> list[Part]:
    """The parts of these names, in the evaluation's own order; all where none is named.

    Raises:
        UserError: there is no part of a name.
    """
    known = {part.name: part for part in PARTS}
    for name in only:
        if name not in known:
            raise UserError(f"only names {name!r}, but there are: {', '.join(known)}")
    return [part for part in PARTS if not only or part.name in only]


__all__ = ["PARTS", "Part", "chosen"]
