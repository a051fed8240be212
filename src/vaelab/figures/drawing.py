"""Choosing and drawing the figures of a model."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from vaelab.data import data_of
from vaelab.errors import UserError, did_you_mean
from vaelab.figures.entries import ENTRIES
from vaelab.figures.entry import DrawnFigure, FigureEntry

if TYPE_CHECKING:
    from vaelab.figures.source import FigureSource
    from vaelab.training import Run


def chosen(source: FigureSource, only: Sequence[str] = (), figures: Sequence[FigureEntry] = ()) -> list[FigureEntry]:
    """The figures whose requirements a model meets, or the figures named, in the order of `ENTRIES` and `figures`.

    Args:
        source: the model and its images.
        only: names of figures; empty for every figure that the model can have.
        figures: additional entries.

    Raises:
        UserError: a name in `only` is unknown, the model does not meet a requirement of a named figure, or two entries
            have the same name.
    """
    known: dict[str, FigureEntry] = {}
    for entry in (*ENTRIES, *figures):
        if entry.name in known:
            raise UserError(f"figures has {entry.name!r}, but a figure of this name exists; choose another name")
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
    """Draw the figures of `chosen`, one at a time.

    Args:
        source: the model and its images.
        only: names of figures; empty for every figure that the model can have.
        figures: additional entries.
        left_out: called with a sentence about each figure that cannot be drawn although its requirements are met.

    Raises:
        UserError: as in `chosen`, or a figure named in `only` cannot be drawn.
    """
    for entry in chosen(source, only, figures):
        try:
            drawn = entry.render(source)
        except UserError as error:
            if entry.name in only:
                raise
            left_out(f"figure {entry.name!r} is left out: {error}")
        else:
            yield drawn


def draw_figures(
    run: Run,
    data: Any,
    only: str | Sequence[str] = (),
    *,
    figures: Sequence[FigureEntry] = (),
    left_out: Callable[[str], None] = warnings.warn,
) -> list[DrawnFigure]:
    """Draw every figure that a run's model can have, or the figures named, in the order of `ENTRIES`.

    Args:
        run: a finished run.
        data: `ImageData`, a source or its name, or anything that `vaelab.as_data` takes, whose test split is shown;
            None to draw only figures that need no images.
        only: names of figures; empty for every figure that the model can have.
        figures: your own entries, drawn after the built-in ones; see `FigureEntry`.
        left_out: called with a sentence about each figure that cannot be drawn although its requirements are met.

    Raises:
        UserError: a name is unknown or used twice, a named figure cannot be drawn, or the images do not fit the model
            or have no test split.
    """
    from vaelab.figures.source import FigureSource

    source = FigureSource.of_run(run, None if data is None else data_of(data))
    return list(draw(source, (only,) if isinstance(only, str) else only, figures, left_out))
