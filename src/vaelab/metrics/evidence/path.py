"""The path of annealing: from an initial density to the joint density, by steps of Hamiltonian Monte Carlo."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.distributions.hmc import evaluate, transition
from vaelab.loops import counted
from vaelab.metrics.checks import at_least
from vaelab.metrics.densities import expand, log_prob_of, sample_of
from vaelab.metrics.evidence.joint import Joint
from vaelab.metrics.evidence.starts import Start

# Draws of z that are decoded at once; memory grows with it.
_DECODED = 2000
# Chains of the pilot run that tunes the step sizes, its target acceptance, and its learning rate.
_PILOTS = 4
_ACCEPTANCE = 0.65
_RATE = 0.5
# Steepness of the sigmoid that the temperatures follow.
_STEEPNESS = 4.0


class Annealing:
    """The path start(z)^{1 - beta} p(x, z)^beta of B images, with HMC steps that are tuned to it and then fixed.

    Args:
        joint: p(x, z).
        start: the density at beta = 0.
        temperatures: T, increments of beta.
        leapfrog: steps per trajectory.

    Attributes:
        steps: a step size per image and inner temperature.
        pilot: rough log p(x) from the pilot run that tuned them, (B,). It is independent of all later chains.
    """

    def __init__(self, joint: Joint, start: Start, temperatures: int, leapfrog: int) -> None:
        self.joint, self.leapfrog = joint, leapfrog
        self.start = expand(start(joint), len(joint.x), "start")
        self.betas = sigmoidal_temperatures(temperatures)
        self.steps, self.pilot = self._tuned()

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
        for last, beta, step in counted(zip(betas[:-2], betas[1:-1], steps, strict=True), len(steps)):
            log_weight += point.log_density((last - beta, beta - last))
            point, probability = transition(self._terms, (1 - beta, beta), point, step, self.leapfrog)
            acceptance += probability
        log_weight += point.log_density((betas[-2] - betas[-1], betas[-1] - betas[-2]))
        return log_weight, acceptance.mean(0) / len(steps) if steps else acceptance.mean(0) * math.nan

    def _tuned(self) -> tuple[list[Float[Tensor, " B"]], Float[Tensor, " B"]]:
        """A step size per image and inner temperature, and log p(x), from a pilot run whose chains are discarded.

        Along the path the log of the step size changes by the acceptance minus its target, so the step follows the
        densities as they narrow. It starts at the smallest standard deviation of a dimension under the start.
        """
        draws = sample_of(self.start, (100,), "start")
        step, steps = draws.std(0).amin(-1), []
        point = evaluate(self._terms, draws[:_PILOTS])
        log_weight = torch.zeros_like(point.terms[0])
        for last, beta in counted(pairwise(self.betas), len(self.betas) - 1):
            log_weight += point.log_density((last - beta, beta - last))
            if beta < 1:
                steps.append(step)
                point, probability = transition(self._terms, (1 - beta, beta), point, step, self.leapfrog)
                step = step * (_RATE * (probability.mean(0) - _ACCEPTANCE)).exp().to(step.dtype)
        return steps, log_mean_exp(log_weight)


def log_mean_exp(log_weight: Float[Tensor, "S ..."]) -> Tensor:
    """Log of the mean of the weights of S chains."""
    return log_weight.logsumexp(0) - math.log(len(log_weight))


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
