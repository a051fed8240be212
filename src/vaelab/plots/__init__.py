"""Plots: functions from arrays to a matplotlib Figure."""

from vaelab.plots.active_units import active_units as active_units
from vaelab.plots.aggregate_posterior import aggregate_posterior as aggregate_posterior
from vaelab.plots.class_panels import class_panels as class_panels
from vaelab.plots.code_usage import code_usage as code_usage
from vaelab.plots.film import write_film as write_film
from vaelab.plots.image_grid import image_grid as image_grid
from vaelab.plots.latent_dimensions import latent_dimensions as latent_dimensions
from vaelab.plots.latent_frame import latent_frame as latent_frame
from vaelab.plots.latent_scatter import latent_scatter as latent_scatter
from vaelab.plots.rate_distortion import rate_distortion as rate_distortion
from vaelab.plots.seed_curves import seed_curves as seed_curves
from vaelab.plots.shape_maps import shape_maps as shape_maps
from vaelab.plots.shared_axes import share_axes as share_axes
from vaelab.plots.style import class_colours as class_colours, save_figure as save_figure, to_svg as to_svg
from vaelab.plots.themed import themed as themed
from vaelab.plots.training_curves import training_curves as training_curves
from vaelab.plots.true_posterior import true_posterior as true_posterior
