"""Choosing and drawing the figures of a model."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from vaelab.errors import UserError, did_you_mean
from vaelab.figures.entries import ENTRIES
from vaelab.figures.entry import DrawnFigure, FigureEntry

if TYPE_CHECKING:
    from vaelab.data import ImageData
    from vaelab.figures.source import FigureSource
    from vaelab.training import Run


def chosen(source: FigureSource, only: Sequence[str] = (), figures: Sequence[FigureEntry] = ()) -> list[FigureEntry]:
    """The figures whose requirements a model meets, or those named, in their own order.

    Args:
        source: the model and its images.
        only: names; none for all figures that the model can have.
        figures: entries besides the built-in ones.

    Raises:
        UserError: there is no figure of a name, one that is named has a requirement that the model does not meet, or
            a further entry has the name of another one.
    """
    known: dict[str, FigureEntry] = {}
    for entry in (*ENTRIES, *figures):
        if entry.name in known:
            raise UserError(f"figures has {entry.name!r}, but there is a figure of this name; choose another")
        known[entry.name] = entry
    for name in only:
        if name not in known:
            raise UserError(f"only has {name!r}, but the figures are: {', '.join(known)}{did_you_mean(name, known)}")
        known[name].check(source)
    return [
        entry
        for entry in known.values()
        if (entry.name in only if only else all(need in source.has for need in entry.needs))
    ]


def draw(
    source: FigureSource,
    only: Sequence[str] = (),
    figures: Sequence[FigureEntry] = (),
    left_out: Callable[[str], None] = warnings.warn,
) -> Iterator[DrawnFigure]:
    """Draw the `chosen` figures one by one.

    Args:
        source: the model and its images.
        only: names; none for all figures that the model can have.
        figures: entries besides the built-in ones.
        left_out: called with a sentence about each figure that meets its requirements and still cannot be drawn of
            this model.

    Raises:
        UserError: as `chosen`, or a figure named in `only` cannot be drawn.
    """
    for entry in chosen(source, only, figures):
        try:
            drawn = entry.render(source)
        except UserError as why:
            if entry.name in only:
                raise
            left_out(f"figure {entry.name!r} is left out: {why}")
        else:
            yield drawn


def draw_figures(
    run: Run,
    data: ImageData | None,
    only: Sequence[str] = (),
    *,
    figures: Sequence[FigureEntry] = (),
    left_out: Callable[[str], None] = warnings.warn,
) -> list[DrawnFigure]:
    """Draw every figure that a run's model can have, or those named, in the order of `ENTRIES`.

    Args:
        run: a finished training.
        data: images with a split `test`; None for the figures that need none.
        only: names of figures.
        figures: your own figures, drawn along with the built-in ones; see `FigureEntry`.
        left_out: called with a sentence about each figure that cannot be drawn of this model.

    Raises:
        UserError: there is no figure of a name, one that is named cannot be drawn, or the images do not fit the model
            or have no test split.
    """
    from vaelab.figures.source import FigureSource

    return list(draw(FigureSource.of_run(run, data), only, figures, left_out))
