"""Tracking: runs as trackers see them, from the first step to the figures of the trained model."""
