"""Images decoded once: rates beside Pillow alone, peak memory by the number of images, and a second start.

Memory is the largest resident set of the process, pages of mapped files included (VmHWM). A second start has two times,
by the clock and of the processor; the latter leaves out the processes that help it, which work at the same time. It
stands beside the time in which Python alone lists the files and asks for the size and the times of each.

python benchmarks/images.py FOLDER      # such as CIFAR-10 as JPEG: train/CLASS/*.jpg and test/CLASS/*.jpg
python benchmarks/images.py FOLDER --slices 4 --images 500 --copies 2      # a quick look

The rates come from slices in turn, each of other images, so that other load on the machine meets all of them. The
larger set is hard links to the same files, in classes of its own, in a temporary folder on the same disk.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from vaelab.data.decoding import decode_blocks
from vaelab.data.folder import _decode

# A start of a process, and a training of one epoch: seconds by the clock and of the processor, and the largest memory.
START = """
import os, sys, time
import torch
from vaelab.data import Folder

def ask(folder):
    with os.scandir(folder) as entries:
        for entry in entries:
            ask(entry.path) if entry.is_dir() else entry.stat()

began, used = time.perf_counter(), time.process_time()
data = Folder(sys.argv[1], image_size=int(sys.argv[2])).load()
seconds, used = time.perf_counter() - began, time.process_time() - used
began = time.perf_counter()
ask(sys.argv[1])
least = time.perf_counter() - began
if len(sys.argv) > 3:
    import vaelab as vl
    model = vl.preset("vae", data="digits",
                      network=vl.Mlp(hidden=(16,)), epochs=1, batch_size=500, device="cpu", precision="fp32")
    vl.train(model, sys.argv[3], data=data, show=False)
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(len(data), seconds, used, int(peak) / 1024, least)
"""


def pillow_alone(files: list[str], size: int) -> None:
    """Decode and nothing else, one after the other."""
    for file in files:
        with Image.open(file) as image:
            np.asarray(
                image.convert("RGB").resize((size, size)) if image.size != (size, size) else image.convert("RGB")
            )


def ours(files: list[str], size: int) -> None:
    """Decode as a folder is decoded, in threads and by blocks."""
    for _ in decode_blocks(lambda file: _decode(file, size, 10**8), iter(files), size, 1024):
        pass


def rates(files: list[str], size: int, slices: int, images: int) -> None:
    """Print images per second of both, in turn, and their ratio."""
    random.Random(0).shuffle(files)
    found: dict[str, list[float]] = {"Pillow alone": [], "vaelab": []}
    programs: dict[str, Callable[[list[str], int], None]] = {"Pillow alone": pillow_alone, "vaelab": ours}
    for number in range(slices):
        for place, (name, program) in enumerate(programs.items()):
            start = (2 * number + place) * images % max(1, len(files) - images)
            began = time.perf_counter()
            program(files[start : start + images], size)
            found[name].append(images / (time.perf_counter() - began))
    ratios = [one / other for one, other in zip(found["vaelab"], found["Pillow alone"], strict=True)]
    print("| decoding | images per second, median (range) |\n| --- | --- |")
    for name, values in found.items():
        print(f"| {name} | {median(values):,.0f} ({min(values):,.0f} to {max(values):,.0f}) |")
    print(f"| ratio | {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |\n")


def linked(source: Path, target: Path, copies: int) -> None:
    """`copies` hard links to every training image, each in classes of their own, and one to every test image."""
    for split, times in (("train", copies), ("test", 1)):
        for folder in sorted(path for path in (source / split).iterdir() if path.is_dir()):
            for copy in range(times):
                place = target / split / f"{folder.name}-{copy}"
                place.mkdir(parents=True)
                for file in folder.iterdir():
                    os.link(file, place / file.name)


def start(folder: Path, size: int, cache: Path, run: Path | None = None) -> tuple[int, float, float, float, float]:
    """The images, seconds of both kinds and peak memory, MB, of a process, and the seconds of asking for each file."""
    words = [sys.executable, "-c", START, str(folder), str(size), *([str(run)] if run else [])]
    environment = os.environ | {"VAELAB_CACHE": str(cache)}
    images, *numbers = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout.split()
    seconds, used, peak, least = map(float, numbers)
    return int(images), seconds, used, peak, least


def main() -> None:
    """Print the rates, then a row for each number of images."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path, help="with the subfolders train and test, and classes in them")
    parser.add_argument("--size", type=int, default=32, help="height and width, pixels")
    parser.add_argument("--slices", type=int, default=20, help="slices of each program")
    parser.add_argument("--images", type=int, default=2000, help="images of a slice")
    parser.add_argument("--copies", type=int, default=10, help="times over of the larger set; 1 for none")
    parser.add_argument("--temporary", type=Path, help="folder on the same disk for links and the cache")
    chosen = parser.parse_args()
    files = [str(path) for path in sorted((chosen.folder / "train").rglob("*")) if path.is_file()]
    rates(files, chosen.size, chosen.slices, chosen.images)
    print("| images | first start, s | peak, MB | second, s | processor, s | asking alone, s | peak, MB | epoch, MB |")
    print("|" + " --- |" * 8)
    for copies in (1, chosen.copies)[: 1 if chosen.copies == 1 else 2]:
        with tempfile.TemporaryDirectory(dir=chosen.temporary or chosen.folder.parent) as place:
            linked(chosen.folder, Path(place, "images"), copies)
            cache = Path(place, "cache")
            n, first, _, peak, _ = start(Path(place, "images"), chosen.size, cache)
            # Those of the least time: another program can only add to it.
            _, second, used, again, least = min(
                (start(Path(place, "images"), chosen.size, cache) for _ in range(3)), key=lambda found: found[1]
            )
            _, _, _, trained, _ = start(Path(place, "images"), chosen.size, cache, Path(place, "run"))
            row = f"{n:,} | {first:.1f} | {peak:.0f} | {second:.2f} | {used:.2f} | {least:.2f} | {again:.0f}"
            print(f"| {row} | {trained:.0f} |", flush=True)


if __name__ == "__main__":
    main()
