"""What all tests share: shapes checked at run time, small real data, and the command line."""

from __future__ import annotations

import contextlib
import importlib.util
import io
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

# Shapes written in signatures are checked wherever a test goes; users do not pay for it. Found by their text: importing
# a module to look at it would be too late.
_SOURCE = Path(importlib.util.find_spec("vaelab").origin).parent  # type: ignore[union-attr,arg-type]
_CHECKED = [
    ".".join(("vaelab", *path.relative_to(_SOURCE).with_suffix("").parts))
    for path in sorted(_SOURCE.rglob("*.py"))
    if path.name != "__init__.py" and "from jaxtyping import" in path.read_text()
]
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
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run `vaelab` as a user does in a folder of its own, but in this process: to start one takes seconds."""
    from vaelab.cli import main

    def run(*words: str | Path, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        given = [str(word) for word in words]
        out, err = io.StringIO(), io.StringIO()
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path)
            for name, value in ({"COLUMNS": "100"} | environment).items():
                patch.setenv(name, value)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    returned = main(given)
                except SystemExit as stop:
                    returned = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        done = subprocess.CompletedProcess(given, returned, out.getvalue(), err.getvalue())
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture
def process(tmp_path: Path) -> Cli:
    """Run `vaelab` in a process and a folder of its own, where that is the point."""

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
