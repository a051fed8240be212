"""Commands of one topic, such as `vaelab study paper` and `vaelab study claims`."""

from __future__ import annotations

import ast
import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaelab.cli.dispatch import dispatch

if TYPE_CHECKING:
    from vaelab.cli.command import Command


@dataclass(frozen=True)
class Later:
    """A command or a group whose module is imported when it starts.

    Importing all commands takes a quarter of a second; their list needs one line of each, which is read from the
    source.

    Args:
        name: its word.
        target: the class of the command or the name of the group, in the module `vaelab.cli.NAME`.
    """

    name: str
    target: str

    @property
    def module(self) -> str:
        """The name of its module."""
        return f"{__package__}.{self.name.replace('-', '_')}"

    def load(self) -> Any:
        """The command or the group."""
        return getattr(importlib.import_module(self.module), self.target)

    def summary(self) -> str:
        """The line in the list of commands: the class's docstring, or the text of the group."""
        source = Path(__file__).with_name(f"{self.module.rpartition('.')[2]}.py")
        for node in ast.parse(source.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and node.name == self.target:
                return (ast.get_docstring(node) or "").splitlines()[0]
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == self.target:
                return str(ast.literal_eval(node.value.args[1]))  # type: ignore[attr-defined]  # Group(name, text, ...)
        raise AttributeError(f"{source} has no {self.target}")

    def start(self, prog: str, words: list[str]) -> None:
        """Import and start it.

        Raises:
            UserError: as the command.
        """
        self.load().start(prog, words)


@dataclass(frozen=True)
class Group:
    """Commands that share their first word.

    Args:
        name: the word.
        text: a line about them.
        members: the commands.
        note: the last line of its help.
    """

    name: str
    text: str
    members: tuple[type[Command] | Group | Later, ...]
    note: str = ""

    @property
    def by_name(self) -> dict[str, type[Command] | Group | Later]:
        """The commands by their word."""
        return {member.name: member for member in self.members}

    def summary(self) -> str:
        """The line in the list of commands."""
        return self.text

    def start(self, prog: str, words: list[str]) -> None:
        """Start the command that the first word names.

        Raises:
            UserError: there is no such command, or as the command.
        """
        note = self.note or f"{prog} COMMAND --help tells more of each."
        dispatch(prog, self.text, self.by_name, words, note)
