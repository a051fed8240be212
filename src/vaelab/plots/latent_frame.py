"""One frame of a film of the latent plane."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from vaelab.errors import UserError
from vaelab.plots.arrays import checked_arrays, class_numbers
from vaelab.plots.image_grid import tile
from vaelab.plots.latent_scatter import draw_points, draw_prior
from vaelab.plots.names import class_means, crowded, write_names
from vaelab.plots.style import class_colours, styled


def latent_frame(
    means: ArrayLike,
    labels: ArrayLike | None,
    classes: Sequence[str],
    plane: ArrayLike | None = None,
    epoch: int = 0,
    limits: tuple[float, float] = (-4.0, 4.0),
    title: str = "",
    reach: float = 3.0,
    prior: bool = True,
) -> Figure:
    """The latent plane after an epoch: posterior means on the left, the decoded plane on the right.

    Everything except the data has the same position in every frame. Class names follow the class means, once these
    are apart.

    Args:
        means: means of q(z | x), (N, 2).
        labels: class of each image, (N,), counted from 0, -1 for an unknown one; None for unlabelled images.
        classes: names of the classes, in order.
        plane: decoded images with values in [0, 1], (R, R, C, H, W), the highest z2 first; None to leave it out.
        epoch: number of the epoch.
        limits: limits of both axes of the left panel, the same for all frames of a film.
        title: title of the figure.
        reach: half-width of the decoded plane, whose points are evenly spaced from -reach to reach.
        prior: whether to draw circles of N(0, I) at radius 1, 2 and 3.

    Raises:
        UserError: the shapes of the arrays do not match, a label is neither the index of a class nor -1, or the limits
            do not ascend.
    """
    (points,) = checked_arrays(means=(means, "N 2"))
    numbers = None
    if labels is not None:
        checked_arrays(means=(means, "N 2"), labels=(labels, "N"))
        numbers = class_numbers(labels, classes)
    if not limits[0] < limits[1]:
        raise UserError(f"limits is {limits}, but must ascend; give the lowest and the highest value of the axes")
    with styled():
        # Fixed positions: an automatic layout would change with the width of labels from frame to frame.
        wide, high = (8.4 if plane is not None else 4.4, 4.7)
        figure = Figure(figsize=(wide, high), dpi=100)
        side = 3.6
        left = figure.add_axes((0.6 / wide, 0.5 / high, side / wide, side / high))
        draw_points(left, points, numbers, class_colours(len(classes) if numbers is not None else 1))
        if prior:
            draw_prior(left)
        left.set(xlim=limits, ylim=limits, xlabel="z1", ylabel="z2")
        for axis in (left.xaxis, left.yaxis):
            axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        left.set_title(f"epoch {epoch}", loc="left", weight="bold")
        if numbers is not None:
            centres = class_means(points, numbers, len(classes)).clip(*limits)
            if not crowded(left, centres, classes):
                write_names(left, centres, classes)
        if plane is not None:
            (images,) = checked_arrays(plane=(plane, "R R C H W"))
            sheet = tile(images)[0]
            edge = reach * (1 + 1 / (len(images) - 1)) if len(images) > 1 else reach
            right = figure.add_axes((4.6 / wide, 0.5 / high, side / wide, side / high))
            right.imshow(
                sheet.squeeze(-1) if sheet.shape[-1] == 1 else sheet,
                cmap="gray",
                vmin=0,
                vmax=1,
                extent=(-edge, edge, -edge, edge),
                aspect="auto",
                interpolation="antialiased",
            )
            right.grid(False)
            right.set_xticks(ticks := (-reach, 0, reach), names := [f"{tick:g}".replace("-", "−") for tick in ticks])
            right.set_yticks(ticks, names)
            right.set_xlabel("z1")
            right.set_title("decoded", loc="left")
        if title:
            figure.suptitle(title, y=0.985)
    return figure
