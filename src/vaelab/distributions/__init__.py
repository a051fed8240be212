"""Distributions that several rooms use, and the precision in which densities are computed."""

from vaelab.distributions.categorical_codes import CategoricalCodes as CategoricalCodes
from vaelab.distributions.codes import Codes as Codes
from vaelab.distributions.exporting import exporting as exporting
from vaelab.distributions.label_mixture import LabelMixture as LabelMixture, label_mixture as label_mixture
from vaelab.distributions.normal import MultivariateNormal as MultivariateNormal, diagonal_normal as diagonal_normal
from vaelab.distributions.observed import ObservedColumns as ObservedColumns, independent as independent
from vaelab.distributions.point import Point as Point
from vaelab.distributions.point_mass import PointMass as PointMass
from vaelab.distributions.precision import (
    as_float32 as as_float32,
    as_float64 as as_float64,
    no_autocast as no_autocast,
)
from vaelab.distributions.residual import residual_normal as residual_normal
from vaelab.distributions.scale import bounded as bounded, scale_of as scale_of
from vaelab.distributions.stratified import StratifiedMixture as StratifiedMixture
from vaelab.distributions.tempered import tempered_sample as tempered_sample
