"""The figures of the claims: curves over seeds, and the shapes that the directions of the plane carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vaelab.figures import DrawnFigure
from vaelab.figures.plane import plane_points
from vaelab.metrics.latent import best_direction, stroke_shape
from vaelab.plots import latent_dimensions, seed_curves, shape_maps
from vaelab.studies.claims.claim import Numbers, SeedRuns
from vaelab.studies.claims.members import DIMENSIONS

_TICKS = np.linspace(-2.5, 2.5, 41)
_UNITS = {"slant": "degrees", "rotation": "degrees", "thickness": "pixels", "scale": "pixels"}
_DRAWS = 2000


def warm_up_curves(seeds: Sequence[SeedRuns]) -> DrawnFigure:
    """KL over epochs for each seed, with and without a warm-up of beta."""
    groups = {
        words: np.stack([models.column(name, "test_kl") for models in seeds])
        for words, name in (("with warm-up", "warm"), ("without warm-up", "cold"))
    }
    figure = seed_curves(seeds[0].column("warm", "epoch"), groups, "KL before beta, test set (nats)")
    return DrawnFigure(
        "warm-up",
        figure,
        "KL over epochs, a thin line per seed, for runs that differ only in the warm-up of beta. Look for curves that "
        "stay at zero, which would be a collapsed posterior, and for the distance between the curves at the end.",
    )


def dimensions(numbers: Sequence[Numbers]) -> DrawnFigure:
    """Reconstruction, KL and total against the number of latent dimensions."""

    def by_width(key: str) -> list[list[float]]:
        return [[of_seed[f"{key}_{width}"] for of_seed in numbers] for width in DIMENSIONS]

    figure = latent_dimensions(DIMENSIONS, by_width("reconstruction"), by_width("kl"), by_width("total"))
    return DrawnFigure(
        "dimensions",
        figure,
        "Test set, full pass with the final weights. Look for the width at which the total stops falling: "
        "from there on, dimensions cost as many nats of KL as they save in reconstruction.",
    )


def plane_carries(models: SeedRuns) -> DrawnFigure:
    """Slant, rotation, thickness and scale of the decoder's images over the latent plane."""
    measured = models.on_test("vae")
    side = len(_TICKS)
    shape = stroke_shape(measured.decode(plane_points(_TICKS)).mean(1).astype(np.float64))
    z = np.random.default_rng(models.seed).standard_normal((_DRAWS, 2))
    drawn = stroke_shape(measured.decode(z).mean(1).astype(np.float64))
    maps = {f"{name} ({unit})": getattr(shape, name).reshape(side, side) for name, unit in _UNITS.items()}
    directions = {f"{name} ({unit})": best_direction(z, getattr(drawn, name)) for name, unit in _UNITS.items()}
    # An arrow points to where its property grows.
    arrows = {
        name: (best.angle + 180 * (best.correlation < 0), abs(best.correlation)) for name, best in directions.items()
    }
    return DrawnFigure(
        "what-the-plane-carries",
        shape_maps(_TICKS, _TICKS[::-1], maps, arrows),
        f"VAE, seed {models.seed}: the shape of the decoder's image at each point, and the direction along which "
        f"each property rises most steadily, by rank correlation over {_DRAWS:,} draws from the prior. Look for arrows "
        "at right angles, and for jumps where one class becomes another.",
    )


def illustrations(seeds: Sequence[SeedRuns], measured: Mapping[str, Sequence[Numbers]]) -> list[DrawnFigure]:
    """The figures of the claims that were measured."""
    images = []
    if "axes" in measured:
        images.append(plane_carries(seeds[0]))
    if "warm-up" in measured:
        images.append(warm_up_curves(seeds))
    if "two-dimensions" in measured:
        images.append(dimensions(measured["two-dimensions"]))
    return images
