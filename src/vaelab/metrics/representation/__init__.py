"""Label information in a representation: a linear probe, clusters, and accuracy by the number of labels."""

from vaelab.metrics.representation.clusters import cluster_information
from vaelab.metrics.representation.curve import LabelCurve, label_curve
from vaelab.metrics.representation.probe import linear_probe

__all__ = ["LabelCurve", "cluster_information", "label_curve", "linear_probe"]
