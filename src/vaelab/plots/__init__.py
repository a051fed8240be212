"""Plots: functions from arrays to a matplotlib Figure."""

from vaelab.plots.active_units import active_units
from vaelab.plots.aggregate_posterior import aggregate_posterior
from vaelab.plots.class_panels import class_panels
from vaelab.plots.code_usage import code_usage
from vaelab.plots.film import write_film
from vaelab.plots.image_grid import image_grid
from vaelab.plots.latent_dimensions import latent_dimensions
from vaelab.plots.latent_frame import latent_frame
from vaelab.plots.latent_scatter import latent_scatter
from vaelab.plots.rate_distortion import rate_distortion
from vaelab.plots.seed_curves import seed_curves
from vaelab.plots.shape_maps import shape_maps
from vaelab.plots.style import class_colours, save_figure, to_svg
from vaelab.plots.training_curves import training_curves
from vaelab.plots.true_posterior import true_posterior

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
