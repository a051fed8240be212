"""The processes that train one model together: how they meet, what they agree on, and how they part."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cache
from itertools import count as numbers

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from vaelab.errors import UserError
from vaelab.processes import SaidByAnother, count, rank, timeout

_meetings = numbers()
_AT_THE_START = timedelta(minutes=10)
# Time that a process has to report why it ends, s; `torchrun` waits for 30 before it kills.
_LAST_WORDS = 10.0
# Torch 2.13 calls it by a new name, and warns of the old one.
_gather = dist.all_gather_single if hasattr(dist, "all_gather_single") else dist.all_gather_into_tensor


class Lost(UserError):
    """Another process does not answer."""


@contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """Work together with the other processes that `torchrun` started, if there are any.

    Whatever ends one of them ends all, and the first to end says why.

    Raises:
        UserError: another process has died, or does not answer.
    """
    if count() == 1 or dist.is_initialized():
        yield
        return
    with _answered():
        store = PrefixStore(f"vaelab {next(_meetings)}", _meeting_point())
        # They may begin far apart, and are waited for with more patience than once they work.
        store.set(f"process {rank()}", "")
        store.wait([f"process {number}" for number in range(count())], _AT_THE_START)
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        # One that has died is noticed at once, by its closed connections; one that hangs after this time.
        patience = timedelta(seconds=timeout())
        dist.init_process_group(backend, store=store, rank=rank(), world_size=count(), timeout=patience)
    try:
        yield
        # What is freed after the connections are closed can abort the process.
        gc.collect()
        require_all()
    except Exception as error:
        _postpone_termination()
        said = 1
        with suppress(RuntimeError):  # the process with the store may be the one that died
            said = store.add("said", 1)
        if said > 1:
            raise SaidByAnother("another process has ended, and says why; this one ends with it") from error
        raise
    finally:
        dist.destroy_process_group()


def _postpone_termination() -> None:
    """Once a process has ended, `torchrun` sends SIGTERM to the others: let it act when they have reported the reason.

    A program that goes on after the error ends by SIGTERM as it did before.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    end = time.monotonic() + _LAST_WORDS

    def postpone(number: int, frame: object) -> None:
        signal.signal(number, before)
        if (left := end - time.monotonic()) > 0:
            again = threading.Timer(left, os.kill, (os.getpid(), number))
            again.daemon = True
            again.start()
        else:
            signal.raise_signal(number)

    # None stands for a handler that was not set from Python, which cannot be put back.
    before = signal.signal(signal.SIGTERM, postpone) or signal.SIG_DFL


@cache
def _meeting_point() -> Store:
    """Where the processes find each other: the store that `torchrun` has, or that of the first process."""
    store: Store = next(rendezvous("env://", timeout=_AT_THE_START))[0]
    return store


@contextmanager
def _answered() -> Iterator[None]:
    """Report an error of a connection in one line."""
    try:
        yield
    except RuntimeError:
        raise Lost(
            f"another of the {count()} processes has ended, or has not answered for {timeout():g} s "
            "(VAELAB_PROCESS_TIMEOUT); what was saved is kept, and `--resume` goes on with any number of processes"
        ) from None


def sum_over_processes(values: Tensor) -> Tensor:
    """The sum of the processes' values, in place."""
    with _answered():
        dist.all_reduce(values)
    return values


def rows_of_all(own: Tensor) -> Tensor:
    """The rows of all processes, in their order; each has as many."""
    rows = own.new_empty(count() * len(own), *own.shape[1:])
    with _answered():
        _gather(rows, own)
    return rows


def any_process(flag: bool) -> bool:
    """Whether the flag is set in any process."""
    if not dist.is_initialized():
        return flag
    return bool(sum_over_processes(torch.tensor(int(flag))))


def require_all() -> None:
    """Wait for the other processes.

    Raises:
        UserError: one of them has ended or does not answer.
    """
    if dist.is_initialized():
        with _answered():
            dist.barrier()


def require_alike(own: Mapping[str, str]) -> None:
    """Check that this process has the same settings, data and so on as the first one.

    Args:
        own: what must be the same, by name.

    Raises:
        UserError: something differs.
    """
    if not dist.is_initialized():
        return
    found: list[Mapping[str, str]] = [{}] * count()
    with _answered():
        dist.all_gather_object(found, own)
    for number, of_it in enumerate(found):
        for name, value in found[0].items():
            if of_it[name] != value:
                raise UserError(
                    f"{name} of process {number} differ from those of process 0; start all with the same command, the "
                    "same data and one run folder"
                )
