"""Evidence log p(x): exact for three latent dimensions or few codes, otherwise bounded; and the gaps of the ELBO."""

from vaelab.metrics.evidence.annealed import AnnealedEvidence as AnnealedEvidence, annealed_bound as annealed_bound
from vaelab.metrics.evidence.bidirectional import (
    BidirectionalBounds as BidirectionalBounds,
    bidirectional_bounds as bidirectional_bounds,
)
from vaelab.metrics.evidence.enumerated import (
    Enumeration as Enumeration,
    enumerated_evidence as enumerated_evidence,
)
from vaelab.metrics.evidence.exact import exact_evidence as exact_evidence
from vaelab.metrics.evidence.gaps import InferenceGaps as InferenceGaps, inference_gaps as inference_gaps
from vaelab.metrics.evidence.hamiltonian import (
    HamiltonianEvidence as HamiltonianEvidence,
    hamiltonian_bound as hamiltonian_bound,
)
from vaelab.metrics.evidence.importance import (
    Evidence as Evidence,
    importance_bound as importance_bound,
    importance_bound_over as importance_bound_over,
)
from vaelab.metrics.evidence.joint import Joint as Joint
from vaelab.metrics.evidence.quadrature import Quadrature as Quadrature
from vaelab.metrics.evidence.refine import refine as refine
from vaelab.metrics.evidence.rowwise import rowwise_evidence as rowwise_evidence
from vaelab.metrics.evidence.starts import (
    from_posterior as from_posterior,
    from_prior as from_prior,
)
from vaelab.metrics.support import (
    refuse_broken_weights as refuse_broken_weights,
    refuse_cross_entropy as refuse_cross_entropy,
    refuse_without_density as refuse_without_density,
    refuse_without_weights as refuse_without_weights,
)
