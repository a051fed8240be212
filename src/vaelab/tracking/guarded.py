"""A tracker that may fail."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from vaelab.errors import UserError, reason
from vaelab.trackers import Buffered, Outcome, TrackedRun, Tracker
from vaelab.trackers.server import without_password
from vaelab.tracking.known import Entry, Known

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Guarded:
    """A tracker of which an exception costs one warning; then it is given nothing more but `finish`.

    Args:
        name: the name for messages and for the run folder.
        tracker: the tracker.
        warn: takes the warning, one line.
    """

    def __init__(self, name: str, tracker: Tracker, warn: Callable[[str], None]) -> None:
        self.tracker, self.warn = tracker, warn
        self.known = Known(name)
        self.given = self.known
        self.started = self.failed = False

    @property
    def listens(self) -> bool:
        """Whether it started and has not failed."""
        return self.started and not self.failed

    def start(self, run: TrackedRun, known: Known) -> None:
        """Start it; a tracker that answers with another id than it is known by has nothing of this run yet."""
        id = str(self._call(self.tracker.start, run) or "")
        self.started = not self.failed
        self.known = self.given = known if id == known.id else Known(known.name, id)

    def give(self, entries: Sequence[Entry]) -> None:
        """Give it the entries that it lacks, in order."""
        new = [entry for entry in entries if self.given.lacks(entry)]
        for entry in new:
            if self.listens:
                self._call(self.tracker.log, entry.numbers, entry.step)
                self.given = self.given.given(entry)
        if new and self.listens and isinstance(self.tracker, Buffered):
            self._call(self.tracker.flush)
        if new and self.listens:
            self.known = self.given

    def figure(self, name: str, figure: Figure) -> None:
        """Give it a figure."""
        if self.listens:
            self._call(self.tracker.figure, name, figure)

    def finish(self, outcome: Outcome) -> None:
        """Finish it; one that failed may close what it has open, without a second warning."""
        if self.listens:
            self._call(self.tracker.finish, outcome)
        elif self.started:
            with contextlib.suppress(Exception, SystemExit):
                self.tracker.finish(outcome)

    def _call(self, method: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return method(*arguments)
        except (Exception, SystemExit) as error:
            self.failed = True
            why = str(error) if isinstance(error, UserError) else reason(error)
            why = shorten(without_password(why), 250, placeholder=" ...")
            self.warn(f"{self.known.name} is dropped, and the run goes on without it: {why}")
            return None
