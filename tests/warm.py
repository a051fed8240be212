"""Processes that begin with torch and vaelab imported: a start costs a fork, in place of seconds of imports.

A Python that is started once imports both, runs nothing, and forks for each process that a test asks for. A child has
the arguments, folder, environment and streams that it is given, is killed and waited for like any other, and ends as
Python does. What Python or a library reads when it is first imported (`PYTHONIOENCODING`, `MPLBACKEND`), and what is
imported at all, is tested with a Python of its own.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import types
from pathlib import Path
from typing import Any


class Process:
    """A child by its number, with the methods of `subprocess.Popen`; what it says goes to files."""

    def __init__(self, pid: int, said: list[Path]) -> None:
        self.pid, self._said = pid, said
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = _asked({"ended": self.pid})
        return self.returncode

    def wait(self, timeout: float = 600) -> int:
        """Its exit code, or the negative number of the signal that ended it."""
        began = time.monotonic()
        while self.poll() is None:
            if time.monotonic() - began > timeout:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(0.005)
        assert self.returncode is not None
        return self.returncode

    def communicate(self, timeout: float = 600) -> tuple[str, str]:
        """Wait for its end; its output and its errors."""
        self.wait(timeout)
        output, errors = (path.read_text(errors="replace") for path in self._said)
        return output, errors

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start(*words: str | Path, folder: Path | None = None, environment: dict[str, str] | None = None) -> Process:
    """Begin what `python WORDS` does, where the words begin with -m MODULE, -c CODE or a file."""
    said = [Path(_kept().name) / f"{time.monotonic_ns()}.{stream}" for stream in ("out", "err")]
    given = dict(os.environ if environment is None else environment)
    asked = {"words": [str(word) for word in words], "folder": str(folder or Path.cwd()), "environment": given}
    return Process(_asked(asked | {"said": list(map(str, said))}), said)


def run(
    *words: str | Path, folder: Path | None = None, environment: dict[str, str] | None = None, timeout: float = 600
) -> subprocess.CompletedProcess[str]:
    """The end of what `python WORDS` does."""
    process = start(*words, folder=folder, environment=environment)
    try:
        output, errors = process.communicate(timeout)
    finally:
        process.kill()
    assert process.returncode is not None
    return subprocess.CompletedProcess(list(words), process.returncode, output, errors)


def spent() -> float:
    """Processor seconds of all of them that have ended, and of the process that forks."""
    return _asked({"spent": None}) if _server.cache_info().currsize else 0.0


# ---- on this side ----


@functools.cache
def _kept() -> tempfile.TemporaryDirectory[str]:
    """The files of what processes say, which are removed at the end of the tests."""
    return tempfile.TemporaryDirectory(prefix="vaelab-processes-")


@functools.cache
def _server() -> subprocess.Popen[bytes]:
    """The process that forks; it ends when its input does."""
    return subprocess.Popen(
        [sys.executable, __file__],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def _asked(request: dict[str, Any]) -> Any:
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps(request).encode() + b"\n")
    server.stdin.flush()
    return json.loads(server.stdout.readline())


# ---- in the process that forks ----


def _serve() -> list[str]:
    """Answer requests; in a child, return its words."""
    requests = open(os.dup(0), "rb", buffering=0)  # noqa: SIM115 (nothing that a child would share is read ahead)
    replies = os.dup(1)
    for line in requests:
        request = json.loads(line)
        if "ended" in request:
            pid, status = os.waitpid(request["ended"], os.WNOHANG)
            reply = os.waitstatus_to_exitcode(status) if pid else None
        elif "spent" in request:
            reply = sum(os.times()[:4])
        else:
            reply = os.fork()
            if not reply:
                requests.close()
                os.close(replies)
                return _begun(**request)
        os.write(replies, json.dumps(reply).encode() + b"\n")
    os._exit(0)


def _begun(words: list[str], folder: str, environment: dict[str, str], said: list[str]) -> list[str]:
    """Take on what makes a process: streams, folder, environment, and the paths of imports."""
    for number, path in enumerate([os.devnull, *said]):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    here = str(Path(__file__).parent)
    given = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:] = [folder, *given, *(path for path in sys.path if path != here and path not in given)]
    sys.modules["torch"].set_num_threads(int(environment.get("OMP_NUM_THREADS", 1)))
    return words


def _import_everything() -> None:
    """All public names and all commands, and the compiler of torch, which the first step of an optimiser imports."""
    import vaelab
    import vaelab.cli

    importlib.import_module("torch._dynamo")
    for name in vaelab.__all__:
        getattr(vaelab, name)
    for module in pkgutil.iter_modules(vaelab.cli.__path__, "vaelab.cli."):
        importlib.import_module(module.name)
    gc.collect()
    gc.freeze()


def _run(first: str, *rest: str) -> None:
    """What Python does with its arguments."""
    if first == "-m":
        sys.argv = list(rest)
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.argv = ["-c", *rest[1:]]
        sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(rest[0], "<string>", "exec"), vars(sys.modules["__main__"]))
    else:
        sys.argv = [first, *rest]
        runpy.run_path(first, run_name="__main__")


def _exit_code(words: list[str]) -> int:
    """Run the words; what ended them, in a number."""
    try:
        _run(*words)
    except SystemExit as stop:
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    _import_everything()
    _code = _exit_code(_serve())
    # As Python ends: threads, what was registered, what is not yet written.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    # To free each of some thousand modules would take as long as to import some of them.
    os._exit(_code)
