"""Disentanglement scores by the definitions of other work, all at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.metrics.disentanglement.dci_classifiers import dci_boosted_classifiers, dci_logistic_classifiers
from vaelab.metrics.disentanglement.irs import irs_maximum
from vaelab.metrics.disentanglement.mig import mig_equal_width
from vaelab.metrics.disentanglement.named import Scores, score
from vaelab.metrics.disentanglement.sap import sap_linear_svc


@dataclass(frozen=True)
class PublishedScores(Scores):
    """Result of `published_scores`: 1 is the best value of each."""

    mig: float = score("MIG, equal-width bins", "Locatello et al. (2019)")
    """`mig_equal_width`."""
    boosted_disentanglement: float = score("DCI disentanglement, boosted classifiers", "Locatello et al. (2019)")
    """Of `dci_boosted_classifiers`."""
    boosted_completeness: float = score("DCI completeness, boosted classifiers", "Locatello et al. (2019)")
    """Of `dci_boosted_classifiers`."""
    boosted_informativeness: float = score(
        "DCI informativeness, boosted classifiers", "Locatello et al. (2019), accuracy"
    )
    """Of `dci_boosted_classifiers`."""
    logistic_disentanglement: float = score(
        "DCI disentanglement, logistic classifiers", "Eastwood and Williams (2018), their lasso for classes"
    )
    """Of `dci_logistic_classifiers`."""
    logistic_completeness: float = score(
        "DCI completeness, logistic classifiers", "Eastwood and Williams (2018), their lasso for classes"
    )
    """Of `dci_logistic_classifiers`."""
    logistic_informativeness: float = score("DCI informativeness, logistic classifiers", "the same, accuracy")
    """Of `dci_logistic_classifiers`."""
    sap: float = score("SAP, linear SVC", "Locatello et al. (2019), accuracy")
    """`sap_linear_svc`."""
    irs: float = score("IRS, maximum", "Suter et al. (2019)")
    """`irs_maximum`."""


def published_scores(
    representation: Float[NDArray[np.float64], "N D"],
    factors: Float[NDArray[np.float64], "N K"],
    n_train: int = 10_000,
    n_boosted: int = 10_000,
    factor_bins: int = 40,
    seed: int = 0,
) -> PublishedScores:
    """The scores whose published definition differs from that of `disentanglement_scores`, as published.

    Every factor is a set of classes. Each score has a separate function, which says how it differs.

    Args:
        representation: of N images, for example posterior means.
        factors: one column per factor.
        n_train: rows that classifiers learn from, at most; never more than half of them.
        n_boosted: the same for boosted trees, which take most of the time.
        factor_bins: bins of a factor that has more values; 40 keep all values of dSprites.
        seed: of all draws.

    Raises:
        UserError: different numbers of rows or fewer than four, a value that is not finite, a factor that is constant,
            all rows but one of one value, or a number below 2.
    """
    boosted = dci_boosted_classifiers(representation, factors, n_boosted, factor_bins, seed)
    logistic = dci_logistic_classifiers(representation, factors, n_train, factor_bins, seed)
    return PublishedScores(
        mig=mig_equal_width(representation, factors, factor_bins=factor_bins).score,
        boosted_disentanglement=boosted.disentanglement,
        boosted_completeness=boosted.completeness,
        boosted_informativeness=boosted.informativeness,
        logistic_disentanglement=logistic.disentanglement,
        logistic_completeness=logistic.completeness,
        logistic_informativeness=logistic.informativeness,
        sap=sap_linear_svc(representation, factors, n_train, factor_bins, seed).score,
        irs=irs_maximum(representation, factors, factor_bins).score,
    )
