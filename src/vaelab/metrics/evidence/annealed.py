"""Annealed importance sampling: the evidence along a path of densities from an initial density to the posterior."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.metrics.checks import at_least
from vaelab.metrics.densities import expand, log_prob_of, sample_of
from vaelab.metrics.evidence.hmc import evaluate, transition
from vaelab.metrics.evidence.joint import Joint
from vaelab.metrics.evidence.starts import Start, from_both
from vaelab.metrics.images import batches, eval_mode, seeded
from vaelab.metrics.intervals import Interval, bootstrap_interval
from vaelab.metrics.support import refuse_cross_entropy
from vaelab.models.model import Model

# Draws of z that are decoded at once; memory grows with it.
_DECODED = 2000
# Chains of the pilot run that tunes the step sizes, its target acceptance, and its learning rate.
_PILOTS = 4
_ACCEPTANCE = 0.65
_RATE = 0.5
# Steepness of the sigmoid that the temperatures follow.
_STEEPNESS = 4.0


@dataclass(frozen=True)
class AnnealedEvidence:
    """A stochastic lower bound on log p(x), nats per image.

    Args:
        log_weight: of S chains per image, float64; E[w] = p(x).
        acceptance: mean acceptance probability of the HMC steps per image, (B,); nan if there was no step.
        temperatures: beta, from 0 at the start to 1 at p(x, z).
    """

    log_weight: Float[Tensor, "S B"]
    acceptance: Float[Tensor, " B"]
    temperatures: tuple[float, ...]

    @property
    def log_p(self) -> Float[Tensor, " B"]:
        """Log of the mean weight of an image's chains: at most log p(x) in expectation."""
        return self.log_weight.logsumexp(0) - math.log(len(self.log_weight))

    @property
    def effective(self) -> Float[Tensor, " B"]:
        """Kish's effective number of chains, (sum w)^2 / sum w^2, from 1 to S.

        Near 1 a single chain carries the bound, and log p(x) may be much larger.
        """
        return (2 * self.log_weight.logsumexp(0) - (2 * self.log_weight).logsumexp(0)).exp()

    @property
    def mean(self) -> float:
        """Mean of `log_p` over images."""
        return float(self.log_p.mean())

    @property
    def standard_error(self) -> float:
        """Standard error of the mean over images."""
        return float(self.log_p.std() / math.sqrt(len(self.log_p)))

    @property
    def interval(self) -> Interval:
        """95 % bootstrap interval of the mean over images."""
        return bootstrap_interval(self.log_p.numpy(force=True))


@torch.no_grad()
def annealed_bound(
    model: Model,
    x: Float[Tensor, "B C H W"],
    y: Tensor | None = None,
    temperatures: int = 100,
    chains: int = 16,
    leapfrog: int = 5,
    start: Start = from_both,
    seed: int = 0,
) -> AnnealedEvidence:
    r"""Lower bound on log p(x) by annealed importance sampling; more temperatures tighten it.

        log w = sum_t (beta_t - beta_{t-1}) [log p(x, z_{t-1}) - log start(z_{t-1})],      log p(x) ~ log 1/S sum_s w_s

    Neal (2001), section 2, on the geometric path of densities start(z)^{1 - beta} p(x, z)^beta. z_0 is drawn from
    `start`, and z_t from z_{t-1} by a step of Hamiltonian Monte Carlo (Neal 2011) that leaves the density at beta_t
    invariant. Sigmoidal temperatures, and the use for decoders, follow Wu, Burda, Salakhutdinov and Grosse (2017).
    w is unbiased for p(x), so its log is a lower bound in expectation; it exceeds log p(x) by b nats with probability
    at most exp(-b). With one temperature this is importance sampling from `start`.

    A pilot run with its own random numbers finds one step size per image and temperature, which then stays fixed.
    Step sizes adapted to the weighted chains would depend on their past: the steps would no longer leave their
    densities invariant, and w would be biased.

    Time grows with chains x temperatures x leapfrog, each a forward and backward pass through the decoder.

    Args:
        model: one latent of real numbers.
        x: images in [0, 1].
        y: labels or attributes, for a conditional model.
        temperatures: T, increments of beta from 0 to 1.
        chains: S, chains per image.
        leapfrog: steps per trajectory.
        start: the density at beta = 0: `from_both`, `from_posterior`, `from_prior`, or your own function.
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
            Annealing(Joint(model, *batch), start, temperatures, leapfrog).forward(chains)
            for batch in batches(model, x, y, images_at_once(chains))
        ]
    log_weight, acceptance = (torch.cat(part, -1) for part in zip(*parts, strict=True))
    return AnnealedEvidence(log_weight, acceptance, sigmoidal_temperatures(temperatures))


class Annealing:
    """The path start(z)^{1 - beta} p(x, z)^beta of B images, with HMC steps that are tuned to it and then fixed.

    Args:
        joint: p(x, z).
        start: the density at beta = 0.
        temperatures: T, increments of beta.
        leapfrog: steps per trajectory.
    """

    def __init__(self, joint: Joint, start: Start, temperatures: int, leapfrog: int) -> None:
        self.joint, self.leapfrog = joint, leapfrog
        self.start = expand(start(joint), len(joint.x), "start")
        self.betas = sigmoidal_temperatures(temperatures)
        self.steps = self._tuned()

    def forward(self, chains: int) -> tuple[Float[Tensor, "S B"], Float[Tensor, " B"]]:
        """log w of chains from the start to p(x, z), with E[w] = p(x), and their acceptance."""
        return self._along(sample_of(self.start, (chains,), "start"), self.betas, self.steps)

    def backward(self, z: Float[Tensor, "S B D"]) -> tuple[Float[Tensor, "S B"], Float[Tensor, " B"]]:
        """log w of chains from posterior draws z back to the start, with E[1 / w] = 1 / p(x), and their acceptance.

        An HMC step is its own reversal, so the same steps are taken in reverse order.
        """
        log_weight, acceptance = self._along(z, self.betas[::-1], self.steps[::-1])
        return -log_weight, acceptance

    def _terms(self, z: Float[Tensor, "S B D"]) -> tuple[Tensor, ...]:
        # First, so that a message about z outside the prior's support names the prior.
        log_joint = self.joint.log_prob(z)
        return log_prob_of(self.start, z, "start"), log_joint

    def _along(
        self, z: Float[Tensor, "S B D"], betas: Sequence[float], steps: Sequence[Tensor]
    ) -> tuple[Float[Tensor, "S B"], Float[Tensor, " B"]]:
        """The log-weight of chains that go from the first beta to the last, and their mean acceptance."""
        point = evaluate(self._terms, z)
        log_weight = torch.zeros_like(point.terms[0])
        acceptance = torch.zeros_like(log_weight)
        # After the last change of temperature the weight is final, so no step follows.
        for last, beta, step in zip(betas[:-2], betas[1:-1], steps, strict=True):
            log_weight += point.log_density((last - beta, beta - last))
            point, probability = transition(self._terms, (1 - beta, beta), point, step, self.leapfrog)
            acceptance += probability
        log_weight += point.log_density((betas[-2] - betas[-1], betas[-1] - betas[-2]))
        return log_weight, acceptance.mean(0) / len(steps) if steps else acceptance.mean(0) * math.nan

    def _tuned(self) -> list[Float[Tensor, " B"]]:
        """A step size per image and inner temperature, from a pilot run whose chains are discarded.

        Along the path the log of the step size changes by the acceptance minus its target, so the step follows the
        densities as they narrow. It starts at the smallest standard deviation of a dimension under the start.
        """
        draws = sample_of(self.start, (100,), "start")
        step, steps = draws.std(0).amin(-1), []
        if len(self.betas) == 2:
            return []
        point = evaluate(self._terms, draws[:_PILOTS])
        for beta in self.betas[1:-1]:
            steps.append(step)
            point, probability = transition(self._terms, (1 - beta, beta), point, step, self.leapfrog)
            step = step * (_RATE * (probability.mean(0) - _ACCEPTANCE)).exp().to(step.dtype)
        return steps


def sigmoidal_temperatures(temperatures: int) -> tuple[float, ...]:
    r"""Temperatures from beta_0 = 0 to beta_T = 1, dense at both ends, where the densities change most.

    beta_t = (s_t - s_0) / (s_T - s_0),  s_t = sigmoid(4 (2 t / T - 1)): Wu, Burda, Salakhutdinov and Grosse (2017).

    >>> [round(beta, 3) for beta in sigmoidal_temperatures(4)]
    [0.0, 0.105, 0.5, 0.895, 1.0]
    """
    levels = [math.tanh(_STEEPNESS / 2 * (2 * t / temperatures - 1)) for t in range(temperatures + 1)]
    return tuple((level - levels[0]) / (levels[-1] - levels[0]) for level in levels)


def refuse_settings(temperatures: int, chains: int, leapfrog: int) -> None:
    """Refuse settings of annealing that are below 1.

    Raises:
        UserError: a setting is below 1.
    """
    at_least("temperatures", temperatures, 1)
    at_least("chains", chains, 1)
    at_least("leapfrog", leapfrog, 1)


def images_at_once(chains: int) -> int:
    """Number of images whose chains run together."""
    return max(1, _DECODED // chains)
