"""The part `evidence`: log p(x), exact or bounded, and whether the bounds are in order."""

from __future__ import annotations

import math

import torch

from vaelab.errors import UserError
from vaelab.evaluation.collect import in_bits, pair
from vaelab.evaluation.measurement import Measurement
from vaelab.evaluation.results import Number, Section
from vaelab.metrics.evidence import (
    Enumeration,
    Evidence,
    Quadrature,
    bidirectional_bounds,
    importance_bound,
    refuse_cross_entropy,
    refuse_without_density,
)
from vaelab.metrics.intervals import bootstrap_interval

# The starts of annealing, in the order of its default.
_STARTS = ("prior", "encoder")
# Bounds from two starts that differ by less in the mean agree, nats.
_CLOSE = 0.1
# A bound exceeds log p(x) by this many nats for at most one image in twenty.
_RARE = math.log(20)


def measure(measurement: Measurement) -> Section:
    """log p(x): exact if possible, by importance samples, and by annealing from below and from both sides.

    Raises:
        UserError: grey pixels under a Bernoulli likelihood, or a posterior without a density over more than three
            dimensions.
    """
    x, budget = measurement.x, measurement.budget
    refuse_cross_entropy(measurement.model, x)
    if measurement.model.spec.no_bound:
        return _exact_alone(measurement)
    measurement.say(f"drawing {budget.n_samples} importance samples per {measurement.each}")
    bound = importance_bound(
        measurement.model, x, measurement.y, budget.n_samples, seed=budget.seed, precision=budget.precision
    )
    k = bound.samples
    effective = f"effective samples: median {float(bound.effective.median()):.0f} of {k}"
    numbers = [
        Number(
            "ELBO",
            float(bound.elbo.mean()),
            measurement.nats,
            pair(bootstrap_interval(bound.elbo.numpy())),
            f"{k} draws",
        ),
        Number(f"IWAE-{k}", bound.mean, measurement.nats, pair(bound.interval), effective),
    ]
    low, high = pair(bound.interval)
    numbers += in_bits(Number(f"-IWAE-{k}", -bound.mean, measurement.nats, (-high, -low)), measurement)
    exact, findings = measurement.log_p, [_order(measurement, bound)]
    if exact is None:
        findings.append(measurement.why_not_exact)
    else:
        numbers += _exact(measurement, exact, bound)
    try:
        refuse_without_density(measurement.model)
        numbers += _annealed(measurement, bound)
        findings.append(_starts_agree(measurement))
    except UserError as why:
        findings.append(f"Annealing left out: {why}.")
    about: dict[str, str | int | float] = {
        measurement.noun: len(x),
        f"{measurement.noun} annealed": len(measurement.costly_rows),
        "seed": budget.seed,
        "importance samples in": budget.precision,
    }
    return Section("evidence", tuple(numbers), tuple(findings), about)


def _exact_alone(measurement: Measurement) -> Section:
    """log p(x), exact, for a posterior without a density.

    Raises:
        UserError: it cannot be computed.
    """
    exact = measurement.log_p
    if exact is None:
        raise UserError(f"{measurement.model.spec.no_bound} {measurement.why_not_exact}".rstrip("."))
    left_out = f"{measurement.model.spec.no_bound} Importance samples and annealing from the encoder are left out."
    about: dict[str, str | int | float] = {measurement.noun: len(measurement.x), "seed": measurement.budget.seed}
    return Section("evidence", (_log_p(measurement, exact),), (left_out,), about)


def _log_p(measurement: Measurement, exact: Quadrature | Enumeration) -> Number:
    """log p(x), exact."""
    return Number("log p(x)", float(exact.log_p.mean()), measurement.nats, pair(exact.interval), exact.how)


def _exact(measurement: Measurement, exact: Quadrature | Enumeration, bound: Evidence) -> list[Number]:
    """log p(x), and its difference from the importance bound."""
    difference = exact.log_p - bound.log_p
    share = f"more than 1 nat for {float((difference > 1).float().mean()):.1%} of the {measurement.noun}"
    name = f"log p(x) - IWAE-{bound.samples}"
    return [
        _log_p(measurement, exact),
        Number(name, float(difference.mean()), measurement.nats, pair(bootstrap_interval(difference.numpy())), share),
    ]


def _order(measurement: Measurement, bound: Evidence) -> str:
    """Whether ELBO <= IWAE-k <= log p(x) in the mean, within the sampling error."""
    chain = {"ELBO": float(bound.elbo.mean()), f"IWAE-{bound.samples}": bound.mean}
    # Both come from the same draws, so they can differ in the wrong direction by rounding alone.
    slack, note = [1e-6], ""
    exact = measurement.log_p
    if exact is not None:
        chain["log p(x)"] = float(exact.log_p.mean())
        # The estimate for one image exceeds its log p(x) by b nats with a probability of at most exp(-b), so the mean
        # over N images rarely exceeds it by more than about 1 / sqrt(N); the error of the quadrature is added.
        slack.append(2 / math.sqrt(len(measurement.x)) + exact.error)
        note = f", within {slack[1]:.2g} nats of sampling error for the last"
    means = list(chain.values())
    holds = all(low <= high + extra for low, high, extra in zip(means, means[1:], slack, strict=False))
    words = " <= ".join(f"{name} {mean:.2f}" for name, mean in chain.items())
    if holds:
        return f"The order holds: {words}{note}."
    return f"THE ORDER IS VIOLATED, so one of these is wrong: {words}{note}. Please report it."


def _annealed(measurement: Measurement, bound: Evidence) -> list[Number]:
    """Annealing of the costly rows, and in both directions of as many images that the model generates."""
    rows, annealed, exact = measurement.costly_rows, measurement.annealed, measurement.log_p
    reference, against = (bound, f"IWAE-{bound.samples}") if exact is None else (exact, "log p(x)")
    difference = annealed.log_p.cpu() - reference.log_p[rows]
    measurement.say(f"annealing {len(rows)} generated {measurement.noun} in both directions")
    _, y = measurement.costly_batch
    both = bidirectional_bounds(measurement.model, y, len(rows), seed=measurement.budget.seed)
    gap = (both.upper - both.lower).double().cpu()
    (_, chains, _), steps = annealed.log_weight.shape, len(annealed.temperatures) - 1
    how = f"{len(rows)} {measurement.noun}, {chains} chains of {steps} temperatures from each start, acceptance"
    return [
        Number(
            "AIS",
            annealed.mean,
            measurement.nats,
            pair(annealed.interval),
            f"{how} {float(annealed.acceptance.mean()):.2f}",
        ),
        *(
            Number(
                f"AIS from the {start}",
                float(bounds.mean()),
                measurement.nats,
                pair(bootstrap_interval(bounds.numpy())),
            )
            for start, bounds in zip(_STARTS, annealed.by_start.cpu(), strict=True)
            if bool(bounds.isfinite().all())
        ),
        Number(
            f"AIS - {against}",
            float(difference.mean()),
            measurement.nats,
            pair(bootstrap_interval(difference.double().numpy())),
            f"on the same {measurement.noun}",
        ),
        Number(
            "BDMC gap",
            float(gap.mean()),
            measurement.nats,
            pair(bootstrap_interval(gap.numpy())),
            f"upper minus lower bound, {len(rows)} {measurement.noun} that the model generated",
        ),
    ]


def _starts_agree(measurement: Measurement) -> str:
    """A sentence that says whether annealing from the prior and from the encoder gives the same bound.

    "The same" means within the sampling error; the two share no random numbers. A stochastic lower bound can be far too
    low but hardly too high, so where they differ the lower one is wrong.
    """
    # A start whose chains have no weight at all is as low as numbers go.
    prior, encoder = measurement.annealed.by_start.cpu().clamp(min=torch.finfo(torch.float32).min)
    difference = encoder - prior
    n, mean, (low, high) = len(difference), float(difference.mean()), pair(bootstrap_interval(difference.numpy()))
    far = int((difference.abs() > _RARE).sum())
    apart = f"({low:.2f} to {high:.2f}), more than {_RARE:.0f} apart for {far} of {n} {measurement.noun}"
    if not (abs(mean) > _CLOSE and low * high > 0) and far <= n / 20:
        return f"AIS from the prior and AIS from the encoder agree: they differ by {mean:.2f} nats in the mean {apart}."
    lower = _STARTS[mean < 0]
    return (
        f"AIS FROM THE PRIOR AND FROM THE ENCODER DISAGREE: from the {lower} it is lower, encoder minus prior "
        f"{mean:.2f} nats in the mean {apart}. A lower bound can be far too low, but hardly "
        "too high: log p(x) is at least near the higher one. AIS weighs both, and may be too low as well; "
        "`annealed_bound` with more temperatures shows by how much."
    )
