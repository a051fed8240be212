"""Latent metrics: active units, classes, directions and paths in latent space, from arrays of means or draws."""

from vaelab.metrics.latent.active import ActiveUnits, active_units
from vaelab.metrics.latent.agreement import shared_style
from vaelab.metrics.latent.centroids import centroid_rank, class_centroids
from vaelab.metrics.latent.directions import (
    Direction,
    Rotation,
    best_direction,
    best_rotation,
    permuted_rotation,
    rank_correlation,
)
from vaelab.metrics.latent.embedding import posterior_means
from vaelab.metrics.latent.neighbours import chance_accuracy, class_silhouette, knn_accuracy, label_information
from vaelab.metrics.latent.paths import path_evenness, path_straightness
from vaelab.metrics.latent.stroke import StrokeShape, stroke_shape
from vaelab.metrics.latent.two_samples import MmdTest, Moments, mmd_test, moments

__all__ = [
    "ActiveUnits",
    "Direction",
    "MmdTest",
    "Moments",
    "Rotation",
    "StrokeShape",
    "active_units",
    "best_direction",
    "best_rotation",
    "centroid_rank",
    "chance_accuracy",
    "class_centroids",
    "class_silhouette",
    "knn_accuracy",
    "label_information",
    "mmd_test",
    "moments",
    "path_evenness",
    "path_straightness",
    "permuted_rotation",
    "posterior_means",
    "rank_correlation",
    "shared_style",
    "stroke_shape",
]
