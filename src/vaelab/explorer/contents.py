"""The contents of a page: exported models, test images and where each encoder puts them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.decomposition import PCA

from vaelab._version import __version__
from vaelab.errors import UserError
from vaelab.explorer.blocks import Blocks
from vaelab.explorer.encodings import Encodings, encode, kl_by_dimension, metadata
from vaelab.explorer.sources import ExplorerSource
from vaelab.export import PARTS
from vaelab.export.parts import convert
from vaelab.measured import MeasuredModel
from vaelab.models.files import load_beside
from vaelab.models.model import Model

# Most latent dimensions that a page keeps for each image; it shows two at a time.
_KEPT = 64
# What the page computes without a graph.
_FORMULAS = {"prior": ("standard-normal", "uniform-codes"), "likelihood": ("bernoulli",)}


def contents_of(
    sources: Sequence[ExplorerSource],
    measured: MeasuredModel | None,
    blocks: Blocks,
    *,
    title: str,
    no_images: str = "",
    snapshots: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """What `explorer/src/lib/contents.ts` reads.

    Args:
        sources: the models.
        measured: the test images with the first model; None for a page without.
        blocks: where bytes are added.
        title: of the page.
        no_images: why there are no images.
        snapshots: add the models of earlier epochs that a run kept.
        say: takes a line of progress.

    Raises:
        UserError: a model cannot be exported.
    """
    models = []
    for i, source in enumerate(sources):
        say(f"exporting {source.name}")
        models.append(_model(f"m{i}", source, measured, blocks, no_images, snapshots))
    by_attributes = any(source.model.spec.conditional and not source.model.format.classes for source in sources)
    images = None if measured is None else _images(measured, blocks, by_attributes)
    return {"format": 1, "vaelab": __version__, "title": title, "images": images, "models": models}


def _images(measured: MeasuredModel, blocks: Blocks, by_attributes: bool) -> dict[str, Any]:
    attributes = measured.data.attributes if by_attributes else None
    labels, classes = measured.labels if measured.model.format.classes else None, len(measured.model.format.classes)
    if labels is not None:
        # One more than the last class stands for an unknown one.
        labels = np.where(labels < 0, classes, labels).astype(np.uint8 if classes < 256 else np.uint16)
    missing = f", {measured.n_images - measured.labelled.n_images:,} of unknown class" if measured.unlabelled else ""
    return {
        "pixels": blocks.add("images", measured.image_data.images),
        "labels": None if labels is None else blocks.add("labels", labels),
        "attributes": None if attributes is None else blocks.add("attributes", attributes),
        "count": measured.n_images,
        "shape": list(measured.data.format.shape),
        "name": f"{measured.n_images:,} test images of {measured.data.name}{missing}",
        "binary": measured.data.binary,
    }


def _model(
    name: str,
    source: ExplorerSource,
    measured: MeasuredModel | None,
    blocks: Blocks,
    no_images: str,
    snapshots: bool,
) -> dict[str, Any]:
    parts, left_out = _parts(name, source.model, measured, blocks)
    earlier = [
        {"epoch": epoch, **_parts(f"{name}-{epoch}", load_beside(source.model, path), measured, blocks)[0]}
        for epoch, path in (source.snapshots if snapshots else ())
    ]
    left_out = [no_images, *left_out] if no_images else left_out
    return {"name": source.name, **parts, "leftOut": left_out, "snapshots": earlier}


def _parts(name: str, model: Model, measured: MeasuredModel | None, blocks: Blocks) -> tuple[dict[str, Any], list[str]]:
    """The exported parts of a model with its points or codes, and what is left out."""
    files, described, left_out = _exported(model)
    encoder = files.get("encoder")
    encodings = None if measured is None or encoder is None else encode(encoder, measured.with_model(model))
    parts = {part: blocks.add(f"{name}-{part}", files[part]) if part in files else None for part in PARTS}
    points, codes = _points(name, encodings, described, blocks), _codes(name, encodings, blocks)
    return {**parts, "points": points, "codes": codes}, left_out


def _exported(model: Model) -> tuple[dict[str, bytes], dict[str, Any], list[str]]:
    """Encoder, decoder and the densities for which the page has no formula; what they are; what is left out, and why.

    Raises:
        UserError: the decoder cannot be exported.
    """
    try:
        files, left_out = dict(convert(model, ("encoder", "decoder")).files), []
    except UserError as error:
        files = dict(convert(model, ("decoder",)).files)
        left_out = [f"images in the latent space, since the {str(error).partition('; leave')[0]}"]
    described = metadata(files["decoder"])
    wanted = [part for part, formulas in _FORMULAS.items() if described[part]["kind"] not in formulas]
    densities = convert(model, wanted) if wanted else None
    if densities is not None:
        files |= densities.files
        left_out += [f"log density of the {part}: {why}" for part, why in densities.left_out.items()]
    return files, described, left_out


def _codes(name: str, encodings: Encodings | None, blocks: Blocks) -> str | None:
    if encodings is None or encodings.codes is None:
        return None
    return blocks.add(f"{name}-codes", encodings.codes.astype(np.uint16))


def _points(name: str, encodings: Encodings | None, described: dict[str, Any], blocks: Blocks) -> dict[str, Any] | None:
    if encodings is None or encodings.mean is None or encodings.deviation is None:
        return None
    mean, deviation = encodings.mean, encodings.deviation
    # Of other posteriors the moments do not tell the KL.
    kinds = (described["posterior"]["kind"], described["prior"]["kind"])
    kl = kl_by_dimension(encodings) if kinds == ("diagonal-normal", "standard-normal") else None
    activity = mean.var(0, dtype=np.float64)
    kept = np.argsort(-(activity if kl is None else kl), kind="stable")[:_KEPT]
    if mean.shape[1] <= 2:
        kept = np.arange(mean.shape[1])
    principal, scores = None, None
    if mean.shape[1] > 2:
        pca = PCA(2, svd_solver="full").fit(mean.astype(np.float64))
        principal = {"centre": pca.mean_.tolist(), "axes": pca.components_.tolist()}
        scores = blocks.add(f"{name}-scores", pca.transform(mean).astype(np.float32))
    return {
        "dimensions": kept.tolist(),
        "moments": blocks.add(f"{name}-moments", np.stack([mean[:, kept], deviation[:, kept]]).astype(np.float32)),
        "kl": None if kl is None else kl.tolist(),
        "activity": activity.tolist(),
        "principal": principal,
        "scores": scores,
    }
