"""All compositions of the built-in parts, and which are tested. New parts in a room are included automatically."""

from __future__ import annotations

import functools
import itertools
import math
import os
from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

from vaelab import (
    VAE,
    Adversarial,
    AdversarialReconstruction,
    AutoencoderKl,
    AutoregressiveCodes,
    BinarySpherical,
    CategoricalPosterior,
    Codebook,
    Conv,
    Diffusion,
    DiscretisedLogistic,
    Factor,
    FiniteScalar,
    Flow,
    FlowPosterior,
    FreeBits,
    GumbelSoftmax,
    Hamiltonian,
    HierarchicalCodebook,
    LookupFree,
    Miwae,
    Mlp,
    Piwae,
    PixelCnn,
    ResidualCodebook,
    ResNet,
    RiemannianHamiltonian,
    SemiAmortised,
    SimVq,
    Spectral,
    TwoStage,
    UniformManifold,
    UserError,
    VaeGan,
    Vamp,
)
from vaelab.data import DataFormat
from vaelab.likelihoods import LikelihoodSpec
from vaelab.networks import NetworkSpec
from vaelab.objectives import ObjectiveSpec
from vaelab.posteriors import PosteriorSpec
from vaelab.priors import PriorSpec
from vaelab.spec import Spec, members
from vaelab.testing.faults import FORMATS, TABLES

# Small instances keep the full product down to minutes; other parts are tested with their defaults.
SMALL: dict[type, Any] = {
    AutoencoderKl: AutoencoderKl(channels=(4, 4), blocks=1, groups=2),
    Conv: Conv(channels=(4,)),
    Mlp: Mlp(hidden=(12,)),
    ResNet: ResNet(channels=(4,)),
    Vamp: Vamp(components=5),
    Flow: Flow(transforms=1, hidden=(8,)),
    FlowPosterior: FlowPosterior(transforms=1, hidden=(8,), context=4),
    Diffusion: Diffusion(hidden=(8,), steps=2),
    TwoStage: TwoStage(hidden=(8,), draws=4),
    UniformManifold: UniformManifold(components=3, transitions=1),
    AutoregressiveCodes: AutoregressiveCodes(layers=1, width=8, heads=2),
    CategoricalPosterior: CategoricalPosterior(size=3),
    PixelCnn: PixelCnn(layers=1, width=4, kernel=3),
    Codebook: Codebook(size=6),
    ResidualCodebook: ResidualCodebook(size=6),
    FiniteScalar: FiniteScalar(levels=(4, 4, 4)),
    GumbelSoftmax: GumbelSoftmax(size=3),
    HierarchicalCodebook: HierarchicalCodebook(size=6, levels=2),
    LookupFree: LookupFree(bits=3),
    BinarySpherical: BinarySpherical(bits=3),
    SimVq: SimVq(size=6),
    DiscretisedLogistic: DiscretisedLogistic(components=2),
    Factor: Factor(hidden=(8,)),
    Adversarial: Adversarial(hidden=(8,)),
    Miwae: Miwae(samples=3, groups=3),
    Piwae: Piwae(samples=3, groups=3),
    FreeBits: FreeBits(floor=0.01),
    Hamiltonian: Hamiltonian(steps=1),
    RiemannianHamiltonian: RiemannianHamiltonian(steps=1, temperature=30.0, centroids=4, hidden=8),
    SemiAmortised: SemiAmortised(steps=1),
    Spectral: Spectral(Mlp(hidden=(12,))),
    AdversarialReconstruction: AdversarialReconstruction(width=4),
    # Features say nothing of a likelihood's own scale.
    VaeGan: VaeGan(channels=(4,), pixels=0.1),
}


def parts(room: type[Spec]) -> list[Any]:
    """A small instance of every part of a room that can be written in JSON."""
    return [SMALL.get(kind) or kind() for kind in members(room, own=True) if not kind.python_only]


class Composition(NamedTuple):
    """The parts of a model and its image format."""

    network: Any
    posterior: Any
    prior: Any
    conditional: bool
    likelihood: Any
    format: DataFormat

    @property
    def spec(self) -> VAE:
        return VAE(3, self.conditional, self.network, self.posterior, self.prior, self.likelihood)

    def __str__(self) -> str:
        spatial = "Spatial" if getattr(self.network, "spatial", False) else ""
        named = "-".join(type(part).__name__ for part in (self.network, self.posterior, self.prior, self.likelihood))
        return (
            f"{spatial}{named}-{'conditional' if self.conditional else 'plain'}-{'x'.join(map(str, self.format.shape))}"
        )


NETWORKS = [*parts(NetworkSpec), ResNet(channels=(4,), attention=True, spatial=True)]
ROOMS: tuple[list[Any], ...] = (
    NETWORKS,
    parts(PosteriorSpec),
    parts(PriorSpec),
    [False, True],
    parts(LikelihoodSpec),
    [*FORMATS, *TABLES],
)
# `make contract` tests the full product, with PART=3/8 the third of eight parts of it, or with COMPOSITIONS=1000 as
# many compositions, drawn anew with each SEED.
BEYOND_PAIRS = os.environ.get("VAELAB_CONTRACT", "")
PART, PARTS = map(int, os.environ.get("VAELAB_CONTRACT_PART", "1/1").split("/"))
assert 1 <= PART <= PARTS, f"PART is {PART}/{PARTS}, but must be from 1/{PARTS} to {PARTS}/{PARTS}"
SEED = os.environ.get("VAELAB_CONTRACT_SEED", "0")
OBJECTIVES = parts(ObjectiveSpec)
OF_IMAGES = [part for part in parts(LikelihoodSpec) if part.images]


class Pair(NamedTuple):
    """Two parts, each by the number of its room and by its number in that room."""

    first: tuple[int, int]
    second: tuple[int, int]


PAIRS = [
    Pair((i, a), (j, b))
    for i, j in itertools.combinations(range(len(ROOMS)), 2)
    for a, b in itertools.product(range(len(ROOMS[i])), range(len(ROOMS[j])))
]


@functools.cache
def composed(numbers: tuple[int, ...]) -> Composition:
    """The composition of the parts with these numbers, one per room."""
    return Composition(*(room[number] for room, number in zip(ROOMS, numbers, strict=True)))


@functools.cache
def model_of(numbers: tuple[int, ...]) -> VAE:
    """The model of a composition, the same for every format."""
    return composed((*numbers, 0)).spec


@functools.cache
def allowed(numbers: tuple[int, ...]) -> bool:
    """Whether `composed(numbers)` is allowed."""
    try:
        model_of(numbers[:-1]).check(ROOMS[-1][numbers[-1]])
    except UserError:
        return False
    return True


def holding(pair: Pair) -> Iterator[tuple[int, ...]]:
    """All compositions with a pair of parts, in an order that is random but fixed."""
    held = dict(pair)
    choices = [[held[i]] if i in held else list(range(len(room))) for i, room in enumerate(ROOMS)]
    random = Random(repr(pair))
    for choice in choices:
        random.shuffle(choice)
    # Neighbours in the product differ in one part only, so a stride that shares no factor with the size mixes it.
    size = math.prod(map(len, choices))
    stride = next(step for step in range(size // 2 + 1, 2 * size + 2) if math.gcd(step, size) == 1)
    for k in range(size):
        numbers, rest = [], k * stride % size
        for choice in choices:
            rest, place = divmod(rest, len(choice))
            numbers.append(choice[place])
        yield tuple(numbers)


def pairs_of(numbers: tuple[int, ...]) -> set[Pair]:
    """All pairs of parts in a composition."""
    return {Pair(first, second) for first, second in itertools.combinations(enumerate(numbers), 2)}


def covering() -> tuple[list[tuple[int, ...]], list[Pair]]:
    """A small fixed set of compositions that holds every allowed pair of parts, chosen greedily; the refused pairs."""
    chosen, refused, missing = [], [], set(PAIRS)
    for pair in PAIRS:
        if pair not in missing:
            continue
        candidates = list(itertools.islice(filter(allowed, holding(pair)), 40))
        if not candidates:
            refused.append(pair)
            continue
        best = max(candidates, key=lambda numbers: len(pairs_of(numbers) & missing))
        chosen.append(best)
        missing -= pairs_of(best)
    return chosen, refused


def part_of(everything: list[Any], part: int, parts: int) -> list[Any]:
    """One of `parts` parts that add up to everything, each mixed, in an order that is random but fixed."""
    mixed = everything.copy()
    Random(0).shuffle(mixed)
    return mixed[part - 1 :: parts]


def product() -> Iterator[tuple[int, ...]]:
    """The product of the rooms or a part of it, or an endless random walk through it if a number is given."""
    if BEYOND_PAIRS == "full":
        return iter(part_of(list(itertools.product(*(range(len(room)) for room in ROOMS))), PART, PARTS))
    random = Random(SEED)
    return (tuple(random.randrange(len(room)) for room in ROOMS) for _ in itertools.count())


COVERING, REFUSED = covering()
# All compositions, or as many as are asked for.
MOST = None if BEYOND_PAIRS in ("", "full") else int(BEYOND_PAIRS)
CHOSEN = sorted(set(itertools.islice(filter(allowed, product()), MOST))) if BEYOND_PAIRS else COVERING
