"""`vaelab push`: a run to a Hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from vaelab.cli.command import Command, Endpoint, Quiet, Repo, printer


@dataclass(frozen=True, kw_only=True)
class Push(Command):
    """Push a run to a Hub: models, settings, evaluation, ONNX files, figures and a model card.

    The token is taken from HF_TOKEN or `hf auth login`. An interrupted push goes on when it is given again. Needs
    vaelab[hub].
    """

    path: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Folder of a run."""
    repo: Repo
    license: Annotated[str | None, tyro.conf.arg(metavar="ID")] = None
    """Licence of the weights, such as mit; without it the card says that none is given."""
    private: bool = False
    """Make a new repo private."""
    revision: Annotated[str | None, tyro.conf.arg(metavar="BRANCH")] = None
    """The branch, made if absent; by default main."""
    message: str = ""
    """Message of the commit."""
    endpoint: Endpoint = None
    quiet: Quiet = False

    def run(self) -> None:
        """Push, and print the commit and the address."""
        from vaelab.hub.push import push_to_hub

        pushed = push_to_hub(
            self.path,
            self.repo,
            license=self.license,
            private=self.private,
            revision=self.revision,
            message=self.message,
            endpoint=self.endpoint,
            say=printer(self.quiet),
        )
        changed = f"{len(pushed.sent)} files sent, {len(pushed.removed)} removed"
        print(f"{pushed.url}\ncommit {pushed.commit}: {changed if pushed.sent or pushed.removed else 'no change'}")
