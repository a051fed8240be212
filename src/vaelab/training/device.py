"""Where and in what precision to compute."""

from __future__ import annotations

import ctypes
import sys

import torch

from vaelab.errors import UserError


def choose_device(name: str) -> torch.device:
    """The device of this name; `auto` is the first accelerator at hand, otherwise the CPU.

    Raises:
        UserError: there is no such device here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise UserError(f"device is {name!r}, which is not at hand here; use --device auto or cpu") from None
    return device


def computes_in_bf16(device: torch.device, precision: str) -> bool:
    """Whether to compute in bf16: as `precision` says, and for `auto` where the hardware has it."""
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        # Emulated bf16 is slower than fp32, so the processor's own instructions are asked for.
        probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, probe, bool)() for probe in probes)
    return False


def autocast(device: torch.device, bf16: bool) -> torch.autocast:
    """The context in which networks compute."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16)


def keep_freed_memory() -> None:
    """Let glibc keep memory that tensors free, for the next step's tensors.

    By default it returns every block of some megabytes to the system and asks for it again in the next
    step, page by page: some 5,000 page faults a step of the study's VAE, and up to a third of its time.
    Elsewhere than on Linux with glibc this does nothing.
    """
    if not sys.platform.startswith("linux"):
        return
    trim_threshold, mmap_threshold = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of <malloc.h>
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(mmap_threshold, 1 << 30)
        mallopt(trim_threshold, 1 << 30)
