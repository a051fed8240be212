"""Disentanglement: how well each dimension of a representation encodes one factor of variation, from arrays."""

from vaelab.metrics.disentanglement.beta_vae import beta_vae_score as beta_vae_score
from vaelab.metrics.disentanglement.data import factors_of as factors_of
from vaelab.metrics.disentanglement.dci import (
    DciScores as DciScores,
    completeness_of as completeness_of,
    dci_scores as dci_scores,
    disentanglement_of as disentanglement_of,
)
from vaelab.metrics.disentanglement.dci_classifiers import (
    dci_boosted_classifiers as dci_boosted_classifiers,
    dci_logistic_classifiers as dci_logistic_classifiers,
)
from vaelab.metrics.disentanglement.explicitness import explicitness_score as explicitness_score
from vaelab.metrics.disentanglement.factor_vae import factor_vae_score as factor_vae_score
from vaelab.metrics.disentanglement.irs import (
    IrsScore as IrsScore,
    irs_maximum as irs_maximum,
    irs_score as irs_score,
)
from vaelab.metrics.disentanglement.mig import (
    MutualInformationGap as MutualInformationGap,
    mig_equal_width as mig_equal_width,
    mutual_information_gap as mutual_information_gap,
)
from vaelab.metrics.disentanglement.modularity import (
    modularity_of as modularity_of,
    modularity_score as modularity_score,
)
from vaelab.metrics.disentanglement.published import (
    PublishedScores as PublishedScores,
    published_scores as published_scores,
)
from vaelab.metrics.disentanglement.sap import (
    SapScore as SapScore,
    sap_linear_svc as sap_linear_svc,
    sap_score as sap_score,
)
from vaelab.metrics.disentanglement.scores import (
    DisentanglementScores as DisentanglementScores,
    disentanglement_scores as disentanglement_scores,
)
