"""Metrics: (model, data) to numbers."""

from vaelab.metrics.evidence import Evidence, importance_bound

__all__ = ["Evidence", "importance_bound"]
