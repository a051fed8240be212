"""The semi-supervised VAE: its bounds against sums over labels written out, its classifier, and M1+M2."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import vaelab as vl
from vaelab.testing import check_spec
from vaelab.testing.faults import TABLES
from vaelab.training.labelled import repeat_labelled

FORMAT = vl.ImageFormat(1, 4, 4, ("a", "b", "c"))
PROGRESS = vl.Progress(1, 0, 1, 1)


def small(**settings: Any) -> Any:
    """A small model in double precision, away from its start."""
    torch.manual_seed(0)
    model: Any = vl.M2(2, network=vl.Mlp(hidden=(6,)), hidden=(5,), **settings).build(FORMAT).double().eval()
    for weight in model.parameters():
        weight.data.mul_(1.5)
    return model


def terms(model: Any, x: torch.Tensor, y: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """-log p(x | y, z) and KL(q(z | x, y) || p(z)) of each image under one label, written out, with z by this noise."""
    q = model.posterior_of(x, y).base_dist
    z = q.loc + q.scale * noise
    pixels = model.decode(z, y).mean
    reconstruction = -(x * pixels.log() + (1 - x) * (1 - pixels).log()).sum((1, 2, 3))
    return reconstruction, (q.loc.square() + q.scale.square() - 1 - 2 * q.scale.log()).sum(1) / 2


def test_m2_keeps_the_contract() -> None:
    assert check_spec(vl.M2(2, network=vl.Mlp(hidden=(8,)), hidden=(4,))).passed
    vl.M2(2, network=vl.Mlp(hidden=(8,)), likelihood=vl.LearnedGaussian()).check(TABLES[0])


def test_both_bounds_are_those_written_out_over_labels() -> None:
    """Equations 6, 7 and 9 for a batch of known and unknown labels, with the same noise."""
    model, classes = small(alpha=0.7), 3
    x, y = torch.rand(4, 1, 4, 4).round().double(), torch.tensor([2, -1, 0, -1])
    # Rows are decoded in this order: known labels, then all labels of the first unknown one, ...
    torch.manual_seed(5)
    trace = model(x, y, 1)
    torch.manual_seed(5)
    noise = torch.randn(1, 2 + 2 * classes, 2, dtype=torch.float64)[0]
    q_y = torch.softmax(model.classifier(x), 1)
    expected, penalties = torch.zeros(4).double(), torch.zeros(4).double()
    for row, place in ((0, 0), (2, 1)):
        one = slice(row, row + 1)
        expected[row] = sum(terms(model, x[one], y[one], noise[place : place + 1])) + math.log(classes)
        penalties[row] = -0.7 * q_y[row, y[row]].log()
    for row, start in ((1, 2), (3, 5)):
        for label in range(classes):
            given, drawn = torch.tensor([label]), noise[start + label][None]
            bound = sum(terms(model, x[row : row + 1], given, drawn)) + math.log(classes)
            expected[row] += float(q_y[row, label] * (bound + q_y[row, label].log()))
    torch.testing.assert_close(trace.total[0], expected)
    torch.testing.assert_close(trace.penalty, penalties)
    torch.testing.assert_close(vl.Elbo()(trace, PROGRESS), (expected + penalties).mean())
    known = model(x, torch.tensor([2, 1, 0, 1]), 1)
    torch.testing.assert_close(trace.p.mean[0, [0, 2]], model.decode(trace.latents[0].z[0, [0, 2]], y[[0, 2]]).mean)
    assert torch.equal(known.y, torch.tensor([2, 1, 0, 1]))


def test_the_bounds_lie_below_the_evidence_summed_over_labels() -> None:
    """log p(x) = log sum_y p(y) p(x | y) by quadrature; the importance bound without labels converges to it."""
    model = small()
    x = torch.rand(3, 1, 4, 4).round().double()
    joint = [vl.exact_evidence(model, x, torch.full((3,), label)).log_p - math.log(3) for label in range(3)]
    log_p = torch.stack(joint).logsumexp(0).double()
    unknown = torch.full((3,), -1)
    estimate = vl.importance_bound(model, x, unknown, samples=40000, seed=0).log_p
    torch.testing.assert_close(estimate, log_p, atol=0.1, rtol=0)
    with torch.no_grad():
        elbo = -model(x, unknown, 500).total.mean(0)
    assert bool((elbo < log_p).all())
    labelled = vl.importance_bound(model, x, torch.tensor([0, 1, 2]), samples=40000, seed=0).log_p
    torch.testing.assert_close(labelled, torch.stack([joint[k][k] for k in range(3)]).double(), atol=0.1, rtol=0)


def test_the_classifier_is_saved_and_completes_labels(tmp_path: Path) -> None:
    model = small()
    x = torch.rand(5, 1, 4, 4)
    vl.save(model.float(), tmp_path / "m2.safetensors")
    again: Any = vl.load(tmp_path / "m2.safetensors")
    probabilities = again.classify(x).probs
    assert torch.equal(probabilities, model.classify(x).probs)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(5))
    best = probabilities.argmax(1)
    assert torch.equal(again.encode(x).mean, again.encode(x, best).mean)
    assert torch.equal(again.encode(x, torch.full((5,), -1)).mean, again.encode(x, best).mean)
    with pytest.raises(vl.UserError, match="y has labels of -1, unknown"):
        again.decode(torch.zeros(1, 2), [-1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: vl.M2(conditional=False), "M2.conditional is False"),
        (lambda: vl.M2().check(vl.ImageFormat(1, 8, 8, (), ("size",))), "attributes and no labels"),
        (lambda: vl.M2(posterior=vl.Deterministic()).check(FORMAT), "posterior is Deterministic"),
        (lambda: vl.M2(likelihood=vl.OptimalGaussian()).check(FORMAT), "likelihood is OptimalGaussian"),
        (lambda: vl.Experiment(model=vl.M2(), objective=vl.Iwae()).check(FORMAT), "objective is Iwae"),
        (lambda: vl.Experiment(model=vl.M2(), objective=vl.Factor()).check(FORMAT), "objective is Factor"),
    ],
)
def test_what_an_m2_cannot_have_is_refused(make: Any, message: str) -> None:
    with pytest.raises(vl.UserError, match=message):
        make()


def blobs(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of two classes: the bright half is above or below."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, n)
    images = rng.uniform(0, 0.3, (n, 4, 4)) + np.where(np.arange(4)[:, None] // 2 == y[:, None, None], 0.6, 0)
    return (255 * images).astype(np.uint8), y


def test_labelled_images_are_repeated_until_they_have_their_share() -> None:
    """r = share U / ((1 - share) L): of 900 images without and 30 with a label, half and a quarter of an epoch."""
    labels = np.full(930, -1)
    labels[10:40] = 3
    rows = np.random.default_rng(0).permutation(930)
    for share, times in ((0.5, 30), (0.25, 10), (0.0, 1)):
        found = np.bincount(repeat_labelled(rows, labels, share), minlength=930)
        assert (found[labels < 0] == 1).all()
        assert (found[labels >= 0] == times).all()
    for alike in (labels * 0, labels * 0 - 1, None):
        assert repeat_labelled(rows, alike, 0.5) is rows


@pytest.mark.parametrize(("conditional", "share"), [(True, 0.5), (True, 0.0), (False, 0.5)])
def test_every_batch_has_labelled_images_unless_the_share_is_none(
    conditional: bool, share: float, tmp_path: Path
) -> None:
    """A model that does not take labels sees each image once."""
    images, y = blobs(400)
    data = vl.as_data(images, y)
    labels = data.labels.copy()
    labels[data.splits["train"].start + 4 : data.splits["train"].stop] = -1
    seen: list[tuple[int, int]] = []

    def objective(trace: Any, progress: Any) -> torch.Tensor:
        seen.append((int((trace.penalty > 0).sum()), len(trace.x)))
        return vl.Elbo()(trace, progress)

    model = (vl.M2 if conditional else vl.VAE)(2, network=vl.Mlp(hidden=(4,)))
    training = vl.Training(epochs=1, batch_size=40, validation=0, labelled_share=share)
    vl.train(
        vl.Experiment(model=model, objective=objective, training=training),
        tmp_path / "run",
        data=replace(data, labels=labels),
    )
    batches = [each for each in seen if each[1] <= 40][-16:] if share and conditional else seen[-8:]
    assert sum(images for _, images in batches) == (316 + 316 if share and conditional else 320)
    if conditional:
        assert all(labelled > 5 for labelled, _ in batches) == bool(share)
        assert sum(labelled for labelled, _ in batches) == (316 if share else 4)


def test_a_few_labels_suffice_for_two_clusters(tmp_path: Path) -> None:
    """With 4 labels of 320 images it finds those of nearly all test images; so does M1+M2 on the latents of M1."""
    images, y = blobs(400)
    data = vl.as_data(images, y)
    labels = data.labels.copy()
    train = data.splits["train"]
    labels[train.start + 4 : train.stop] = -1
    assert len(set(labels[train.start : train.start + 4])) == 2
    training = vl.Training(epochs=15, batch_size=40, validation=0, optimiser=vl.Adam(learning_rate=1e-2))
    m2 = vl.M2(2, network=vl.Mlp(hidden=(8,)), hidden=(8,), alpha=8.0)
    run = vl.train(vl.Experiment(model=m2, training=training), tmp_path / "m2", data=replace(data, labels=labels))
    test = data.split("test")
    pixels = torch.from_numpy(test.images).float() / 255

    def errors(model: Any, x: Any) -> float:
        return float((model.classify(x).probs.argmax(1).numpy() != test.labels).mean())

    assert errors(run.model, pixels) < 0.05

    # M1+M2 (section 2.1): the posterior means of a saved VAE are the rows of a table on which an M2 is trained.
    m1 = vl.VAE(2, network=vl.Mlp(hidden=(8,)))
    vl.train(vl.Experiment(model=m1, training=training), tmp_path / "m1", data=data)
    encoder = vl.load(tmp_path / "m1")
    means = encoder.encode(torch.from_numpy(data.images).float() / 255).mean.numpy()
    names = tuple(map(str, range(2)))
    table = vl.as_table(means, labels, classes=names)
    rows = vl.M2(2, network=vl.Mlp(hidden=(8,)), likelihood=vl.LearnedGaussian(), hidden=(8,), alpha=8.0)
    run = vl.train(vl.Experiment(model=rows, training=training), tmp_path / "m1-m2", data=table)
    known = table.split("test").labels >= 0
    assert run.model.format.classes == names
    x = torch.from_numpy(table.format.encode(table.split("test").values)).float()
    found = run.model.classify(x).probs.argmax(1).numpy()
    assert (found[known] == table.split("test").labels[known]).mean() > 0.9
