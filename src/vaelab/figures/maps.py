"""Latents of more than two dimensions, laid out in the plane."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from vaelab.figures.source import FigureSource
from vaelab.plots import latent_scatter

# Methods by neighbours look at this many principal components at most, as is usual with t-SNE.
_COMPONENTS = 50
# And at so many images, which show as much in a quarter of the time.
_MAPPED = 2500


def _scatter(source: FigureSource, points: NDArray[np.float64], axes: tuple[str, str], kind: str) -> Figure:
    shown = source.measured.data.take(slice(len(points)))
    return latent_scatter(
        points, shown.labels, shown.classes, axes=axes, prior=False, title=f"{source.title}: posterior means by {kind}"
    )


def _components(source: FigureSource) -> NDArray[np.float64]:
    means = source.measured.means[:_MAPPED].astype(np.float64)
    if means.shape[1] <= _COMPONENTS or _coincide(means):
        return means
    components: NDArray[np.float64] = PCA(min(_COMPONENTS, len(means)), random_state=0).fit_transform(means)
    return components


def _coincide(means: NDArray[np.float64]) -> bool:
    """Whether all codes are one point, as those of an untrained codebook can be; no method takes them then."""
    return bool(np.ptp(means, 0).max() <= 1e-6 * max(1.0, np.abs(means).max()))


def _mapped(means: NDArray[np.float64], method: Any) -> NDArray[np.float64]:
    """The points that a method of scikit-learn's kind lays codes out as."""
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
        f"Posterior means of {len(points):,} test images along their first two principal components: a linear view, "
        "whose distances are true as far as the variance on the axes goes. Look for how little two directions hold."
    )


def map_tsne(source: FigureSource) -> tuple[Figure, str]:
    """Posterior means by t-SNE (van der Maaten and Hinton 2008)."""
    from sklearn.manifold import TSNE

    means = _components(source)
    perplexity = min(30.0, (len(means) - 1) / 3)
    points = _mapped(means, TSNE(2, perplexity=perplexity, init="pca", random_state=0))
    return _scatter(source, points, ("t-SNE 1", "t-SNE 2"), "t-SNE"), (
        f"Posterior means of {len(points):,} test images by t-SNE, perplexity {perplexity:.0f}, started from PCA. "
        "Neighbours are kept; distances between clusters and their sizes mean nothing. Look for clusters and for "
        "points in those of another class."
    )


def map_umap(source: FigureSource) -> tuple[Figure, str]:
    """Posterior means by UMAP (McInnes, Healy and Melville 2018)."""
    from umap import UMAP

    points = _mapped(_components(source), UMAP(n_components=2, random_state=0, n_jobs=1))
    return _scatter(source, points, ("UMAP 1", "UMAP 2"), "UMAP"), (
        f"Posterior means of {len(points):,} test images by UMAP, 15 neighbours. Neighbours are kept, and distances "
        "between clusters to some degree. Look for the same clusters as in the other maps."
    )
