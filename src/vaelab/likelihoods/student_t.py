"""The Student-t likelihood with a learned scale."""

from __future__ import annotations

from torch import Tensor
from torch.distributions import Distribution, StudentT

from vaelab.likelihoods.location import LocationLikelihood


class StudentTLikelihood(LocationLikelihood):
    r"""Independent Student-t pixels or columns.

    p(x | z) = prod_i t_nu((x_i - theta_i) / s_i) / s_i, with log s learned: Takahashi, Iwata, Yamanaka, Yamada and Yagi
    (2018), where s is an output of the decoder instead. An outlier costs log(1 + e^2 / nu) instead of the e^2 of a
    normal, so it does not dominate the fit.

    Args:
        degrees: nu > 1, so that the mean theta exists.
        dimensions: of x: 3 for images, 1 for rows of a table.
        shape: of log s: () for one scale, that of x for one per pixel or column.
    """

    def __init__(self, degrees: float, dimensions: int = 3, shape: tuple[int, ...] = ()) -> None:
        super().__init__(dimensions, shape)
        self.degrees = degrees

    def density(self, location: Tensor, scale: Tensor) -> Distribution:
        """Student's t with the given degrees of freedom."""
        return StudentT(location.new_tensor(self.degrees), location, scale, validate_args=False)
