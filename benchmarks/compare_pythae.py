"""Models and samplers beside pythae 0.1.2: equal networks, weights at the start, images, order, steps and optimiser.

pythae is no dependency of this project. It is installed into a folder of its own and found through PYTHONPATH:

    pip install --no-deps --target /tmp/pythae pythae==0.1.2 cloudpickle imageio
    PYTHONPATH=/tmp/pythae python benchmarks/compare_pythae.py --out build/pythae
    PYTHONPATH=/tmp/pythae python benchmarks/compare_pythae.py --data digits --epochs 1 --only VAE IWAE

Without it, one line says so, and the exit code is 2. No number is pythae's own: its weights are stated as a vaelab
model (pythae_peer.py), and both models are measured by the same functions on the same binarised test images. log p(x)
is exact by quadrature where z is in the plane, otherwise a bound by importance samples; of a sampler that only draws,
it is an average over draws. Differences are ours minus pythae's, positive where ours is higher. Their 95 % intervals
are over images, by bootstrap of the mean over seeds, and over seeds, by Student's t. Writes results.json and table.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

NAMES = ("log_p", "reconstruction", "kl")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=("mnist", "digits"), default="mnist")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--images", type=int, default=4_000, help="training images")
    parser.add_argument("--test", type=int, default=200, help="test images")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds, from 0")
    parser.add_argument("--samples", type=int, default=200, help="importance samples where there is no quadrature")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these rows alone")
    parser.add_argument("--out", type=Path, help="folder of results.json and table.md")
    return parser.parse_args()


def main() -> None:
    settings = arguments()
    if importlib.util.find_spec("pythae") is None:
        print(
            "pythae is not installed; pip install --no-deps --target /tmp/pythae pythae==0.1.2 cloudpickle imageio, "
            "then run with PYTHONPATH=/tmp/pythae",
            file=sys.stderr,
        )
        sys.exit(2)
    import torch

    from pythae_bench import Bench
    from pythae_rows import ROWS, SAMPLERS, SamplerRow

    torch.set_num_threads(1)
    names = [row.name for row in (*ROWS, *SAMPLERS)]
    if unknown := set(settings.only or ()) - set(names):
        sys.exit(f"--only has {', '.join(sorted(unknown))}; the rows are {', '.join(names)}")
    chosen = [row for row in (*ROWS, *SAMPLERS) if not settings.only or row.name in settings.only]
    notes = {row.name: row.note for row in chosen}
    found: dict[str, list[dict[str, dict[str, Any]]]] = {}
    began = time.monotonic()
    # Seed by seed, so that what is written is a whole table long before the end.
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(settings, Path(folder))
        for seed in range(settings.seeds):
            for row in chosen:
                compare = bench.sampler if isinstance(row, SamplerRow) else bench.model
                found.setdefault(row.name, []).append(compare(row, seed))
                print(f"seed {seed} {line(row.name, summary(found[row.name]))}", flush=True)
                results = {name: summary(seeds) | {"note": notes[name]} for name, seeds in found.items()}
                write(settings, results, time.monotonic() - began)


def summary(found: list[dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """Means over seeds and images of both, and the differences of log p(x) with their intervals."""
    import numpy as np
    from scipy import stats

    from vaelab.metrics.intervals import bootstrap_interval

    row: dict[str, Any] = {}
    for side in ("ours", "pythae"):
        row[side] = {
            name: float(np.mean([seed[side][name] for seed in found])) for name in NAMES if name in found[0][side]
        }
        speeds = [seed[side]["images_per_second"] for seed in found if "images_per_second" in seed[side]]
        if speeds:
            row[side]["images_per_second"] = statistics.median(speeds)
    row["log_p_is"] = found[0]["ours"]["log_p_is"]
    apart = np.stack([np.subtract(seed["ours"]["log_p"], seed["pythae"]["log_p"]) for seed in found]).astype(float)
    over_images = bootstrap_interval(apart.mean(0))
    by_seed = apart.mean(1)
    row["difference"] = float(apart.mean())
    row["by_seed"] = by_seed.tolist()
    row["over_images"] = [over_images.low, over_images.high]
    if len(found) > 1:
        reach = stats.t.ppf(0.975, len(found) - 1) * by_seed.std(ddof=1) / len(found) ** 0.5
        row["over_seeds"] = [row["difference"] - float(reach), row["difference"] + float(reach)]
    return row


def both(row: dict[str, Any], name: str, form: str = ".2f") -> str:
    values = [row[side][name] for side in ("ours", "pythae") if name in row[side]]
    return " / ".join(f"{value:{form}}" for value in values) if len(values) == 2 else ""


def interval(row: dict[str, Any], name: str) -> str:
    return "{:.2f} to {:.2f}".format(*row[name]) if name in row else ""


def line(name: str, row: dict[str, Any]) -> str:
    cells = [name, both(row, "reconstruction"), both(row, "kl"), both(row, "log_p"), row["log_p_is"]]
    cells += [f"{row['difference']:+.2f}", interval(row, "over_images"), interval(row, "over_seeds")]
    cells += [both(row, "images_per_second", ",.0f")]
    return "| " + " | ".join(cells) + " |"


HEAD = (
    "| ours / pythae | reconstruction | KL | log p(x) | | difference | over images | over seeds | images/s |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


def write(settings: argparse.Namespace, results: dict[str, Any], seconds: float) -> None:
    if settings.out is None:
        return
    settings.out.mkdir(parents=True, exist_ok=True)
    about = {name: value for name, value in vars(settings).items() if name != "out"} | {"seconds": seconds}
    (settings.out / "results.json").write_text(json.dumps({"settings": about, "rows": results}, indent=1) + "\n")
    notes = [f"{name}: {row['note']}." for name, row in results.items() if row["note"]]
    table = [HEAD, *(line(name, row) for name, row in results.items())]
    (settings.out / "table.md").write_text("\n".join([*table, "", *notes]) + "\n")


if __name__ == "__main__":
    main()
