"""What a result was computed on, in one line."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch


def describe_machine(device: torch.device, bf16: bool) -> str:
    """Processor, cores, threads, precision and versions."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        name = f"{_processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads"
    precision = "bf16" if bf16 else "fp32"
    return f"{name}, {precision}, torch {torch.__version__}, Python {platform.python_version()}, {platform.system()}"


def _processor() -> str:
    """The processor's name; Linux tells it nowhere else than in /proc."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
