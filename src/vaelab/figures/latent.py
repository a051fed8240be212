"""The codes of real images: where they lie, how far each reaches, and how they fill the prior."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from vaelab.figures import Need
from vaelab.figures.shown import Subject
from vaelab.metrics import active_units as find_active_units
from vaelab.plots import active_units as draw_active_units
from vaelab.plots import aggregate_posterior as draw_aggregate_posterior
from vaelab.plots import class_panels
from vaelab.plots import latent_scatter as draw_latent_scatter

_ELLIPSES = 150


def latent_scatter(subject: Subject) -> tuple[Figure, str]:
    """Posterior means of the images shown, by class, with class centroids."""
    shown = subject.shown
    figure = draw_latent_scatter(
        subject.embedding.mean,
        shown.labels,
        shown.classes,
        prior=Need.normal_prior in subject.has,
        title=f"{subject.title}: posterior means",
    )
    what = f"Posterior means of {len(shown):,} test images"
    if shown.labels is None:
        return figure, f"{what}. Look for clusters, and for regions left empty."
    if Need.classes in subject.has:
        wanted = (
            "The model was told the class. Look for classes that overlap: the code then holds what the label does not "
            "say."
        )
    else:
        wanted = (
            "No label was used in training. Look for classes that keep together, and for those that share a region."
        )
    return figure, f"{what}, coloured by class, each class's name at its centroid. {wanted}"


def posterior_ellipses(subject: Subject) -> tuple[Figure, str]:
    """Some posteriors, each as the ellipse of one standard deviation about its mean."""
    shown, embedding = subject.shown, subject.embedding
    rows = np.linspace(0, len(shown) - 1, min(_ELLIPSES, len(shown))).astype(int)
    assert embedding.deviation is not None
    figure = draw_latent_scatter(
        embedding.mean[rows],
        None if shown.labels is None else shown.labels[rows],
        shown.classes,
        deviations=embedding.deviation[rows],
        centroids=False,
        prior=Need.normal_prior in subject.has,
        title=f"{subject.title}: posteriors",
    )
    return figure, (
        f"The posteriors of {len(rows)} test images as ellipses of one standard deviation about their means. Look "
        "for their size against the distance between classes: what ellipses share, the decoder cannot tell apart."
    )


def latent_by_class(subject: Subject) -> tuple[Figure, str]:
    """A panel a class: its posterior means over those of all others."""
    shown = subject.shown
    assert shown.labels is not None
    figure = class_panels(subject.embedding.mean, shown.labels, shown.classes, title=f"{subject.title}: class by class")
    return figure, (
        "A panel a class: the posterior means of its images over those of all others in grey. Look for classes that "
        "fill the same region, which are mixed, and for classes with regions of their own, which are separate."
    )


def aggregate_posterior(subject: Subject) -> tuple[Figure, str]:
    """A draw from the posterior of each image, all together against N(0, I)."""
    figure = draw_aggregate_posterior(subject.embedding.draw, title=f"{subject.title}: aggregate posterior")
    return figure, (
        f"One draw from q(z | x) of each of {len(subject.shown):,} test images, all together, against the prior N(0, "
        "I). Look for holes, where the prior draws but no image is encoded, and for marginals narrower or wider than "
        "the normal curve."
    )


def active_units(subject: Subject) -> tuple[Figure, str]:
    """The variance of each dimension's posterior mean over images, and its KL."""
    threshold = 0.01
    units = find_active_units(subject.embedding.mean.astype(np.float64), threshold)

    def kl(x: Tensor, y: Tensor | None) -> tuple[Tensor]:
        (latent,) = subject.model(x, y, 1).latents
        return (latent.kl_by_dimension()[0],)

    (nats,) = subject.over_images(kl)
    # Where the KL has no parts by dimension, the variances stand alone.
    by_dimension = nats.mean(0) if nats.shape[1] == len(units.variance) else None
    figure = draw_active_units(units.variance, by_dimension, threshold, title=f"{subject.title}: active units")
    return figure, (
        f"{units.count} of {len(units.variance)} dimensions are active: the variance of their posterior mean over "
        f"images is above {threshold} (Burda et al. 2016, section 5.2). Below, the KL of each. Look for dimensions "
        "that the model has given up: no variance, no nats."
    )
