"""Figures of a trained model: arrays computed from the model and its images, drawn by `vaelab.plots`.

Importing this package imports neither torch nor matplotlib.
"""

from vaelab.figures.drawing import chosen as chosen, draw as draw, draw_figures as draw_figures
from vaelab.figures.entries import ENTRIES as ENTRIES
from vaelab.figures.entry import DrawnFigure as DrawnFigure, FigureEntry as FigureEntry, Need as Need
