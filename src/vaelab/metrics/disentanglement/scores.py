"""All disentanglement scores at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.metrics.disentanglement.beta_vae import beta_vae_score
from vaelab.metrics.disentanglement.dci import dci_scores
from vaelab.metrics.disentanglement.explicitness import explicitness_score
from vaelab.metrics.disentanglement.factor_vae import factor_vae_score
from vaelab.metrics.disentanglement.irs import irs_score
from vaelab.metrics.disentanglement.mig import mutual_information_gap
from vaelab.metrics.disentanglement.modularity import modularity_score
from vaelab.metrics.disentanglement.named import Scores, score
from vaelab.metrics.disentanglement.sap import sap_score


@dataclass(frozen=True)
class DisentanglementScores(Scores):
    """Result of `disentanglement_scores`: 1 is the best value of each score, and 0 the worst unless stated."""

    beta_vae: float = score("beta-VAE metric", "Higgins et al. (2017), on pairs of given images; chance 1 / factors")
    """`beta_vae_score`; 1 / K by chance."""
    factor_vae: float = score("FactorVAE score", "Kim and Mnih (2018); chance about 1 / factors")
    """`factor_vae_score`; about 1 / K by chance, 0 for a constant representation."""
    mig: float = score("MIG", "ours: Chen et al. (2018), information from nearest neighbours")
    """`mutual_information_gap`."""
    disentanglement: float = score("DCI disentanglement", "ours: boosted trees, regression of numeric factors")
    """Of `dci_scores`."""
    completeness: float = score("DCI completeness", "ours: the same trees")
    """Of `dci_scores`."""
    informativeness: float = score("DCI informativeness", "ours: R^2, of categories accuracy with chance at 0")
    """Of `dci_scores`."""
    sap: float = score("SAP", "ours: Kumar et al. (2018), squared correlation, of categories accuracy with chance at 0")
    """`sap_score`."""
    modularity: float = score("modularity", "Ridgeway and Mozer (2018), 20 bins of equal counts")
    """`modularity_score`."""
    explicitness: float = score("explicitness", "Ridgeway and Mozer (2018), softmax regression")
    """`explicitness_score`."""
    irs: float = score("IRS", "ours: Suter et al. (2019), 99 % quantile instead of the maximum")
    """`irs_score`."""


def disentanglement_scores(
    representation: Float[NDArray[np.float64], "N D"],
    factors: Float[NDArray[np.float64], "N K"],
    categorical: Sequence[int] = (),
    factor_bins: int = 20,
    seed: int = 0,
) -> DisentanglementScores:
    """Every disentanglement score of a representation, against the ground-truth factors of its images.

    Locatello et al. (2019) compare these scores: in general they disagree, so report several. Each has a separate
    function, with its paper and more detailed results. Numbers of `published_scores` follow the definitions of other
    work, and only those should be put beside published numbers.

    Args:
        representation: of N images, for example posterior means.
        factors: one column per factor; at least two.
        categorical: columns whose values are names, for DCI and SAP; all others are numbers.
        factor_bins: bins of a factor that has more values, for all scores except DCI and SAP, which do not bin.
        seed: of all draws.

    Raises:
        UserError: different numbers of rows, a value that is not finite, a factor that is constant or the only one, a
            value or bin with fewer than four rows, `factor_bins` below 2, or a column that does not exist.
    """
    dci = dci_scores(representation, factors, categorical, seed)
    return DisentanglementScores(
        beta_vae=beta_vae_score(representation, factors, factor_bins, seed=seed),
        factor_vae=factor_vae_score(representation, factors, factor_bins, seed=seed),
        mig=mutual_information_gap(representation, factors, factor_bins).score,
        disentanglement=dci.disentanglement,
        completeness=dci.completeness,
        informativeness=dci.informativeness,
        sap=sap_score(representation, factors, categorical, seed).score,
        modularity=modularity_score(representation, factors, factor_bins=factor_bins),
        explicitness=explicitness_score(representation, factors, factor_bins, seed),
        irs=irs_score(representation, factors, factor_bins).score,
    )
