"""All disentanglement scores at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

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
    """Result of `disentanglement_scores`: 1 is the best value of each score, and 0 the worst unless stated."""

    beta_vae: float = field(metadata={"name": "beta-VAE metric"})
    """`beta_vae_score`; 1 / K by chance."""
    factor_vae: float = field(metadata={"name": "FactorVAE score"})
    """`factor_vae_score`; about 1 / K by chance, 0 for a constant representation."""
    mig: float = field(metadata={"name": "MIG"})
    """`mutual_information_gap`."""
    disentanglement: float = field(metadata={"name": "DCI disentanglement"})
    """Of `dci_scores`."""
    completeness: float = field(metadata={"name": "DCI completeness"})
    """Of `dci_scores`."""
    informativeness: float = field(metadata={"name": "DCI informativeness"})
    """Of `dci_scores`."""
    sap: float = field(metadata={"name": "SAP"})
    """`sap_score`."""
    modularity: float = field(metadata={"name": "modularity"})
    """`modularity_score`."""
    explicitness: float = field(metadata={"name": "explicitness"})
    """`explicitness_score`."""
    irs: float = field(metadata={"name": "IRS"})
    """`irs_score`."""

    def named(self) -> dict[str, float]:
        """Each score by the name that tables show."""
        return {score.metadata["name"]: float(getattr(self, score.name)) for score in fields(self)}


def disentanglement_scores(
    representation: Float[NDArray[np.float64], "N D"],
    factors: Float[NDArray[np.float64], "N K"],
    categorical: Sequence[int] = (),
    factor_bins: int = 20,
    seed: int = 0,
) -> DisentanglementScores:
    """Every disentanglement score of a representation, against the ground-truth factors of its images.

    Locatello et al. (2019) compare these scores: in general they disagree, so report several. Each has a separate
    function, with its paper and more detailed results.

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
    gap = mutual_information_gap(representation, factors, factor_bins=factor_bins)
    dci = dci_scores(representation, factors, categorical, seed)
    return DisentanglementScores(
        beta_vae=beta_vae_score(representation, factors, factor_bins, seed=seed),
        factor_vae=factor_vae_score(representation, factors, factor_bins, seed=seed),
        mig=gap.score,
        disentanglement=dci.disentanglement,
        completeness=dci.completeness,
        informativeness=dci.informativeness,
        sap=sap_score(representation, factors, categorical, seed).score,
        modularity=modularity_of(gap.information),
        explicitness=explicitness_score(representation, factors, factor_bins, seed),
        irs=irs_score(representation, factors, factor_bins).score,
    )
