"""Which of several processes this one is. `torchrun` says so in the environment; nothing here imports torch."""

from __future__ import annotations

import os

from vaelab.errors import UserError

# What `torch.distributed` needs to find the others. A program that sets only some of them runs alone.
_NEEDED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def count() -> int:
    """The number of processes that run one command together; 1 without `torchrun`."""
    return int(os.environ["WORLD_SIZE"]) if all(os.environ.get(name) for name in _NEEDED) else 1


def rank() -> int:
    """The number of this process among them, from 0."""
    return int(os.environ["RANK"]) if count() > 1 else 0


def first() -> bool:
    """Whether this process is the one that writes files, prints and feeds trackers."""
    return rank() == 0


def on_this_machine() -> tuple[int, int]:
    """The number of this process among those of its machine, and their number."""
    if count() == 1:
        return 0, 1
    return int(os.environ.get("LOCAL_RANK", rank())), int(os.environ.get("LOCAL_WORLD_SIZE", count()))


class SaidByAnother(UserError):
    """The end of a process for a reason that another one has printed."""
