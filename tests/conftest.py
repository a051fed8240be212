"""What all tests share: shapes checked at run time, small real data, and the command line as a process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# One thread a test process: two of them share the cores, and results do not depend on who else runs.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from jaxtyping import install_import_hook

# Shapes written in signatures are checked wherever a test goes; users do not pay for it.
_ROOMS = {
    "networks": "attention cells conv mlp network resnet transposed",
    "priors": "autoregressive conditional_normal flow mixture standard_normal uniform_codes vamp",
    "likelihoods": "bernoulli categorical continuous_bernoulli discretised_logistic gaussian learned_gaussian "
    "logistic_mixture optimal_gaussian",
    "posteriors": "codebook finite_scalar flow full_gaussian gaussian posterior quantising residual_codebook",
    "objectives": "decomposition discriminator mmd multiplier",
    "distributions": "bent_normal point_mass",
    "models": "ladder model vae",
    "data.drawing": "factors glyphs sprites strokes",
    "metrics": "active agreement centroids classifier directions embedding intervals neighbours paths images ranks "
    "shape two_samples",
    "metrics.rate": "aggregate collapse estimate parts split units use",
    "metrics.disentanglement": "beta_vae data dci explicitness factor_vae factors gap information irs mig modularity "
    "sap scores sharing",
    "metrics.evidence": "annealed bidirectional gaps hmc importance joint lattice quadrature starts support",
    "metrics.representation": "clusters curve probe",
    "metrics.samples": "conditional frechet kernel memorisation precision quality",
}
_CHECKED = ["vaelab.contract"] + [f"vaelab.{room}.{name}" for room, names in _ROOMS.items() for name in names.split()]
_hook = install_import_hook(_CHECKED, "beartype.beartype")

import numpy as np
import pytest
import torch

from vaelab.data import Digits, ImageData, Mnist
from vaelab.data.directory import data_directory
from vaelab.data.store import DataNotFound

torch.set_num_threads(1)

# What a test writes need not outlast a loss of power, and thousands of small files would wait for the disk. The
# command line, which runs in processes of its own, syncs as it does for users.
os.fsync = lambda handle: None

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def digits() -> ImageData:
    """Real digits, few enough for a test: 300 to train on, 60 to test on."""
    data = Digits().load()
    train, test = data.split("train"), data.split("test")
    return ImageData(
        "digits",
        np.concatenate([train.images[:300], test.images[:60]]),
        np.concatenate([train.labels[:300], test.labels[:60]]),
        data.classes,
        {"train": range(300), "test": range(300, 360)},
    )


@pytest.fixture(scope="session")
def digits_file(digits: ImageData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same digits as a .npz file, for processes of their own."""
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    train, test = digits.split("train"), digits.split("test")
    np.savez(path, images=train.images, labels=train.labels, test_images=test.images, test_labels=test.labels)
    return path


@pytest.fixture(scope="session")
def mnist() -> ImageData:
    """The real MNIST, where this machine has it."""
    try:
        return Mnist().read(data_directory())
    except DataNotFound:
        pytest.skip("MNIST is not at hand; name its folder with VAELAB_DATA")


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Run `vaelab` as a user does, in a process and a folder of its own."""

    def run(*words: str | Path, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "vaelab", *map(str, words)],
            cwd=tmp_path,
            env=os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "100"} | environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run


@contextmanager
def mirror(folder: Path) -> Iterator[str]:
    """A real web server on this machine that serves a folder."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


__all__ = ["Cli", "Mnist", "mirror"]
