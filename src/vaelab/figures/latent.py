"""Figures of the posteriors of real images: their positions, their widths, and the aggregate posterior."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from vaelab.figures.entry import Need
from vaelab.figures.source import FigureSource
from vaelab.metrics.latent import active_units as find_active_units
from vaelab.plots import (
    active_units as draw_active_units,
    aggregate_posterior as draw_aggregate_posterior,
    class_panels,
    latent_scatter as draw_latent_scatter,
)

_ELLIPSES = 150
_IN_PANELS = 2000
_THRESHOLD = 0.01


def latent_scatter(source: FigureSource) -> tuple[Figure, str]:
    """Posterior means by class, with class centroids."""
    data, labels = source.measured.data, source.measured.labels
    figure = draw_latent_scatter(
        source.measured.means,
        labels,
        data.classes,
        prior=Need.normal_prior in source.has,
        title=source.heading("posterior means"),
    )
    summary = f"Posterior means of {len(data):,} test images"
    if labels is None:
        return figure, f"{summary}. Look for clusters, and for empty regions."
    if Need.classes in source.has:
        look_for = "The model is given the class. Look for overlapping classes: z then carries none of it."
    else:
        look_for = "No label was used in training. Look for classes that form clusters, and for classes that overlap."
    return (
        figure,
        f"{summary}, coloured by class, and named where the class means lie apart. {look_for}{source.grey_points}",
    )


def posterior_ellipses(source: FigureSource) -> tuple[Figure, str]:
    """Posteriors of up to 150 images as ellipses of one standard deviation about their means."""
    measured, data = source.measured, source.measured.data
    rows = np.linspace(0, len(data) - 1, min(_ELLIPSES, len(data))).astype(int)
    figure = draw_latent_scatter(
        measured.means[rows],
        None if measured.labels is None else measured.labels[rows],
        data.classes,
        deviations=measured.deviations[rows],
        centroids=False,
        prior=Need.normal_prior in source.has,
        title=source.heading("posteriors"),
    )
    return figure, (
        f"Posteriors of {len(rows)} test images as ellipses of one standard deviation about their means. Compare their "
        "size with the distance between classes. Look for ellipses that overlap: the decoder cannot distinguish their "
        f"images.{source.grey_points}"
    )


def latent_by_class(source: FigureSource) -> tuple[Figure, str]:
    """One panel per class: its posterior means over those of all other classes."""
    # Every point is drawn in every panel.
    measured = source.measured.subset(_IN_PANELS)
    data = measured.data
    assert measured.labels is not None
    figure = class_panels(measured.means, measured.labels, data.classes, title=source.heading("class by class"))
    return figure, (
        f"One panel per class: the posterior means of {len(data):,} test images, those of other classes in grey. Look "
        "for classes that fill the same region, which are mixed, and for classes that occupy separate regions."
        f"{source.grey_points}"
    )


def aggregate_posterior(source: FigureSource) -> tuple[Figure, str]:
    """The aggregate posterior, by one draw from the posterior of each image, against the prior N(0, I)."""
    scale = "; colours are on a log scale" if Need.plane in source.has else ""
    figure = draw_aggregate_posterior(source.measured.draws, title=source.heading("aggregate posterior"))
    return figure, (
        f"The aggregate posterior, by one draw from q(z | x) for each of {source.measured.n_images:,} test images, and "
        f"the prior N(0, I){scale}. Look for holes, where the prior has mass but no image is encoded, and for "
        "marginals narrower or wider than the normal curve."
    )


def active_units(source: FigureSource) -> tuple[Figure, str]:
    """The variance of each dimension's posterior mean over images, and its KL."""
    units = find_active_units(source.measured.means, _THRESHOLD)

    def kl(x: Tensor, y: Tensor | None) -> tuple[Tensor]:
        (latent,) = source.model(x, y, 1).latents
        return (latent.kl_by_dimension()[0],)

    (nats,) = source.measured.map_images(kl)
    # A KL that does not split into dimensions has one column.
    by_dimension = nats.mean(0) if nats.shape[1] == len(units.variance) else None
    below, quantities = ("", "a variance")
    if by_dimension is not None:
        below, quantities = " Below: the KL of each dimension.", "variance and KL"
    figure = draw_active_units(units.variance, by_dimension, _THRESHOLD, title=source.heading("active units"))
    return figure, (
        f"{units.count} of {len(units.variance)} dimensions are active: the variance of their posterior mean over "
        f"images is above {_THRESHOLD} (Burda et al. 2016, section 5.2).{below} Look for dimensions that the model "
        f"does not use, with {quantities} near zero."
    )
