"""What the ELBO is made of, and whether the posterior has collapsed."""

from __future__ import annotations

import numpy as np

from vaelab.evaluation.measured import Subject, pair
from vaelab.evaluation.results import Number, Section
from vaelab.metrics.rate import Estimate, decoder_use, diagnose, elbo_parts
from vaelab.spec import Trait

# A split of the rate compares each code with each image.
_SPLIT = 10_000


def measure(subject: Subject) -> Section:
    """Distortion, rate and the rate's parts, active units and a diagnosis.

    Raises:
        UserError: as `elbo_parts`.
    """
    subject.say("taking the ELBO apart")
    # A posterior that is no Gaussian takes its time to score a code of another image.
    most = _SPLIT if Trait.known_moments in subject.model.spec.traits else _SPLIT // 10
    data, seed = subject.some(subject.shown, most), subject.budget.seed
    parts = elbo_parts(subject.model, data, draws=most, seed=seed)
    use = decoder_use(subject.model, data, seed=seed)
    total = "-ELBO" if parts.distortion_is == "negative log-likelihood" else "cross-entropy + rate"
    numbers = [
        _number("distortion", parts.distortion, parts.distortion_is),
        _number("rate", parts.rate, "KL of posterior and prior"),
        _number(total, parts.total, "distortion plus rate"),
    ]
    if len(parts.rate_by_group) > 1:
        numbers += [
            Number(f"rate of group {group}", rate, "nats per image", how="from the first that is drawn")
            for group, rate in enumerate(parts.rate_by_group, 1)
        ]
    split = parts.split
    if split is not None:
        numbers.append(_number("index-code information", split.information, f"at most log N = {split.ceiling:.2f}"))
        further = {
            "KL of aggregate posterior and prior": split.marginal_kl,
            "total correlation": split.total_correlation,
            "dimension-wise KL": split.dimension_wise,
        }
        numbers += [_number(name, found) for name, found in further.items() if found is not None]
    if parts.units is not None:
        variance, threshold = np.asarray(parts.units.variance), parts.units.threshold
        how = f"of {len(variance)}; variance of the posterior mean over images > {threshold:g}"
        numbers.append(Number("active units", int((variance > threshold).sum()), how=how))
    numbers.append(Number("decoder's use of z", use, how="variance of images over codes, in shares of the data's own"))
    findings = list(diagnose(parts, use).sentences) if split is not None and parts.units is not None else []
    if parts.left_out:
        findings.append(parts.left_out)
    about: dict[str, str | int | float] = {"images": len(data), "draws of z an image": 1, "seed": seed}
    return Section("elbo", tuple(numbers), tuple(findings), about)


def _number(name: str, found: Estimate, how: str = "") -> Number:
    return Number(name, found.mean, "nats per image", pair(found.interval), how)
