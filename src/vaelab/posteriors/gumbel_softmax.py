"""The Gumbel-softmax relaxation of the categorical posterior."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.distributions import RelaxedOneHotCategorical
from torch.nn.functional import one_hot

from vaelab.contract import Draw, Network
from vaelab.posteriors.annealed import AnnealedPosterior
from vaelab.posteriors.categorical import CategoricalCodesPosterior
from vaelab.schedules import ScheduleSpec


class GumbelSoftmaxPosterior(AnnealedPosterior, CategoricalCodesPosterior):
    """Categorical codes that are trained through a continuous relaxation of their draws.

    y = softmax((logits + g) / T), g standard Gumbel noise: Jang, Gu and Poole (2017), equation 2. In training the
    decoder reads the mean of the vectors weighted by y, and `code` is the argmax of y, an exact draw of q(code | x) at
    every temperature (Maddison, Mnih and Teh 2017, proposition 1b). In evaluation mode it reads the vectors of the
    code.

    Args:
        network, latent, size, variables, learned: as in `CategoricalCodesPosterior`.
        temperature: T, at each step of training.
        straight_through: read the vectors of the code in training too, with the gradient of y.
    """

    def __init__(
        self,
        network: Network,
        latent: int,
        size: int,
        variables: int,
        learned: bool,
        temperature: ScheduleSpec,
        straight_through: bool,
    ) -> None:
        super().__init__(network, latent, size, variables, learned)
        self.straight_through = straight_through
        self.anneal(temperature)

    def forward(self, h: Float[Tensor, "B F"], samples: int) -> Draw:
        """`samples` draws: codes, and in training the vectors averaged with relaxed shares."""
        if not self.training:
            return super().forward(h, samples)
        q = self.distribution(h)
        # A tensor, since torch compares temperatures with 0 on the device.
        relaxed = RelaxedOneHotCategorical(q.logits.new_tensor(self.temperature), logits=q.logits, validate_args=False)
        shares = relaxed.rsample((samples,))
        code = shares.argmax(-1)
        if self.straight_through:
            shares = one_hot(code, self.code_space.size) + (shares - shares.detach())
        return Draw(q=q, code=code, z=self.vectors(shares).flatten(2))
