"""log p(x), exact or bounded, and whether the bounds keep their order."""

from __future__ import annotations

import math

from vaelab.errors import UserError
from vaelab.evaluation.measured import Subject, pair
from vaelab.evaluation.results import Number, Section
from vaelab.metrics.evidence import (
    Evidence,
    Quadrature,
    bidirectional_bounds,
    importance_bound,
    refuse_cross_entropy,
    refuse_without_density,
)
from vaelab.metrics.intervals import bootstrap_interval

_NATS = "nats per image"


def measure(subject: Subject) -> Section:
    """The exact evidence where it can be had, importance samples, annealing from below and from both sides.

    Raises:
        UserError: grey pixels under a Bernoulli likelihood.
    """
    refuse_cross_entropy(subject.model, subject.x)
    subject.say(f"drawing {subject.budget.samples} importance samples an image")
    bound = importance_bound(subject.model, subject.x, subject.y, subject.budget.samples, seed=subject.budget.seed)
    k = bound.samples
    numbers = [
        Number("ELBO", float(bound.elbo.mean()), _NATS, pair(bootstrap_interval(bound.elbo.numpy())), f"{k} draws"),
        Number(
            f"IWAE-{k}",
            bound.mean,
            _NATS,
            pair(bound.interval),
            f"effective samples: median {float(bound.effective.median()):.0f} of {k}",
        ),
    ]
    exact, findings = subject.exact, [_order(subject, bound)]
    if isinstance(exact, str):
        findings.append(exact)
    else:
        numbers += _exact(exact, bound)
    try:
        refuse_without_density(subject.model)
    except UserError as why:
        findings.append(f"Annealing left out: {why}.")
    else:
        numbers += _annealed(subject, bound)
    about: dict[str, str | int | float] = {
        "images": len(subject.x),
        "images annealed": len(subject.few),
        "seed": subject.budget.seed,
    }
    return Section("evidence", tuple(numbers), tuple(findings), about)


def _exact(exact: Quadrature, bound: Evidence) -> list[Number]:
    """log p(x), and how far the importance bound lies below it."""
    how = (
        f"quadrature, {exact.points:,} codes; the last halving of the step moved the mean by "
        f"{float(exact.refining.mean()):.2g}, beyond two thirds of the range lies {float(exact.widening.mean()):.2g}"
    )
    below = exact.log_p - bound.log_p
    far = f"more than 1 nat for {float((below > 1).float().mean()):.1%} of the images"
    name = f"log p(x) - IWAE-{bound.samples}"
    return [
        Number("log p(x)", float(exact.log_p.mean()), _NATS, pair(exact.interval), how),
        Number(name, float(below.mean()), _NATS, pair(bootstrap_interval(below.numpy())), far),
    ]


def _order(subject: Subject, bound: Evidence) -> str:
    """ELBO <= IWAE-k <= log p(x) in the mean, as far as the draws allow to say."""
    chain = {"ELBO": float(bound.elbo.mean()), f"IWAE-{bound.samples}": bound.mean}
    # The two are of the same draws, so that only rounding can part them.
    slack, note = [1e-6], ""
    exact = subject.exact
    if not isinstance(exact, str):
        chain["log p(x)"] = float(exact.log_p.mean())
        # One image's estimate exceeds its log p(x) by b nats with a probability of at most exp(-b), so the mean of
        # N by more than about 1 / sqrt(N) only rarely; what the grid is off by comes on top.
        slack.append(2 / math.sqrt(len(subject.x)) + exact.error)
        note = f", within {slack[1]:.2g} nats of sampling for the last"
    means = list(chain.values())
    holds = all(low <= high + extra for low, high, extra in zip(means, means[1:], slack, strict=False))
    words = " <= ".join(f"{name} {mean:.2f}" for name, mean in chain.items())
    if holds:
        return f"The order holds: {words}{note}."
    return f"THE ORDER IS VIOLATED, so that one of these is wrong: {words}{note}. Please report it."


def _annealed(subject: Subject, bound: Evidence) -> list[Number]:
    """Annealing for a few images, and both ways for as many that the model draws itself."""
    few, annealed, exact = subject.few, subject.annealed, subject.exact
    reference, against = (bound, f"IWAE-{bound.samples}") if isinstance(exact, str) else (exact, "log p(x)")
    beside = annealed.log_p.cpu() - reference.log_p[few]
    subject.say(f"annealing {len(few)} images of the model's own both ways")
    y = subject.on_device(subject.y_of_few)
    both = bidirectional_bounds(subject.model, y, len(few), seed=subject.budget.seed)
    gap = (both.upper - both.lower).double().cpu()
    chains, steps = len(annealed.log_weight), len(annealed.temperatures) - 1
    how = f"{len(few)} images, {chains} chains of {steps} temperatures, acceptance"
    return [
        Number("AIS", annealed.mean, _NATS, pair(annealed.interval), f"{how} {float(annealed.acceptance.mean()):.2f}"),
        Number(
            f"AIS - {against}",
            float(beside.mean()),
            _NATS,
            pair(bootstrap_interval(beside.double().numpy())),
            "of the same images",
        ),
        Number(
            "BDMC gap",
            float(gap.mean()),
            _NATS,
            pair(bootstrap_interval(gap.numpy())),
            f"upper less lower bound, {len(few)} images that the model drew",
        ),
    ]
