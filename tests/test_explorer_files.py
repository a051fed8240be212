"""What leaves the explorer and what comes to it: links, downloads, and models that a user drops on the page."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pytest
import torch
from PIL import Image

import vaelab as vl
from vaelab.data import ImageFormat
from vaelab.models.model import Model

from .explorer_pages import PATIENCE, Map, Screen, Site, box_of, close, decoded, place, shown
from .exports import quick_exports


def draw(screen: Screen) -> None:
    box = box_of(screen.paper)
    screen.drag(*(place(box, *point) for point in ((0.3, 0.2), (0.7, 0.2), (0.45, 0.85))))


def link_of(screen: Screen, *holds: str) -> str:
    """What follows # in the address, once it holds some texts."""
    for text in holds:
        screen.until(f"location.hash.includes('{text}')")
    return screen.value("location.hash.slice(1)")


# ---- links ----


def test_a_link_opens_the_same_state(browser, desk: Screen, explorer_site: Site) -> None:
    assert desk.value("location.hash") == ""
    field = Map.of(desk, explorer_site.model("vae"), explorer_site)
    for point in ((-1.2, 0.4), (0.7, 1.3)):
        desk.page.mouse.click(*field.pixels(point))
        desk.rest()
        desk.press("Add the cursor", "#paths")
    desk.press("spherical", "#paths")
    desk.press("cvae", "header")
    desk.press("vae", "#compare")
    desk.page.get_by_role("radio", name="4").click()
    draw(desk)
    desk.plane.focus()
    for key in ("+", "Shift+ArrowLeft"):
        desk.page.keyboard.press(key)
    desk.press("3", "#plane .legend")
    link = link_of(desk, "model=1", "compare=0", "label=4", "ink=", "path=", "pathKind=spherical", "hidden=3", "view=")
    assert len(link) < 1500
    assert set(parse_qs(link)) == {"model", "compare", "z", "label", "hidden", "view", "ink", "path", "pathKind"}
    with shown(browser, explorer_site.file, state=link) as again:
        again.until("vaelab.others.length === 1 && vaelab.way.length === 16 && vaelab.main.loss")
        again.rest()
        for same in ("index", "label", "compared", "pathKind"):
            assert again.value(f"vaelab.{same}") == desk.value(f"vaelab.{same}"), same
        assert again.value("[...vaelab.hidden]") == [3]
        assert again.button("cvae", "header").get_attribute("aria-pressed") == "true"
        assert close(again.z, desk.z, 1e-3)
        # A link keeps 16 levels of grey.
        assert close(again.image, desk.image, 0.5 / 15 + 1e-6)
        for each in ("x", "y", "k"):
            assert again.value(f"vaelab.view.{each}") == pytest.approx(desk.value(f"vaelab.view.{each}"), abs=2e-3)
        marker = "#plane .cursor circle >> nth=1"
        assert again.page.locator(marker).bounding_box()["x"] == pytest.approx(
            desk.page.locator(marker).bounding_box()["x"], abs=1.5
        )
        assert close(again.floats("vaelab.main.decoded.mean"), decoded(explorer_site.model("cvae"), again.z, 4))
        # The drawing lies on the paper and can be continued.
        before = again.image
        assert again.canvases("#ink .paper canvas")[..., 0].min() < 60
        box = box_of(again.paper)
        again.drag(place(box, 0.2, 0.5), place(box, 0.6, 0.5))
        assert (again.image - before).abs().sum() > 5
        assert again.image.sum() > before.sum()


def test_a_link_with_a_test_image_and_the_keys_back(desk: Screen, explorer_site: Site) -> None:
    desk.value("(location.hash = 'model=0&image=7&z=0.5,-0.25')")
    desk.until("vaelab.row === 7 && vaelab.index === 0")
    desk.rest()
    assert close(desk.image, explorer_site.images[7], 1e-6)
    assert close(desk.z, torch.tensor([0.5, -0.25]))
    assert desk.value("vaelab.path.length") == 0
    assert desk.value("vaelab.compared.length") == 0
    # What a link does not say is as on a new page.
    desk.value("(location.hash = 'z=1,1')")
    desk.until("vaelab.image === null")
    desk.rest()
    assert close(desk.z, torch.tensor([1.0, 1.0]))


@pytest.mark.parametrize(
    ("link", "lost"),
    [
        ("z=1,tea&model=1", "z"),
        ("z=0.5,0.5&ink=!!&colour=red", "ink, colour"),
        ("z=1,2,3&image=100000&model=9", "model, z, image"),
    ],
)
def test_a_broken_link_says_what_is_left_out(desk: Screen, link: str, lost: str) -> None:
    desk.value(f"(location.hash = '{link}')")
    desk.until(f"vaelab.message.includes(`link's {lost} cannot`)")
    assert f"The link's {lost} cannot be read and is left out." in desk.page.get_by_role("alert").inner_text()
    desk.press("Dismiss")
    assert desk.page.get_by_role("alert").count() == 0


def test_the_link_is_copied(desk: Screen) -> None:
    desk.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    desk.press("Copy link", "header")
    desk.until("vaelab.message !== ''")
    assert "link" in desk.page.get_by_role("alert").inner_text()
    desk.press("Dismiss")


# ---- downloads ----


def saved(screen: Screen, name: str, within: str) -> bytes:
    """The file that a button gives."""
    with screen.page.expect_download(timeout=PATIENCE) as download:
        screen.button(name, within).click()
    return Path(download.value.path()).read_bytes()


def test_a_panel_as_png(desk: Screen) -> None:
    draw(desk)
    for panel, title in (("plane", "Latent plane z"), ("loss", "The loss of this image")):
        box = box_of(desk.page.locator(f"#{panel}"))
        image = Image.open(io.BytesIO(saved(desk, f"{title} as PNG", f"#{panel}")))
        assert image.format == "PNG"
        assert image.size == pytest.approx((2 * box["width"], 2 * box["height"]), abs=3)
        colours = np.asarray(image.convert("L"))
        assert colours.std() > 3
        assert len(np.unique(colours)) > 20


def test_a_path_as_gif(desk: Screen, explorer_site: Site) -> None:
    desk.value("(location.hash = 'path=-1,0.5;1,1')")
    desk.until("vaelab.way.length === 16")
    desk.rest()
    image = Image.open(io.BytesIO(saved(desk, "GIF", "#paths")))
    # There and back again, without the ends twice.
    assert (image.format, image.n_frames, image.size) == ("GIF", 30, (28, 28))
    way = torch.tensor(desk.value("vaelab.way.map(z => Array.from(z))"))
    expected = decoded(explorer_site.model("vae"), way).view(16, 28, 28)
    for frame, at in ((0, 0), (9, 9), (15, 15), (20, 10)):
        image.seek(frame)
        pixels = torch.from_numpy(np.array(image.convert("L"))).float() / 255
        assert close(pixels, expected[at], 0.0025), frame
        assert image.info["duration"] == 90


def test_points_as_csv(desk: Screen, explorer_site: Site) -> None:
    text = saved(desk, "Points as CSV", "header").decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == 60
    with torch.no_grad():
        q = explorer_site.model("vae").encode(explorer_site.images)
    assert [int(row["image"]) for row in rows] == list(range(60))
    assert [row["label"] for row in rows] == [str(int(label)) for label in explorer_site.labels]
    for name, values in (("mean", q.mean), ("stddev", q.stddev)):
        found = torch.tensor([[float(row[f"{name}_{d}"]) for d in range(2)] for row in rows])
        assert close(found, values, 1e-4)


# ---- models that are dropped on the page ----


@pytest.fixture(scope="module")
def brought(tmp_path_factory: pytest.TempPathFactory, explorer_site: Site) -> tuple[Path, Model]:
    """A folder with a small exported model, files that are none, and parts of other models."""
    folder = tmp_path_factory.mktemp("brought")
    torch.manual_seed(3)
    form = ImageFormat(1, 28, 28, tuple(map(str, range(10))))
    model = vl.VAE(latent=2, network=vl.Mlp(hidden=(8,))).build(form).eval()
    other = vl.VAE(latent=2, network=vl.Mlp(hidden=(6,)), conditional=True).build(form)
    colour = vl.VAE(latent=2, network=vl.Mlp(hidden=(4,))).build(ImageFormat(3, 8, 8))
    with quick_exports():
        for name, each in (("mine", model), ("other", other), ("colour", colour)):
            vl.export_onnx(each, folder / name)
    decoder = (folder / "mine" / "decoder.onnx").read_bytes()
    (folder / "truncated.onnx").write_bytes(decoder[: len(decoder) // 2])
    # The description is whole, but the weights are not.
    damaged = bytearray(decoder)
    damaged[40 : len(damaged) // 3] = bytes(len(damaged) // 3 - 40)
    (folder / "damaged.onnx").write_bytes(damaged)
    (folder / "noise.onnx").write_bytes(np.random.default_rng(0).bytes(5000))
    (folder / "letter.txt").write_text("no model")
    return folder, model


def drop(screen: Screen, *files: Path) -> None:
    """Drag files from a folder of the computer over the page, and let go."""
    data = {"items": [], "files": [str(file) for file in files], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        screen.cdp.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": data})


def test_a_model_that_is_dropped_runs(desk: Screen, brought: tuple[Path, Model], explorer_site: Site) -> None:
    folder, model = brought
    count = desk.value("vaelab.names.length")
    drop(desk, folder / "mine" / "encoder.onnx", folder / "mine" / "decoder.onnx")
    desk.until("vaelab.message !== ''")
    assert "is loaded" in desk.value("vaelab.message")
    desk.rest()
    assert desk.value("vaelab.names.length") == count + 1
    desk.plane.focus()
    for key in ("ArrowRight", "ArrowUp"):
        desk.page.keyboard.press(key)
    draw(desk)
    assert close(desk.floats("vaelab.main.decoded.mean"), decoded(model, desk.z))
    with torch.no_grad():
        assert close(desk.floats("vaelab.main.encoding.mean"), model.encode(desk.image).mean)
    desk.until("vaelab.truth")
    assert "brings no images of its own" in desk.page.get_by_label("Left out").inner_text()
    desk.press("vae", "header")
    assert close(desk.floats("vaelab.main.decoded.mean"), decoded(explorer_site.model("vae"), desk.z))


def test_a_model_that_is_chosen_runs(desk: Screen, brought: tuple[Path, Model]) -> None:
    folder, _ = brought
    desk.press("Dismiss")
    with desk.page.expect_file_chooser(timeout=PATIENCE) as chooser:
        desk.button("Load a model", "header").click()
    chooser.value.set_files([folder / "colour" / "decoder.onnx", folder / "colour" / "encoder.onnx"])
    desk.until("vaelab.message !== ''")
    assert "is loaded" in desk.value("vaelab.message")
    desk.rest()
    assert desk.value("vaelab.main.decoded.mean.length") == 3 * 8 * 8
    # It takes images of another shape, so the page's own are not offered.
    assert desk.button("Random test image", "#ink").count() == 0
    assert desk.value("vaelab.image") is None
    desk.press("vae", "header")
    assert desk.button("Random test image", "#ink").count() == 1


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (("mine/encoder.onnx", "truncated.onnx"), r"truncated\.onnx: "),
        (("mine/encoder.onnx", "damaged.onnx"), r"."),
        (("noise.onnx",), r"noise\.onnx: the file is damaged or is not an ONNX model"),
        (("letter.txt",), r"letter\.txt is no exported model; drop encoder\.onnx and decoder\.onnx together"),
        (("mine/encoder.onnx",), r"encoder\.onnx lacks the decoder; drop both together"),
        (("mine",), r"does not let this page read the folder mine; drop the encoder\.onnx and decoder\.onnx in it"),
        (("mine/encoder.onnx", "other/decoder.onnx"), r"of different models; drop a pair that was exported together"),
    ],
    ids=["truncated", "damaged", "noise", "text", "half", "folder", "mixed"],
)
def test_what_is_no_model_is_refused(
    desk: Screen, brought: tuple[Path, Model], explorer_site: Site, names: tuple[str, ...], says: str
) -> None:
    desk.value("(vaelab.message = '')")
    count = desk.value("vaelab.names.length")
    drop(desk, *(brought[0] / name for name in names))
    desk.until("vaelab.message !== ''")
    line = desk.page.get_by_role("alert").locator("xpath=.").inner_text()
    assert re.search(says, line), line
    assert len(line) < 250
    assert "at " not in line.splitlines()[-1][:3]
    desk.rest()
    # The page goes on.
    assert desk.value("vaelab.names.length") == count
    desk.plane.focus()
    desk.page.keyboard.press("ArrowDown")
    desk.rest()
    assert close(desk.floats("vaelab.main.decoded.mean"), decoded(explorer_site.model("vae"), desk.z))
