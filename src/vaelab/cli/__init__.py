"""The command line: each command is a dataclass whose fields are its flags.

Nothing here imports torch before a command runs, so that help is quick.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from vaelab._version import __version__
from vaelab.errors import UserError, reason
from vaelab.processes import SaidByAnother, first, rank

# The exit code of a program that a closed pipe ends: 128 + SIGPIPE.
_BROKEN_PIPE = 141
# What torch says, on a GPU and on a CPU, if memory runs out.
# Environment variables that libraries read, and refuse by a ValueError with the value.
_READ_BY_LIBRARIES = {
    "MPLBACKEND": "the name of a backend of Matplotlib",
    "SOURCE_DATE_EPOCH": "a whole number of seconds",
}
_OUT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "Cannot allocate memory")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code.

    0 is success, 2 bad input, 130 an interruption, 141 a reader that closed the pipe, 1 a fault in vaelab.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        # In an output that is not UTF-8, a letter that it lacks becomes a question mark instead of an error.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            code = _run(words)
        if sys.stdout is not None:  # it was closed before the program started
            sys.stdout.flush()
        return code
    except BrokenPipeError:
        # As in `vaelab parts | head`. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except SaidByAnother:
        return 2
    except UserError as error:
        return _complain(" ".join(error.on_command_line.split()))
    except KeyboardInterrupt:
        if first():
            print(
                "vaelab: interrupted; what was saved is kept: `train --resume DIR` goes on, and so does the same study",
                file=sys.stderr,
            )
        return 130
    except OSError as error:
        return _complain(f"{error.filename or 'input or output'}: {error.strerror or error}")
    except Exception as error:
        if os.environ.get("VAELAB_TRACEBACK"):
            raise
        # torch reports memory that ran out, on the CPU or a GPU, as a RuntimeError.
        out_of_memory = any(words in str(error) for words in _OUT_OF_MEMORY)
        if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and out_of_memory):
            return _complain("memory ran out; lower --batch-size or --image-size")
        for variable, must in _READ_BY_LIBRARIES.items():
            given = os.environ.get(variable)
            if given and isinstance(error, ValueError) and repr(given) in str(error):
                return _complain(f"{variable} is {given!r}, but must be {must}; unset it")
        _complain(f"a fault in vaelab, {reason(error)}; VAELAB_TRACEBACK=1 shows where, please report it")
        return 1


def _run(words: list[str]) -> int:
    # A shell cannot pass it, but `main(arguments)` can.
    if nul := next((word for word in words if "\0" in word), None):
        raise UserError(f"the command line has {nul!r}, but no name can hold a NUL; leave it out")
    if words[:1] in (["--version"], ["-V"]):
        print(f"vaelab {__version__}")
        return 0
    try:
        Path.cwd()
    except OSError as error:
        # Libraries that torch loads end the process without a word of use there.
        raise UserError(f"the current folder cannot be used ({error.strerror}); change to another") from None
    from vaelab.cli.commands import VAELAB
    from vaelab.cli.plugins import load_plugins

    plugins, rest = load_plugins(words)
    try:
        VAELAB.start(" ".join([VAELAB.name, *plugins]), rest)
    except SystemExit as stop:  # help was printed
        return stop.code if isinstance(stop.code, int) else 0
    return 0


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning of this package as one line; those of other libraries, such as Pillow's, concern programmers."""
    if category is UserWarning and "PIL" not in Path(filename).parts:
        print(f"vaelab: {message}", file=sys.stderr)


def _complain(message: str) -> int:
    of = "" if first() else f"process {rank()}: "
    print(f"vaelab: {of}{message}", file=sys.stderr)
    return 2
