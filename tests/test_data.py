"""Sources of images: real files, broken files, failing mirrors."""

from __future__ import annotations

import contextlib
import gzip
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from vaelab import Dynamic, Grey, Static, Threshold, UserError, open_data
from vaelab.data import Folder, ImageData, Mnist, Npz, parse_source, source_text
from vaelab.data.auto import open_auto
from vaelab.data.directory import data_directory
from vaelab.data.fetching import fetch
from vaelab.data.idx import NAMES
from vaelab.data.store import DataNotFound, FileSet

from .conftest import mirror


def mnist_from(*mirrors: str) -> FileSet:
    """MNIST's files, from other addresses."""
    files = Mnist().files()
    return replace(files, downloads=tuple(replace(download, mirrors=mirrors) for download in files.downloads))


@pytest.fixture(scope="session")
def mnist_folder(mnist: ImageData) -> Path:
    folder = data_directory()
    return folder / "mnist" if (folder / "mnist").is_dir() else folder


def test_mnist_is_complete(mnist: ImageData) -> None:
    assert mnist.images.shape == (70_000, 1, 28, 28)
    assert len(mnist.split("train")) == 60_000
    # Published facts: the first training digits and the number of each digit.
    assert mnist.split("train").labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    counts = np.bincount(mnist.split("train").labels)
    assert counts.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert mnist.split("train").images.mean() / 255 == pytest.approx(0.1307, abs=5e-5)


def test_mnist_is_fetched_from_the_next_mirror_if_one_is_corrupt_or_absent(mnist_folder: Path, tmp_path: Path) -> None:
    corrupt, target = tmp_path / "corrupt", tmp_path / "target"
    corrupt.mkdir()
    target.mkdir()
    for name in NAMES:
        (corrupt / name).write_bytes(gzip.compress(b"not MNIST"))
    with mirror(corrupt) as bad, mirror(tmp_path / "nothing") as absent, mirror(mnist_folder) as good:
        fetch(mnist_from(bad, absent, good), target)
    assert sorted(path.name for path in (target / "mnist").iterdir()) == sorted(NAMES)
    assert len(Mnist().read(target)) == 70_000


def test_mnist_is_read_unpacked_and_straight_from_the_folder(mnist_folder: Path, tmp_path: Path) -> None:
    for name in NAMES:
        packed, plain = mnist_folder / name, name.removesuffix(".gz")
        content = gzip.decompress(packed.read_bytes()) if packed.exists() else (mnist_folder / plain).read_bytes()
        (tmp_path / plain).write_bytes(content)
    assert len(Mnist().read(tmp_path)) == 70_000


@pytest.mark.parametrize("damage", ["cut short", "one label changed"])
def test_a_corrupt_mnist_is_refused(damage: str, mnist_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(mnist_folder, tmp_path / "mnist")
    victim = next((tmp_path / "mnist").glob("t10k-labels*"))
    intact = victim.read_bytes()
    if damage == "cut short":
        victim.write_bytes(intact[: len(intact) // 2])
    else:
        packed = victim.suffix == ".gz"
        content = bytearray(gzip.decompress(intact) if packed else intact)
        content[100] ^= 1
        victim.write_bytes(gzip.compress(bytes(content)) if packed else bytes(content))
    for load in (lambda: Mnist().load(tmp_path), lambda: open_auto(tmp_path)):
        with pytest.raises(UserError, match="corrupt") as caught:
            load()
        assert not isinstance(caught.value, DataNotFound)
        assert str(victim) in str(caught.value)


def test_without_network_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataNotFound, match=r"cannot be downloaded.*--data-dir"):
        fetch(mnist_from("http://127.0.0.1:9/"), tmp_path)
    assert list(tmp_path.rglob("*.gz")) == []


def test_auto_falls_back_to_digits_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mnist, "published", mnist_from("http://127.0.0.1:9/"))
    source, data, notice = open_auto(tmp_path)
    assert source.kind == data.name == "digits"
    assert notice is not None
    assert "not MNIST" in notice


def test_digits_are_real_and_28_pixels_wide() -> None:
    data = open_data("digits")
    assert data.images.shape == (1797, 1, 28, 28)
    assert data.images.max() == 255
    assert np.bincount(data.labels).min() > 150
    assert len(data.split("train")) + len(data.split("test")) == 1797


@pytest.mark.parametrize("found", [True, False], ids=["its file", "its function"])
def test_digits_are_those_of_scikit_learn(found: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read from its file, or asked for where a version of it has no such file."""
    from vaelab.data import digits as module

    bunch = load_digits()
    if found:
        monkeypatch.delattr("sklearn.datasets.load_digits")
    else:
        monkeypatch.setattr(module, "find_spec", lambda name: None)
    greys, labels = module._digits()
    assert np.array_equal(greys, bunch.images)
    assert np.array_equal(labels, bunch.target)
    assert (greys.shape, labels.dtype) == ((1797, 8, 8), np.int64)


def image(path: Path, size: tuple[int, int] = (20, 30), mode: str = "L") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = 200 if mode == "L" else (200, 100, 0)
    Image.new(mode, size, colour).save(path)
    return path


def test_a_folder_of_images_with_classes(tmp_path: Path) -> None:
    for index in range(5):
        image(tmp_path / "cats" / f"{index}.png", (20 + index, 31))
        image(tmp_path / "dogs" / f"{index}.jpg", (300, 200))
    data = Folder(str(tmp_path), image_size=16).load()
    assert data.images.shape == (10, 1, 16, 16)
    assert data.classes == ("cats", "dogs")
    assert sorted(data.labels.tolist()) == [0] * 5 + [1] * 5
    assert np.abs(data.images.astype(int) - 200).max() <= 2


def test_a_folder_with_one_colour_image_is_all_colour(tmp_path: Path) -> None:
    image(tmp_path / "a.png", mode="RGB")
    image(tmp_path / "b.png")
    data = Folder(str(tmp_path), image_size=8).load()
    assert data.images.shape == (2, 3, 8, 8)
    assert {tuple(image[:, 0, 0]) for image in data.images} == {(200, 100, 0), (200, 200, 200)}
    assert data.labels is None


def test_sixteen_bits_transparency_and_palettes_become_eight_bits(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)
    Image.fromarray(np.tile(ramp, (256, 1))).save(tmp_path / "a.png")
    clear = np.zeros((8, 8, 4), np.uint8)  # black and fully transparent
    Image.fromarray(clear).save(tmp_path / "b.png")
    Image.new("L", (8, 8), 100).convert("P").save(tmp_path / "c.png")
    data = Folder(str(tmp_path), image_size=8).load()
    assert data.images.shape == (3, 1, 8, 8)
    means = sorted(data.images.mean((1, 2, 3)).round().tolist())
    assert means == pytest.approx([100, 127, 255], abs=2)


def test_floating_point_images_are_refused(tmp_path: Path) -> None:
    image(tmp_path / "a.png")
    Image.fromarray(np.ones((8, 8), np.float32)).save(tmp_path / "b.tif")
    with pytest.raises(UserError, match=r"1 of 2 images cannot be decoded: .*b\.tif"):
        Folder(str(tmp_path)).load()


def test_a_folder_keeps_its_own_splits(tmp_path: Path) -> None:
    for index in range(3):
        image(tmp_path / "train" / "x" / f"{index}.png")
    image(tmp_path / "test" / "y" / "0.png")
    data = Folder(str(tmp_path), image_size=8).load()
    assert (len(data.split("train")), len(data.split("test"))) == (3, 1)
    assert data.classes == ("x", "y")
    assert data.split("test").labels.tolist() == [1]


def test_a_broken_image_is_named_and_skipped_only_on_request(tmp_path: Path) -> None:
    for index in range(3):
        image(tmp_path / f"{index}.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG not really")
    cut = image(tmp_path / "cut.jpg", (200, 200))
    cut.write_bytes(cut.read_bytes()[:500])
    with pytest.raises(UserError, match=r"2 of 5 images cannot be decoded: .*broken\.png.*skip_broken=True"):
        Folder(str(tmp_path), image_size=8).load()
    data = Folder(str(tmp_path), image_size=8, skip_broken=True).load()
    assert len(data) == 3
    assert [Path(file).name for file in data.skipped] == ["broken.png", "cut.jpg"]


def test_a_stray_image_next_to_class_folders_is_named(tmp_path: Path) -> None:
    image(tmp_path / "cats" / "0.png")
    image(tmp_path / "stray.png")
    with pytest.raises(UserError, match=r"stray\.png lies next to them"):
        Folder(str(tmp_path)).load()


@pytest.mark.parametrize("shape", [(6, 9, 7), (6, 1, 9, 7), (6, 9, 7, 3), (6, 3, 9, 7)])
def test_npz_takes_channels_first_last_or_none(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.savez(tmp_path / "x.npz", images=np.zeros(shape, np.uint8), labels=np.arange(6) % 2)
    data = Npz(str(tmp_path / "x.npz")).load()
    assert data.images.shape == (6, 3 if 3 in shape[1:] else 1, 9, 7)
    assert data.classes == ("0", "1")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pixels": np.zeros((2, 4, 4), np.uint8)}, "has no array `images`, but has: pixels; write it with np.savez"),
        ({"images": np.zeros((2, 4, 4))}, "images are float64, but must be uint8"),
        ({"images": np.zeros((2, 4, 4), np.uint8), "labels": np.zeros(3, int)}, "one label per image"),
        ({"images": np.zeros((2, 4, 4), np.uint8), "labels": np.zeros(2)}, "labels are float64"),
        ({"images": np.zeros((2, 4, 4), np.uint8), "labels": np.array([-2, 0])}, "number the classes from 0"),
        ({"images": np.zeros((0, 4, 4), np.uint8)}, "no images"),
        ({"images": np.array([{"a": 1}])}, "cannot be read"),
        ({"images": np.zeros((2, 4, 4), np.uint8), "test_images": np.zeros((2, 5, 5), np.uint8)}, "bring them to one"),
        ({"images": np.zeros((2, 8, 8, 4), np.uint8)}, "must have one channel or three, as axis 1 or last"),
        ({"images": np.zeros((2, 4, 4), np.uint8), "labels": np.zeros(0, int)}, "one label per image"),
        ({"images": np.zeros((2, 4, 4), np.uint8), "labels": np.array(1)}, "one label per image"),
        ({"images": np.zeros((2, 4, 4), np.uint8), "labels": np.array([0, 10**9])}, "number the classes from 0"),
        ({"images": np.zeros((2, 4, 4), np.uint8), "labels": np.zeros(2, int), "classes": np.array("a")}, "one name"),
        ({"images": np.zeros((2, 4, 4), np.uint8), "test_labels": np.zeros(2, int)}, "labels for only one of"),
        ({"images": np.zeros((2, 4, 4), np.uint8), "attributes": np.zeros(2)}, r"must be numbers of shape \(N, A\)"),
        ({"images": np.zeros((2, 4, 4), np.uint8), "attributes": np.array([["a"]] * 2)}, "attributes are <U1"),
        ({"images": np.zeros((2, 4, 4), np.uint8), "attributes": np.zeros((3, 1))}, r"attributes have shape \(3, 1\)"),
        ({"images": np.zeros((2, 4, 4), np.uint8), "attributes": np.full((2, 1), 1e300)}, "is inf, but must be finite"),
        ({"images": np.zeros((2, 4, 4), np.uint8), "test_attributes": np.zeros((2, 1))}, "attributes for only one of"),
        (
            {"images": np.zeros((2, 4, 4), np.uint8), "attributes": np.zeros((2, 2)), "attribute_names": ["one"]},
            "1 attribute names, but the attributes have 2 columns",
        ),
    ],
)
def test_npz_mistakes_are_named(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(UserError, match=message):
        Npz(str(tmp_path / "x.npz")).load()


@pytest.mark.parametrize("name", ["images", "test_images", "labels", "attributes", "classes", "attribute_names"])
@pytest.mark.parametrize("content", [b"", b"text"], ids=["empty", "text"])
def test_a_member_of_an_npz_that_is_no_array_is_named(name: str, content: bytes, tmp_path: Path) -> None:
    arrays = {"images": np.zeros((10, 4, 4), np.uint8), "labels": np.arange(10) % 2, "attributes": np.zeros((10, 1))}
    arrays.pop(name, None)
    np.savez(tmp_path / "x.npz", **arrays)
    with zipfile.ZipFile(tmp_path / "x.npz", "a") as archive:
        archive.writestr("notes.txt", "left alone")
        archive.writestr(f"{name}.npy", content)
    with pytest.raises(
        UserError, match=rf"x\.npz: `{name}` is no array; write it with np\.savez\(path, {name}=\.\.\.\)"
    ):
        Npz(str(tmp_path / "x.npz")).load()


def test_images_without_a_pixel_are_named() -> None:
    with pytest.raises(UserError, match=r"bars: images have shape \(2, 1, 0, 4\), without a pixel"):
        ImageData("bars", np.zeros((2, 1, 0, 4), np.uint8))


def test_npz_attributes_are_read_with_their_names(tmp_path: Path) -> None:
    images, path = np.zeros((10, 4, 4), np.uint8), tmp_path / "x.npz"
    images[:, 0, 0] = np.arange(10)
    heights = np.stack([np.arange(10), -np.arange(10)], axis=1)
    np.savez(path, images=images, attributes=heights, attribute_names=["height", "depth"])
    data = Npz(str(path)).load()
    assert data.format.attributes == ("height", "depth")
    assert data.attributes.dtype == np.float32
    # Held-out rows are random and keep their attributes.
    assert data.attributes[:, 0].tolist() == data.images[:, 0, 0, 0].tolist()

    tests = {"test_images": images[:3] + 100, "test_attributes": heights[:3] + 100}
    np.savez(path, images=images, attributes=heights, labels=np.arange(10), test_labels=np.arange(3), **tests)
    data = Npz(str(path)).load()
    assert data.attribute_names == ("attribute 0", "attribute 1")
    assert data.split("test").attributes[:, 0].tolist() == [100, 101, 102]
    assert data.split("train").labels.tolist() == list(range(10))


def test_a_damaged_archive_raises_only_user_errors(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez_compressed(tmp_path / "x.npz", images=rng.integers(0, 255, (20, 8, 8), np.uint8), labels=np.arange(20) % 3)
    intact = (tmp_path / "x.npz").read_bytes()
    for place in rng.integers(0, len(intact), 200):
        damaged = bytearray(intact)
        damaged[place] ^= 0xFF
        (tmp_path / "x.npz").write_bytes(damaged)
        # Some bytes of a zip archive are unused; damage to any other byte raises a UserError.
        with contextlib.suppress(UserError):
            Npz(str(tmp_path / "x.npz")).load()
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "array.npy").rename(tmp_path / "array.npz")
    with pytest.raises(UserError, match=r"np\.savez"):
        Npz(str(tmp_path / "array.npz")).load()


@pytest.mark.parametrize(
    "text",
    [
        "mnist",
        "fashion-mnist",
        "emnist",
        "emnist:letters",
        "celeba",
        "celeba:some/where",
        "shapes3d",
        "digits",
        "folder:some/where",
        "npz:a.npz",
        "folder:C:/images",
    ],
)
def test_source_texts_survive_parsing(text: str) -> None:
    assert source_text(parse_source(text)) == text


@pytest.mark.parametrize(
    "text", ["", "mnits", "folder", "folder:", "mnist:x", "auto", "emnist:", "dsprites:9", "mnist:"]
)
def test_unknown_sources_are_named(text: str) -> None:
    with pytest.raises(UserError, match=r"must be one of mnist, .*, digits, folder:PATH, npz:PATH"):
        parse_source(text)


def test_binarisation_protocols() -> None:
    images = np.tile(np.array([0, 64, 128, 255], np.uint8), (2000, 1, 1, 1))
    batch = torch.from_numpy(images)

    grey = Grey().pixels(torch.from_numpy(Grey().prepare(images)))
    torch.testing.assert_close(grey, batch / 255)

    static = Static(seed=3).prepare(images)
    assert set(np.unique(static)) == {0, 255}
    assert np.array_equal(static, Static(seed=3).prepare(images))
    assert not np.array_equal(static, Static(seed=4).prepare(images))
    assert (static.reshape(-1, 4).mean(0) / 255).tolist() == pytest.approx([0, 64 / 255, 128 / 255, 1], abs=0.04)

    torch.manual_seed(0)
    first, second = Dynamic().pixels(batch), Dynamic().pixels(batch)
    assert set(first.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(first, second)
    assert first.mean((0, 1, 2)).tolist() == pytest.approx([0, 64 / 255, 128 / 255, 1], abs=0.04)

    threshold = Threshold(level=0.5).prepare(images)
    assert threshold[0].flatten().tolist() == [0, 0, 255, 255]


def test_a_fully_white_pixel_is_always_one_under_static_binarisation() -> None:
    assert (Static(seed=0).prepare(np.full((100, 1, 28, 28), 255, np.uint8)) == 255).all()
    assert (Static(seed=0).prepare(np.zeros((100, 1, 28, 28), np.uint8)) == 0).all()


def test_data_folder_comes_from_flag_then_variable_then_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flag, variable = tmp_path / "flag", tmp_path / "variable"
    flag.mkdir()
    variable.mkdir()
    monkeypatch.setenv("VAELAB_DATA", str(variable))
    assert data_directory(flag) == flag
    assert data_directory() == variable
    monkeypatch.delenv("VAELAB_DATA")
    assert data_directory().name == "vaelab"
    with pytest.raises(UserError, match=r"the folder of data sets is .* not a folder"):
        data_directory(tmp_path / "absent")
