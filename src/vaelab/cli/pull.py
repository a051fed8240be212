"""`vaelab pull`: a run from a Hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from vaelab.cli.command import Command, Endpoint, Quiet, Repo, printer


@dataclass(frozen=True, kw_only=True)
class Pull(Command):
    """Pull a run from a Hub into a folder that evaluate, figures, explore and report take.

    Only files of a run are fetched, none of them a pickle. The folder is whole and verified, or absent. For a private
    repo the token is taken from HF_TOKEN or `hf auth login`. Needs vaelab[hub].
    """

    repo: Repo
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """A new folder."""
    revision: Annotated[str | None, tyro.conf.arg(metavar="REVISION")] = None
    """A branch, a tag or a commit; by default main."""
    endpoint: Endpoint = None
    quiet: Quiet = False

    def run(self) -> None:
        """Pull, and print the folder and the commit."""
        from vaelab.hub.pull import pull

        commit = pull(self.repo, self.out, revision=self.revision, endpoint=self.endpoint, say=printer(self.quiet))
        print(f"{self.out}\ncommit {commit}")
