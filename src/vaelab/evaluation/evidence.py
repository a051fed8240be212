"""log p(x), exact or bounded, and whether the bounds keep their order."""

from __future__ import annotations

import math

import torch

from vaelab.errors import UserError
from vaelab.evaluation.results import Number, Section
from vaelab.evaluation.subject import Subject, pair
from vaelab.metrics.evidence import (
    Evidence,
    annealed_bound,
    bidirectional_bounds,
    importance_over,
    refuse_cross_entropy,
    refuse_without_density,
)
from vaelab.metrics.intervals import bootstrap_interval


def measure(subject: Subject) -> Section:
    """The exact evidence where it can be had, importance samples, annealing from below and from both sides.

    Raises:
        UserError: grey pixels under a Bernoulli likelihood, or codes from a codebook.
    """
    refuse_cross_entropy(subject.model, subject.x)
    subject.say(f"drawing {subject.effort.samples} importance samples an image")
    bound = importance_over(subject.model, subject.x, subject.y, subject.effort.samples, seed=subject.effort.seed)
    nats, k = "nats an image", bound.samples
    numbers = [
        Number("ELBO", float(bound.elbo.mean()), nats, pair(bootstrap_interval(bound.elbo.numpy())), f"{k} draws"),
        Number(
            f"IWAE-{k}",
            bound.mean,
            nats,
            pair(bound.interval),
            f"effective samples: median {float(bound.effective.median()):.0f} of {k}",
        ),
    ]
    findings: list[str] = []
    if subject.affordable:
        exact = subject.exact
        numbers.append(
            Number(
                "log p(x)",
                float(exact.log_p.mean()),
                nats,
                pair(exact.interval),
                f"quadrature, {exact.points:,} codes; the last halving of the step moves the mean by "
                f"{float(exact.refining.mean()):.2g}, half as wide again a range by {float(exact.widening.mean()):.2g}",
            )
        )
        below = exact.log_p - bound.log_p
        numbers.append(
            Number(
                f"log p(x) - IWAE-{k}",
                float(below.mean()),
                nats,
                pair(bootstrap_interval(below.numpy())),
                f"more than 1 nat for {float((below > 1).float().mean()):.1%} of the pictures",
            )
        )
    findings.append(_order(subject, bound))
    try:
        refuse_without_density(subject.model)
    except UserError:
        findings.append("Annealing needs one latent of real numbers, which a hierarchy has not.")
    else:
        numbers += _annealed(subject, bound)
    about: dict[str, str | int | float] = {
        "pictures": len(subject.x),
        "pictures annealed": len(subject.few),
        "seed": subject.effort.seed,
    }
    return Section("evidence", tuple(numbers), tuple(findings), about)


def _order(subject: Subject, bound: Evidence) -> str:
    """ELBO <= IWAE-k <= log p(x) in the mean, as far as the draws allow to say."""
    means = [float(bound.elbo.mean()), bound.mean]
    names = ["ELBO", f"IWAE-{bound.samples}"]
    slack = [0.0]
    if subject.affordable:
        means.append(float(subject.exact.log_p.mean()))
        names.append("log p(x)")
        # One picture's estimate exceeds its log p(x) by b nats with a probability of at most exp(-b), so the mean of
        # N by more than about 1 / sqrt(N) only rarely; what the grid is off by comes on top.
        slack.append(2 / math.sqrt(len(subject.x)) + subject.exact.error)
    holds = all(low <= high + extra for low, high, extra in zip(means, means[1:], slack, strict=False))
    chain = " <= ".join(f"{name} {mean:.2f}" for name, mean in zip(names, means, strict=True))
    if holds:
        return f"The order holds: {chain}."
    return f"THE ORDER IS VIOLATED, so that one of these is wrong: {chain}. Please report it."


def _annealed(subject: Subject, bound: Evidence) -> list[Number]:
    """Annealing from the prior for a few pictures, and both ways for as many that the model draws itself."""
    few, seed = subject.few, subject.effort.seed
    subject.say(f"annealing {len(few)} pictures")
    device = subject.model.device
    y = None if subject.y_of_few is None else subject.y_of_few.to(device)
    annealed = annealed_bound(subject.model, subject.x[few].to(device), y, seed=seed)
    other = subject.exact.log_p[few] if subject.affordable else bound.log_p[few].cpu()
    beside = annealed.log_p.cpu() - other
    against = "log p(x)" if subject.affordable else f"IWAE-{bound.samples}"
    subject.say(f"annealing {len(few)} pictures of the model's own both ways")
    with torch.no_grad():
        both = bidirectional_bounds(subject.model, y, len(few), seed=seed)
    chains, steps = len(annealed.log_weight), len(annealed.temperatures) - 1
    gap = (both.upper - both.lower).double().cpu()
    return [
        Number(
            "AIS",
            annealed.mean,
            "nats an image",
            pair(annealed.interval),
            f"{len(few)} pictures, {chains} chains of {steps} temperatures, acceptance "
            f"{float(annealed.acceptance.mean()):.2f}",
        ),
        Number(
            f"AIS - {against}",
            float(beside.mean()),
            "nats an image",
            pair(bootstrap_interval(beside.double().numpy())),
            "of the same pictures",
        ),
        Number(
            "BDMC gap",
            float(gap.mean()),
            "nats an image",
            pair(bootstrap_interval(gap.numpy())),
            f"upper less lower bound, {len(few)} pictures that the model drew",
        ),
    ]
