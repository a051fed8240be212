"""Latents of more than two dimensions, laid out in the plane."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from vaelab.figures import latent_scatter
from vaelab.gallery.subject import Subject

# Methods by neighbours look at this many principal components at most, as is usual with t-SNE.
_COMPONENTS = 50


def _scatter(subject: Subject, points: NDArray[np.float64], axes: tuple[str, str], kind: str) -> Figure:
    shown = subject.shown
    return latent_scatter(
        points, shown.labels, shown.classes, axes=axes, prior=False, title=f"{subject.title}: posterior means by {kind}"
    )


def _components(subject: Subject) -> NDArray[np.float64]:
    means = subject.embedding.mean.astype(np.float64)
    if means.shape[1] <= _COMPONENTS:
        return means
    components: NDArray[np.float64] = PCA(min(_COMPONENTS, len(means)), random_state=0).fit_transform(means)
    return components


def map_pca(subject: Subject) -> tuple[Figure, str]:
    """Posterior means along their first two principal components."""
    pca = PCA(2, random_state=0)
    points = pca.fit_transform(subject.embedding.mean.astype(np.float64))
    first, second = pca.explained_variance_ratio_
    axes = (f"component 1 ({first:.0%} of variance)", f"component 2 ({second:.0%} of variance)")
    return _scatter(subject, points, axes, "PCA"), (
        f"Posterior means of {len(points):,} test pictures along their first two principal components: a linear view, "
        "whose distances are true as far as the variance on the axes goes. Look for how little two directions hold."
    )


def map_tsne(subject: Subject) -> tuple[Figure, str]:
    """Posterior means by t-SNE (van der Maaten and Hinton 2008)."""
    from sklearn.manifold import TSNE

    means = _components(subject)
    perplexity = min(30.0, (len(means) - 1) / 3)
    points = TSNE(2, perplexity=perplexity, init="pca", random_state=0).fit_transform(means)
    return _scatter(subject, points, ("t-SNE 1", "t-SNE 2"), "t-SNE"), (
        f"Posterior means of {len(points):,} test pictures by t-SNE, perplexity {perplexity:.0f}, started from PCA. "
        "Neighbours are kept; distances between clusters and their sizes mean nothing. Look for clusters and for "
        "points in those of another class."
    )


def map_umap(subject: Subject) -> tuple[Figure, str]:
    """Posterior means by UMAP (McInnes, Healy and Melville 2018)."""
    from umap import UMAP

    points = UMAP(n_components=2, random_state=0, n_jobs=1).fit_transform(_components(subject))
    return _scatter(subject, points, ("UMAP 1", "UMAP 2"), "UMAP"), (
        f"Posterior means of {len(points):,} test pictures by UMAP, 15 neighbours. Neighbours are kept, and distances "
        "between clusters to some degree. Look for the same clusters as in the other maps."
    )
