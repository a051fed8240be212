"""Figures: one function each, from arrays to a matplotlib Figure."""

from vaelab.figures.image_grid import image_grid
from vaelab.figures.style import save_figure, to_svg
from vaelab.figures.training_curves import training_curves

__all__ = ["image_grid", "save_figure", "to_svg", "training_curves"]
