"""Further processes of a command that share its work."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from vaelab.cli.dispatch import take_flag


@contextmanager
def beside(processes: int, line: str) -> Iterator[None]:
    """Within the context, further processes train and measure runs of the same study.

    All processes, including this one, get an equal share of the threads, since small networks gain little from more.
    The others are stopped at the end of the context.

    Args:
        processes: total number, including this one.
        line: the command line of this one.
    """
    if processes == 1:
        yield
        return
    import torch

    threads = torch.get_num_threads()
    share = max(1, threads // processes)
    _, words = take_flag(shlex.split(line)[1:], "--processes")
    words += [flag for flag in ("--runs-only", "--quiet") if flag not in words]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "vaelab", *words],
            env=os.environ | {"OMP_NUM_THREADS": str(share)},
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
            # A training writes a checkpoint first.
            process.terminate()
            process.wait()
