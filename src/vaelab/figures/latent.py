"""Figures of the posteriors of real images: where they lie, how wide they are, and whether they fill the prior."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from vaelab.figures.entry import Need
from vaelab.figures.source import FigureSource
from vaelab.metrics import active_units as find_active_units
from vaelab.plots import active_units as draw_active_units
from vaelab.plots import aggregate_posterior as draw_aggregate_posterior
from vaelab.plots import class_panels
from vaelab.plots import latent_scatter as draw_latent_scatter

_ELLIPSES = 150
_THRESHOLD = 0.01


def latent_scatter(source: FigureSource) -> tuple[Figure, str]:
    """Posterior means by class, with class centroids."""
    data = source.measured.data
    figure = draw_latent_scatter(
        source.measured.means,
        data.labels,
        data.classes,
        prior=Need.normal_prior in source.has,
        title=f"{source.title}: posterior means",
    )
    what = f"Posterior means of {len(data):,} test images"
    if data.labels is None:
        return figure, f"{what}. Look for clusters, and for regions left empty."
    if Need.classes in source.has:
        look_for = (
            "The model is given the class. Look for classes that overlap: z then holds only the rest of the image."
        )
    else:
        look_for = "No label was used in training. Look for classes that form clusters, and for those that overlap."
    return figure, f"{what}, coloured by class, with each class's name at its centroid. {look_for}"


def posterior_ellipses(source: FigureSource) -> tuple[Figure, str]:
    """Some posteriors, each as the ellipse of one standard deviation about its mean."""
    measured, data = source.measured, source.measured.data
    rows = np.linspace(0, len(data) - 1, min(_ELLIPSES, len(data))).astype(int)
    figure = draw_latent_scatter(
        measured.means[rows],
        None if data.labels is None else data.labels[rows],
        data.classes,
        deviations=measured.deviations[rows],
        centroids=False,
        prior=Need.normal_prior in source.has,
        title=f"{source.title}: posteriors",
    )
    return figure, (
        f"The posteriors of {len(rows)} test images as ellipses of one standard deviation about their means. Look for "
        "their size relative to the distance between classes: the decoder cannot distinguish images whose ellipses "
        "overlap."
    )


def latent_by_class(source: FigureSource) -> tuple[Figure, str]:
    """One panel per class: its posterior means over those of all others."""
    data = source.measured.data
    assert data.labels is not None
    figure = class_panels(source.measured.means, data.labels, data.classes, title=f"{source.title}: class by class")
    return figure, (
        "One panel per class: the posterior means of its images over those of all others in grey. Look for classes "
        "that fill the same region, which are mixed, and for classes with a region to themselves, which are separate."
    )


def aggregate_posterior(source: FigureSource) -> tuple[Figure, str]:
    """One draw from the posterior of each image, all together against N(0, I)."""
    figure = draw_aggregate_posterior(source.measured.draws, title=f"{source.title}: aggregate posterior")
    return figure, (
        f"One draw from q(z | x) for each of {source.measured.n_images:,} test images, all together, against the prior "
        "N(0, I). Look for holes, where the prior has mass but no image is encoded, and for marginals narrower or "
        "wider than the normal curve."
    )


def active_units(source: FigureSource) -> tuple[Figure, str]:
    """The variance of each dimension's posterior mean over images, and its KL."""
    units = find_active_units(source.measured.means, _THRESHOLD)

    def kl(x: Tensor, y: Tensor | None) -> tuple[Tensor]:
        (latent,) = source.model(x, y, 1).latents
        return (latent.kl_by_dimension()[0],)

    (nats,) = source.measured.map_images(kl)
    # If the KL has no parts by dimension, the variances are shown alone.
    by_dimension = nats.mean(0) if nats.shape[1] == len(units.variance) else None
    figure = draw_active_units(units.variance, by_dimension, _THRESHOLD, title=f"{source.title}: active units")
    return figure, (
        f"{units.count} of {len(units.variance)} dimensions are active: the variance of their posterior mean over "
        f"images is above {_THRESHOLD} (Burda et al. 2016, section 5.2). Below, the KL of each. Look for dimensions "
        "that the model does not use: no variance, no nats."
    )
