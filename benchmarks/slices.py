"""Loops that run side by side, each in its own process and only one at a time: slice after slice, of a few seconds.

Each loop has a process of its own, since what vaelab sets in the allocator would speed up the others too.
"""

import itertools
import multiprocessing
import resource
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

import torch


class Gate:
    """Called after each step, holds a loop back between its slices and reports the images/s of each."""

    def __init__(self, pipe: Connection, device: torch.device) -> None:
        self.pipe, self.device = pipe, device
        self.wait()

    def __call__(self, images: int) -> None:
        self.images += images
        if time.perf_counter() - self.began >= self.seconds:
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            seconds = time.perf_counter() - self.began
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            self.pipe.send((self.images / seconds, memory))
            self.wait()

    def wait(self) -> None:
        try:
            self.seconds = self.pipe.recv()
        except EOFError:  # the benchmark has ended
            raise SystemExit from None
        self.images, self.began = 0, time.perf_counter()


class Loop:
    """A loop in a process of its own; `speeds` has the images/s of each slice, `memory` its peak in MB.

    Args:
        run: runs the loop for ever; it is given a pipe, of which it makes a `Gate`, and `settings`.
    """

    def __init__(self, run: Callable[..., Any], *settings: Any) -> None:
        self.pipe, inner = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self.process = context.Process(target=run, args=(inner, *settings), daemon=True)
        self.process.start()
        inner.close()
        self.speeds: list[float] = []
        self.memory = 0.0

    def slice(self, seconds: float) -> float:
        """Run for this long; return the images/s."""
        self.begin(seconds)
        return self.end()

    def begin(self, seconds: float) -> None:
        """Run for this long, beside others that are begun as well."""
        self.pipe.send(seconds)

    def end(self) -> float:
        """Wait for the end of the slice that was begun; return the images/s."""
        try:
            speed, self.memory = self.pipe.recv()
        except EOFError:
            raise SystemExit("a loop has ended before its slice; its message stands above") from None
        self.speeds.append(speed)
        return speed

    def stop(self) -> None:
        # A training takes SIGTERM as a request to end with its current step.
        self.process.kill()
        self.process.join()


def warm_up(loops: dict[str, Loop], seconds: float) -> None:
    """A slice of each that does not count: the first ones load kernels and grow the heap."""
    for loop in loops.values():
        loop.slice(seconds)
        loop.speeds.clear()


def turns(loops: dict[str, Loop], rounds: int) -> Iterator[str]:
    """Whose slice is next: one of each loop in a round, and the other way round in the next one."""
    orders = itertools.cycle((list(loops), list(reversed(loops))))
    return itertools.chain.from_iterable(itertools.islice(orders, rounds))


def peak(device: torch.device, dtype: torch.dtype, seconds: float = 0.4, size: int = 2048) -> float:
    """The highest speed of a matrix product, FLOP/s."""
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    fastest, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        c = a @ b
        c[0, 0].item()  # waits for an accelerator
        fastest = min(fastest, time.perf_counter() - began)
    return 2 * size**3 / fastest
