"""Label information in a representation: a linear probe, clusters, and accuracy by the number of labels."""

from vaelab.metrics.representation.clusters import cluster_information as cluster_information
from vaelab.metrics.representation.curve import LabelCurve as LabelCurve, label_curve as label_curve
from vaelab.metrics.representation.probe import linear_probe as linear_probe
