"""Distortion and rate: the two terms of the ELBO, the parts of the rate, and a diagnosis of posterior collapse."""

from vaelab.metrics.rate.aggregate import AggregatePosterior
from vaelab.metrics.rate.collapse import Diagnosis, Verdict, diagnose, diagnose_split
from vaelab.metrics.rate.estimate import Estimate, estimate
from vaelab.metrics.rate.parts import ElboParts, elbo_parts
from vaelab.metrics.rate.split import RateSplit, aggregate_parts, split_rate
from vaelab.metrics.rate.units import LatentUnits, UnitKind, latent_units
from vaelab.metrics.rate.use import decoder_use

__all__ = [
    "AggregatePosterior",
    "Diagnosis",
    "ElboParts",
    "Estimate",
    "LatentUnits",
    "RateSplit",
    "UnitKind",
    "Verdict",
    "aggregate_parts",
    "decoder_use",
    "diagnose",
    "diagnose_split",
    "elbo_parts",
    "estimate",
    "latent_units",
    "split_rate",
]
