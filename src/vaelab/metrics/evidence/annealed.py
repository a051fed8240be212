"""Annealed importance sampling: the evidence along a path of densities from an initial density to the posterior."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.metrics.checks import at_least
from vaelab.metrics.evidence.bound import Bound
from vaelab.metrics.evidence.joint import Joint
from vaelab.metrics.evidence.path import images_at_once, log_mean_exp, refuse_settings, sigmoidal_temperatures
from vaelab.metrics.evidence.several import SeveralStarts, combined
from vaelab.metrics.evidence.starts import Start, from_posterior, from_prior, starts_of
from vaelab.metrics.images import batches, eval_mode, seeded
from vaelab.metrics.support import refuse_cross_entropy
from vaelab.models.model import Model


@dataclass(frozen=True)
class AnnealedEvidence(Bound):
    """A stochastic lower bound on log p(x), nats per image.

    Args:
        log_weight: of S chains per image from each of K starts, float64; E[w] = p(x).
        log_share: log of the share of each start in the estimate, (K, B).
        acceptance: mean acceptance probability of the HMC steps per image, (B,); nan if there was no step.
        temperatures: beta, from 0 at the start to 1 at p(x, z).
    """

    log_weight: Float[Tensor, "K S B"]
    log_share: Float[Tensor, "K B"]
    acceptance: Float[Tensor, " B"]
    temperatures: tuple[float, ...]

    @property
    def log_p(self) -> Float[Tensor, " B"]:
        """Log of the mean weight, by the shares of the starts: at most log p(x) in expectation."""
        return combined(self.log_weight, self.log_share)

    @property
    def by_start(self) -> Float[Tensor, "K B"]:
        """The same from the chains of each start alone: K lower bounds that share no random number.

        If two of them differ by much, the lower one has missed log p(x): such a bound can be far too low, but exceeds
        log p(x) by b nats with probability at most exp(-b).
        """
        return log_mean_exp(self.log_weight.transpose(0, 1))

    @property
    def effective(self) -> Float[Tensor, " B"]:
        """Kish's effective number of chains, (sum a w)^2 / sum (a w)^2 with a the shares, from 1 to K S.

        Near 1 a single chain carries the bound, and log p(x) may be much larger.
        """
        shared = (self.log_weight + self.log_share[:, None]).flatten(0, 1)
        return (2 * shared.logsumexp(0) - (2 * shared).logsumexp(0)).exp()

    @property
    def per_image(self) -> Float[Tensor, " B"]:
        """`log_p`, whose mean over images is reported."""
        return self.log_p


@torch.no_grad()
def annealed_bound(
    model: Model,
    x: Float[Tensor, "B ..."],
    y: Tensor | None = None,
    temperatures: int = 100,
    chains: int = 24,
    leapfrog: int = 3,
    start: Start | Sequence[Start] = (from_prior, from_posterior),
    seed: int = 0,
) -> AnnealedEvidence:
    r"""Lower bound on log p(x) by annealed importance sampling; more temperatures tighten it.

        log w = sum_t (beta_t - beta_{t-1}) [log p(x, z_{t-1}) - log start(z_{t-1})],      log p(x) ~ log mean_s w_s

    Neal (2001), section 2, on the geometric path of densities start(z)^{1 - beta} p(x, z)^beta. z_0 is drawn from
    `start`, and z_t from z_{t-1} by a step of Hamiltonian Monte Carlo (Neal 2011) that leaves the density at beta_t
    invariant. Sigmoidal temperatures, and the use for decoders, follow Wu, Burda, Salakhutdinov and Grosse (2017).
    w is unbiased for p(x), so its log is a lower bound in expectation; it exceeds log p(x) by b nats with probability
    at most exp(-b). With one temperature this is importance sampling from `start`.

    By default chains begin at the prior and at the encoder's q(z | x). Each start has a path of its own, and the mean
    weights are averaged with shares that pilot runs decide (`SeveralStarts`). `by_start` compares them.

    Pilot runs with their own random numbers find one step size per start, image and temperature, which stays fixed.
    Step sizes adapted to the weighted chains would depend on their past: the steps would no longer leave their
    densities invariant, and w would be biased.

    Time grows with starts x chains x temperatures x leapfrog, each a forward and backward pass through the decoder.

    Args:
        model: one latent of real numbers.
        x: images in [0, 1].
        y: labels or attributes, for a conditional model.
        temperatures: T, increments of beta from 0 to 1.
        chains: S, chains per image and start.
        leapfrog: steps per trajectory.
        start: the density at beta = 0, or several: `from_posterior`, `from_prior`, or your own function.
        seed: of all draws.

    Raises:
        UserError: temperatures, chains or leapfrog < 1, no density over one latent of real numbers, or grey pixels
            under a Bernoulli likelihood.
    """
    refuse_settings(temperatures, chains, leapfrog)
    at_least("the number of images", len(x), 1)
    refuse_cross_entropy(model, x)
    with eval_mode(model), seeded(model.device, seed):
        parts = [
            _of(Joint(model, *batch), starts_of(start), temperatures, chains, leapfrog)
            for batch in batches(model, x, y, images_at_once(chains))
        ]
    log_weight, log_share, acceptance = (torch.cat(part, -1) for part in zip(*parts, strict=True))
    return AnnealedEvidence(log_weight, log_share, acceptance, sigmoidal_temperatures(temperatures))


def _of(
    joint: Joint, starts: Sequence[Start], temperatures: int, chains: int, leapfrog: int
) -> tuple[Float[Tensor, "K S B"], Float[Tensor, "K B"], Float[Tensor, " B"]]:
    """Weights, shares and acceptance of images that run together."""
    annealing = SeveralStarts(joint, starts, temperatures, leapfrog)
    log_weight, acceptance = annealing.forward(chains)
    return log_weight, annealing.log_share, acceptance
