"""Tables and figures of a sweep over beta."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import mean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaelab.evaluation.results import Evaluation
from vaelab.figures import DrawnFigure
from vaelab.metrics.disentanglement import DisentanglementScores
from vaelab.plots import rate_distortion, seed_curves
from vaelab.plots.style import styled
from vaelab.report import Table

MEASURED = ("elbo", "disentanglement")
"""The parts of the evaluation by which each run is measured."""

Sweep = Mapping[tuple[float, int], Evaluation]
"""The evaluation of each run, by beta and seed."""


def slopes(sweep: Sweep, betas: Sequence[float]) -> list[dict[str, float | None]]:
    """-dD / dR between the means of neighbouring betas; between optima of D + beta R it lies between the two betas.

    For neither optimum is worse than the other by its own measure: D1 + b1 R1 <= D2 + b1 R2 and
    D2 + b2 R2 <= D1 + b2 R1.
    """
    rate, distortion = (_grid(sweep, "elbo", name).mean(0).tolist() for name in ("rate", "distortion"))
    points = zip(betas, rate, distortion, strict=True)
    return [
        {"from": b1, "to": b2, "slope": (d2 - d1) / (r1 - r2) if r1 > r2 else None}
        for (b1, r1, d1), (b2, r2, d2) in pairwise(points)
    ]


def sweep_table(results: dict[str, Any]) -> Table:
    """All numbers in one table, as a report shows them, with notes on how to read them."""
    about, rows = results["about"], [row for part in MEASURED for row in _rows(results, part)]
    images = about["images"]
    notes = [
        f"Measured: {about['protocol']}. The distortion is a {about['reconstruction_is']}.",
        f"The information is at most log N = {math.log(images):.2f} for N = {images} images: near that bound, it is "
        "underestimated and the total correlation is overestimated.",
        _in_words(results["slopes"]),
    ]
    return Table(f"beta-VAEs on {about['data']}", _columns(results), tuple(rows), " ".join(filter(None, notes)))


def tables_by_part(results: dict[str, Any]) -> tuple[Table, ...]:
    """One table per part of the evaluation, as the command line prints them."""
    data = results["about"]["data"]
    return tuple(
        Table(f"{data}, test split: {part}", _columns(results), tuple(_rows(results, part))) for part in MEASURED
    )


def _columns(results: dict[str, Any]) -> tuple[str, ...]:
    return ("", *(f"beta = {beta:g}" for beta in results["about"]["betas"]))


def _rows(results: dict[str, Any], part: str) -> list[tuple[str, ...]]:
    """The numbers of a part of the evaluation as text, one column per beta: mean and spread over seeds."""
    rows = []
    for place, first in enumerate(next(iter(results["runs"].values()))[part]):
        digits = 2 if first["unit"] else 1 if first["name"] == "active units" else 3
        cells = []
        for beta in results["about"]["betas"]:
            values = [run[part][place]["value"] for run in results["runs"].values() if run["beta"] == beta]
            spread = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
            cells.append(f"{mean(values):.{digits}f}{spread}")
        rows.append((first["name"], *cells))
    return rows


def _in_words(slopes: Sequence[dict[str, Any]]) -> str:
    """The slopes between neighbouring betas as a sentence; empty if there are none."""
    falling = [pair for pair in slopes if pair["slope"] is not None]
    parts = [f"{pair['slope']:.2f} from beta {pair['from']:g} to {pair['to']:g}" for pair in falling]
    words = f"Nats of distortion per nat of rate: {', '.join(parts)}; between optima, each lies between its two betas."
    return words if parts else ""


def plane(sweep: Sweep, betas: Sequence[float], reconstruction_is: str, title: str) -> DrawnFigure:
    """The plane of rate and distortion, one point per run."""
    rate, distortion = (_grid(sweep, "elbo", name) for name in ("rate", "distortion"))
    return DrawnFigure(
        "rate-distortion",
        rate_distortion(betas, rate, distortion, reconstruction_is, title),
        "Rate and distortion of each run, joined at the means over seeds. The short lines have the slope -beta that an "
        "optimum of D + beta R has. Look for lines that touch the curve, and for betas whose rate is near zero, where "
        "the posterior has collapsed.",
    )


def scores_by_beta(sweep: Sweep, betas: Sequence[float], title: str) -> DrawnFigure:
    """Every score of disentanglement over beta, by our definitions, on an axis of powers of two unless a beta is 0."""
    names = DisentanglementScores.names()
    groups = {name: _grid(sweep, "disentanglement", name) for name in names}
    seeds = len(groups[names[0]])
    figure = seed_curves(betas, groups, "score", title + (f", {seeds} seeds and their mean" if seeds > 1 else ""))
    (axes,) = figure.axes
    with styled():
        if min(betas) > 0:
            axes.set_xscale("log", base=2)
        axes.set_xticks(betas, [f"{beta:g}" for beta in betas])
        axes.set(xlabel="beta", ylim=(min(0.0, axes.get_ylim()[0]), 1.02))
        handles, _ = axes.get_legend_handles_labels()
        # Ten curves leave no room for a legend among them.
        axes.legend(handles, names, loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=3)
        figure.set_size_inches(8, 4.5)
    return DrawnFigure(
        "scores-by-beta",
        figure,
        "Scores of disentanglement of posterior means over beta, a thin line per seed and their mean. Look for scores "
        "that agree on the best beta, and for a spread over seeds that is larger than the differences between betas.",
    )


def _grid(sweep: Sweep, part: str, name: str) -> NDArray[np.float64]:
    """A number of each seed and beta, (S, B)."""
    betas, seeds = (sorted(set(column)) for column in zip(*sweep, strict=True))
    return np.array([[sweep[beta, int(seed)].section(part).value(name) for beta in betas] for seed in seeds])
