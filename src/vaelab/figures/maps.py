"""Two-dimensional maps of latents of more than two dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from vaelab.figures.source import FigureSource
from vaelab.plots import latent_scatter

# t-SNE and UMAP receive at most this many principal components, as is usual with t-SNE,
_MAX_COMPONENTS = 50
# and at most this many images, which take a quarter of the time of 5,000.
_MAX_IMAGES = 2500


def _scatter(source: FigureSource, points: NDArray[np.float64], axes: tuple[str, str], kind: str) -> Figure:
    labels, classes = source.measured.labels, source.measured.data.classes
    return latent_scatter(
        points,
        None if labels is None else labels[: len(points)],
        classes,
        axes=axes,
        prior=False,
        title=source.heading(f"posterior means by {kind}"),
    )


def _components(source: FigureSource) -> NDArray[np.float64]:
    means = source.measured.means[:_MAX_IMAGES].astype(np.float64)
    if means.shape[1] <= _MAX_COMPONENTS or _coincide(means):
        return means
    components: NDArray[np.float64] = PCA(min(_MAX_COMPONENTS, len(means)), random_state=0).fit_transform(means)
    return components


def _coincide(means: NDArray[np.float64]) -> bool:
    """Whether all means coincide, as they can for an untrained codebook; no method can map them then."""
    return bool(np.ptp(means, 0).max() <= 1e-6 * max(1.0, np.abs(means).max()))


def _mapped(means: NDArray[np.float64], method: Any) -> NDArray[np.float64]:
    """Means mapped to the plane by a scikit-learn estimator, (N, 2); zeros if they coincide."""
    if _coincide(means):
        return np.zeros((len(means), 2))
    points: NDArray[np.float64] = method.fit_transform(means)
    return points


def map_pca(source: FigureSource) -> tuple[Figure, str]:
    """Posterior means along their first two principal components."""
    pca = PCA(2, random_state=0)
    points = _mapped(source.measured.means.astype(np.float64), pca)
    shares = getattr(pca, "explained_variance_ratio_", np.zeros(2))
    axes = (f"component 1 ({shares[0]:.0%} of variance)", f"component 2 ({shares[1]:.0%} of variance)")
    return _scatter(source, points, axes, "PCA"), (
        f"Posterior means of {len(points):,} test images along their first two principal components, a linear "
        "projection. Look at the shares of variance on the axes: if they are small, the map loses most of it."
        f"{source.grey_points}"
    )


def map_tsne(source: FigureSource) -> tuple[Figure, str]:
    """Posterior means by t-SNE (van der Maaten and Hinton 2008)."""
    from sklearn.manifold import TSNE

    means = _components(source)
    perplexity = min(30.0, (len(means) - 1) / 3)
    points = _mapped(means, TSNE(2, perplexity=perplexity, init="pca", random_state=0))
    return _scatter(source, points, ("t-SNE 1", "t-SNE 2"), "t-SNE"), (
        f"Posterior means of {len(points):,} test images by t-SNE, perplexity {perplexity:.0f}, initialised by PCA. "
        "The map preserves neighbours; distances between clusters and their sizes have no meaning. Look for clusters, "
        f"and for points in a cluster of another class.{source.grey_points}"
    )


def map_umap(source: FigureSource) -> tuple[Figure, str]:
    """Posterior means by UMAP (McInnes, Healy and Melville 2018)."""
    from umap import UMAP

    points = _mapped(_components(source), UMAP(n_components=2, random_state=0, n_jobs=1))
    return _scatter(source, points, ("UMAP 1", "UMAP 2"), "UMAP"), (
        f"Posterior means of {len(points):,} test images by UMAP, 15 neighbours. The map preserves neighbours and, to "
        f"some degree, distances between clusters. Look for the same clusters as in the other maps.{source.grey_points}"
    )
