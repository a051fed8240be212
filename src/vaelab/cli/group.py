"""Commands of one topic, such as `vaelab study paper` and `vaelab study claims`."""

from __future__ import annotations

from dataclasses import dataclass

from vaelab.cli.command import Command
from vaelab.cli.parsing import dispatch


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
    members: tuple[type[Command] | Group, ...]
    note: str = ""

    @property
    def by_name(self) -> dict[str, type[Command] | Group]:
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
