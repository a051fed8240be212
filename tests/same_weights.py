"""Compare the weights that two versions of the project train: every preset, two steps on digits, one thread.

    python tests/same_weights.py COMMIT     # COMMIT against the working tree

Each version runs in a separate process, from its own sources. Exit code 1 if any weight differs by a bit.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent

# Only names that both versions have.
TRAIN = """
import json, sys, tempfile
import torch
torch.set_num_threads(1)
import numpy as np
import vaelab as vl
from vaelab.models.files import weights_digest

digits = vl.open_data("digits")
rows = np.r_[0:32, 1437:1453]
data = vl.ImageData("digits", digits.images[rows], digits.labels[rows], digits.classes,
                    {"train": range(32), "test": range(32, 48)})
weights = {}
# Earlier versions hold nothing out.
settings = {"validation": 0} if hasattr(vl.Training(), "validation") else {}
for name in vl.PRESETS:
    if name == "table":  # takes no images
        continue
    experiment = vl.preset(name, data="digits", epochs=1, batch_size=16, precision="fp32", device="cpu", **settings)
    with tempfile.TemporaryDirectory() as folder:
        run = vl.train(experiment, folder + "/run", data=data)
        assert len(run.rows) == 1
        weights[name] = weights_digest(run.model)
    print(name, weights[name][:12], file=sys.stderr, flush=True)
print(json.dumps(weights))
"""


def trained(source: Path) -> dict[str, str]:
    """The sha256 of each preset's weights, trained with the package in `source`."""
    environment = os.environ | {"PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", TRAIN], env=environment, stdout=subprocess.PIPE, text=True, check=True)
    weights: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return weights


def main(commit: str) -> int:
    """Train with both versions and print one line per preset."""
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(["git", "archive", commit, "src"], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        before = trained(Path(folder) / "src")
    now = trained(ROOT / "src")
    for name in sorted(before | now):
        same = before.get(name) == now.get(name)
        print(f"{'same     ' if same else 'DIFFERENT'}  {name}")
    return 0 if before == now else 1


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:2] or ["HEAD"]))
