"""Stochastic neighbour embedding beside another objective. The loss and its memory are in `neighbours_loss`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Gt

from vaelab.data import DataFormat
from vaelab.objectives.elbo import Elbo
from vaelab.objectives.objective import Loss, image_format
from vaelab.objectives.wrapper import AnyBase, Wrapper
from vaelab.schedules import AnySchedule, Constant
from vaelab.traits import Trait


@dataclass(frozen=True)
class NeighbourEmbedding(Wrapper):
    """Another objective plus stochastic neighbour embedding: images with similar pixels get codes close to each other.

    loss = base + weight mean_i KL(p_i || q_i), with

        p_i(j) proportional to exp(-|x_i - x_j|^2 / (2 s_i^2)),
        q_i(j) proportional to 1 / (1 + |m_i - m_j|^2 / scale^2)

    over the images j besides i, m the means of q(z | x). These are the conditional probabilities of Hinton and Roweis
    (2003), with the Student t of van der Maaten and Hinton (2008) between codes, and codes that a network computes, as
    in van der Maaten (2009), "Learning a parametric embedding by preserving local structure". s_i is such that p_i has
    the given perplexity, exp(entropy). A VAE with such a term is the VAE-SNE of Graving and Couzin (2020).

    There is one difference from these: a batch has few neighbours, so an image is also compared with the last `memory`
    images, whose means are those of their own step and get no gradient. Images with different labels are no neighbours
    in a conditional model, whose codes do not tell labels apart.

    With a weight that falls to zero early the term is a start: it lays out the codes, and the base alone trains what is
    measured. The bound that is reported is without it at any weight.
    """

    base: AnyBase = Elbo()
    """The loss."""
    weight: AnySchedule = Constant(20.0)
    """Weight of the divergence, in nats as the loss is; while it is 0 nothing is computed."""
    perplexity: Annotated[float, Gt(1)] = 10.0
    """Effective number of neighbours; at most a third of the images that are compared."""
    scale: Annotated[float, Gt(0)] = 0.2
    """Distance between codes at which q_i halves; a standard normal prior has a width of 1."""
    memory: Annotated[int, Ge(0)] = 512
    """Images of past batches."""
    needs: ClassVar[frozenset[Trait]] = frozenset({Trait.one_latent, Trait.real_codes, Trait.known_moments})
    of_images: ClassVar[bool] = True

    def build_for(self, latent: int, format: DataFormat) -> Loss:
        """Build the loss around that of the base, with its memory of images.

        Raises:
            UserError: the data are rows of a table.
        """
        from vaelab.objectives.neighbours_loss import NeighbourLoss

        base = self.base.build_for(latent, format)
        return NeighbourLoss(self, base, latent, image_format(format, self))
