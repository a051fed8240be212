"""From the first words of a line to a command; imports no command, so that the list of commands is quick."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from vaelab.errors import UserError, did_you_mean

HELP = ("-h", "--help", "--help-all")


class Startable(Protocol):
    """A command or a group of commands."""

    def summary(self) -> str:
        """Its line in the list of commands."""

    def start(self, prog: str, words: list[str]) -> None:
        """Run it with the words after its name."""


def dispatch(
    prog: str, summary: str, commands: Mapping[str, Startable], words: Sequence[str], note: str, noun: str = "command"
) -> None:
    """Start the command that the first word names with the words after it, or list the commands.

    Raises:
        UserError: there is no such command.
    """
    if not words or words[0] in HELP:
        width = max(map(len, commands))
        print(f"usage: {prog} {noun.upper()} ...\n\n{summary}\n")
        for name, command in commands.items():
            print(f"  {name:<{width}}  {command.summary()}")
        print(f"\n{note}")
        return
    if words[0].startswith("-"):
        raise UserError(f"{noun} is missing before {words[0]}; {prog} has: {', '.join(commands)}; see {prog} --help")
    if words[0] not in commands:
        # A file is a frequent mistake where a preset is named.
        hint = did_you_mean(words[0], commands) or ("; --config reads a file" if words[0].endswith(".json") else "")
        raise UserError(
            f"{noun} is {words[0]!r}, but {prog} has: {', '.join(commands)}{hint or f'; see {prog} --help'}"
        )
    commands[words[0]].start(f"{prog} {words[0]}", list(words[1:]))


def take_flag(words: Sequence[str], flag: str) -> tuple[list[str], list[str]]:
    """The values of a flag that is read before the others, and the words without it.

    Raises:
        UserError: it has no value.
    """
    values, rest = [], []
    waiting = iter(words)
    for word in waiting:
        name, equals, value = word.partition("=")
        if name != flag:
            rest.append(word)
            continue
        if not (value := value if equals else next(waiting, "")):
            kind = {"--config": "file", "--resume": "run folder"}.get(flag, "module")
            raise UserError(f"{flag} has no value; name a {kind}")
        values.append(value)
    return values, rest
