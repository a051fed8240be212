"""The parts of the evaluation.

A new one is a file with a function from a `Measurement` to a `Section`, and an entry in `PARTS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vaelab.errors import UserError, did_you_mean
from vaelab.lazy import LazyModule

if TYPE_CHECKING:
    from vaelab.evaluation import disentanglement, elbo, evidence, gaps, representation, samples, views
    from vaelab.evaluation.measurement import Measurement
    from vaelab.evaluation.results import Evaluation, Section
else:
    # `vaelab evaluate --help` lists the parts without importing torch.
    disentanglement = LazyModule("vaelab.evaluation.disentanglement")
    elbo = LazyModule("vaelab.evaluation.elbo")
    evidence = LazyModule("vaelab.evaluation.evidence")
    gaps = LazyModule("vaelab.evaluation.gaps")
    representation = LazyModule("vaelab.evaluation.representation")
    samples = LazyModule("vaelab.evaluation.samples")
    views = LazyModule("vaelab.evaluation.views")


@dataclass(frozen=True)
class Part:
    """A part of the evaluation: a name and a function from a `Measurement` to a `Section`.

    `vaelab.evaluate` measures your own parts along with the built-in ones; evaluation.json keeps them, and the report
    shows them.

    Args:
        name: on the command line and in evaluation.json.
        shows: one line about the quantities it measures.
        measure: the function; it raises `UserError` for models and data that it does not apply to, which leaves the
            part out with that reason.

    >>> import vaelab as vl
    >>> def brightness(measurement: vl.Measurement) -> vl.Section:
    ...     images = measurement.test.pixels
    ...     return vl.Section("brightness", (vl.Number("mean pixel", float(images.mean())),))
    >>> part = vl.Part("brightness", "the mean of the test images", brightness)
    >>> data = vl.open_data("digits")
    >>> model = vl.VAE(network=vl.Mlp()).build(data.format)
    >>> vl.evaluate(model, data, only=["brightness"], parts=[part]).section("brightness").value("mean pixel") > 0
    True
    """

    name: str
    shows: str
    measure: Callable[[Measurement], Section]


PARTS = (
    Part(
        "elbo",
        "distortion and rate, the parts of the rate, active units, posterior collapse",
        elbo.measure,
    ),
    Part(
        "evidence",
        "log p(x): exact in up to three dimensions, by importance samples and by annealing",
        evidence.measure,
    ),
    Part(
        "gaps",
        "log p(x) - ELBO: the share of the posterior family and the share of the encoder",
        gaps.measure,
    ),
    Part(
        "samples",
        "distances between samples and real images, missing images, copies",
        samples.measure,
    ),
    Part(
        "representation",
        "labels read from posterior means: neighbours, a linear probe, clusters, few labels",
        representation.measure,
    ),
    Part(
        "disentanglement",
        "how closely each latent dimension follows one factor of variation",
        disentanglement.measure,
    ),
    Part(
        "views",
        "of two views: bounds on log p(x), log p(y) and log p(x, y), labels of images, images of labels",
        views.measure,
    ),
)


def chosen(only: Sequence[str] = (), parts: Sequence[Part] = ()) -> list[Part]:
    """The built-in parts and further ones, or those named, in their own order.

    Args:
        only: names; none for all parts.
        parts: further parts.

    Raises:
        UserError: there is no part of a name, or a further part has the name of another one.
    """
    known: dict[str, Part] = {}
    for part in (*PARTS, *parts):
        if part.name in known:
            raise UserError(f"parts has {part.name!r}, but there is a part of this name; choose another")
        known[part.name] = part
    for name in only:
        if name not in known:
            raise UserError(f"only names {name!r}, but there are: {', '.join(known)}{did_you_mean(name, known)}")
    return [part for part in known.values() if not only or part.name in only]


def descriptions(evaluations: Iterable[Evaluation]) -> dict[str, str]:
    """The names of all parts that were measured, in reading order, each with the line about what it measures.

    Parts that are not built in come last; `about` of their sections holds the line.
    """
    known = {part.name: part.shows for part in PARTS}
    found = {section.part: section for evaluation in evaluations for section in evaluation.sections}
    own = {name: str(section.about.get("measures", "")) for name, section in found.items() if name not in known}
    return {name: shows for name, shows in known.items() if name in found} | own
