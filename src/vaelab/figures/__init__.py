"""Figures: one function each, from arrays to a matplotlib Figure."""

from vaelab.figures.active_units import active_units
from vaelab.figures.aggregate_posterior import aggregate_posterior
from vaelab.figures.class_panels import class_panels
from vaelab.figures.code_usage import code_usage
from vaelab.figures.film import write_film
from vaelab.figures.image_grid import image_grid
from vaelab.figures.latent_dimensions import latent_dimensions
from vaelab.figures.latent_frame import latent_frame
from vaelab.figures.latent_scatter import latent_scatter
from vaelab.figures.rate_distortion import rate_distortion
from vaelab.figures.seed_curves import seed_curves
from vaelab.figures.shape_maps import shape_maps
from vaelab.figures.style import class_colours, save_figure, to_svg
from vaelab.figures.training_curves import training_curves
from vaelab.figures.true_posterior import true_posterior

__all__ = [
    "active_units",
    "aggregate_posterior",
    "class_colours",
    "class_panels",
    "code_usage",
    "image_grid",
    "latent_dimensions",
    "latent_frame",
    "latent_scatter",
    "rate_distortion",
    "save_figure",
    "seed_curves",
    "shape_maps",
    "to_svg",
    "training_curves",
    "true_posterior",
    "write_film",
]
