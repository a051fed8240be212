"""Which of several processes this one is. `torchrun` says so in the environment; nothing here imports torch."""

from __future__ import annotations

import os

from vaelab.environment import number
from vaelab.errors import UserError

# What `torch.distributed` needs to find the others. A program that sets only some of them runs alone.
_NEEDED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
# Torch waits as long for processes on CPUs unless told otherwise, s.
_TIMEOUT = 600.0


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


def timeout() -> float:
    """Seconds after which a process that does not answer ends the others: VAELAB_PROCESS_TIMEOUT, by default 600.

    Raises:
        UserError: VAELAB_PROCESS_TIMEOUT is no number of seconds.
    """
    return number("VAELAB_PROCESS_TIMEOUT", _TIMEOUT, "seconds", lambda seconds: 0 < seconds <= 1e9)


def require_one(what: str) -> None:
    """Refuse to run in several processes; one of them says so.

    Raises:
        UserError: `torchrun` started several.
    """
    if count() > 1:
        refusal = f"{what} runs in one process, but torchrun started {count()}; start it without torchrun"
        raise UserError(refusal) if first() else SaidByAnother(refusal)


class SaidByAnother(UserError):
    """The end of a process for a reason that another one has printed."""
