"""The figures of a trained model: from a model and images to arrays, drawn by `vaelab.plots`.

This front page imports neither torch nor matplotlib.
"""

from vaelab.figures.drawing import chosen, draw, draw_figures
from vaelab.figures.entries import ENTRIES
from vaelab.figures.entry import DrawnFigure, FigureEntry, Need

__all__ = ["ENTRIES", "DrawnFigure", "FigureEntry", "Need", "chosen", "draw", "draw_figures"]
