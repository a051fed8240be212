"""Device, memory and random number generators."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from vaelab.errors import UserError
from vaelab.processes import count, on_this_machine


def choose_device(name: str) -> torch.device:
    """The device with this name; `auto` is an accelerator if there is one, otherwise the CPU.

    Of several processes on one machine each has a GPU of its own.

    Raises:
        UserError: the device is not available, or there are fewer GPUs than processes.
    """
    if count() > 1 and (name == "cuda" or (name == "auto" and torch.cuda.is_available())):
        own, processes = on_this_machine()
        if processes > torch.cuda.device_count():
            raise UserError(
                f"device is {name!r}, but this machine has {torch.cuda.device_count()} GPUs for {processes} processes; "
                "start as many as it has GPUs, or use the CPU"
            )
        torch.cuda.set_device(own)
    if count() > 1 and "mps" in (name, "mps" if name == "auto" and torch.backends.mps.is_available() else ""):
        raise UserError(
            f"device is {name!r}, an Apple GPU, which takes one process, but {count()} train together",
            python="use device='cpu'",
            flags="use --device cpu",
        )
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise UserError(
            f"device is {name!r}, which is not available",
            python="use device='auto' or 'cpu'",
            flags="use --device auto or cpu",
        ) from None
    return device


def keep_freed_memory() -> None:
    """Make glibc keep the memory of freed tensors for the next step of a training or batch of an evaluation.

    By default it returns each block of several megabytes to the system and requests it again in the next step, page by
    page: about 5,000 page faults per step of the study's VAE, and up to a third of its time. Has no effect on systems
    other than Linux with glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    trim_threshold, mmap_threshold = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of <malloc.h>
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    # Older versions of glibc accept at most 32 MB for the mmap threshold.
    if mallopt(mmap_threshold, 1 << 30) or mallopt(mmap_threshold, 1 << 25):
        mallopt(trim_threshold, 1 << 30)


def random_state(device: torch.device) -> Tensor | None:
    """The RNG state of an accelerator; None for the CPU, whose state is torch's global one."""
    if device.type == "cuda":
        return torch.cuda.get_rng_state(device)
    return torch.mps.get_rng_state() if device.type == "mps" else None


def set_random_state(device: torch.device, state: Tensor) -> None:
    """Set the RNG state of an accelerator."""
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    elif device.type == "mps":
        torch.mps.set_rng_state(state)


@contextmanager
def fork_rng(device: torch.device) -> Iterator[None]:
    """Restore the RNG states of the CPU and of `device` on exit."""
    on_cpu, on_device = torch.get_rng_state(), random_state(device)
    try:
        yield
    finally:
        torch.set_rng_state(on_cpu)
        if on_device is not None:
            set_random_state(device, on_device)


def describe_machine(device: torch.device, bf16: bool) -> str:
    """The hardware, threads, precision and versions, in one line."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        name = f"{_processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads"
    versions = f"torch {torch.__version__}, Python {platform.python_version()}, {platform.system()}"
    return f"{name}, {'bf16' if bf16 else 'fp32'}, {versions}"


def _processor() -> str:
    """The name of the processor, from /proc on Linux, where `platform` does not give it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
