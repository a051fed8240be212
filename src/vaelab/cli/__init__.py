"""The command line. One function a command; its signature is its flags.

Nothing here imports torch before a command runs, so that help is quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vaelab._version import __version__
from vaelab.errors import UserError

if TYPE_CHECKING:
    from vaelab.cli.dispatch import Command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code.

    0 is success, 2 bad input, 130 an interruption, 1 a mistake of our own.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words[:1] == ["--version"]:
            print(f"vaelab {__version__}")
            return 0
        from vaelab.cli.dispatch import dispatch

        dispatch("vaelab", "Variational autoencoders: train, measure and see them.", _commands(), words)
    except UserError as error:
        return _complain(" ".join(str(error).split()))
    except KeyboardInterrupt:
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
        out_of_memory = any(words in str(error) for words in ("out of memory", "not enough memory"))
        if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and out_of_memory):
            return _complain("memory ran out; lower --batch-size or --image-size")
        first = (str(error).splitlines() or [""])[0]
        what = f"a mistake of vaelab's own, {type(error).__name__}: {first}"
        _complain(f"{what}; VAELAB_TRACEBACK=1 shows where, please report it")
        return 1
    return 0


def _complain(message: str) -> int:
    print(f"vaelab: {message}", file=sys.stderr)
    return 2


def _commands() -> dict[str, Command]:
    from vaelab.cli import data, evaluate, figures, fit_prior, report, study, train

    return {
        "study": study.main,
        "train": train.main,
        "fit-prior": fit_prior.main,
        "evaluate": evaluate.main,
        "figures": figures.main,
        "report": report.main,
        "data": data.main,
    }


__all__ = ["main"]
