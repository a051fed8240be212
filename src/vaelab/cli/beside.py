"""More processes of a command, which share its work."""

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
    """Within the context, other processes of a study train and measure what this one is not at.

    All of them, this one too, compute with an equal share of the threads: small networks do not gain from more. They
    end with the context.

    Args:
        processes: how many there are in all.
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
            # It saves what it is at.
            process.terminate()
            process.wait()
