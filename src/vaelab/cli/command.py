"""The contract of a command, and the flags that several commands share."""

from __future__ import annotations

import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import tyro

from vaelab.cli.parsing import parse
from vaelab.data import METAVAR
from vaelab.processes import require_one

DataDir = Annotated[
    Path | None,
    tyro.conf.arg(metavar="DIR", help="Folder of data sets; by default VAELAB_DATA, otherwise a cache folder."),
]
Data = Annotated[
    str | None, tyro.conf.arg(metavar=METAVAR, help="Images to use instead of the training's, such as digits.")
]
Device = Annotated[str, tyro.conf.arg(help="auto, cpu, cuda, ...")]
Only = Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME", help="Names to take, instead of all.")]
Quiet = Annotated[bool, tyro.conf.arg(help="Show no progress.")]
Epochs = Annotated[int | None, tyro.conf.arg(metavar="INT")]
LoggedTo = Annotated[
    tuple[str, ...],
    tyro.conf.arg(metavar="TRACKER", help="Log to tensorboard, wandb, mlflow, trackio, also as mlflow:ADDRESS."),
]
LogEvery = Annotated[int, tyro.conf.arg(metavar="INT", help="Also log every n-th step; 0 for epochs alone.")]
FirstSeed = Annotated[int, tyro.conf.arg(help="The first seed; the others follow it.")]
Repo = Annotated[
    tyro.conf.Positional[str], tyro.conf.arg(metavar="OWNER/NAME", help="The repo, such as ann/digits-vae.")
]
Endpoint = Annotated[
    str | None,
    tyro.conf.arg(metavar="URL", help="Address of the Hub; by default HF_ENDPOINT, otherwise https://huggingface.co."),
]
RunPath = Annotated[
    tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN", help="Folder of a run, or a .safetensors file.")
]


@dataclass(frozen=True, kw_only=True)
class Command(ABC):
    """Base of the commands: a frozen dataclass whose fields are the flags and whose docstring is the help.

    Its word on the command line is its class name in lower case, with dashes.
    """

    name: ClassVar[str]
    """The word for it."""
    together: ClassVar[bool] = False
    """Whether it can be run in several processes, by `torchrun`."""
    line: tyro.conf.Suppress[str] = ""
    """The command line as given, for records."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", cls.__name__).lower()

    @abstractmethod
    def run(self) -> None:
        """Do the work and print the results.

        Raises:
            UserError: the input cannot be used.
        """

    @classmethod
    def summary(cls) -> str:
        """The first line of the docstring."""
        return (cls.__doc__ or "").splitlines()[0]

    @classmethod
    def notes(cls) -> str:
        """Text below the list of flags."""
        return ""

    @classmethod
    def values(cls) -> tuple[str, ...]:
        """Words that its positional argument takes, for shell completion."""
        return ()

    @classmethod
    def start(cls, prog: str, words: list[str]) -> None:
        """Read the flags and run.

        Raises:
            UserError: a flag is unknown, missing or has an unsuitable value, or the input cannot be used.
        """
        cls.parse(prog, words).run()

    @classmethod
    def parse(cls, prog: str, words: list[str], default: Self | None = None) -> Self:
        """The command that the words describe.

        Raises:
            UserError: a flag is unknown, missing or has an unsuitable value, or several processes were started for a
                command that takes one.
        """
        chosen = parse(cls, prog, words, default, cls.notes())
        if not cls.together:
            require_one(prog)
        return replace(chosen, line=command_line(prog, words))


def command_line(prog: str, words: list[str]) -> str:
    """The command as one line that a shell reads back."""
    import shlex

    return shlex.join([*prog.split(), *words])


def printer(quiet: bool) -> Callable[[str], None]:
    """A function that prints a line of progress on standard error, or nothing."""

    def say(line: str) -> None:
        if not quiet:
            print(line, file=sys.stderr, flush=True)

    return say
