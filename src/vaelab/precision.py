"""The precision in which networks compute; densities are float32 in either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from vaelab.errors import UserError

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "bf16", "fp32"]


def computes_in_bf16(device: torch.device, precision: str) -> bool:
    """Whether to compute in bf16: as `precision` says, or with `auto` if the hardware supports it.

    Raises:
        UserError: another precision.
    """
    import torch

    if precision not in get_args(Precision):
        raise UserError(f"precision is {precision!r}, but must be one of {', '.join(get_args(Precision))}")
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        # Emulated bf16 is slower than fp32, so require native instructions.
        probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, probe, bool)() for probe in probes)
    return False


def autocast(device: torch.device, bf16: bool) -> torch.autocast:
    """The autocast context in which networks compute."""
    import torch

    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16)
