"""How far the ELBO lies below log p(x), and why."""

from __future__ import annotations

from vaelab.evaluation.measured import Subject, pair
from vaelab.evaluation.results import Number, Section
from vaelab.metrics.evidence import inference_gaps, refuse_without_density


def measure(subject: Subject) -> Section:
    """log p(x) - ELBO, split into what the family of posteriors costs and what the encoder costs.

    Raises:
        UserError: a model without a density over one latent, a posterior that is not Gaussian, or, where the latent has
            more than three dimensions, grey pixels under a Bernoulli likelihood.
    """
    refuse_without_density(subject.model)
    few, exact = subject.few, subject.exact
    x, y = subject.on_device(subject.x[few]), subject.on_device(subject.y_of_few)
    findings, moments = [], None
    if isinstance(exact, str):
        log_p, source = subject.annealed.log_p.cpu(), "AIS, a lower bound in expectation"
        findings += [exact, "log p(x) is a bound from below, so the whole and the approximation gap may be larger."]
    else:
        log_p, source = exact.log_p[few], "quadrature"
        moments = exact.mean[few], exact.covariance[few]
    if subject.score == "cross-entropy":
        findings.append(
            "Pixels are grey: what is integrated is exp(-cross-entropy), which has a posterior but is no density of "
            "images. The gaps are those of that posterior."
        )
    subject.say(f"fitting a posterior to each of {len(few)} images")
    gaps = inference_gaps(subject.model, x, subject.on_device(log_p), y, moments, seed=subject.budget.seed)
    nats, parts = "nats per image", {}
    parts["log p(x) - ELBO"] = gaps.total, f"KL of posterior and true posterior; log p(x) by {source}"
    parts["approximation gap"] = gaps.approximation, "log p(x) less the ELBO of the best Gaussian for each image"
    parts["amortisation gap"] = gaps.amortisation, "that less the ELBO of the encoder's"
    numbers = [
        Number(name, float(part.mean()), nats, pair(gaps.interval(part)), how) for name, (part, how) in parts.items()
    ]
    numbers.append(
        Number("median of log p(x) - ELBO", float(gaps.total.median()), nats, how="half of the images have less")
    )
    about: dict[str, str | int | float] = {"images": len(few), "seed": subject.budget.seed}
    per_image = {
        "row": few,
        "log_p": gaps.log_p,
        "best_elbo": gaps.best_elbo,
        "elbo": gaps.elbo,
    }
    curves = {name: tuple(map(float, values.tolist())) for name, values in per_image.items()}
    return Section("gaps", tuple(numbers), tuple(findings), about, curves)
