"""Quality of generated images: distance to real images, coverage, class accuracy and memorisation."""

from vaelab.metrics.samples.classifier import ImageClassifier, train_classifier
from vaelab.metrics.samples.conditional import ConditionalAccuracy, conditional_accuracy
from vaelab.metrics.samples.frechet import FrechetDistance, frechet_between, frechet_distance, frechet_interval
from vaelab.metrics.samples.kernel import KernelDistance, kernel_distance
from vaelab.metrics.samples.memorisation import Memorisation, Nearest, memorisation, nearest_training
from vaelab.metrics.samples.precision import PrecisionRecall, precision_recall
from vaelab.metrics.samples.quality import SampleQuality, sample_quality

__all__ = [
    "ConditionalAccuracy",
    "FrechetDistance",
    "ImageClassifier",
    "KernelDistance",
    "Memorisation",
    "Nearest",
    "PrecisionRecall",
    "SampleQuality",
    "conditional_accuracy",
    "frechet_between",
    "frechet_distance",
    "frechet_interval",
    "kernel_distance",
    "memorisation",
    "nearest_training",
    "precision_recall",
    "sample_quality",
    "train_classifier",
]
