"""Further processes of a command that share its work.

As a program, `python -m vaelab.cli.beside WORDS`, it is such a process: a `vaelab` that ends once its input does. The
first process keeps that input open, and the system closes it, however the first one ends.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from vaelab.cli import main
from vaelab.cli.dispatch import take_flag


@contextmanager
def beside(processes: int, line: str, data: str | None = None) -> Iterator[None]:
    """Within the context, further processes train and measure runs of the same study.

    All processes, including this one, get an equal share of the threads, since small networks gain little from more.
    The others are stopped at the end of the context, or if this process is killed; a training writes a checkpoint then.

    Args:
        processes: total number, including this one.
        line: the command line of this one.
        data: the images that this one has, if they are not those of the line: nobody looks for those again.
    """
    if processes == 1:
        yield
        return
    import torch

    threads = torch.get_num_threads()
    share = max(1, threads // processes)
    _, words = take_flag(shlex.split(line)[1:], "--processes")
    if data is not None:
        words = [*take_flag(words, "--data")[1], "--data", data]
    words += [flag for flag in ("--runs-only", "--quiet") if flag not in words]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", __name__, *words],
            env=os.environ | {"OMP_NUM_THREADS": str(share)},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        for _ in range(processes - 1)
    ]
    torch.set_num_threads(share)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        for process in started:
            process.communicate()


def _end_with_input() -> None:
    """Wait for the end of the input, then end this process as SIGTERM does."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_input, daemon=True).start()
    sys.exit(main())
