"""Disentanglement: how well each dimension of a representation encodes one factor of variation, from arrays."""

from vaelab.metrics.disentanglement.beta_vae import beta_vae_score
from vaelab.metrics.disentanglement.data import factors_of
from vaelab.metrics.disentanglement.dci import DciScores, completeness_of, dci_scores, disentanglement_of
from vaelab.metrics.disentanglement.explicitness import explicitness_score
from vaelab.metrics.disentanglement.factor_vae import factor_vae_score
from vaelab.metrics.disentanglement.irs import IrsScore, irs_score
from vaelab.metrics.disentanglement.mig import MutualInformationGap, mutual_information_gap
from vaelab.metrics.disentanglement.modularity import modularity_of, modularity_score
from vaelab.metrics.disentanglement.sap import SapScore, sap_score
from vaelab.metrics.disentanglement.scores import DisentanglementScores, disentanglement_scores

__all__ = [
    "DciScores",
    "DisentanglementScores",
    "IrsScore",
    "MutualInformationGap",
    "SapScore",
    "beta_vae_score",
    "completeness_of",
    "dci_scores",
    "disentanglement_of",
    "disentanglement_scores",
    "explicitness_score",
    "factor_vae_score",
    "factors_of",
    "irs_score",
    "modularity_of",
    "modularity_score",
    "mutual_information_gap",
    "sap_score",
]
