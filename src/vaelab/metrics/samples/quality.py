"""All feature-based metrics of samples, from images."""

from __future__ import annotations

from dataclasses import dataclass

from vaelab.metrics.samples.classifier import ImageClassifier, Images
from vaelab.metrics.samples.frechet import FrechetDistance, frechet_distance
from vaelab.metrics.samples.kernel import KernelDistance, kernel_distance
from vaelab.metrics.samples.precision import PrecisionRecall, precision_recall


@dataclass(frozen=True)
class SampleQuality:
    """Samples compared with real images, on the features of one classifier."""

    frechet: FrechetDistance
    kernel: KernelDistance
    neighbours: PrecisionRecall


def sample_quality(
    classifier: ImageClassifier, real: Images, samples: Images, neighbours: int = 5, seed: int = 0
) -> SampleQuality:
    """`frechet_distance`, `kernel_distance` and `precision_recall` on the features of a classifier.

    These are not FID and KID, which use Inception: they compare models measured with the same classifier, against the
    same real images. Give real images on which neither the classifier nor the model was trained.

    Args:
        classifier: whose features are compared.
        real, samples: images in [0, 1].
        neighbours: of `precision_recall`.
        seed: of `kernel_distance`.

    Raises:
        UserError: images that the classifier does not take, or as these three functions.
    """
    real_features, sample_features = classifier.features(real), classifier.features(samples)
    return SampleQuality(
        frechet_distance(real_features, sample_features),
        kernel_distance(real_features, sample_features, seed=seed),
        precision_recall(real_features, sample_features, neighbours),
    )
