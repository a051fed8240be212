"""Evidence log p(x): exact for up to three latent dimensions, bounded for more; and the gaps of the ELBO."""

from vaelab.metrics.evidence.annealed import AnnealedEvidence, annealed_bound
from vaelab.metrics.evidence.bidirectional import BidirectionalBounds, bidirectional_bounds
from vaelab.metrics.evidence.exact import exact_evidence
from vaelab.metrics.evidence.gaps import InferenceGaps, inference_gaps
from vaelab.metrics.evidence.importance import Evidence, importance_bound, importance_bound_over
from vaelab.metrics.evidence.joint import Joint
from vaelab.metrics.evidence.quadrature import Quadrature
from vaelab.metrics.evidence.starts import from_both, from_posterior, from_prior
from vaelab.metrics.support import refuse_broken_weights, refuse_cross_entropy, refuse_without_density

__all__ = [
    "AnnealedEvidence",
    "BidirectionalBounds",
    "Evidence",
    "InferenceGaps",
    "Joint",
    "Quadrature",
    "annealed_bound",
    "bidirectional_bounds",
    "exact_evidence",
    "from_both",
    "from_posterior",
    "from_prior",
    "importance_bound",
    "importance_bound_over",
    "inference_gaps",
    "refuse_broken_weights",
    "refuse_cross_entropy",
    "refuse_without_density",
]
