"""Speed of training beside a plain PyTorch loop and, where it is installed, pythae's trainer; and the memory it takes.

The study's VAE, batch 128. Each loop runs in a process of its own, a few seconds at a time, while the others wait; the
order of the loops turns round from round to round. The peak of a matrix product is measured before and after each
slice. Ratios are taken within a round, so that a slow phase of the machine affects both sides, and their medians over
odd and over even rounds show how far the result repeats. Run nothing else meanwhile. What is printed can be pasted into
docs/results.md.

    python benchmarks/throughput.py [--precision auto|fp32|bf16] [--rounds 12] [--seconds 4] [--images 60000]
                                    [--device cpu] [--compile]
    PYTHONPATH=/tmp/pythae python benchmarks/throughput.py --precision fp32     # installed as in compare_pythae.py

With bf16 the plain loop runs under autocast, and once more in fp32. pythae's trainer computes in fp32.
"""

import argparse
import importlib.util
import statistics
import tempfile
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import torch

import vaelab as vl
from slices import Gate, Loop, peak, turns, warm_up
from vaelab.data.store import DataNotFound
from vaelab.precision import computes_in_bf16
from vaelab.training.device import choose_device, describe_machine
from vaelab.training.train import train
from vaelab.training.watcher import Watcher

# Forward and backward through the study's VAE: 5.77 million products and sums forward, and twice as many backward.
FLOP_PER_IMAGE = 34.6e6
BATCH = 128
FOREVER = 10**6


def plain(pipe: Connection, images: np.ndarray, device: str, bf16: bool) -> None:
    from plain_loop import steps

    chosen = torch.device(device)
    gate = Gate(pipe, chosen)
    for count in steps(images, chosen, bf16):
        gate(count)


class Gated(Watcher):
    """Holds vaelab's own training back between slices."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    def step(self, job: Any, progress: Any, loss: torch.Tensor, trace: Any) -> None:
        self.gate(len(trace.x))


def ours(pipe: Connection, images: np.ndarray, device: str, bf16: bool, compiled: bool) -> None:
    experiment = vl.preset(
        "vae",
        epochs=FOREVER,
        batch_size=BATCH,
        precision="bf16" if bf16 else "fp32",
        device=device,
        compile=compiled,
    )
    with tempfile.TemporaryDirectory() as folder:
        train_for_ever(pipe, experiment, images, f"{folder}/run")


def train_for_ever(pipe: Connection | None, experiment: vl.Experiment, images: np.ndarray, folder: str) -> None:
    """vaelab's own training, held back between slices by who holds the other end of the pipe, if there is one.

    The test pass is over one image, since only steps are compared.
    """
    watcher = None if pipe is None else Gated(Gate(pipe, torch.device(experiment.training.device)))
    splits = {"train": range(1, len(images)), "test": range(1)}
    data = vl.ImageData("images", images, splits=splits)
    train(experiment, folder, data=data, watcher=watcher, show=False)


def pythae(pipe: Connection, images: np.ndarray, device: str, bf16: bool) -> None:
    """pythae's trainer with the layers of the plain loop; its data set is the gate."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    from plain_loop import PlainVAE
    from pythae_peer import BASE, trained

    layers, gate = PlainVAE(), Gate(pipe, torch.device(device))

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.trunk, self.mu, self.log_var = layers.encoder, layers.mu, layers.log_var

        def forward(self, x: torch.Tensor) -> ModelOutput:
            h = self.trunk(x)
            return ModelOutput(embedding=self.mu(h), log_covariance=self.log_var(h))

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.expand, self.trunk = layers.expand, layers.decoder

        def forward(self, z: torch.Tensor) -> ModelOutput:
            h = torch.relu(self.expand(z)).view(-1, 128, 4, 4)
            return ModelOutput(reconstruction=self.trunk(h))

    class Images(BaseDataset):
        shown = 0

        def __getitem__(self, index: int) -> Any:
            # Before the first image of a batch, the batch before it is finished.
            if self.shown and self.shown % BATCH == 0:
                gate(BATCH)
            self.shown += 1
            return super().__getitem__(index)

    settings = VAEConfig(input_dim=(1, 28, 28), latent_dim=2, reconstruction_loss="bce")
    model = VAE(settings, encoder=Encoder(), decoder=Decoder())
    data = Images(torch.from_numpy(images).float().div(255), torch.zeros(len(images)))
    with tempfile.TemporaryDirectory() as folder:
        trained(model, data, BASE, folder, FOREVER, BATCH, seed=0)


def training_images(count: int) -> tuple[str, np.ndarray]:
    try:
        data = vl.open_data("mnist")
    except DataNotFound:
        data = vl.open_data("digits")
    images = data.split("train").images
    return data.name, np.resize(images, (count, *images.shape[1:]))


def spread(values: list[float]) -> str:
    """Median, and the quartiles with the extremes."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:.2f} | {low:.2f} to {high:.2f} | {max(values):.2f}"


def report(loops: dict[str, Loop], shares: dict[str, list[float]], peaks: list[float]) -> None:
    """The block for docs/results.md."""
    print("| loop | images/s, median | best | share of the peak, median | best | peak memory |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, loop in loops.items():
        print(
            f"| {name} | {statistics.median(loop.speeds):,.0f} | {max(loop.speeds):,.0f} | "
            f"{statistics.median(shares[name]):.0%} | {max(shares[name]):.0%} | {loop.memory:,.0f} MB |"
        )
    print("\n| vaelab against | ratio, median | quartiles | best | of the best slices | odd and even rounds |")
    print("| --- | --- | --- | --- | --- | --- |")
    ours = loops["vaelab"].speeds
    for name, loop in loops.items():
        if name != "vaelab":
            ratios = [own / other for own, other in zip(ours, loop.speeds, strict=True)]
            odd, even = statistics.median(ratios[::2]), statistics.median(ratios[1::2])
            print(
                f"| {name} | {spread(ratios)} | {max(ours) / max(loop.speeds):.2f} | "
                f"{odd:.2f} and {even:.2f}, {abs(odd / even - 1):.1%} apart |"
            )
    print(
        f"\nPeak of a matrix product: {statistics.median(peaks) / 1e9:,.0f} GFLOP/s, median; "
        f"{min(peaks) / 1e9:,.0f} to {max(peaks) / 1e9:,.0f}. {FLOP_PER_IMAGE / 1e6} MFLOP an image."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a slice")
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compile", action="store_true")
    chosen = parser.parse_args()
    if chosen.rounds < 2:
        parser.error(f"--rounds is {chosen.rounds}, but must be at least 2: odd and even rounds are compared")

    name, images = training_images(chosen.images)
    device = choose_device(chosen.device)
    bf16 = computes_in_bf16(device, chosen.precision)
    common = (images, str(device))
    loops = {"vaelab": Loop(ours, *common, bf16, chosen.compile), "plain loop": Loop(plain, *common, bf16)}
    if bf16:
        loops["plain loop, fp32"] = Loop(plain, *common, False)
    if importlib.util.find_spec("pythae") and device.type == "cpu":
        loops["pythae's trainer, fp32"] = Loop(pythae, *common, False)
    print(f"{describe_machine(device, bf16)}\n{name}, {len(images):,} images, batch {BATCH}, ", end="")
    print(f"{chosen.rounds} rounds of {chosen.seconds:g} s a loop\n", flush=True)

    dtype = torch.bfloat16 if bf16 else torch.float32
    warm_up(loops, chosen.seconds)
    peak(device, dtype)
    peaks, shares = [peak(device, dtype)], {name: [] for name in loops}
    for each in turns(loops, chosen.rounds):
        speed = loops[each].slice(chosen.seconds)
        peaks.append(peak(device, dtype))
        shares[each].append(speed * FLOP_PER_IMAGE / statistics.mean(peaks[-2:]))
    report(loops, shares, peaks)
    for loop in loops.values():
        loop.stop()


if __name__ == "__main__":
    main()
