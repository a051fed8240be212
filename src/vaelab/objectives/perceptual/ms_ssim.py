"""The multi-scale structural similarity."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d

from vaelab.errors import UserError

# The exponents of Wang, Simoncelli and Bovik (2003), section 3.2, finest scale first.
_EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW, _SIGMA = 11, 1.5
# (K_1 L)^2 and (K_2 L)^2 of Wang et al. (2004), section III.B, with L = 1.
_C1, _C2 = 0.01**2, 0.03**2
# Below this a scale has no slope: a power of a number near zero has an infinite one, and one of a negative number none.
_FLOOR = 1e-4


class MsSsimPenalty(nn.Module):
    """1 - MS-SSIM of images in [0, 1], per image, averaged over channels.

    Wang, Simoncelli and Bovik (2003), equation 7. Local moments are those under a Gaussian window of 11 x 11 pixels
    with a standard deviation of 1.5 (Wang et al. 2004, section III.C), at the positions where it lies within the
    image. On a side of fewer than 11 pixels the window is as wide as fits and has an odd number of pixels. Between
    scales 2 x 2 pixels are averaged. A scale whose mean contrast and structure are below 1e-4, negative ones included,
    counts 1e-4.

    Args:
        shape: (C, H, W) of the images.
        scales: their number, or None for as many as the window fits into, at most five.

    Raises:
        UserError: the window does not fit into the coarsest of these scales.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, shape: tuple[int, int, int], scales: int | None = None) -> None:
        super().__init__()
        _, *sides = shape
        widths = [min(_WINDOW, side - 1 + side % 2) for side in sides]
        fitting = 1
        while fitting < len(_EXPONENTS) and all(side >> fitting >= _WINDOW for side in sides):
            fitting += 1
        if scales is not None and scales > fitting:
            raise UserError(
                f"MsSsim.scales is {scales}, but images of {sides[0]} x {sides[1]} pixels have at most {fitting}, "
                f"since a window of {_WINDOW} pixels must fit into the coarsest; lower it, or leave it out"
            )
        self.scales = scales or fitting
        exponents = torch.tensor(_EXPONENTS[: self.scales], dtype=torch.float64)
        self.exponents: list[float] = (exponents / exponents.sum()).tolist()
        self.register_buffer("rows", _gaussian(widths[0]).view(1, 1, -1, 1), persistent=False)
        self.register_buffer("columns", _gaussian(widths[1]).view(1, 1, 1, -1), persistent=False)

    def forward(self, x: Float[Tensor, "N C H W"], y: Float[Tensor, "N C H W"]) -> Float[Tensor, " N"]:
        """The penalty of each pair."""
        # Every channel of every image is an image of its own.
        u, v = x.flatten(0, 1).unsqueeze(1), y.flatten(0, 1).unsqueeze(1)
        similarity = u.new_ones(len(u))
        for scale, exponent in enumerate(self.exponents):
            if scale:
                u, v = avg_pool2d(u, 2), avg_pool2d(v, 2)
            luminance, structure = self._compare(u, v)
            last = scale == self.scales - 1
            found = (luminance * structure if last else structure).mean((1, 2, 3))
            similarity = similarity * found.clamp_min(_FLOOR) ** exponent
        penalty: Tensor = 1 - similarity.unflatten(0, tuple(x.shape[:2])).mean(1)
        return penalty

    def _compare(self, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Maps of l and of c s: Wang et al. (2004), equations 6, 9 and 10, with C_3 = C_2 / 2."""
        mean_u, mean_v = self._local(u), self._local(v)
        var_u, var_v = self._local(u * u) - mean_u**2, self._local(v * v) - mean_v**2
        covariance = self._local(u * v) - mean_u * mean_v
        luminance = (2 * mean_u * mean_v + _C1) / (mean_u**2 + mean_v**2 + _C1)
        return luminance, (2 * covariance + _C2) / (var_u + var_v + _C2)

    def _local(self, u: Tensor) -> Tensor:
        """Means under the window."""
        return conv2d(conv2d(u, self.rows.to(u)), self.columns.to(u))


def _gaussian(width: int) -> Float[Tensor, " W"]:
    """Weights of a Gaussian at the pixels of a window, which add up to one."""
    offsets = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
    return torch.softmax(-offsets.square() / (2 * _SIGMA**2), 0)
