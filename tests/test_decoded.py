"""Images that are decoded once: the cache, its checks, and what training makes of a mapped file."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vaelab as vl
from vaelab.cache import evict
from vaelab.data import Folder, decoded, decoding
from vaelab.data.mapped import blocks, copied, in_file, mapped


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, whose images always stay in their file."""
    monkeypatch.setenv("VAELAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(decoded, "RESIDENT", 0)
    return tmp_path / "cache" / "images"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Sixty small colour pictures of two classes."""
    generator = np.random.default_rng(0)
    for number in range(60):
        path = tmp_path / "pictures" / f"class {number % 2}" / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 255, (8, 8, 3), np.uint8)).save(path)
    return tmp_path / "pictures"


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are opened by Pillow."""
    opened: list[str] = []
    real = Image.open

    def count(file: str) -> Image.Image:
        opened.append(str(file))
        return real(file)

    monkeypatch.setattr(Image, "open", count)
    return opened


def entries(cache: Path) -> list[Path]:
    return [entry for entry in cache.iterdir() if entry.is_dir()]


def test_images_are_decoded_once_and_equal_what_pillow_reads(pictures: Path, cache: Path, counted: list[str]) -> None:
    first = Folder(str(pictures), image_size=8).load()
    assert len(counted) == 60
    second = Folder(str(pictures), image_size=8).load()
    assert len(counted) == 60
    assert first.digest == second.digest
    assert in_file(second.images)
    assert in_file(second.split("train").images)
    files = sorted(pictures.rglob("*.png"))
    order = np.random.default_rng(0).permutation(60)
    for row, number in enumerate(order):
        pixels = np.moveaxis(np.asarray(Image.open(files[number])), -1, 0)
        np.testing.assert_array_equal(second.images[row], pixels)
        assert second.classes[second.labels[row]] == files[number].parent.name


def test_an_image_that_changes_is_decoded_and_a_mapped_one_stays(pictures: Path, cache: Path) -> None:
    changing = pictures / "class 0" / "same size.bmp"
    Image.new("RGB", (8, 8), (4, 5, 6)).save(changing)
    first = Folder(str(pictures), image_size=8).load()
    before, about = first.images.copy(), changing.stat()
    Image.new("RGB", (8, 8), (1, 2, 3)).save(changing)
    os.utime(changing, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert changing.stat().st_size == about.st_size
    second = Folder(str(pictures), image_size=8).load()
    assert (second.images == np.array([1, 2, 3])[:, None, None]).all((1, 2, 3)).sum() == 1
    np.testing.assert_array_equal(first.images, before)


def test_other_settings_have_an_entry_of_their_own(pictures: Path, cache: Path) -> None:
    assert Folder(str(pictures), image_size=8).load().format.height == 8
    assert Folder(str(pictures), image_size=6).load().format.height == 6
    with pytest.raises(vl.UserError, match="more than 10"):
        Folder(str(pictures), image_size=8, max_pixels=10).load()
    assert len(entries(cache)) == 3


@pytest.mark.parametrize("damage", ["flip", "cut", "about"])
def test_a_damaged_entry_is_found_and_decoded_anew(damage: str, pictures: Path, cache: Path) -> None:
    right = Folder(str(pictures), image_size=8).load().digest
    (entry,) = entries(cache)
    pixels = bytearray((entry / "pixels").read_bytes())
    pixels[100] ^= 1
    if damage == "about":
        (entry / "about.json").write_text("{}")
    else:
        (entry / "pixels").write_bytes(pixels if damage == "flip" else pixels[:-1])
    with pytest.warns(UserWarning, match="decoded images of .* are damaged") as caught:
        assert Folder(str(pictures), image_size=8).load().digest == right
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Folder(str(pictures), image_size=8).load().digest == right


def test_a_decoding_that_was_killed_goes_on(
    pictures: Path, cache: Path, counted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Folder(str(pictures), image_size=8).load().digest
    (entry,) = entries(cache)
    evict(cache, cache, 0)
    monkeypatch.setattr(decoded, "_ROWS", 10)
    monkeypatch.setattr(decoded, "_SAVE_SECONDS", 0)
    script = (
        "import os, time\nfrom vaelab.data import Folder, decoded, folder\n"
        "decoded._ROWS, decoded._SAVE_SECONDS, real = 10, 0, folder._decode\n"
        "folder._decode = lambda file, *rest: (time.sleep(0.05), real(file, *rest))[1]\n"
        f"Folder({str(pictures)!r}, image_size=8).load()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script])
    end = time.monotonic() + 60
    while not ((entry / "channels").exists() and (entry / "channels").stat().st_size >= 20):
        assert time.monotonic() < end
        time.sleep(0.01)
    process.kill()
    process.wait()
    done = (entry / "channels").stat().st_size
    assert 20 <= done < 60
    with (entry / "unordered").open("ab") as file:
        file.write(b"half an image")
    counted.clear()
    assert Folder(str(pictures), image_size=8).load().digest == right
    assert len(counted) == 60 - done


def _load(path: str, found: multiprocessing.SimpleQueue[str]) -> None:
    opened = []
    real = Image.open
    Image.open = lambda file: (opened.append(file), time.sleep(0.005), real(file))[2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        digest = Folder(path, image_size=8).load().digest
    found.put(f"{digest} {len(opened)}")


def test_of_two_processes_one_decodes_and_both_have_the_images(pictures: Path, cache: Path) -> None:
    context = multiprocessing.get_context("fork")
    found = context.SimpleQueue()
    processes = [context.Process(target=_load, args=(str(pictures), found)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    one, other = sorted(found.get().split() for _ in range(2))
    assert one[0] == other[0]
    assert sorted([int(one[1]), int(other[1])]) == [0, 60]


def test_a_full_disk_is_one_line_and_loses_nothing(
    pictures: Path, cache: Path, counted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Folder(str(pictures), image_size=8).load().digest
    evict(cache, cache, 0)
    counted.clear()
    monkeypatch.setattr(decoded, "_ROWS", 10)
    monkeypatch.setattr(decoded, "_SAVE_SECONDS", 0)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    monkeypatch.setattr(decoded, "SMALL", 0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, before[1]))
    try:
        with pytest.raises(
            vl.UserError, match=r"cannot hold the decoded images of .*File too large.*VAELAB_CACHE"
        ) as no:
            Folder(str(pictures), image_size=8).load()
        assert "\n" not in str(no.value)
        monkeypatch.setattr(decoded, "SMALL", 10**9)
        with pytest.warns(UserWarning, match="are not kept in the cache"):
            assert Folder(str(pictures), image_size=8).load().digest == right
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    counted.clear()
    assert Folder(str(pictures), image_size=8).load().digest == right
    assert len(counted) < 60
    monkeypatch.setattr(decoded.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 10})())
    monkeypatch.setattr(decoded, "SMALL", 0)
    with pytest.raises(vl.UserError, match="GB are needed"):
        Folder(str(pictures), image_size=9).load()


def test_the_entries_used_least_recently_are_evicted(
    pictures: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Folder(str(pictures), image_size=8).load()
    (first,) = entries(cache)
    Folder(str(pictures), image_size=9).load()
    (second,) = set(entries(cache)) - {first}
    os.utime(first, (1, 1))
    os.utime(second, (2, 2))
    Folder(str(pictures), image_size=8).load()
    monkeypatch.setenv("VAELAB_CACHE_GB", "30e-6")
    Folder(str(pictures), image_size=7).load()
    assert first in entries(cache)
    assert second not in entries(cache)
    monkeypatch.setenv("VAELAB_CACHE_GB", "0")
    Folder(str(pictures), image_size=6).load()
    assert len(entries(cache)) == 1
    assert held.images.max() > 0, "a mapped file that was removed is still read"
    monkeypatch.setenv("VAELAB_CACHE_GB", "much")
    with pytest.raises(vl.UserError, match="VAELAB_CACHE_GB is 'much', but must be a number of gigabytes"):
        Folder(str(pictures), image_size=8).load()


@pytest.mark.parametrize("binarisation", [vl.Grey(), vl.Static(), vl.Dynamic()])
def test_weights_from_a_mapped_file_and_from_memory_are_the_same(
    binarisation: vl.BinarisationSpec, pictures: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = vl.preset(
        "vae", data=Folder(str(pictures), image_size=8), network=vl.Mlp(hidden=(8,)), epochs=2, batch_size=16
    )
    experiment = vl.Experiment(
        experiment.data, binarisation, experiment.model, experiment.objective, experiment.training
    )
    stores = []
    for resident in (0, 10**9):
        monkeypatch.setattr(decoded, "RESIDENT", resident)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            run = vl.train(experiment, tmp_path / str(resident))
        assert in_file(run.load_data().images) == (resident == 0)
        stores.append((run.model.state_dict(), [row["test_total"] for row in run.rows]))
    (mapped, rows), (memory, same) = stores
    assert rows == same
    for name, tensor in mapped.items():
        np.testing.assert_array_equal(tensor.numpy(), memory[name].numpy())


def test_a_file_is_read_without_growing(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(os.urandom(1 << 20) * 100)
    array = mapped(tmp_path / "big", (100 << 10, 1, 32, 32))

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    before = resident()
    most = 0
    for _ in blocks(array):
        most = max(most, resident() - before)
    for start in range(0, len(array), 1 << 12):
        copied(array, slice(start, start + (1 << 12)))
        most = max(most, resident() - before)
    assert most < 40 << 20


def test_rows_from_all_over_a_file_take_little_memory(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(os.urandom(1 << 20) * 200)
    script = (
        "import numpy as np\nfrom pathlib import Path\nfrom vaelab.data import ImageData\n"
        "from vaelab.data.mapped import mapped\n"
        "def peak(): return int(next(x for x in open('/proc/self/status') if x.startswith('VmHWM')).split()[1])\n"
        f"data = ImageData('big', mapped(Path({str(tmp_path / 'big')!r}), (200 << 10, 1, 32, 32)))\n"
        "before, order = peak(), np.random.default_rng(0).permutation(200 << 10)\n"
        "rows = data.take(order[:2048])\nprint(len(rows), peak() - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    rows, kilobytes = map(int, done.stdout.split())
    assert rows == 2048
    assert kilobytes < 20_000


def test_rows_that_are_read_are_those_that_are_mapped(tmp_path: Path) -> None:
    (tmp_path / "some").write_bytes(os.urandom(50 * 12))
    array = mapped(tmp_path / "some", (50, 3, 2, 2))
    whole = np.array(array)
    for part, same in (
        (array, whole),
        (array[7:40], whole[7:40]),
        (array[:, :1], whole[:, :1]),
        (array[9:10], whole[9:10]),
    ):
        some = [slice(None), slice(1, 30, 4), np.array([0]), np.array([], np.int64), np.array([-1, 0, 0])]
        if len(part) > 1:
            some += [np.array([5, 6, 7, 3, 3, 30, 31, 0, 1]), np.random.default_rng(0).permutation(33)]
        for rows in some:
            np.testing.assert_array_equal(copied(part, rows), same[rows])
    with pytest.raises(IndexError):
        copied(array, np.array([50]))


def test_an_entry_that_nothing_wrote_to_is_opened_at_once_and_checked_when_it_is_used(
    pictures: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Folder(str(pictures), image_size=8).load().digest
    (entry,) = entries(cache)
    hashed: list[int] = []
    real = decoded.sha256_of
    monkeypatch.setattr(decoded, "sha256_of", lambda array: (hashed.append(len(array)), real(array))[1])
    again = Folder(str(pictures), image_size=8).load()
    assert hashed == []
    assert again.digest == right
    # A copy of the cache, or one that was touched, is checked once.
    os.utime(entry / "pixels")
    for _ in range(2):
        assert Folder(str(pictures), image_size=8).load().digest == right
    assert hashed == [60]
    # As a disk that fails: other bytes, and nothing that says so.
    pixels = bytearray((entry / "pixels").read_bytes())
    pixels[100] ^= 1
    (entry / "pixels").write_bytes(pixels)
    about = json.loads((entry / "about.json").read_text())
    (entry / "about.json").write_text(json.dumps(about | {"stamp": decoded._stamp(entry / "pixels")}))
    damaged = Folder(str(pictures), image_size=8).load()
    with pytest.raises(
        vl.UserError, match=r"the decoded images of .* are damaged; delete .*, and they are decoded anew"
    ):
        _ = damaged.digest


def test_blocks_keep_the_order_of_files(pictures: Path) -> None:
    files = [str(path) for path in sorted(pictures.rglob("*.png"))] + ["absent.png"]
    red = [int(np.asarray(Image.open(file))[0, 0, 0]) for file in files[:-1]]
    found = decoding.decode_blocks(lambda file: np.asarray(Image.open(file)), iter(files), 8, 40)
    blocks = [(block[:, 0, 0, 0].tolist(), channels.tolist()) for block, channels in found]
    assert [value for values, _ in blocks for value in values] == [*red, 0]
    assert [value for _, values in blocks for value in values] == [3] * 60 + [0]
