"""The part `gaps`: the difference between log p(x) and the ELBO, and its two causes."""

from __future__ import annotations

from vaelab.evaluation.collect import pair
from vaelab.evaluation.measurement import Measurement
from vaelab.evaluation.results import Number, Section
from vaelab.metrics.evidence import inference_gaps, refuse_without_density, refuse_without_weights

# Gradient steps for each image.
_REFINEMENT = 20


def measure(measurement: Measurement) -> Section:
    """log p(x) - ELBO, split into the share of the posterior family and the share of the encoder.

    Raises:
        UserError: a model without a density over one latent, a posterior that is not Gaussian, or, if the latent has
            more than three dimensions, grey pixels under a Bernoulli likelihood.
    """
    refuse_without_density(measurement.model)
    refuse_without_weights(measurement.model)
    rows, exact = measurement.costly_rows, measurement.exact
    x, y = measurement.costly_batch
    findings, moments = list[str](), None
    if exact is None:
        log_p, source = measurement.annealed.log_p.cpu(), "AIS, a lower bound in expectation"
        findings += [
            measurement.why_not_exact,
            "This log p(x) is a lower bound, so the sum and the approximation gap may be larger.",
        ]
    else:
        log_p, source = exact.log_p[rows], "quadrature"
        moments = exact.mean[rows], exact.covariance[rows]
    if measurement.score_name == "cross-entropy":
        findings.append(
            "Pixels are grey, so exp(-cross-entropy) is integrated, which has a posterior but is no density of images. "
            "The gaps are those of that posterior."
        )
    measurement.say(f"fitting a posterior to each of {len(rows)} {measurement.noun}")
    gaps = inference_gaps(
        measurement.model,
        x,
        log_p.to(measurement.model.device),
        y,
        moments,
        seed=measurement.budget.seed,
        refinement=_REFINEMENT,
    )
    nats, causes = measurement.nats, {}
    causes["log p(x) - ELBO"] = gaps.total, f"KL of posterior and true posterior; log p(x) by {source}"
    causes["approximation gap"] = (
        gaps.approximation,
        f"log p(x) minus the ELBO of the best Gaussian for each {measurement.each}",
    )
    causes["amortisation gap"] = gaps.amortisation, "ELBO of the best Gaussian minus the ELBO of the encoder"
    how = (
        f"the same after {_REFINEMENT} gradient steps for each image from the encoder's posterior, as by vaelab.refine"
    )
    causes["amortisation gap after refinement"] = gaps.remaining, how
    numbers = [
        Number(name, float(part.mean()), nats, pair(gaps.interval(part)), how) for name, (part, how) in causes.items()
    ]
    median = float(gaps.total.median())
    numbers.append(Number("median of log p(x) - ELBO", median, nats, how=f"half of the {measurement.noun} have less"))
    about: dict[str, str | int | float] = {measurement.noun: len(rows), "seed": measurement.budget.seed}
    per_image = {"row": rows, "log_p": gaps.log_p, "best_elbo": gaps.best_elbo, "elbo": gaps.elbo}
    per_image["refined_elbo"] = gaps.refined_elbo
    curves = {name: tuple(map(float, values.tolist())) for name, values in per_image.items()}
    return Section("gaps", tuple(numbers), tuple(findings), about, curves)
