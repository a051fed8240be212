"""The progress of an evaluation: what a user sees on a terminal, and what a file is given."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from vaelab.cli.bar import Bar
from vaelab.loops import counted

CONTROL = re.compile(r"(\x1b\[[?\d;]*[A-Za-z]|\r|\n)")


class File(io.StringIO):
    """What standard error was given."""


class Terminal(File):
    """A terminal, and the lines that it shows."""

    def isatty(self) -> bool:
        return True

    def shown(self) -> list[str]:
        """The lines on the screen. Of the control sequences, those count that go up a line or erase one."""
        screen, row = [""], 0
        for text in CONTROL.split(self.getvalue()):
            if text == "\n":
                row += 1
                screen += [""] * (row + 1 - len(screen))
            elif text == "\x1b[1A":
                row -= 1
            elif text == "\x1b[2K":
                screen[row] = ""
            elif not CONTROL.fullmatch(text):
                screen[row] += text
        return [" ".join(line.split()) for line in screen if line.strip()]

    def bar(self, bar: Bar) -> str:
        """The line of the bar, drawn now rather than at the next tenth of a second; empty if there is none."""
        bar.bar.refresh()
        return next((line for line in self.shown() if "%" in line), "")


@dataclass
class Clock:
    """Seconds that pass when the test says so."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("rich.console.monotonic", clock)
    return clock


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the file says whether there is a terminal."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")


@contextlib.contextmanager
def begun(error: File, quiet: bool = False) -> Iterator[Bar]:
    """A bar on this standard error."""
    with contextlib.redirect_stderr(error), Bar(quiet) as bar:
        yield bar


def test_a_terminal_shows_the_step_its_share_and_the_time_left(clock: Clock) -> None:
    terminal, steps = Terminal(), ["annealing 50 images [of 60]", "fitting 50 posteriors"]
    with begun(terminal) as bar:
        bar.say(steps[0])
        assert terminal.bar(bar) == "", "a step has no bar before its loop"
        for number in counted(range(4), 4):
            if number == 2:
                assert terminal.shown()[0] == steps[0]
                assert terminal.bar(bar).endswith("50 %, after 0:00:20 left 0:00:20")
            clock.now += 10
        assert terminal.bar(bar).endswith("100 %, after 0:00:40 left 0:00:00")
        for number in counted(range(4), 4):
            if number == 3:
                assert terminal.bar(bar).endswith("75 %, after 0:00:04 left 0:00:02"), "a second loop begins anew"
            clock.now += 2
        bar.say(steps[1])
        assert terminal.bar(bar) == ""
        assert terminal.shown() == steps
        for number in counted(range(2), 2):
            if number == 1:
                assert "50 %" in terminal.bar(bar)
    assert terminal.shown() == steps, "the lines remain"


def test_an_error_takes_the_bar_away() -> None:
    terminal = Terminal()

    def interrupted(bar: Bar) -> None:
        bar.say("annealing")
        for number in counted(range(4), 4):
            if number == 2:
                assert "50 %" in terminal.bar(bar)
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), begun(terminal) as bar:
        interrupted(bar)
    assert terminal.shown() == ["annealing"]
    share = bar.share
    for _ in counted(range(4), 4):
        assert bar.share == share, "nobody listens any more"


def test_what_is_no_terminal_is_given_whole_lines_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    file = File()
    with begun(file) as bar:
        bar.say("annealing 50 images of 60, a line that is longer than twenty letters")
        for _ in counted(range(4), 4):
            bar.bar.refresh()
    assert file.getvalue() == "annealing 50 images of 60, a line that is longer than twenty letters\n"


def test_a_quiet_one_says_nothing() -> None:
    terminal = Terminal()
    with begun(terminal, quiet=True) as bar:
        bar.say("annealing")
        for _ in counted(range(4), 4):
            bar.bar.refresh()
    assert terminal.getvalue() == ""
