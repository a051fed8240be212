"""How far each code stands for one factor of variation."""

from __future__ import annotations

import numpy as np

from vaelab.evaluation.measured import Subject
from vaelab.evaluation.results import Number, Section
from vaelab.metrics.disentanglement import disentanglement_scores, factors_of

_MOST = 10_000
_NAMES = {
    "beta_vae": "beta-VAE metric",
    "factor_vae": "FactorVAE score",
    "mig": "MIG",
    "disentanglement": "DCI disentanglement",
    "completeness": "DCI completeness",
    "informativeness": "DCI informativeness",
    "sap": "SAP",
    "modularity": "modularity",
    "explicitness": "explicitness",
    "irs": "IRS",
}


def measure(subject: Subject) -> Section:
    """Every measure, on posterior means of test images and the factors that they were made from.

    Raises:
        UserError: the data has fewer than two factors, a factor is constant, or there are too few images.
    """
    data = subject.some(subject.test, _MOST)
    names, factors, categorical = factors_of(data)
    codes = subject.means(data)
    subject.say(f"comparing codes with {len(names)} factors")
    scores = disentanglement_scores(codes, factors, categorical, seed=subject.budget.seed)
    numbers = tuple(Number(name, float(getattr(scores, field))) for field, name in _NAMES.items())
    about: dict[str, str | int | float] = {
        "images": len(data),
        "factors": ", ".join(names),
        "codes": f"means of posteriors, {np.shape(codes)[1]} dimensions",
        "seed": subject.budget.seed,
    }
    return Section("disentanglement", numbers, (), about)
