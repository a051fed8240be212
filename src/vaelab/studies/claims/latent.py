"""Claims about the latent plane of the VAE: classes, neighbours, the prior, directions, paths."""

from __future__ import annotations

import numpy as np
import torch

from vaelab.figures.paths import linear
from vaelab.measured import MeasuredModel
from vaelab.metrics.latent import (
    StrokeShape,
    best_rotation,
    centroid_distance,
    centroid_rank,
    chance_accuracy,
    class_silhouette,
    knn_accuracy,
    label_information,
    mmd_test,
    moments,
    path_evenness,
    permuted_rotation,
    rank_correlation,
    stroke_shape,
)
from vaelab.studies.claims.claim import Claim, Numbers, Points, SeedRuns
from vaelab.studies.claims.verdict import Check

_DRAWS = 2000
_PATHS = 500
_STEPS = 10
_NEAREST = 9
_PAIRS = (("4", "9"), ("3", "8"), ("1", "7"))

STRUCTURE_NOTE = (
    "Latents are posterior means. Test images are classified by neighbours among training images, at most 5,000 of "
    "each."
)


def class_structure(seed: SeedRuns, name: str) -> Numbers:
    """The separation of the classes in the latent space, by neighbours, silhouette and mutual information."""
    fitted, shown = seed.on_train(name).labelled, seed.on_test(name).labelled
    learned, asked = fitted.data.labels, shown.data.labels
    assert learned is not None
    assert asked is not None
    latents = shown.means.astype(np.float64)
    accuracy = knn_accuracy(fitted.means.astype(np.float64), learned, latents, asked)
    chance = chance_accuracy(asked)
    shares = np.bincount(asked)[np.unique(asked)] / len(asked)
    entropy = -float((shares * np.log(shares)).sum())
    # A small class cannot have fifty neighbours within itself.
    neighbours = min(50, int(np.bincount(asked)[np.unique(asked)].min()) - 1)
    return {
        "accuracy": accuracy,
        "chance": chance,
        "above": (accuracy - chance) / (1 - chance),
        "silhouette": class_silhouette(latents, asked),
        "information": (information := label_information(latents, asked, neighbours)),
        "share": information / entropy,
    }


CLUSTERS = Claim(
    "classes-cluster",
    "The latent plane clusters by class without labels.",
    ("vae",),
    lambda seed: class_structure(seed, "vae"),
    (
        Check(
            "above",
            "accuracy of 15 nearest neighbours, from chance (0) to perfect (1)",
            at_least=0.5,
            why="halfway from chance to perfect",
        ),
        Check(
            "silhouette",
            "silhouette of the classes",
            at_least=0.0,
            why="latents nearer to their own class than to the next",
        ),
    ),
    beside={
        "accuracy": "accuracy of 15 nearest neighbours",
        "chance": "chance: the share of the largest class",
        "information": "mutual information of latent and class (nats)",
    },
    note=STRUCTURE_NOTE,
)


def _neighbours(seed: SeedRuns) -> Numbers:
    shown = seed.on_test("vae").labelled
    assert shown.data.labels is not None
    pairs = [(seed.classes.index(a), seed.classes.index(b)) for a, b in _PAIRS]
    means, labels = shown.means.astype(np.float64), shown.data.labels
    distances, ranks = centroid_distance(means, labels, pairs, _NEAREST), centroid_rank(means, labels, pairs)
    names = [f"{a}/{b}" for a, b in _PAIRS]
    return {name: float(distance) for name, distance in zip(names, distances, strict=True)} | {
        f"rank {name}": float(rank) for name, rank in zip(names, ranks, strict=True)
    }


NEIGHBOURS = Claim(
    "neighbours",
    "4 and 9, 3 and 8, 1 and 7 are neighbours in the latent plane.",
    ("vae",),
    _neighbours,
    tuple(
        Check(
            f"{a}/{b}",
            f"distance between the centroids of {a} and {b}, over the distance within which the nearest fifth of all "
            "pairs lie",
            at_most=1.0,
            why="among the nearest fifth, 9 of 45 pairs",
        )
        for a, b in _PAIRS
    ),
    beside={f"rank {a}/{b}": f"rank of {a} and {b} among all 45 pairs by centroid distance" for a, b in _PAIRS},
    note="The distance is below 1 exactly if the rank is at most 9. Ranks are whole numbers, often the same for every "
    "seed, which leaves nothing to estimate their spread from.",
    digits=True,
)


def shifted_mmd(bandwidth: float, dimensions: int, shift: float = 0.1) -> float:
    """The squared maximum mean discrepancy of N(0, I) and N(shift, I), with every mean shifted alike.

    2 (s^2 / (s^2 + 2))^(D/2) (1 - exp(-D shift^2 / (2 (s^2 + 2)))) for the Gaussian kernel of bandwidth s.
    """
    wide = bandwidth**2 + 2
    return float(2 * (bandwidth**2 / wide) ** (dimensions / 2) * -np.expm1(-dimensions * shift**2 / (2 * wide)))


def _aggregate(seed: SeedRuns) -> Numbers:
    z = seed.on_test("vae").draws.astype(np.float64)
    about = moments(z)
    rows = np.random.default_rng(seed.seed).permutation(len(z))[:_DRAWS]
    normal = np.random.default_rng([seed.seed, 1]).standard_normal((len(rows), z.shape[1]))
    test = mmd_test(z[rows], normal, seed=seed.seed)
    return {
        "mean": float(np.abs(about.mean).max()),
        "deviation": float(np.abs(about.std - 1).max()),
        "distance": test.squared_mmd / shifted_mmd(test.bandwidth, z.shape[1]),
        "p": test.p_value,
        "mmd": test.squared_mmd,
        "correlation": float(abs(about.correlation[0, 1])),
        "skewness": float(np.abs(about.skewness).max()),
        "kurtosis": float(np.abs(about.excess_kurtosis).max()),
    }


AGGREGATE = Claim(
    "aggregate-posterior",
    "The aggregate posterior matches N(0, I).",
    ("vae",),
    _aggregate,
    (
        Check("mean", "largest absolute mean of a dimension", at_most=0.1, why="a tenth of a deviation"),
        Check("deviation", "largest distance of a deviation from 1", at_most=0.1, why="a tenth"),
        Check(
            "distance",
            "squared maximum mean discrepancy from N(0, I), over that of N(0, I) shifted by a tenth in each dimension",
            at_most=1.0,
            why="no further than a shift by a tenth of a deviation",
        ),
    ),
    beside={
        "p": "p-value of the two-sample test (500 permutations)",
        "mmd": "squared maximum mean discrepancy",
        "correlation": "absolute correlation of z1 and z2",
        "skewness": "largest absolute skewness",
        "kurtosis": "largest absolute excess kurtosis",
    },
    note="One draw from the posterior of each test image; the test compares up to 2,000 of them with as many "
    "draws of N(0, I). A p-value measures whether a difference is visible, not its size, so it decides nothing here.",
)


def _factors(shape: StrokeShape) -> tuple[Points, Points]:
    """The properties claimed for the first axis, slant or rotation, and for the second, thickness and scale."""
    return np.stack([shape.slant, shape.rotation], 1), np.stack([shape.thickness, shape.scale], 1)


def _shape_of(measured: MeasuredModel, z: Points, label: int | None = None) -> StrokeShape:
    return stroke_shape(measured.decode(z, label).mean(1).astype(np.float64))


def _directions(seed: SeedRuns) -> Numbers:
    z = np.random.default_rng(seed.seed).standard_normal((_DRAWS, 2))
    shape = _shape_of(seed.on_test("vae"), z)
    first, second = _factors(shape)
    best = best_rotation(z, first, second)
    names = {"slant": shape.slant, "rotation": shape.rotation, "thickness": shape.thickness, "scale": shape.scale}
    axes = {name: np.abs(rank_correlation(z, values)) for name, values in names.items()}
    literal = min(max(axes["slant"][0], axes["rotation"][0]), axes["thickness"][1], axes["scale"][1])
    return {
        "weaker": best.weaker,
        "chance": permuted_rotation(z, first, second),
        "as_named": float(literal),
        "angle": best.angle,
    } | {f"{name}_{axis + 1}": float(axes[name][axis]) for name in names for axis in (0, 1)}


DIRECTIONS = Claim(
    "axes",
    "One axis of the plane carries slant or rotation, the other stroke thickness and scale.",
    ("vae",),
    _directions,
    (
        Check(
            "weaker",
            "the weakest rank correlation (first axis: slant or rotation; second: thickness and scale), at the "
            "rotation of the plane that makes it largest",
            at_least=0.5,
            why="an axis that carries a property orders the images by it",
        ),
    ),
    beside={
        "chance": "the same number by chance, 95 % quantile of permutations",
        "as_named": "the same for z1 and z2 themselves, without rotation",
        "angle": "the rotation (degrees)",
    }
    | {
        f"{name}_{axis}": f"absolute rank correlation of {name} with z{axis}"
        for name in ("slant", "rotation", "thickness", "scale")
        for axis in (1, 2)
    },
    note="Measured on the decoder's images at 2,000 draws from the prior. The orientation of the plane depends on the "
    "seed, so the verdict allows for one rotation; the axes stay at a right angle.",
)


def _smooth(seed: SeedRuns) -> Numbers:
    measured = seed.on_test("vae")
    random = np.random.default_rng(seed.seed)
    means = measured.means.astype(np.float32)
    pairs = random.integers(0, len(means), (_PATHS, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    latents = np.concatenate([linear(means[a], means[b], _STEPS) for a, b in pairs])
    decoded = measured.decode(latents).reshape(len(pairs), _STEPS, -1).astype(np.float64)
    evenness = path_evenness(decoded)
    # The image halfway: decoded from the mean of both latents, and as a cross-fade of both images.
    halfway = measured.decode(np.stack([(means[a] + means[b]) / 2 for a, b in pairs])).reshape(len(pairs), -1)
    faded = (decoded[:, 0] + decoded[:, -1]) / 2
    real = torch.from_numpy(seed.on_train("vae").pixels.flatten(1).numpy())

    def distance(images: Points) -> float:
        return float(torch.cdist(torch.from_numpy(images).float(), real).min(1).values.mean())

    return {
        "leap": float(np.nanquantile(evenness, 0.9)),
        "typical": float(np.nanmedian(evenness)),
        "nearness": distance(halfway.astype(np.float64)) / distance(faded),
    }


SMOOTH = Claim(
    "smooth-interpolations",
    "Interpolations between images are smooth.",
    ("vae",),
    _smooth,
    (
        Check(
            "leap",
            "largest step of a path over its mean step, 90 % quantile of 500 paths",
            at_most=3.0,
            why="of nine steps none takes more than a third of the way",
        ),
        Check(
            "nearness",
            "distance of the image halfway to the nearest real one, over that of a cross-fade of the ends",
            at_most=0.9,
            why="a cross-fade is as even, but shows no digit: at least a tenth nearer",
        ),
    ),
    beside={"typical": "largest step of a path over its mean step, median (1 for an even path)"},
    note="Straight paths of ten images between the posterior means of two test images; a step is the Euclidean "
    "distance of the decoded images.",
)
