"""The list of figures.

A new figure needs a function from arrays to a Figure in `vaelab.plots`, a function from a `FigureSource` to that Figure
and its caption in a module of this package, and an entry here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vaelab.figures.entry import FigureEntry, Need
from vaelab.lazy import LazyModule

if TYPE_CHECKING:
    from vaelab.figures import classes, images, latent, maps, paths, plane, posterior, structure, training
else:
    # `vaelab figures --help` lists the entries without importing torch and matplotlib.
    classes = LazyModule("vaelab.figures.classes")
    images = LazyModule("vaelab.figures.images")
    latent = LazyModule("vaelab.figures.latent")
    maps = LazyModule("vaelab.figures.maps")
    paths = LazyModule("vaelab.figures.paths")
    plane = LazyModule("vaelab.figures.plane")
    posterior = LazyModule("vaelab.figures.posterior")
    structure = LazyModule("vaelab.figures.structure")
    training = LazyModule("vaelab.figures.training")

_IMAGES, _SEVERAL, _LABELS, _CLASSES = Need.images, Need.several, Need.labels, Need.classes
_PIXELS = Need.pixels
_PLANE, _REAL, _DEEP, _NORMAL = Need.plane, Need.real_codes, Need.deep, Need.normal_prior

ENTRIES = (
    FigureEntry(
        "training-curves",
        "reconstruction, KL, their ratio and beta over epochs",
        training.training_curves,
        (Need.rows,),
        comparable=True,
    ),
    FigureEntry(
        "reconstructions",
        "images above their reconstructions",
        images.reconstructions,
        (
            _PIXELS,
            _IMAGES,
        ),
    ),
    FigureEntry(
        "latent-scatter",
        "posterior means by class, with class centroids",
        latent.latent_scatter,
        (_PLANE, _IMAGES),
        title="Posterior means",
        comparable=True,
    ),
    FigureEntry(
        "posterior-ellipses",
        "some posteriors as ellipses of one standard deviation",
        latent.posterior_ellipses,
        (_PLANE, _IMAGES, Need.deviations),
        title="Posteriors as ellipses",
        comparable=True,
    ),
    FigureEntry(
        "true-posterior",
        "true posteriors of six images against the encoder's, with the gaps of the ELBO",
        posterior.true_posterior,
        (_PIXELS, _PLANE, _IMAGES, Need.gaussian),
        title="True posteriors",
    ),
    FigureEntry(
        "latent-by-class",
        "where each class lies among the others",
        latent.latent_by_class,
        (_PLANE, _LABELS, _SEVERAL),
        title="Posterior means, class by class",
        comparable=True,
    ),
    FigureEntry(
        "aggregate-posterior",
        "latents of all images against the prior N(0, I)",
        latent.aggregate_posterior,
        (_REAL, _SEVERAL, _NORMAL),
        comparable=True,
    ),
    FigureEntry(
        "latent-plane",
        "decoded points of the plane over [-3, 3] x [-3, 3]",
        plane.latent_plane,
        (_PIXELS, _PLANE, _NORMAL, Need.conditions),
        title="The latent plane",
    ),
    FigureEntry(
        "latent-plane-quantiles",
        "decoded points of the plane, equally likely under the prior",
        plane.latent_plane_quantiles,
        (_PIXELS, _PLANE, _NORMAL, Need.conditions),
        title="The latent plane at quantiles of the prior",
    ),
    FigureEntry(
        "traversals",
        "one dimension varied at a time",
        paths.traversals,
        (_PIXELS, _REAL, _IMAGES),
        title="One dimension at a time",
    ),
    FigureEntry(
        "interpolations",
        "ten steps between two images, linear and spherical",
        paths.interpolations,
        (_PIXELS, _REAL, _SEVERAL),
        title="Interpolations between images",
    ),
    FigureEntry(
        "samples",
        "images drawn from the prior",
        images.samples,
        (
            _PIXELS,
            Need.conditions,
        ),
        title="Samples from the prior",
    ),
    FigureEntry(
        "class-samples",
        "ten images drawn from each class",
        classes.class_samples,
        (
            _PIXELS,
            _CLASSES,
        ),
        title="Samples of each class",
    ),
    FigureEntry(
        "shared-style",
        "the same draws of z under every class",
        classes.shared_style,
        (_PIXELS, _CLASSES, _REAL, _NORMAL),
        title="The same z under every class",
    ),
    FigureEntry(
        "style-transfer",
        "the style of a real image given to every class",
        classes.style_transfer,
        (_PIXELS, _CLASSES, _REAL, _LABELS),
        title="Style transfer",
    ),
    FigureEntry(
        "class-interpolation",
        "paths through the latent space under two labels",
        classes.class_interpolation,
        (_PIXELS, _CLASSES, _REAL, Need.two_classes),
        title="One path under two labels",
    ),
    FigureEntry(
        "class-traversals",
        "each class along the first two dimensions",
        classes.class_traversals,
        (_PIXELS, _CLASSES, _REAL, _NORMAL),
        title="Each class along z",
    ),
    FigureEntry(
        "class-planes",
        "the latent plane of each class",
        classes.class_planes,
        (_PIXELS, _CLASSES, _PLANE, _NORMAL),
        title="The latent plane of each class",
    ),
    FigureEntry(
        "map-pca",
        "principal components of posterior means",
        maps.map_pca,
        (_DEEP, _SEVERAL),
        title="Map of posterior means, PCA",
    ),
    FigureEntry(
        "map-tsne",
        "t-SNE of posterior means",
        maps.map_tsne,
        (_DEEP, _SEVERAL),
        title="Map of posterior means, t-SNE",
    ),
    FigureEntry(
        "map-umap",
        "UMAP of posterior means",
        maps.map_umap,
        (_DEEP, _SEVERAL, Need.umap),
        title="Map of posterior means, UMAP",
    ),
    FigureEntry(
        "active-units",
        "which dimensions the model uses",
        latent.active_units,
        (_REAL, _DEEP, _SEVERAL),
    ),
    FigureEntry(
        "held-groups",
        "samples with the top groups of latents held fixed",
        structure.held_groups,
        (_PIXELS, Need.groups, _IMAGES),
        title="The top groups held fixed",
    ),
    FigureEntry(
        "code-usage",
        "how often each code is used",
        structure.code_usage,
        (Need.codebook, _IMAGES),
        title="Usage of the codes",
    ),
)
