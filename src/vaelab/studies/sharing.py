"""How the processes of one study share its work: each claims what it does next, and nothing else is agreed on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from vaelab.files import claimed

# Between two looks at what other processes are at, s.
_WAIT = 1.0


def in_turn(names: Iterable[str], folder: Path) -> Iterator[str]:
    """Each name once, claimed in the folder until the next is asked for; what another process has claimed comes last.

    Every process that iterates sees every name. Work that is kept in files is thus done by the process that comes
    first, and read by the others.

    Raises:
        UserError: the folder cannot be written.
    """
    waiting = list(names)
    while waiting:
        busy = []
        for name in waiting:
            with claimed(folder / name) as mine:
                if mine:
                    yield name
                else:
                    busy.append(name)
        waiting = busy
        if waiting:
            time.sleep(_WAIT)
