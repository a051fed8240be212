"""All measures of disentanglement at once."""

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
from vaelab.metrics.disentanglement.modularity import modularity_of
from vaelab.metrics.disentanglement.sap import sap_score


@dataclass(frozen=True)
class DisentanglementScores:
    """What `disentanglement_scores` gives; 1 is the best of each, and 0 the worst but where chance is named."""

    beta_vae: float
    """`beta_vae_score`; 1 / K by chance."""
    factor_vae: float
    """`factor_vae_score`; about 1 / K by chance, 0 for constant codes."""
    mig: float
    """`mutual_information_gap`."""
    disentanglement: float
    """Of `dci_scores`."""
    completeness: float
    """Of `dci_scores`."""
    informativeness: float
    """Of `dci_scores`."""
    sap: float
    """`sap_score`."""
    modularity: float
    """`modularity_score`."""
    explicitness: float
    """`explicitness_score`."""
    irs: float
    """`irs_score`."""


def disentanglement_scores(
    codes: Float[NDArray[np.float64], "N D"],
    factors: Float[NDArray[np.float64], "N K"],
    categorical: Sequence[int] = (),
    factor_bins: int = 20,
    seed: int = 0,
) -> DisentanglementScores:
    """Every measure of disentanglement, of codes against the factors that the images were made from.

    Locatello et al. (2019) compare them: they do not agree in general, so one alone says little. Each measure is a
    function of its own, with its paper, and more to tell than its score.

    Args:
        codes: of N images, such as posterior means.
        factors: a column each; at least two.
        categorical: the columns whose values are names, for DCI and SAP; all others are numbers.
        factor_bins: into which a factor of more values is cut, for all but DCI and SAP, which take it as it is.
        seed: of all that is drawn.

    Raises:
        UserError: rows differ, a value is not finite, a factor is constant or the only one, a value (or
            bin) has fewer than four rows, `factor_bins` is below 2, or a column is not there.
    """
    gap = mutual_information_gap(codes, factors, factor_bins=factor_bins)
    dci = dci_scores(codes, factors, categorical, seed)
    return DisentanglementScores(
        beta_vae=beta_vae_score(codes, factors, factor_bins, seed=seed),
        factor_vae=factor_vae_score(codes, factors, factor_bins, seed=seed),
        mig=gap.score,
        disentanglement=dci.disentanglement,
        completeness=dci.completeness,
        informativeness=dci.informativeness,
        sap=sap_score(codes, factors, categorical, seed).score,
        modularity=modularity_of(gap.information),
        explicitness=explicitness_score(codes, factors, factor_bins, seed),
        irs=irs_score(codes, factors, factor_bins).score,
    )
