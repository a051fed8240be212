"""The base of the specs of likelihoods."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from vaelab.data import ColumnType, DataFormat, TableFormat
from vaelab.errors import UserError
from vaelab.spec import Spec

if TYPE_CHECKING:
    from vaelab.contract import Likelihood


class LikelihoodSpec(Spec, room=True):
    """Base of the likelihood specs."""

    fitted_to_batch: ClassVar[bool] = False
    """Its settings are the optimal ones for each batch, so its gradient is right for averages of log p(x | z) only."""
    columns: ClassVar[frozenset[ColumnType]] = frozenset()
    """The types of a table's columns that it is a density of, leaving out missing values; none if it is of images."""
    images: ClassVar[bool] = True
    """Whether it is a density of images."""

    @abstractmethod
    def build(self, shape: tuple[int, ...]) -> Likelihood:
        """Build the likelihood, a `vaelab.contract.Likelihood` with fresh weights, for x of (C, H, W) or (F,)."""

    def build_for(self, format: DataFormat) -> Likelihood:
        """Build the likelihood for images or rows of a table; by default from the shape of x alone."""
        return self.build(format.shape)

    def check(self, format: DataFormat) -> None:
        """Check that this is a likelihood of such data.

        Raises:
            UserError: a column of the table has a type that it is no density of, or it is no density of images.
        """
        if not isinstance(format, TableFormat):
            if not self.images:
                raise UserError(
                    f"likelihood is {type(self).__name__}, for the columns of a table, but the data are images; choose "
                    "another"
                )
            return
        for column in format.columns:
            if column.type not in self.columns:
                name = type(self).__name__
                takes = f"columns that are {' or '.join(sorted(self.columns))}" if self.columns else "images only"
                raise UserError(
                    f"likelihood is {name}, for {takes}, but column {column.name!r} is {column.type}",
                    python="choose another, such as vaelab.ByColumn(), which takes every type",
                    flags="choose another, such as likelihood:by-column, which takes every type",
                )
