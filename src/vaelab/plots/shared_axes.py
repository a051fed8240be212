"""The same axes for plots that stand side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure


def share_axes(figures: Sequence[Figure]) -> None:
    """Give axes with the same labels the same limits in all figures: those that enclose all of them.

    Args:
        figures: the same plot of different arrays, before they are saved.
    """
    for name in ("x", "y"):
        limits: dict[tuple[str, ...], list[tuple[float, float]]] = {}
        for figure in figures:
            for key, axes in _named(figure):
                limits.setdefault(key, []).append(getattr(axes, f"get_{name}lim")())
        for figure in figures:
            for key, axes in _named(figure):
                lows, highs = zip(*map(sorted, limits[key]), strict=True)
                getattr(axes, f"set_{name}lim")(min(lows), max(highs))


def _named(figure: Figure) -> Iterator[tuple[tuple[str, ...], Axes]]:
    """The axes of a figure, each with its labels and its number among those with the same labels."""
    seen: Counter[tuple[str, ...]] = Counter()
    for axes in [*figure.axes, *(child for parent in figure.axes for child in parent.child_axes)]:
        # The scale of colours belongs to its own figure.
        if not isinstance(axes, Axes) or axes.get_label() == "<colorbar>":
            continue
        labels = (axes.get_title(), axes.get_xlabel(), axes.get_ylabel())
        seen[labels] += 1
        yield (*labels, str(seen[labels])), axes
