"""The bounds of all sets of views together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from vaelab.data import DataFormat
from vaelab.errors import UserError
from vaelab.objectives.elbo import Elbo
from vaelab.objectives.objective import Loss
from vaelab.objectives.wrapper import AnyBase, Wrapper
from vaelab.traits import Trait

if TYPE_CHECKING:
    from torch import Tensor

    from vaelab.contract import Trace
    from vaelab.schedules import Progress


@dataclass(frozen=True)
class SubsetBounds(Wrapper):
    """The loss of both views, plus those of each view alone (Wu and Goodman 2018, section 2.2).

    loss = L(x, y) + weight (L(x) + L(y)), with L the loss of `base`: with `Elbo` the negative bounds on log p(x, y),
    log p(x) and log p(y), in nats per image. A product of experts needs the last two, since the joint bound trains the
    product alone, and nothing in it makes one factor a posterior of its own. With two views all sets are taken, so
    nothing is sampled. Bounds that are reported are those of both views.
    """

    base: AnyBase = Elbo()
    """The loss of a set of views."""
    weight: Annotated[float, Ge(0)] = 1.0
    """Weight of the two losses of single views."""
    needs: ClassVar[frozenset[Trait]] = frozenset({Trait.label_view})

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.base.of_images:
            raise UserError(
                f"SubsetBounds.base is {type(self.base).__name__}, which compares images, but one of its losses has "
                "none; choose another, such as Elbo"
            )

    def build_for(self, latent: int, format: DataFormat) -> Loss:
        """Build the loss around that of the base, for images or rows of a table.

        Raises:
            UserError: the base has a state of its own, which three losses cannot share.
        """
        loss = self.base.build_for(latent, format)
        if loss is not self.base:
            raise UserError(
                f"SubsetBounds.base is {type(self.base).__name__}, whose loss has a state or weights, but it takes "
                "three losses in each step; choose another, such as Elbo"
            )
        return self

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        alone = [self.base(trace.model.without(trace, label), progress) for label in (True, False)]
        return self.base(trace, progress) + self.weight * (alone[0] + alone[1])
