"""Time of `import vaelab` and `vaelab --help` in two versions: median and range of five runs.

python benchmarks/startup.py COMMIT     # COMMIT against the working tree
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent
ROUNDS = 5
CASES = {
    "import vaelab": ["-c", "import vaelab"],
    "vaelab --help": ["-m", "vaelab", "--help"],
    "vaelab train vae --help": ["-m", "vaelab", "train", "vae", "--help"],
}


def seconds(source: Path, words: list[str]) -> float:
    """The wall-clock time of a fresh process."""
    environment = os.environ | {"PYTHONPATH": str(source)}
    began = time.perf_counter()
    subprocess.run([sys.executable, *words], env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def main(commit: str) -> None:
    """Time each case for both versions in turn, and print one line per case and version."""
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(["git", "archive", commit, "src"], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        versions = {commit: Path(folder) / "src", "working tree": ROOT / "src"}
        for name, words in CASES.items():
            for source in versions.values():
                seconds(source, words)  # compiles the modules
            times: dict[str, list[float]] = {version: [] for version in versions}
            for _ in range(ROUNDS):
                for version, source in versions.items():
                    times[version].append(seconds(source, words))
            for version, taken in times.items():
                print(f"{name:<24} {version:<14} {median(taken):.2f} s ({min(taken):.2f} to {max(taken):.2f})")


if __name__ == "__main__":
    main(*sys.argv[1:2] or ["HEAD"])
