"""How far each code stands for one factor of variation."""

from __future__ import annotations

import numpy as np

from vaelab.evaluation.results import Number, Section
from vaelab.evaluation.subject import Subject
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
    """Every measure, on posterior means of test pictures and the factors that they were made from.

    Raises:
        UserError: the data has fewer than two factors, a factor is constant, or there are too few pictures.
    """
    data = subject.some(subject.test, _MOST)
    names, factors, categorical = factors_of(data)
    codes = subject.codes(data)
    subject.say(f"comparing codes with {len(names)} factors")
    scores = disentanglement_scores(codes, factors, categorical, seed=subject.effort.seed)
    numbers = tuple(Number(name, float(getattr(scores, field))) for field, name in _NAMES.items())
    about: dict[str, str | int | float] = {
        "pictures": len(data),
        "factors": ", ".join(names),
        "codes": f"means of posteriors, {np.shape(codes)[1]} dimensions",
        "seed": subject.effort.seed,
    }
    return Section("disentanglement", numbers, (), about)
