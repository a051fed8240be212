"""Shared by all tests: run-time shape checks, small real data, and the command line."""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# One thread per test process: two processes share the cores, and results do not depend on the load.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import jaxtyping

from .shapes import checked

# Shape annotations are checked in tests only, so users do not pay for it. Modules are selected by their source text,
# because the hook must be installed before they are imported.
_SOURCE = Path(importlib.util.find_spec("vaelab").origin).parent  # type: ignore[union-attr,arg-type]
_CHECKED = [
    ".".join(("vaelab", *path.relative_to(_SOURCE).with_suffix("").parts))
    for path in sorted(_SOURCE.rglob("*.py"))
    if path.name != "__init__.py" and "from jaxtyping import" in path.read_text()
]
jaxtyping.jaxtyped = checked  # type: ignore[assignment]
_hook = jaxtyping.install_import_hook(_CHECKED, "beartype.beartype")

import numpy as np
import pytest
import torch

from vaelab.data import Digits, ImageData, Mnist
from vaelab.data.directory import data_directory
from vaelab.data.store import DataNotFound
from vaelab.spec import Spec, rooms

from . import warm
from .browser import started
from .explorer_pages import Screen, Site, shown as shown_page, write_site

torch.set_num_threads(1)

# What is kept for the next evaluation stays out of the user's cache folder; commands in other processes share it.
os.environ["VAELAB_CACHE"] = tempfile.mkdtemp(prefix="vaelab-tests-")
atexit.register(shutil.rmtree, os.environ["VAELAB_CACHE"], ignore_errors=True)

# They need the extra `export`, which the environment of the oldest versions is without.
collect_ignore_glob = [] if importlib.util.find_spec("onnx") else ["test_explorer*.py", "test_export.py"]

# Test files need not survive a power failure, and syncing thousands of small files is slow. The command line in a
# separate process still syncs, as it does for users.
os.fsync = lambda handle: None

Cli = Callable[..., subprocess.CompletedProcess[str]]


# The command line where no file grows beyond 200,000 bytes, as on a disk that is full or under a quota.
SMALL_FILES = """
import resource, sys
from vaelab.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="session")
def digits() -> ImageData:
    """A small set of real digits: 300 for training, 60 for testing."""
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
    """The same digits as a .npz file, for the command line."""
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    train, test = digits.split("train"), digits.split("test")
    np.savez(path, images=train.images, labels=train.labels, test_images=test.images, test_labels=test.labels)
    return path


@pytest.fixture(scope="session")
def mnist() -> ImageData:
    """The real MNIST; skips the test if this machine does not have it."""
    try:
        return Mnist().read(data_directory())
    except DataNotFound:
        pytest.skip("MNIST is not at hand; name its folder with VAELAB_DATA")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what all processes of the tests make once, each thing under its own lock."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def explorer_site(digits_file: Path, shared: Path) -> Site:
    """The explorer's page with a VAE and a CVAE of few epochs; skips the test if the page is not built."""
    return write_site(digits_file, shared / "explorer")


@pytest.fixture(scope="module")
def browser() -> Iterator:
    """A real headless Chromium; skips the test if this machine has none."""
    with started() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def desk(browser, explorer_site: Site) -> Iterator[Screen]:
    """The explorer's page on a screen of 1440 pixels, shared by the tests of a file."""
    with shown_page(browser, explorer_site.file) as screen:
        yield screen


@pytest.fixture(scope="module")
def group(browser, digits: ImageData, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable]:
    """Pages of small models of every family, by the name of a group."""
    from .explorer_families import groups

    with groups(browser, digits, tmp_path_factory.mktemp("families")) as get:
        yield get


@pytest.fixture
def shown(group: Callable, request: pytest.FixtureRequest) -> tuple:
    """A model of a family, and the page that shows it."""
    from .explorer_families import model_and_page

    return model_and_page(group, request.param)


@pytest.fixture(scope="session")
def test_images(digits: ImageData) -> tuple[torch.Tensor, torch.Tensor]:
    """The test images of the small set of digits, and their labels."""
    return digits.split("test").tensors()


@pytest.fixture(scope="module")
def logistic_for_boosted() -> Iterator[None]:
    """Logistic classifiers in place of boosted trees in evaluations: those of forty values take ten seconds."""
    from vaelab.metrics.disentanglement import published

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(published, "dci_boosted_classifiers", published.dci_logistic_classifiers)
        yield


@contextmanager
def coarse_posteriors() -> Iterator[None]:
    """Few points and steps for true posteriors in figures that nobody looks at: a whole plane takes seconds."""
    from vaelab.figures import posterior

    with pytest.MonkeyPatch.context() as patch:
        fewer = {"_CANDIDATES": 12, "_TOLERANCE": 3.0, "_STEPS": 2, "_MIN_POINTS": 20, "_MAX_POINTS": 20}
        for name, value in fewer.items():
            patch.setattr(posterior, name, value)
        yield


@pytest.fixture
def coarse() -> Iterator[None]:
    """The same for a test."""
    with coarse_posteriors():
        yield


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Cli:
    """Run `vaelab` in its own folder, but in this process, because starting a new one takes seconds.

    The specs that other test files define are hidden, since `vaelab` would list them as words.
    """
    from vaelab.cli import main

    imported = rooms.members

    def members(room: type[Spec], own: bool = False) -> list[type[Spec]]:
        here = request.module.__name__
        return [part for part in imported(room, own) if part.__module__ == here or ".test_" not in part.__module__]

    monkeypatch.setattr(rooms, "members", members)

    def run(*words: str | Path, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        given = [str(word) for word in words]
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path)
            for name, value in ({"COLUMNS": "100"} | environment).items():
                patch.setenv(name, value)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    returned = main(given)
                except SystemExit as stop:
                    returned = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        said = [stream.buffer.getvalue().decode() for stream in (out, err)]
        done = subprocess.CompletedProcess(given, returned, *said)
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture
def process(tmp_path: Path) -> Cli:
    """Run `vaelab` in its own folder and a Python of its own, for what is tested of a start."""

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


@pytest.fixture
def forked(tmp_path: Path) -> Cli:
    """Run `vaelab` in its own folder and a separate process, which begins with torch imported."""

    def run(*words: str | Path, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        given = os.environ | {"COLUMNS": "100"} | environment
        done = warm.run("-m", "vaelab", *words, folder=tmp_path, environment=given)
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run


@contextmanager
def mirror(folder: Path) -> Iterator[str]:
    """A local web server that serves a folder."""

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


__all__ = ["Cli", "Mnist", "coarse_posteriors", "mirror"]
