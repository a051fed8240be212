"""Metrics: (model, data) to numbers, and arrays of codes or images to numbers."""

from vaelab.metrics.active import ActiveUnits, active_units
from vaelab.metrics.agreement import shared_style
from vaelab.metrics.centroids import centroid_rank, class_centroids
from vaelab.metrics.classifier import ImageClassifier, train_classifier
from vaelab.metrics.directions import (
    Direction,
    Rotation,
    best_direction,
    best_rotation,
    permuted_rotation,
    rank_correlation,
)
from vaelab.metrics.embedding import posterior_means
from vaelab.metrics.evidence import Evidence, importance_bound, importance_bound_over
from vaelab.metrics.neighbours import chance_accuracy, class_silhouette, knn_accuracy, label_information
from vaelab.metrics.paths import path_evenness, path_straightness
from vaelab.metrics.stroke import StrokeShape, stroke_shape
from vaelab.metrics.two_samples import MmdTest, Moments, mmd_test, moments

__all__ = [
    "ActiveUnits",
    "Direction",
    "Evidence",
    "ImageClassifier",
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
    "importance_bound",
    "importance_bound_over",
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
    "train_classifier",
]
