"""Latent metrics: active units, classes, directions and paths in latent space, from arrays of means or draws."""

from vaelab.metrics.label_information import label_information as label_information
from vaelab.metrics.latent.active import ActiveUnits as ActiveUnits, active_units as active_units
from vaelab.metrics.latent.agreement import shared_style as shared_style
from vaelab.metrics.latent.centroids import (
    centroid_distance as centroid_distance,
    centroid_rank as centroid_rank,
    class_centroids as class_centroids,
)
from vaelab.metrics.latent.directions import (
    Direction as Direction,
    Rotation as Rotation,
    best_direction as best_direction,
    best_rotation as best_rotation,
    permuted_rotation as permuted_rotation,
    rank_correlation as rank_correlation,
)
from vaelab.metrics.latent.embedding import posterior_means as posterior_means
from vaelab.metrics.latent.neighbours import (
    chance_accuracy as chance_accuracy,
    class_silhouette as class_silhouette,
    knn_accuracy as knn_accuracy,
)
from vaelab.metrics.latent.paths import path_evenness as path_evenness, path_straightness as path_straightness
from vaelab.metrics.latent.stroke import StrokeShape as StrokeShape, stroke_shape as stroke_shape
from vaelab.metrics.latent.two_samples import (
    MmdTest as MmdTest,
    Moments as Moments,
    mmd_test as mmd_test,
    moments as moments,
)
