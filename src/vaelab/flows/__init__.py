"""Transformations of normalising flows, which the flow prior and the flow posterior are stacks of.

To add one, write a dataclass here and, unless zuko has it, a file with the module that it builds.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple

from vaelab.spec import Spec, any_of

if TYPE_CHECKING:
    from zuko.flows import Flow


class FlowSizes(NamedTuple):
    """What the transformations of a flow are built for."""

    width: int
    """D, dimensions of z."""
    context: int
    """Number of features that the transformations are given besides z; 0 for none."""
    transforms: int
    """Number of transformations."""
    hidden: tuple[int, ...]
    """Widths of each transformation's network."""
    draws: bool
    """True if the flow learns from its own draws, as a posterior does, False if from points given to it, as a prior."""


class TransformSpec(Spec, room=True):
    """Base of the specs of transformations.

    A flow maps z to noise, f(z), and is drawn from by the inverse of f. Most transformations are quick in one of the
    two directions; `FlowSizes.draws` says which one training takes.
    """

    remembers: ClassVar[bool] = True
    """A posterior keeps the noise of its last draws, so that they are scored without inverting anything."""

    @abstractmethod
    def build(self, sizes: FlowSizes) -> Flow:
        """Build the flow, a `zuko.flows.Flow` from z to standard normal noise, with fresh weights."""


@dataclass(frozen=True)
class Spline(TransformSpec):
    """Monotonic rational-quadratic splines (Durkan et al. 2019, section 3).

    They have 8 bins on [-5, 5]; outside, f is the identity. In a posterior half of the dimensions are transformed given
    the other half, so that drawing and scoring take two passes each. In a prior each dimension is transformed given
    those before it, so that drawing takes D passes.
    """

    # Draws are scored by inverting them, as they were before flows had a choice: so runs resume bit by bit.
    remembers: ClassVar[bool] = False

    def build(self, sizes: FlowSizes) -> Flow:
        """Build the flow."""
        from zuko.flows import NSF

        passes = min(2, sizes.width) if sizes.draws else None
        return NSF(sizes.width, sizes.context, transforms=sizes.transforms, hidden_features=sizes.hidden, passes=passes)


@dataclass(frozen=True)
class Maf(TransformSpec):
    """Masked autoregressive flow, quick to score (Papamakarios, Pavlakou and Murray 2017, section 3.1).

    f(z)_i = exp(a_i) z_i + b_i, where a_i and b_i depend on the dimensions of z before i. Scoring takes one pass,
    drawing D passes. The order of dimensions is reversed from one transformation to the next; scales lie within
    [1e-3, 1e3].
    """

    def build(self, sizes: FlowSizes) -> Flow:
        """Build the flow."""
        from zuko.flows import MAF

        return MAF(sizes.width, sizes.context, transforms=sizes.transforms, hidden_features=sizes.hidden)


@dataclass(frozen=True)
class Iaf(TransformSpec):
    """Inverse autoregressive flow, quick to draw from (Kingma et al. 2016, section 4).

    z_i = exp(a_i) e_i + b_i, where a_i and b_i depend on the dimensions of the noise e before i: `Maf` the other way
    round. Drawing takes one pass, and so does scoring what was just drawn; scoring other points takes D passes.
    """

    def build(self, sizes: FlowSizes) -> Flow:
        """Build the flow."""
        from vaelab.flows.inverse import inverse

        return inverse(Maf().build(sizes))


@dataclass(frozen=True)
class Coupling(TransformSpec):
    """Affine coupling layers, quick in both directions (Dinh, Sohl-Dickstein and Bengio 2017, equations 4 and 5).

    f(z)_i = exp(a_i) z_i + b_i for every second dimension, where a_i and b_i depend on the others, which stay as they
    are. Even and odd dimensions take turns, so at least two transformations are needed to change all; scales lie within
    [1e-3, 1e3].
    """

    def build(self, sizes: FlowSizes) -> Flow:
        """Build the flow."""
        from zuko.flows import RealNVP

        return RealNVP(sizes.width, sizes.context, transforms=sizes.transforms, hidden_features=sizes.hidden)


@dataclass(frozen=True)
class Planar(TransformSpec):
    """Planar flow (Rezende and Mohamed 2015, equation 10).

    g(e) = e + u tanh(w . e + b). It stretches space across a plane. In a posterior g leads from noise to z, in a prior
    from z to noise; the other direction solves an equation in one unknown, to the last digits.
    """

    def build(self, sizes: FlowSizes) -> Flow:
        """Build the flow."""
        from vaelab.flows.planar import PlanarTransform

        return _of_noise(PlanarTransform, (sizes.width, sizes.width, 1), sizes)


@dataclass(frozen=True)
class Radial(TransformSpec):
    """Radial flow (Rezende and Mohamed 2015, equation 14).

    g(e) = e + beta (e - m) / (alpha + |e - m|). It pulls points towards a centre m or pushes them away. In a posterior
    g leads from noise to z, in a prior from z to noise; both directions have a closed form.
    """

    def build(self, sizes: FlowSizes) -> Flow:
        """Build the flow."""
        from vaelab.flows.radial import radial

        return _of_noise(radial, (sizes.width, 1, 1), sizes)


def _of_noise(make: Any, widths: tuple[int, ...], sizes: FlowSizes) -> Flow:
    """A flow whose transformations lead from noise to z if it learns from its own draws, otherwise from z to noise.

    Args:
        make: a transformation with given parameters.
        widths: dimensions of each parameter.
        sizes: what the flow is built for.
    """
    from vaelab.flows.inverse import inverse, stacked
    from vaelab.flows.parameters import Parametrised

    flow = stacked(partial(Parametrised, make, widths, sizes.context, sizes.hidden), sizes)
    return inverse(flow) if sizes.draws else flow


AnyTransform = Annotated[TransformSpec, any_of(TransformSpec)]
