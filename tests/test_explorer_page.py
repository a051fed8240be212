"""Pages of the explorer: what is in them, what is refused, and what an open page does with bad files."""

from __future__ import annotations

import base64
import gzip
import html
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

import vaelab as vl
from vaelab.data import ImageData
from vaelab.explorer import contents, page as page_module
from vaelab.explorer.page import explore
from vaelab.export import onnx_parts
from vaelab.models.files import weights_digest
from vaelab.training.folder import RunFolder

from .browser import opened
from .conftest import Cli
from .family_pages import PATIENCE, agrees, at_cursor, eventually, look, need_built_page, page_of, ready

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MLP = vl.Mlp(hidden=(8,))


@pytest.fixture(scope="module", autouse=True)
def exported_once() -> Iterator[None]:
    """Each model is exported once, since it takes seconds."""
    need_built_page()
    made: dict[Any, Any] = {}
    real = contents.convert

    def convert(model: Any, parts: Any) -> Any:
        key = (weights_digest(model), tuple(parts))
        if key not in made:
            made[key] = real(model, parts)
        return made[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contents, "convert", convert)
        yield


def trained(folder: Path, data: ImageData, model: Any = None, **training: Any) -> vl.Run:
    """A run of one epoch."""
    spec = model or vl.VAE(latent=5, network=MLP)
    settings = vl.Training(epochs=1, batch_size=64, validation=0, **training)
    return vl.train(vl.Experiment(model=spec, training=settings), folder, data=data)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, digits: ImageData) -> vl.Run:
    return trained(tmp_path_factory.mktemp("runs") / "five", digits)


def read(page: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The contents of a page and its blocks."""
    (text,) = re.findall(r'<script type="application/json" id="vaelab-contents">(.*?)</script>', page, re.S)
    found = re.findall(r'<script type="application/gzip" id="(.*?)">(.*?)</script>', page, re.S)
    assert len({name for name, _ in found}) == len(found)
    return json.loads(text), {name: gzip.decompress(base64.b64decode(block)) for name, block in found}


def blocks_of(value: Any) -> set[str]:
    """The blocks that contents name."""
    if isinstance(value, dict):
        return set().union(*map(blocks_of, value.values()), set())
    if isinstance(value, list):
        return set().union(*map(blocks_of, value), set())
    return {value} if isinstance(value, str) and value.startswith("vaelab-") else set()


def test_contents(run: vl.Run, digits: ImageData) -> None:
    """Images, labels, positions, KL and principal axes are those of the model on the test images."""
    about, blocks = read(page_of(run).page)
    test = digits.split("test")
    assert blocks_of(about) | {"vaelab-runtime"} == set(blocks)
    assert [about["images"][key] for key in ("count", "shape", "binary")] == [60, [1, 28, 28], False]
    assert about["images"]["name"] == "60 test images of digits"
    assert about["title"] == "five"
    assert blocks[about["images"]["pixels"]] == test.images.tobytes()
    assert test.labels is not None
    assert list(blocks[about["images"]["labels"]]) == test.labels.tolist()
    (model,) = about["models"]
    q = run.model.encode(test.tensors()[0])
    mean, stddev = q.mean.numpy(), q.stddev.numpy()
    kl = ((mean**2 + stddev**2 - 1) / 2 - np.log(stddev)).mean(0)
    assert np.allclose(model["points"]["kl"], kl, atol=1e-5)
    assert model["points"]["dimensions"] == np.argsort(-kl).tolist()
    moments = np.frombuffer(blocks[model["points"]["moments"]], "<f4").reshape(2, 60, 5)
    assert np.allclose(moments, np.stack([mean, stddev])[:, :, np.argsort(-kl)], atol=1e-5)
    assert np.allclose(model["points"]["activity"], mean.var(0), atol=1e-5)
    axes = np.array(model["points"]["principal"]["axes"])
    assert np.allclose(axes @ axes.T, np.eye(2), atol=1e-6)
    spread = np.linalg.eigvalsh(np.cov(mean.T))[::-1][:2]
    scores = np.frombuffer(blocks[model["points"]["scores"]], "<f4").reshape(60, 2)
    assert np.allclose(np.cov(scores.T), np.diag(spread), atol=1e-4)
    assert model["leftOut"] == []
    assert model["codes"] is None


def test_the_same_page_twice(run: vl.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from vaelab.export.parts import convert

    first = page_of(run).page
    monkeypatch.setattr(contents, "convert", convert)
    assert page_of(run).page == first


def test_what_is_taken(run: vl.Run, digits: ImageData, tmp_path: Path) -> None:
    """Runs, folders and model files; a model without its run needs data."""
    whole = page_of(run)
    assert whole.names == ("five",)
    assert repr(whole).startswith("Explorer of five: ")
    assert page_of(run.folder, data=digits).page == whole.page
    assert page_of(str(run.folder), data=digits).page == whole.page
    alone, _ = read(page_of(run.model).page)
    assert alone["title"] == alone["models"][0]["name"] == "VAE"
    assert alone["images"] is None
    assert alone["models"][0]["leftOut"] == [
        "points and test images, since VAE is a model file; name its data with --data"
    ]
    vl.save(run.model, tmp_path / "kept.safetensors")
    with_data, _ = read(page_of(tmp_path / "kept.safetensors", data=digits.split("test")).page)
    assert with_data["images"]["count"] == 60
    assert with_data["models"][0]["points"] is not None


def test_snapshots_of_modules(tmp_path: Path, digits: ImageData, browser: Browser) -> None:
    """A run with modules of a user's own, which its files do not hold, and the slider over its epochs."""
    modules = (nn.Sequential(nn.Flatten(), nn.Linear(784, 4)), nn.Linear(2, 784))
    run = trained(tmp_path / "own", digits, vl.VAE(network=vl.Modules(*modules)), snapshot_every=1)
    assert not read(page_of(run).page)[0]["models"][0]["snapshots"]
    made = page_of(run, snapshots=True)
    about, blocks = read(made.page)
    # The last epoch is the model itself.
    assert [each["epoch"] for each in about["models"][0]["snapshots"]] == [0]
    assert blocks_of(about) | {"vaelab-runtime"} == set(blocks)
    with opened(browser, made.write(tmp_path / "page.html")) as (page, complaints):
        ready(page)
        page.get_by_role("group", name="Training").get_by_role("slider").focus()
        page.keyboard.press("Home")
        eventually(lambda: look(page, "s.entry.epoch"), lambda epoch: epoch == 0, "the epoch")
        first = vl.load(RunFolder(run.folder).snapshot(0), modules=modules)
        agrees(page, "s.decoded.mean", first.decode(at_cursor(page)).mean)
        assert not complaints


def test_data_that_are_gone(run: vl.Run, digits: ImageData, browser: Browser, tmp_path: Path) -> None:
    """Images in the memory of another process: the page decodes, and says what it lacks."""
    made = page_of(run.folder)
    about, _ = read(made.page)
    assert about["images"] is None
    (left_out,) = about["models"][0]["leftOut"]
    assert left_out.startswith("points and test images: ")
    with opened(browser, made.write(tmp_path / "page.html")) as (page, complaints):
        ready(page)
        assert left_out in page.get_by_label("Left out").inner_text()
        assert not page.get_by_role("button", name="Random test image").count()
        page.get_by_role("button", name="Draw from the prior").click()
        agrees(page, "s.decoded.mean", run.model.decode(at_cursor(page)).mean)
        assert not complaints
    untested = replace(digits, splits={"train": range(360)})
    (left_out,) = read(page_of(run.model, data=untested).page)[0]["models"][0]["leftOut"]
    assert left_out == "points and test images, since digits has no split named test"


def test_in_a_notebook(run: vl.Run, browser: Browser, tmp_path: Path) -> None:
    """It shows itself in a frame, where models run and the address is left alone."""
    shown = page_of(run)._repr_html_()
    assert html.unescape(re.findall('srcdoc="(.*?)"', shown, re.S)[0]) == page_of(run).page
    file = tmp_path / "notebook.html"
    file.write_text(f"<!doctype html><title>notebook</title><body>{shown}")
    with opened(browser, file) as (page, complaints):
        frame = page.frame_locator("iframe")
        frame.get_by_role("button", name="Draw from the prior").click(timeout=1000 * PATIENCE)
        inside = page.frames[1]
        z = torch.tensor([inside.evaluate("() => [...window.vaelab.z]")])
        expected = run.model.decode(z).mean.numpy().ravel()
        eventually(
            lambda: inside.evaluate("() => [...window.vaelab.main.decoded.mean]"),
            lambda found: np.allclose(found, expected, atol=1e-4),
            "the image in the frame",
        )
        # Longer than a page waits before it writes its address, which a frame does not have.
        inside.evaluate("() => new Promise(done => setTimeout(done, 1000))")
        assert page.url == file.as_uri()
        assert not frame.get_by_role("button", name="Copy link").count()
        assert not complaints


def test_refused(run: vl.Run, digits: ImageData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in one line that says what to do."""
    with pytest.raises(vl.UserError, match="runs is empty; name at least one run"):
        explore()
    with pytest.raises(vl.UserError, match="runs has five and five; name each run once, from folders with different"):
        explore(run, run.folder)
    other = vl.VAE(network=MLP).build(vl.ImageFormat(1, 8, 8))
    with pytest.raises(vl.UserError, match=r"runs has VAE, whose images of 1 x 8 x 8 and 0 classes differ .* of five"):
        explore(run, other)
    with pytest.raises(vl.UserError, match="holds no run"):
        explore(tmp_path)
    colour = ImageData("colour", np.zeros((4, 3, 28, 28), np.uint8))
    with pytest.raises(vl.UserError, match=r"data has images of shape \(3, 28, 28\), but the model takes"):
        explore(run, data=colour)
    monkeypatch.setattr(page_module, "files", lambda package: tmp_path)
    with pytest.raises(vl.UserError, match="page is not built; run `make explorer`"):
        explore(run)


def test_command(cli: Cli, run: vl.Run, digits_file: Path, tmp_path: Path) -> None:
    """A page in a new folder; a page that is too large leaves the one that is there."""
    vl.save(run.model, tmp_path / "model.safetensors")
    done = cli("explore", "model.safetensors", "--data", f"npz:{digits_file}", "--out", "new/page.html", "--quiet")
    assert done.stdout == "new/page.html\n"
    assert not done.stderr
    file = tmp_path / "new/page.html"
    before = file.read_bytes()
    assert read(before.decode())[0]["images"]["count"] == 60
    large = cli("explore", "model.safetensors", "--out", "new/page.html", "--most-megabytes", "1", "--quiet", code=2)
    assert re.fullmatch(
        r".*the page would be \d MB, but .*1 MB; show fewer models.*allow more with --most-megabytes.*\n", large.stderr
    )
    assert file.read_bytes() == before
    inode = file.stat().st_ino
    cli("explore", "model.safetensors", "--out", "new/page.html", "--quiet")
    assert file.stat().st_ino != inode
    assert os.listdir(file.parent) == ["page.html"]
    assert read(file.read_text())[0]["images"] is None
    nothing = cli("explore", code=2).stderr
    assert "RUN" in nothing or "runs" in nothing
    assert cli("explore", "nowhere", code=2).stderr.count("\n") == 1


def test_bad_files(run: vl.Run, browser: Browser, tmp_path: Path) -> None:
    """Each is refused in one line, and the page goes on; a good pair is then shown."""
    parts = onnx_parts(run.model, ("encoder", "decoder"))
    other = vl.VAE(latent=3, network=MLP).build(run.model.format)
    foreign = onnx_parts(other.eval(), ("decoder",))
    damaged = bytearray(parts["decoder"])
    # The graph comes first and its description last.
    damaged[40:400] = bytes(360)
    cases: list[tuple[dict[str, bytes], str]] = [
        ({"noise.onnx": bytes(range(256)) * 8}, "noise.onnx: the file is damaged or is not an ONNX model"),
        ({"notes.txt": b"hello"}, "notes.txt is no exported model; drop encoder.onnx and decoder.onnx together"),
        ({"encoder.onnx": parts["encoder"]}, "encoder.onnx lacks the decoder; drop both together"),
        ({"encoder.onnx": parts["encoder"], "decoder.onnx": parts["decoder"][:-500]}, "decoder.onnx: "),
        ({"encoder.onnx": parts["encoder"], "decoder.onnx": bytes(damaged)}, "the decoder is damaged, or this browser"),
        (
            {"encoder.onnx": parts["encoder"], "decoder.onnx": foreign["decoder"]},
            "the encoder and the decoder are of different models; drop a pair that was exported together",
        ),
        ({"empty.onnx": b""}, "empty.onnx: "),
    ]
    with opened(browser, page_of(run).write(tmp_path / "page.html")) as (page, complaints):
        ready(page)
        chooser = page.locator("input[type=file]")
        for i, (files, expected) in enumerate(cases):
            folder = tmp_path / str(i)
            folder.mkdir()
            for name, content in files.items():
                (folder / name).write_bytes(content)
            chooser.set_input_files([folder / name for name in files])
            alert = page.get_by_role("alert")
            said = eventually(
                lambda alert=alert: alert.inner_text() if alert.count() else "",
                lambda line, expected=expected: expected in line,
                expected,
            )
            assert len(said.splitlines()) <= 2, said
            page.get_by_role("button", name="Dismiss").click()
            page.get_by_role("button", name="Draw from the prior").click()
            agrees(page, "s.decoded.mean", run.model.decode(at_cursor(page)).mean)
            assert look(page, "p.names.length") == 1
        good = tmp_path / "good"
        good.mkdir()
        for name, content in parts.items():
            (good / f"{name}.onnx").write_bytes(content)
        chooser.set_input_files([good / "encoder.onnx", good / "decoder.onnx"])
        page.get_by_role("alert").get_by_text("dropped model is loaded.").wait_for(timeout=1000 * PATIENCE)
        agrees(page, "s.decoded.mean", run.model.decode(at_cursor(page)).mean)
        assert not complaints
