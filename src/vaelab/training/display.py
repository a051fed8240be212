"""The progress display: a live bar on a terminal, and one line per epoch."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from vaelab.training.full_pass import Totals


class Display:
    """Progress on standard error, in 80 columns.

    Args:
        title: a title above the epochs; empty for none.
        epochs: number of epochs.
        steps: steps per epoch.
        show: whether to show anything.
        noun: what the model is trained on, images or rows.
    """

    def __init__(self, title: str, epochs: int, steps: int, show: bool, noun: str = "images") -> None:
        self.title, self.noun = title, noun
        self.epochs, self.steps = epochs, steps
        self.console = Console(stderr=True, quiet=not show, highlight=False)
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=10),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[numbers]}"),
            console=self.console,
            disable=not (show and self.console.is_terminal),
            transient=True,
        )
        self.task = self.bar.add_task(title, total=epochs * steps, numbers="")

    def __enter__(self) -> Self:
        heading = f"epoch   train total = reconstruction + KL       test total   beta   {self.noun}/s"
        self.say(f"{self.title}\n{heading}" if self.title else heading)
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self.console.print(line, soft_wrap=True)

    def step(self, epoch: int, step: int) -> None:
        """Advance the bar to a step."""
        self.bar.update(self.task, completed=(epoch - 1) * self.steps + step)

    def live(self, epoch: int, running: Totals, beta: float, speed: float) -> None:
        """Show running averages over the training images of the epoch so far, nats."""
        self.bar.update(
            self.task, description=f"{epoch:>3}/{self.epochs}", numbers=f"{_sum(running)}  {speed:,.0f} {self.noun}/s"
        )

    def epoch(self, epoch: int, running: Totals, test: Totals, beta: float, speed: float) -> None:
        """Print the line of an epoch: running averages over training images, and the total of a full test pass."""
        codes = test.code_use
        use = "" if codes is None else f"  perplexity {codes.perplexity:.0f}, dead {codes.dead:.0%}"
        train = f"{f'{epoch:>3}/{self.epochs}':<8} {_sum(running):<34}"
        self.say(f"{train} {test.total:>12.2f} {beta:>6.2f} {speed:>10,.0f}{use}")


def _sum(totals: Totals) -> str:
    """Total, reconstruction and KL, nats per image."""
    return f"{totals.total:>9.2f} = {totals.reconstruction:>8.2f} + {totals.kl:>6.2f}"
