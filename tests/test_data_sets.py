"""Published data sets, read from small files in their formats, intact and damaged."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import re
import sys
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from vaelab import UserError
from vaelab.cli import main as vaelab
from vaelab.data import (
    CelebA,
    Cifar10,
    DSprites,
    Emnist,
    FashionMnist,
    Kmnist,
    Mnist,
    Shapes3D,
    SourceSpec,
    Stored,
    dsprites,
    source_words,
)
from vaelab.data.data import held_out
from vaelab.data.emnist import ARCHIVE
from vaelab.data.fetching import fetch
from vaelab.data.idx import NAMES
from vaelab.data.images import ImageData
from vaelab.data.store import DataNotFound, FileSet

from .conftest import mirror

# Not symmetric: any rotation, reflection or transposition changes the image.
LETTER_L = np.zeros((28, 28), np.uint8)
LETTER_L[4:24, 6:9] = 200
LETTER_L[21:24, 6:18] = 100


def idx(array: NDArray[np.uint8]) -> bytes:
    """The bytes of an IDX file."""
    return bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def write_idx(folder: Path, names: tuple[str, ...], *arrays: NDArray[np.uint8]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(names, arrays, strict=True):
        (folder / name).write_bytes(gzip.compress(idx(array)))


def make_idx(folder: Path, train: int = 12, test: int = 5, classes: int = 10) -> None:
    rng = np.random.default_rng(train)
    numbers = np.arange(train + test, dtype=np.uint8) % classes
    images = rng.integers(0, 256, (train + test, 28, 28), np.uint8)
    write_idx(folder, NAMES, images[:train], numbers[:train], images[train:], numbers[train:])


def make_emnist(folder: Path, subset: str, mapping: str, labels: list[int]) -> None:
    numbers = np.array(labels, np.uint8)
    images = np.stack([LETTER_L.T] * len(labels))
    *names, listed = Emnist(subset).files().names
    write_idx(folder, tuple(names), images, numbers, images[:1], numbers[:1])
    (folder / listed).write_text(mapping)


def make_cifar(folder: Path, records: bytes | None = None) -> None:
    """Two batches and a test batch of one image: red in the upper half, blue in the left half."""
    image = np.zeros((3, 32, 32), np.uint8)
    image[0, :16], image[2, :, :16] = 250, 120
    if records is None:
        records = b"".join(bytes([label]) + image.tobytes() for label in (2, 0))
    folder.mkdir(parents=True)
    with tarfile.open(folder / "cifar-10-binary.tar.gz", "w:gz") as archive:
        members = {
            "data_batch_1.bin": records,
            "data_batch_2.bin": records,
            "test_batch.bin": records,
            "batches.meta.txt": b"airplane\nautomobile\nbird\n\n",
            "readme.html": b"<html>",
        }
        for name, content in members.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def make_celeba(folder: Path, partition: tuple[int, ...] = (2, 0, 0, 1)) -> None:
    """Grey frames around a 148 x 148 centre, red in the upper half and green in the lower half."""
    pixels = np.full((218, 178, 3), 128, np.uint8)
    pixels[35:109, 15:163] = (220, 0, 0)
    pixels[109:183, 15:163] = (0, 200, 0)
    (folder / "img_align_celeba").mkdir(parents=True)
    names = [f"{number:06}.jpg" for number in range(1, len(partition) + 1)]
    for name in names:
        Image.fromarray(pixels).save(folder / "img_align_celeba" / name, quality=100, subsampling=0)
    split = "".join(f"{name} {part}\n" for name, part in zip(names, partition, strict=True))
    (folder / "list_eval_partition.txt").write_text(split)
    rows = [f"{name} {' 1' if row % 2 else '-1'}  1 -1" for row, name in enumerate(names)]
    (folder / "list_attr_celeba.txt").write_text("\n".join([str(len(names)), "Bald Smiling Young ", *rows, ""]))


class Trap:
    """An object that creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def make_dsprites(folder: Path, rows: int = 60, values: NDArray[np.float64] | None = None) -> Path:
    """Row r has scale r and encodes r as white bits in the first line of its image."""
    folder.mkdir(parents=True)
    images = np.zeros((rows, 64, 64), np.uint8)
    images[:, 0, :16] = (np.arange(rows)[:, None] >> np.arange(16)) & 1
    classes = np.zeros((rows, 6), np.int64)
    classes[:, 1] = np.arange(rows) % 3
    if values is None:
        values = np.tile([1.0, 1, 0, 0.25, 0.5, 0.75], (rows, 1))
        values[:, 2] = np.arange(rows)
    metadata = np.array([Trap(folder / "sprung")], dtype=object)
    np.savez_compressed(
        folder / dsprites.NAME, imgs=images, latents_values=values, latents_classes=classes, metadata=metadata
    )
    return folder / "sprung"


def make_shapes3d(folder: Path, rows: int = 50, labels: int = 6) -> None:
    """Row r has floor hue r and the RGB colour (r, 2 r, 3 r)."""
    h5py = pytest.importorskip("h5py")
    folder.mkdir(parents=True)
    number = np.arange(rows, dtype=np.uint8)
    images = np.ones((rows, 64, 64, 3), np.uint8) * (number[:, None] * np.array([1, 2, 3], np.uint8))[:, None, None]
    values = np.tile(np.arange(labels, dtype=float), (rows, 1))
    values[:, 0] = number
    with h5py.File(folder / "3dshapes.h5", "w") as file:
        file.create_dataset("images", data=images, chunks=(16, 64, 64, 3), compression="gzip")
        file.create_dataset("labels", data=values)


MADE: list[tuple[SourceSpec, Callable[[Path], object]]] = [
    (FashionMnist(), make_idx),
    (Kmnist(), make_idx),
    (Emnist("letters"), lambda folder: make_emnist(folder, "letters", "1 65 97\n2 66 98\n", [2, 1, 2])),
    (Cifar10(), make_cifar),
    (CelebA(), make_celeba),
    (DSprites(), make_dsprites),
    (Shapes3D(), make_shapes3d),
]


def load(source: SourceSpec, directory: Path) -> ImageData:
    return source.load(directory)


@pytest.mark.parametrize(("source", "make"), MADE, ids=lambda value: getattr(value, "kind", None))
def test_a_data_set_loads_with_its_splits(
    source: SourceSpec, make: Callable[[Path], object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / source.kind)
    data = load(source, tmp_path)
    assert len(data.split("train")) + len(data.split("test")) <= len(data)
    assert data.format.classes or data.format.attributes
    x, y = data.split("train").tensors()
    assert y is not None
    assert x.shape == (len(data.split("train")), *data.format.shape)
    # Torch warns about read-only arrays.
    torch.from_numpy(data.images)
    assert load(source, tmp_path).digest == data.digest
    if not isinstance(source, Emnist):
        vaelab(["data", "list", "--data-dir", str(tmp_path)])
        listed = capsys.readouterr().out.splitlines()
        assert [line.split()[0].split("[")[0] for line in listed if "[at hand]" in line] == [source.kind]


@pytest.mark.parametrize(
    "source", [source() for source in source_words().values() if issubclass(source, Stored)], ids=lambda s: s.kind
)
def test_a_missing_data_set_says_where_to_put_which_file(
    source: SourceSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if isinstance(source, Mnist):
        pytest.skip("MNIST is fetched; see test_data.py")
    with pytest.raises(DataNotFound) as caught:
        source.load(tmp_path)
    message = str(caught.value)
    assert "\n" not in message
    assert source.files().names[0] in message
    assert f"into {tmp_path / source.kind}" in message
    assert "https://" in message
    assert ("vaelab data fetch" in message) == bool(source.files().downloads)
    vaelab(["data", "list", "--data-dir", str(tmp_path)])
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith(source.kind))
    instruction = (
        f"fetch with: vaelab data fetch {source.kind}" if source.files().downloads else f"into {tmp_path / 'celeba'}"
    )
    assert instruction in line


@pytest.mark.parametrize(("source", "make"), MADE, ids=lambda value: getattr(value, "kind", None))
def test_a_damaged_file_is_reported_in_one_line(
    source: SourceSpec, make: Callable[[Path], object], tmp_path: Path
) -> None:
    make(tmp_path / source.kind)
    rng = np.random.default_rng(0)
    for file in sorted(path for path in tmp_path.rglob("*") if path.is_file()):
        intact = file.read_bytes()
        for attempt in range(12):
            damaged = bytearray(intact[: len(intact) // 2] if attempt == 0 else intact)
            for _ in range(attempt):
                damaged[rng.integers(len(damaged))] ^= 1 + rng.integers(255)
            file.write_bytes(damaged)
            # Some bytes are unused or a single pixel; damage to any other byte is reported in one line.
            with contextlib.suppress(UserError):
                source.load(tmp_path)
            if attempt == 0 and file.suffix not in (".txt", ".gz"):
                with pytest.raises(UserError) as caught:
                    source.load(tmp_path)
                assert "\n" not in str(caught.value)
        file.write_bytes(intact)
    source.load(tmp_path)


def test_the_mnist_like_sets_have_their_own_classes_and_sizes(tmp_path: Path) -> None:
    make_idx(tmp_path / "fashion-mnist", train=30, test=7)
    make_idx(tmp_path / "kmnist")
    fashion, kuzushiji = FashionMnist().load(tmp_path), Kmnist().load(tmp_path)
    assert (len(fashion.split("train")), len(fashion.split("test"))) == (30, 7)
    assert (len(kuzushiji.split("train")), len(kuzushiji.split("test"))) == (12, 5)
    assert fashion.classes[fashion.labels[9]] == "Ankle boot"
    assert kuzushiji.classes[kuzushiji.labels[3]] == "tsu"
    expected = np.random.default_rng(30).integers(0, 256, (37, 28, 28), np.uint8)
    assert np.array_equal(fashion.images[:, 0], expected)


def test_files_of_mnist_are_not_taken_for_another_set(tmp_path: Path) -> None:
    """MNIST's files may be in the data folder itself, and those of Fashion-MNIST have the same names."""
    make_idx(tmp_path)
    make_idx(tmp_path / "mnist")
    with pytest.raises(DataNotFound):
        FashionMnist().load(tmp_path)


def test_idx_files_are_read_unpacked(tmp_path: Path) -> None:
    make_idx(tmp_path / "kmnist")
    before = Kmnist().load(tmp_path)
    for name in NAMES:
        packed = tmp_path / "kmnist" / name
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    assert Kmnist().load(tmp_path).digest == before.digest


@pytest.mark.parametrize(
    ("number", "array", "message"),
    [
        (0, np.zeros((12, 28), np.uint8), "not an IDX file of bytes in 3 dimensions"),
        (1, np.zeros(11, np.uint8), "12 images, but 11 labels"),
        (1, np.full(12, 10, np.uint8), "to 10, but there are 10 classes"),
        (2, np.zeros((5, 14, 14), np.uint8), r"its images are \(14, 14\)"),
    ],
)
def test_inconsistent_idx_files_are_named(number: int, array: NDArray[np.uint8], message: str, tmp_path: Path) -> None:
    make_idx(tmp_path / "kmnist")
    (tmp_path / "kmnist" / NAMES[number]).write_bytes(gzip.compress(idx(array)))
    with pytest.raises(UserError, match=message):
        Kmnist().load(tmp_path)


@pytest.mark.parametrize("sizes", [(0, 2**32 - 1, 2**32 - 1), (2**31, 2**31, 2**31), (1, 0, 0), (1, 2**32 - 1, 0)])
def test_an_idx_file_with_absurd_sizes_is_named(sizes: tuple[int, int, int], tmp_path: Path) -> None:
    make_idx(tmp_path / "kmnist")
    header = bytes((0, 0, 8, 3)) + np.array(sizes, ">u4").tobytes()
    (tmp_path / "kmnist" / NAMES[0]).write_bytes(gzip.compress(header))
    with pytest.raises(UserError, match=rf"{NAMES[0]} is corrupt \(it is not an IDX file of bytes in 3 dimensions"):
        Kmnist().load(tmp_path)


def test_an_idx_file_with_fewer_bytes_than_declared_is_named(tmp_path: Path) -> None:
    make_idx(tmp_path / "kmnist")
    path = tmp_path / "kmnist" / NAMES[0]
    for content in (gzip.decompress(path.read_bytes())[:-1], b"", b"\0\0\x08\x03"):
        path.write_bytes(gzip.compress(content))
        with pytest.raises(UserError, match="it is not an IDX file of bytes in 3 dimensions"):
            Kmnist().load(tmp_path)


def test_emnist_is_upright_and_its_labels_start_at_zero(tmp_path: Path) -> None:
    # In the folder that NIST's archive contains.
    make_emnist(tmp_path / "emnist" / "gzip", "letters", "1 65 97\n2 66 98\n3 67 99\n", [3, 1, 2])
    data = Emnist("letters").load(tmp_path)
    assert np.array_equal(data.images[0, 0], LETTER_L)
    assert data.labels.tolist() == [2, 0, 1, 2]
    assert data.classes == ("Aa", "Bb", "Cc")
    assert (len(data.split("train")), len(data.split("test"))) == (3, 1)

    make_emnist(tmp_path / "emnist", "balanced", "0 48\n1 49\n46 116\n", [46, 0])
    data = Emnist().load(tmp_path)
    assert [data.classes[label] for label in data.labels] == ["t", "0", "t"]

    make_emnist(tmp_path / "emnist", "balanced", "0 48\n", [46, 0])
    with pytest.raises(UserError, match=r"mapping\.txt is corrupt .*does not name class 46"):
        Emnist().load(tmp_path)
    with pytest.raises(UserError, match=r"Emnist\.subset is 'capitals', but must be one of balanced, "):
        Emnist("capitals")  # type: ignore[arg-type]


def test_cifar_has_its_colours_in_order_and_the_right_way_up(tmp_path: Path) -> None:
    make_cifar(tmp_path / "cifar10")
    data = Cifar10().load(tmp_path)
    corners = data.images[0][:, [0, 0, 31, 31], [0, 31, 0, 31]].T.tolist()
    assert corners == [[250, 0, 120], [250, 0, 0], [0, 0, 120], [0, 0, 0]]
    assert [data.classes[label] for label in data.labels] == ["bird", "airplane"] * 3
    assert (len(data.split("train")), len(data.split("test"))) == (4, 2)


@pytest.mark.parametrize(("records", "message"), [(b"\0" * 3000, "records of 3073"), (b"\7" * 3073, "3 classes")])
def test_cifar_of_another_format_is_refused(records: bytes, message: str, tmp_path: Path) -> None:
    make_cifar(tmp_path / "cifar10", records)
    with pytest.raises(UserError, match=message):
        Cifar10().load(tmp_path)


def test_celeba_is_cropped_at_the_centre_and_keeps_its_partition(tmp_path: Path) -> None:
    make_celeba(tmp_path / "celeba")
    data = CelebA(image_size=148).load(tmp_path)
    assert data.images.shape == (4, 3, 148, 148)
    assert {name: len(rows) for name, rows in data.splits.items()} == {"train": 2, "validation": 1, "test": 1}
    # The frame is cropped: red above and green below, up to the edge.
    upper, lower = data.images[0][:, :74].reshape(3, -1).T, data.images[0][:, 74:].reshape(3, -1).T
    assert np.abs(upper.astype(int) - (220, 0, 0)).max() < 12
    assert np.abs(lower.astype(int) - (0, 200, 0)).max() < 12

    assert data.labels is None
    assert data.format.attributes == ("Bald", "Smiling", "Young")
    # Ordered by split: 000002, 000003 | 000004 | 000001.
    assert data.condition.tolist() == [[1, 1, 0], [0, 1, 0], [1, 1, 0], [0, 1, 0]]
    assert CelebA().load(tmp_path).images.shape == (4, 3, 64, 64)


def test_celeba_is_found_by_its_path_and_in_its_original_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_celeba(tmp_path / "faces" / "Img")
    for name, place in (("list_eval_partition.txt", "Eval"), ("list_attr_celeba.txt", "Anno")):
        (tmp_path / "faces" / place).mkdir()
        (tmp_path / "faces" / "Img" / name).rename(tmp_path / "faces" / place / name)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    # Relative to the current folder, not to the folder of data sets.
    assert len(CelebA("faces").load(tmp_path / "elsewhere")) == 4


def test_celeba_without_validation_images_has_no_such_split(tmp_path: Path) -> None:
    make_celeba(tmp_path / "celeba", partition=(0, 2, 0))
    assert sorted(CelebA().load(tmp_path).splits) == ["test", "train"]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("img_align_celeba/000002.jpg", None, "1 of 4 images .*000002.jpg does not exist"),
        ("img_align_celeba/000002.jpg", b"no image", "1 of 4 images .*000002.jpg cannot be decoded"),
        ("list_eval_partition.txt", b"000001.jpg 3\n", "line 1 is '000001.jpg 3'"),
        ("list_eval_partition.txt", b"", "names no images"),
        ("list_eval_partition.txt", b"000009.jpg 0\n", "no line for 000009.jpg"),
        ("list_attr_celeba.txt", b"1\nBald\n000001.jpg 0\n", "line 3 does not give -1 or 1 for each of 1 attributes"),
        ("list_attr_celeba.txt", b"1\nBald\n000001.jpg 1 1\n", "line 3 does not give"),
        ("list_attr_celeba.txt", b"\xff\xfe", "list_attr_celeba.txt is corrupt"),
    ],
)
def test_mistakes_in_celebas_folder_are_named(file: str, content: bytes | None, message: str, tmp_path: Path) -> None:
    make_celeba(tmp_path / "celeba")
    if content is None:
        (tmp_path / "celeba" / file).unlink()
    else:
        (tmp_path / "celeba" / file).write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        CelebA().load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_face_too_small_to_crop_is_named(tmp_path: Path) -> None:
    make_celeba(tmp_path / "celeba")
    Image.new("RGB", (100, 90)).save(tmp_path / "celeba" / "img_align_celeba" / "000003.jpg")
    with pytest.raises(UserError, match=r"000003\.jpg .*100 x 90, smaller than 148 x 148"):
        CelebA().load(tmp_path)


def rows_of(data: ImageData) -> list[int]:
    """The row numbers that `make_dsprites` encoded in the images."""
    return ((data.images[:, 0, 0, :16] // 255) @ (1 << np.arange(16))).tolist()


def test_dsprites_pairs_images_with_factors_and_unpickles_nothing(tmp_path: Path) -> None:
    sprung = make_dsprites(tmp_path / "dsprites")
    data = DSprites().load(tmp_path)
    assert not sprung.exists()
    # The trap works if NumPy is allowed to unpickle.
    np.load(tmp_path / "dsprites" / dsprites.NAME, allow_pickle=True)["metadata"]
    assert sprung.exists()

    assert data.images.shape == (60, 1, 64, 64)
    assert set(np.unique(data.images)) == {0, 255}
    rows = rows_of(data)
    assert sorted(rows) == list(range(60))
    assert data.attribute_names == ("scale", "orientation", "x", "y")
    assert data.attributes.tolist() == [[row, 0.25, 0.5, 0.75] for row in rows]
    assert [data.classes[label] for label in data.labels] == [("square", "ellipse", "heart")[row % 3] for row in rows]
    assert len(data.split("test")) == 6
    # With labels and attributes, the condition is the labels.
    assert data.condition is data.labels


def test_limited_dsprites_are_a_fixed_subset_that_keeps_the_splits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_dsprites(tmp_path / "dsprites")
    test_rows = set(rows_of(DSprites().load(tmp_path).split("test")))
    limited = DSprites(limit=20).load(tmp_path)
    assert (len(limited.split("train")), len(limited.split("test"))) == (18, 2)
    assert set(rows_of(limited.split("test"))) <= test_rows
    assert not set(rows_of(limited.split("train"))) & test_rows
    assert limited.attributes[:, 0].tolist() == rows_of(limited)
    assert len(set(rows_of(limited))) == 20
    assert max(rows_of(limited)) > 40, "they are drawn from the whole set"
    assert len(DSprites(limit=10**9).load(tmp_path)) == 60
    # The same if the block size does not divide the number of rows.
    monkeypatch.setattr(dsprites, "BLOCK", 7)
    assert DSprites(limit=20).load(tmp_path).digest == limited.digest


@pytest.mark.parametrize("limit", [0, 1, -3, 2.5, True])
@pytest.mark.parametrize("source", [DSprites, Shapes3D])
def test_invalid_limits_are_named(source: type, limit: object) -> None:
    with pytest.raises(UserError, match=rf"{source.__name__}\.limit is {limit!r}, but must be"):
        source(limit=limit)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"imgs": np.zeros((3, 64, 64), np.uint8)}, "latents_values"),
        ({"latents_values": np.zeros((3, 5)), "latents_classes": np.zeros((3, 6), int)}, r"\(3, 5\)"),
        ({"imgs": np.zeros((4, 64, 64), np.uint8)} | dict.fromkeys(("v", "c"), 0), "latents_values"),
    ],
)
def test_archives_that_are_not_dsprites_are_refused(arrays: dict[str, object], message: str, tmp_path: Path) -> None:
    (tmp_path / "dsprites").mkdir()
    np.savez(tmp_path / "dsprites" / dsprites.NAME, **arrays)
    with pytest.raises(UserError, match=message) as caught:
        DSprites().load(tmp_path)
    assert "is corrupt" in str(caught.value)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.full((3, 64, 64), 255, np.uint8), "go up to 255, not to 1"),
        (np.zeros((4, 64, 64), np.uint8), r"not uint8 of shape \(3, H, W\)"),
        (np.zeros((3, 64, 64)), "imgs are float64"),
        (np.array([{}] * 3), "imgs are object"),
    ],
)
def test_images_that_are_not_dsprites_are_refused(images: NDArray[np.uint8], message: str, tmp_path: Path) -> None:
    (tmp_path / "dsprites").mkdir()
    latents = {"latents_values": np.zeros((3, 6)), "latents_classes": np.zeros((3, 6), int)}
    np.savez(tmp_path / "dsprites" / dsprites.NAME, imgs=images, **latents)
    with pytest.raises(UserError, match=message):
        DSprites().load(tmp_path)


def test_shapes3d_pairs_images_with_factors(tmp_path: Path) -> None:
    make_shapes3d(tmp_path / "shapes3d")
    data = Shapes3D().load(tmp_path)
    assert data.images.shape == (50, 3, 64, 64)
    assert data.labels is None
    assert data.format.attributes == ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")
    rows = data.images[:, 0, 0, 0]
    assert sorted(rows.tolist()) == list(range(50))
    assert (data.images == (rows[:, None] * np.array([1, 2, 3], np.uint8))[:, :, None, None]).all()
    assert data.attributes.tolist() == [[row, 1, 2, 3, 4, 5] for row in rows]
    limited = Shapes3D(limit=10).load(tmp_path)
    assert (len(limited.split("train")), len(limited.split("test"))) == (9, 1)
    assert set(limited.split("test").attributes[:, 0]) <= set(data.split("test").attributes[:, 0])


def test_shapes3d_without_h5py_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shapes3d").mkdir()
    (tmp_path / "shapes3d" / "3dshapes.h5").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UserError, match=r"pip install 'vaelab\[hdf5\]'"):
        Shapes3D().load(tmp_path)


def test_an_h5_file_with_other_content_is_refused(tmp_path: Path) -> None:
    make_shapes3d(tmp_path / "shapes3d", labels=5)
    with pytest.raises(UserError, match=r"labels have shape \(50, 5\), not \(N, 6\)"):
        Shapes3D().load(tmp_path)


def served(files: FileSet, url: str, checksums: dict[str, str] | None = None) -> FileSet:
    """The same files from another address, with other checksums."""
    downloads = [
        replace(download, mirrors=(url,), checksum=(checksums or {}).get(download.name)) for download in files.downloads
    ]
    return replace(files, downloads=tuple(downloads))


def published(folder: Path, algorithm: str = "sha256") -> dict[str, str]:
    return {
        path.name: f"{algorithm}:{hashlib.new(algorithm, path.read_bytes()).hexdigest()}" for path in folder.iterdir()
    }


def test_downloads_are_verified_when_fetched_and_when_read(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    make_idx(there)
    with mirror(there) as url:
        files = served(Kmnist().files(), url, published(there))
        assert fetch(files, here) == "verified by the published checksum"
        assert sorted(path.name for path in (here / "kmnist").glob("[!.]*")) == sorted([*NAMES, "checksums.json"])
        assert fetch(files, here) == "already downloaded"
        assert len(Kmnist().load(here)) == 17

        # Another intact file of the same name does not match the recorded checksum.
        make_idx(here / "other", train=13)
        (here / "other" / NAMES[0]).replace(here / "kmnist" / NAMES[0])
        for again in (lambda: Kmnist().load(here), lambda: fetch(files, here)):
            with pytest.raises(UserError, match=rf"{NAMES[0]} is corrupt .*checksums\.json"):
                again()

        # The file on the server has changed since its checksum was published.
        make_idx(there, train=13)
        with pytest.raises(DataNotFound, match=r"its content is not KMNIST's\); put .* into .*here2/kmnist"):
            fetch(files, tmp_path / "here2")
    assert not list((tmp_path / "here2").rglob("*.gz"))


def test_without_a_published_checksum_the_first_download_is_recorded(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    make_dsprites(there)
    with mirror(there) as url:
        files = served(dsprites.FILES, url)
        note = fetch(files, here)
        record = here / "dsprites" / "checksums.json"
        digest = hashlib.sha256((there / dsprites.NAME).read_bytes()).hexdigest()
        assert note == (
            f"no checksum is published; the sha256 of {dsprites.NAME}, {digest}, is recorded in {record} "
            "and verified from now on"
        )
        assert json.loads(record.read_text()) == {dsprites.NAME: digest}
        assert len(DSprites().load(here)) == 60

        # After deletion, the same file must be fetched again.
        (here / "dsprites" / dsprites.NAME).unlink()
        (there / dsprites.NAME).rename(there / "kept")
        (there / "sprung").unlink(missing_ok=True)
        np.savez(there / dsprites.NAME, imgs=np.zeros(3))
        with pytest.raises(DataNotFound, match="its content is not dSprites's"):
            fetch(files, here)
        (there / "kept").rename(there / dsprites.NAME)
        # The record is said to be new once; now it is what the file was verified by.
        assert fetch(files, here) == f"verified by the sha256 recorded in {record}"
        assert fetch(files, here) == "already downloaded"
        assert len(DSprites().load(here)) == 60

    (here / "dsprites" / dsprites.NAME).write_bytes(b"changed")
    with pytest.raises(UserError, match=r"is corrupt .*checksums\.json.*delete it and fetch it again"):
        DSprites().load(here)
    record.write_text("[1]")
    with pytest.raises(UserError, match="holds no checksums by name"):
        DSprites().load(here)


def test_an_error_page_is_not_recorded_as_the_data(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / dsprites.NAME).write_text("<html>We are sorry</html>")
    with mirror(tmp_path / "there") as url, pytest.raises(DataNotFound, match="its content is not dSprites's"):
        fetch(served(dsprites.FILES, url), tmp_path / "here")
    assert not list((tmp_path / "here").rglob("*.*"))


def test_the_emnist_archive_is_unpacked_for_all_subsets_into_its_folder_only(tmp_path: Path) -> None:
    make_emnist(tmp_path / "made", "letters", "1 65 97\n2 66 98\n", [2, 1])
    make_emnist(tmp_path / "made", "digits", "0 48\n1 49\n", [0, 1])
    (tmp_path / "there").mkdir()
    with zipfile.ZipFile(tmp_path / "there" / "gzip.zip", "w") as archive:
        archive.mkdir("gzip")
        for path in (tmp_path / "made").iterdir():
            archive.write(path, f"gzip/{path.name}")
        archive.writestr("../../escaped.txt", "out")
    with mirror(tmp_path / "there") as url:
        files = served(Emnist("letters").files(), url, published(tmp_path / "there", "md5"))
        fetch(files, tmp_path / "here")
    assert not list(tmp_path.glob("escaped*"))
    assert not list(tmp_path.rglob("here/**/gzip.zip"))
    assert Emnist("letters").load(tmp_path / "here").classes == ("Aa", "Bb")
    assert Emnist("digits").load(tmp_path / "here").classes == ("0", "1")
    assert len(json.loads((tmp_path / "here" / "emnist" / "checksums.json").read_text())) == 11


def test_published_checksums_are_well_formed() -> None:
    sets = [source().files() for source in source_words().values() if issubclass(source, Stored)]
    downloads = [download for files in sets for download in files.downloads]
    assert {d.name for d in downloads if d.checksum is None} == {dsprites.NAME}
    for download in downloads:
        algorithm, _, digits = (download.checksum or "md5:" + "0" * 32).partition(":")
        assert len(bytes.fromhex(digits)) == hashlib.new(algorithm).digest_size
    assert ARCHIVE.checksum == "md5:58c8d27c78d21e728a6bc7b3cc06412e"


def test_addresses_without_https_come_second_and_have_a_published_sha256() -> None:
    sets = [source().files() for source in source_words().values() if issubclass(source, Stored)]
    plain = set()
    for files in sets:
        for download in files.downloads:
            assert download.mirrors[0].startswith("https://")
            if any(address.startswith("http://") for address in download.mirrors):
                assert (download.checksum or "").startswith("sha256:")
                plain.add(files.title)
    assert plain == {"Fashion-MNIST", "KMNIST"}  # as docs/reliability.md says


def test_the_first_download_of_a_file_without_checksum_is_said_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_dsprites(tmp_path / "there")
    digest = hashlib.sha256((tmp_path / "there" / dsprites.NAME).read_bytes()).hexdigest()
    command = ["data", "fetch", "dsprites", "--data-dir", str(tmp_path / "here")]
    with mirror(tmp_path / "there") as url:
        monkeypatch.setattr(dsprites, "FILES", served(dsprites.FILES, url))
        assert vaelab(command) == 0
    assert f"{dsprites.NAME}, {digest}, is recorded in" in capsys.readouterr().out
    assert vaelab(command) == 0
    assert digest not in capsys.readouterr().out


def test_the_command_fetches_and_reports_how_it_verified_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_idx(tmp_path / "there")
    (tmp_path / "here").mkdir()
    with mirror(tmp_path / "there") as url:
        monkeypatch.setattr(Kmnist, "published", served(Kmnist().files(), url, published(tmp_path / "there")))
        vaelab(["data", "fetch", "kmnist", "--data-dir", str(tmp_path / "here")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("kmnist: fetching train-images-idx3-ubyte.gz, ")
    assert lines[1] == f"kmnist: verified by the published checksum; in {tmp_path / 'here' / 'kmnist'}"
    # Without the server, existing files suffice and missing ones are an error.
    vaelab(["data", "fetch", "kmnist", "--data-dir", str(tmp_path / "here")])
    (tmp_path / "here" / "kmnist" / NAMES[1]).unlink()
    assert vaelab(["data", "fetch", "kmnist", "--data-dir", str(tmp_path / "here")]) == 2
    assert re.search(r"train-labels.* cannot be downloaded \(http.*ConnectionError\); put ", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("celeba", r"celeba cannot be fetched; put img_align_celeba, .* into .*celeba"),
        ("folder:x", "name is 'folder:x', but what can be fetched is: mnist, fashion-mnist, .*dsprites, shapes3d"),
    ],
)
def test_sources_that_cannot_be_fetched_are_named(
    name: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert vaelab(["data", "fetch", name, "--data-dir", str(tmp_path)]) == 2
    assert re.search(message, capsys.readouterr().err)


@pytest.mark.parametrize("name", ["sprites", "strokes", "digits"])
def test_sources_without_files_have_nothing_to_fetch(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert vaelab(["data", "fetch", name, "--data-dir", str(tmp_path)]) == 0
    assert f"{name} needs no file" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_a_stored_source_must_define_its_files_and_how_to_read_them() -> None:
    class Unfinished(Stored):
        """A published set without files."""

    with pytest.raises(TypeError, match=r"abstract methods .*files.*read"):
        Unfinished()  # type: ignore[abstract]


def bars_data(rows: int = 4, **changes: object) -> ImageData:
    images = np.arange(rows * 16, dtype=np.uint8).reshape(rows, 1, 4, 4)
    attributes = np.linspace(0, 1, rows * 2, dtype=np.float32).reshape(rows, 2)
    values = {"images": images, "attributes": attributes, "attribute_names": ("width", "tilt")} | changes
    return ImageData("bars", **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attributes": np.zeros((3, 2), np.float32)}, r"attributes have shape \(3, 2\), but there are 4 images"),
        ({"attributes": np.zeros(4, np.float32)}, r"attributes have shape \(4,\)"),
        ({"attributes": np.zeros((4, 0), np.float32)}, r"attributes have shape \(4, 0\)"),
        ({"attributes": np.zeros((4, 2))}, "attributes are float64, but must be float32"),
        ({"attributes": np.full((4, 2), np.inf, np.float32)}, r"attributes\[0, 0\] is inf, but must be finite"),
        ({"attributes": np.array([[0, 0], [0, np.nan]] * 2, np.float32)}, r"attributes\[1, 1\] is nan"),
        ({"attribute_names": ("width",)}, "1 attribute names, but the attributes have 2 columns"),
        ({"attributes": None}, "2 attribute names, but the attributes have 0 columns"),
    ],
)
def test_invalid_attributes_are_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        bars_data(**changes)
    assert "\n" not in str(caught.value)


def test_attributes_stay_with_their_images() -> None:
    data = held_out(bars_data(rows=10))
    assert data.format.attributes == ("width", "tilt")
    for part in (data, data.split("train"), data.split("test")):
        # Image r begins with the byte 16 r, and its first attribute is 2 r / 19.
        assert part.attributes[:, 0] == pytest.approx(part.images[:, 0, 0, 0] / 16 * 2 / 19, abs=1e-6)
        assert part.attribute_names == ("width", "tilt")
    x, y = data.split("test").tensors()
    assert (x.shape, y.shape, y.dtype) == ((2, 1, 4, 4), (2, 2), torch.float32)


def test_labels_take_precedence_over_attributes_as_the_condition() -> None:
    assert bars_data(attributes=None, attribute_names=()).condition is None
    assert bars_data(attributes=None, attribute_names=()).tensors()[1] is None
    assert bars_data().condition.dtype == np.float32
    both = bars_data(labels=np.array([0, 1, 0, 1]), classes=("a", "b"))
    assert both.condition.tolist() == [0, 1, 0, 1]
    assert both.tensors()[1].dtype == torch.int64


def test_the_digest_is_stable_and_depends_on_attributes() -> None:
    """Runs resume only with the same digest, so it must never change for data without attributes."""
    images = np.arange(32, dtype=np.uint8).reshape(2, 1, 4, 4)
    old = ImageData("bars", images, np.array([0, 1]), ("a", "b"), {"train": range(1), "test": range(1, 2)})
    assert old.digest == "55616308498d98cfddae16a79b60b90527711ce304d0f18f61ec3244cafb50b0"
    digests = {
        old.digest,
        bars_data().digest,
        bars_data(attributes=bars_data().attributes + 1).digest,
        bars_data(attribute_names=("width", "height")).digest,
        bars_data(attributes=None, attribute_names=()).digest,
    }
    assert len(digests) == 5
