"""What codes tell of labels: by a straight line, by clusters, and by how few labels."""

from vaelab.metrics.representation.clusters import cluster_information
from vaelab.metrics.representation.curve import LabelCurve, label_curve
from vaelab.metrics.representation.probe import linear_probe

__all__ = ["LabelCurve", "cluster_information", "label_curve", "linear_probe"]
