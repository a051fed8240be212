"""Distortion and rate: the two terms of the ELBO, the parts of the rate, and a diagnosis of posterior collapse."""

from vaelab.metrics.rate.aggregate import AggregatePosterior as AggregatePosterior
from vaelab.metrics.rate.collapse import (
    Diagnosis as Diagnosis,
    Verdict as Verdict,
    diagnose as diagnose,
    diagnose_split as diagnose_split,
)
from vaelab.metrics.rate.estimate import Estimate as Estimate, estimate as estimate
from vaelab.metrics.rate.parts import ElboParts as ElboParts, elbo_parts as elbo_parts
from vaelab.metrics.rate.split import (
    RateSplit as RateSplit,
    aggregate_parts as aggregate_parts,
    split_rate as split_rate,
)
from vaelab.metrics.rate.units import LatentUnits as LatentUnits, UnitKind as UnitKind, latent_units as latent_units
from vaelab.metrics.rate.use import decoder_use as decoder_use
