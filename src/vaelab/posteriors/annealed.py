"""Posteriors whose draws are relaxed in training, at a temperature that a schedule gives."""

from __future__ import annotations

from vaelab.contract import Posterior
from vaelab.errors import UserError
from vaelab.schedules import Progress, ScheduleSpec


class AnnealedPosterior(Posterior):
    """Base of posteriors with a temperature T, which is set before every step."""

    schedule: ScheduleSpec
    temperature: float

    def anneal(self, schedule: ScheduleSpec) -> None:
        """Take T from a schedule, from now on.

        Raises:
            UserError: as `follow`.
        """
        self.schedule = schedule
        self.follow(Progress(epoch=1, step=0, steps=1, epochs=1))

    def follow(self, progress: Progress) -> None:
        """Set the temperature of the next draws.

        Raises:
            UserError: the schedule gives a temperature that is not positive.
        """
        self.temperature = self.schedule(progress)
        if not self.temperature > 0:
            name = type(self).__name__.removesuffix("Posterior")
            raise UserError(
                f"{name}.temperature is {self.temperature} after {progress.elapsed:g} epochs, but must be > 0; let its "
                "schedule end above 0"
            )
