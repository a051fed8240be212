"""Time until `import vaelab` and help are there, beside the imports that they are compared to, in two versions.

python benchmarks/startup.py COMMIT     # COMMIT against the working tree

Each round runs every program once in turn, so that other load on the machine meets all of them.
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
ROUNDS = 9
LIBRARIES = "import tyro, pydantic"
# Each command with the imports that it is compared to.
CASES = {
    "import vaelab": (["-c", "import vaelab"], "import torch"),
    "vaelab --help": (["-m", "vaelab", "--help"], LIBRARIES),
    "vaelab train vae --help": (["-m", "vaelab", "train", "vae", "--help"], LIBRARIES),
}


def seconds(source: Path, words: list[str]) -> float:
    """The wall-clock time of a fresh process."""
    environment = os.environ | {"PYTHONPATH": str(source)}
    began = time.perf_counter()
    subprocess.run([sys.executable, *words], env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def spread(values: list[float]) -> str:
    """Median and range."""
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def main(commit: str) -> None:
    """Time each case for both versions and its imports in turn, and print a line for each of them."""
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(["git", "archive", commit, "src"], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        for name, (words, imports) in CASES.items():
            programs = {
                imports: (ROOT / "src", ["-c", imports]),
                commit: (Path(folder) / "src", words),
                "working tree": (ROOT / "src", words),
            }
            for program in programs.values():
                seconds(*program)  # compiles the modules
            rounds = [{each: seconds(*program) for each, program in programs.items()} for _ in range(ROUNDS)]
            for each in programs:
                print(f"{name:<24} {each:<24} {spread([times[each] for times in rounds])} s")
            for version in (commit, "working tree"):
                ratios = spread([times[version] / times[imports] for times in rounds])
                print(f"{name:<24} {version:<24} {ratios} times `{imports}`")


if __name__ == "__main__":
    main(*sys.argv[1:2] or ["HEAD"])
