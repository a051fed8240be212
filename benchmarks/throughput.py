"""Speed of training relative to a plain PyTorch loop, and the memory it takes.

Each round times one epoch of the study's VAE twice on the same images: by benchmarks/plain_loop.py and by
`vaelab train`, in separate processes, one after the other. The ratio is taken within a round, so that a slow phase
of the machine affects both. If kernels are loaded or compiled in the first epoch (a GPU, --compile), the second
epoch of both is timed. Run nothing else meanwhile.

    python benchmarks/throughput.py [--rounds 5] [--images 60000] [--precision auto] [--device cpu] [--compile]
"""

import argparse
import csv
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from vaelab.data import Digits, Mnist
from vaelab.data.store import DataNotFound
from vaelab.training.device import choose_device, computes_in_bf16, describe_machine


def training_images(count: int) -> tuple[str, np.ndarray]:
    try:
        data = Mnist().load()
    except DataNotFound:
        data = Digits().load()
    images = data.split("train").images
    return data.name, np.resize(images, (count, *images.shape[1:]))


def plain(images: Path, device: str, epochs: int) -> float:
    command = [sys.executable, str(Path(__file__).with_name("plain_loop.py")), str(images), device, str(epochs)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def ours(data: str, out: Path, options: list[str]) -> tuple[float, float]:
    """Images/s of the training steps, and the peak memory of the process in MB."""
    command = [sys.executable, "-m", "vaelab", "train", "vae", "--data", data, "--quiet"]
    process = subprocess.Popen([*command, "--out", str(out), *options], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    with (out / "metrics.csv").open() as file:
        *_, last = csv.DictReader(file)
    return float(last["images_per_second"]), usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compile", action="store_true")
    chosen = parser.parse_args()

    name, images = training_images(chosen.images)
    device = choose_device(chosen.device)
    print(f"machine: {describe_machine(device, computes_in_bf16(device, chosen.precision))}")
    print(f"data: {name}, {len(images):,} images, one epoch a round, batch 128")
    epochs = 2 if chosen.compile or device.type != "cpu" else 1
    options = [
        "--epochs",
        str(epochs),
        "--precision",
        chosen.precision,
        "--device",
        chosen.device,
        *["--compile"] * chosen.compile,
    ]
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        array, archive = Path(folder) / "images.npy", Path(folder) / "images.npz"
        np.save(array, images)
        np.savez(archive, images=images, test_images=images[:10_000])
        # The built-in loader if it gives exactly these images, to measure the memory of training on MNIST.
        source = "mnist" if name == "mnist" and chosen.images == 60_000 else f"npz:{archive}"
        for index in range(chosen.rounds):
            reference = plain(array, chosen.device, epochs)
            speed, memory = ours(source, Path(folder) / f"run{index}", options)
            rounds.append((reference, speed, speed / reference, memory))
            print(
                f"round {index + 1}: plain {reference:,.0f}, vaelab {speed:,.0f} images/s, "
                f"ratio {speed / reference:.2f}",
                flush=True,
            )
    plain_speeds, speeds, ratios, memories = zip(*rounds, strict=True)
    print(f"plain   median {statistics.median(plain_speeds):,.0f} images/s")
    print(f"vaelab  median {statistics.median(speeds):,.0f} images/s")
    print(f"ratio   median {statistics.median(ratios):.2f}, from {min(ratios):.2f} to {max(ratios):.2f}")
    print(f"peak memory of `vaelab train`: {max(memories):,.0f} MB")


if __name__ == "__main__":
    main()
