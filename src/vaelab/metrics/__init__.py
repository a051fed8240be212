"""Metrics: functions from arrays, or from a model and images, to numbers. Each room has a front page."""
