"""Metrics: (model, data) to numbers."""

from vaelab.metrics.evidence import Evidence, importance_bound, importance_bound_over

__all__ = ["Evidence", "importance_bound", "importance_bound_over"]
