"""All that features tell of samples, from the images themselves."""

from __future__ import annotations

from dataclasses import dataclass

from vaelab.metrics.samples.classifier import ImageClassifier, Images
from vaelab.metrics.samples.frechet import FrechetDistance, frechet_distance
from vaelab.metrics.samples.kernel import KernelDistance, kernel_distance
from vaelab.metrics.samples.precision import PrecisionRecall, precision_recall


@dataclass(frozen=True)
class SampleQuality:
    """Samples against real images, on the features of one classifier."""

    frechet: FrechetDistance
    kernel: KernelDistance
    neighbours: PrecisionRecall


def sample_quality(
    classifier: ImageClassifier, real: Images, samples: Images, neighbours: int = 5, seed: int = 0
) -> SampleQuality:
    """`frechet_distance`, `kernel_distance` and `precision_recall` on a classifier's features of images.

    None of them is FID or KID, which are Inception's: they compare models that were measured by the same classifier,
    against the same real images. Give real images that neither the classifier nor the model has learned from.

    Args:
        classifier: whose features are compared.
        real, samples: images in [0, 1].
        neighbours: of `precision_recall`.
        seed: of `kernel_distance`.

    Raises:
        UserError: the classifier takes other images, or as those three.
    """
    of_real, of_samples = classifier.features(real), classifier.features(samples)
    return SampleQuality(
        frechet_distance(of_real, of_samples),
        kernel_distance(of_real, of_samples, seed=seed),
        precision_recall(of_real, of_samples, neighbours),
    )
