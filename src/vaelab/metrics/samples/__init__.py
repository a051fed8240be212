"""Quality of generated images: distance to real images, coverage, class accuracy and memorisation."""

from vaelab.metrics.samples.classifier import ImageClassifier as ImageClassifier, train_classifier as train_classifier
from vaelab.metrics.samples.conditional import (
    ConditionalAccuracy as ConditionalAccuracy,
    conditional_accuracy as conditional_accuracy,
)
from vaelab.metrics.samples.frechet import (
    FrechetDistance as FrechetDistance,
    frechet_between as frechet_between,
    frechet_distance as frechet_distance,
    frechet_interval as frechet_interval,
)
from vaelab.metrics.samples.kept import kept_classifier as kept_classifier
from vaelab.metrics.samples.kernel import KernelDistance as KernelDistance, kernel_distance as kernel_distance
from vaelab.metrics.samples.memorisation import (
    Memorisation as Memorisation,
    Nearest as Nearest,
    memorisation as memorisation,
    nearest_training as nearest_training,
)
from vaelab.metrics.samples.precision import PrecisionRecall as PrecisionRecall, precision_recall as precision_recall
from vaelab.metrics.samples.quality import SampleQuality as SampleQuality, sample_quality as sample_quality
