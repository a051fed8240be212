"""`check_spec`: the contract test of one part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from vaelab.data import AugmentationSpec, BinarisationSpec, SourceSpec
from vaelab.errors import UserError
from vaelab.experts import ExpertsSpec
from vaelab.flows import TransformSpec
from vaelab.likelihoods import LikelihoodSpec
from vaelab.models import ModelSpec
from vaelab.networks import CellSpec, NetworkSpec
from vaelab.objectives import KernelSpec, ObjectiveSpec, PenaltySpec, RegulariserSpec
from vaelab.optimisers import OptimiserSpec
from vaelab.posteriors import PosteriorSpec
from vaelab.priors import PriorSpec
from vaelab.ranges import RangeSpec
from vaelab.schedules import ScheduleSpec
from vaelab.spec import Spec, assumed
from vaelab.testing.data import check_augmentation, check_binarisation, check_source
from vaelab.testing.densities import check_posterior, check_prior
from vaelab.testing.experts import check_experts
from vaelab.testing.extremes import caveat
from vaelab.testing.faults import survives_json
from vaelab.testing.flows import check_transform
from vaelab.testing.likelihoods import check_likelihood
from vaelab.testing.models import check_model
from vaelab.testing.networks import check_cell, check_network
from vaelab.testing.objectives import (
    check_kernel,
    check_objective,
    check_penalty,
    check_regulariser,
    check_schedule,
)
from vaelab.testing.optimisers import check_optimiser
from vaelab.testing.ranges import check_range
from vaelab.testing.trackers import check_tracker_spec, tracker_passes
from vaelab.trackers import Tracker, TrackerSpec

_CHECKS: dict[type[Spec], Callable[[Any], list[str]]] = {
    NetworkSpec: check_network,
    CellSpec: check_cell,
    TransformSpec: check_transform,
    PosteriorSpec: check_posterior,
    PriorSpec: check_prior,
    ExpertsSpec: check_experts,
    LikelihoodSpec: check_likelihood,
    ObjectiveSpec: check_objective,
    PenaltySpec: check_penalty,
    KernelSpec: check_kernel,
    RegulariserSpec: check_regulariser,
    ScheduleSpec: check_schedule,
    OptimiserSpec: check_optimiser,
    SourceSpec: check_source,
    BinarisationSpec: check_binarisation,
    AugmentationSpec: check_augmentation,
    ModelSpec: check_model,
    TrackerSpec: check_tracker_spec,
    RangeSpec: check_range,
}


@dataclass(frozen=True)
class Checked:
    """The checks that a spec passed.

    Args:
        name: the class of the spec.
        passed: one phrase per check.
        assumed: what the class does not say of itself, and is assumed to be so.
        caveat: whether its densities are not finite for extreme inputs, which is no fault.
    """

    name: str
    passed: tuple[str, ...]
    assumed: str = ""
    caveat: str = ""

    def __str__(self) -> str:
        lines = [f"{self.name} keeps the contract:", *(f"  {phrase}" for phrase in self.passed)]
        return "\n".join([*lines, *filter(None, (self.assumed, self.caveat))])


def check_spec(spec: Spec) -> Checked:
    """Test that a part keeps the contract of its room: shapes, densities, gradients, seeds, JSON, save and load.

    The same test runs over every part of this package. Use small sizes: networks are built and trained for one step.

    Args:
        spec: an instance of a spec of any room.

    Returns:
        The checks that it passed, what is assumed of it, and a caveat if its densities are not finite far out.

    Raises:
        UserError: the first fault that was found, in one line.

    >>> from vaelab import Mixture
    >>> print(check_spec(Mixture(components=3)))
    Mixture keeps the contract:
      survives JSON
      integrates to one
      draws follow the seed
      every parameter learns
    """
    if not isinstance(spec, Spec) or spec.room is None or spec.room not in _CHECKS:
        raise UserError(f"spec is {spec!r}, but must be an instance of a room's spec, such as PriorSpec")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        survives_json(spec)
        passed = _CHECKS[spec.room](spec)
        far_out = caveat(spec)
    return Checked(type(spec).__name__, ("survives JSON", *passed), assumed(type(spec)), far_out)


def check_tracker(make: Callable[[], Tracker]) -> Checked:
    """Test that trackers of a user's own keep the contract: a run that is interrupted and goes on, and one that fails.

    The same test runs over every tracker of this package, by `check_spec`.

    Args:
        make: makes a tracker, such as its class.

    Returns:
        The checks that it passed.

    Raises:
        UserError: the first fault that was found, in one line.

    >>> class Printed:
    ...     def start(self, run): ...
    ...     def log(self, metrics, step): ...
    ...     def figure(self, name, figure): ...
    ...     def finish(self, outcome): ...
    >>> print(check_tracker(Printed))
    Printed keeps the contract:
      takes settings, numbers, infinity and NaN
      continues a run
      takes figures
      takes every outcome
    """
    return Checked(getattr(make, "__name__", type(make).__name__), tuple(tracker_passes(make)))
