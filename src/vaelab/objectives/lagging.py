"""Aggressive training of the encoder. The loss and its state are in `lagging_loss`, which imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge

from vaelab.data import DataFormat
from vaelab.objectives.elbo import Elbo
from vaelab.objectives.objective import Loss
from vaelab.objectives.wrapper import AnyBase, Wrapper
from vaelab.traits import Trait


@dataclass(frozen=True)
class Lagging(Wrapper):
    """Several encoder steps per decoder step while the mutual information of x and z rises (He et al. 2019).

    The loss is that of `base`. Its gradient reaches the encoder at every step, and the decoder and the prior at each
    `steps`-th, until an epoch's mutual information I_q(x, z) is below that of the epoch before; from then on every step
    trains all weights: He, Spokoyny, Neubig and Berg-Kirkpatrick (2019), "Lagging inference networks and posterior
    collapse in variational autoencoders", algorithm 1 and section 4.2.

    There are four differences from the paper. The number of encoder steps is fixed, where the paper goes on until the
    bound stops rising. The encoder moves at the decoder's step as well. The information is averaged over the training
    batches of the epoch, where the paper takes validation images after it; as in the authors' code the batch stands for
    q(z), so it is at most the log of the batch size. Encoder steps count as steps of the epoch, so that the decoder
    takes fewer.
    """

    base: AnyBase = Elbo()
    """The loss."""
    steps: Annotated[int, Ge(1)] = 6
    """Encoder steps per decoder step."""
    needs: ClassVar[frozenset[Trait]] = frozenset({Trait.one_latent, Trait.real_codes, Trait.density})

    def build_for(self, latent: int, format: DataFormat) -> Loss:
        """Build the loss around that of the base, for images or rows of a table."""
        from vaelab.objectives.lagging_loss import LaggingLoss

        return LaggingLoss(self.base.build_for(latent, format), self.steps)
