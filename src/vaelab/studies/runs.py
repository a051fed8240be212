"""The runs of a study, each trained when it is first needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from vaelab.experiment import Experiment, read_record
from vaelab.spec import Spec, classes_in
from vaelab.studies.settings import StudySettings
from vaelab.studies.sharing import in_turn
from vaelab.tracking.train import train
from vaelab.training import Run, open_run
from vaelab.training.folder import RunFolder


class StudyRuns(Mapping[str, Run]):
    """The runs of a study by the name of their folder; a run is trained, or resumed, when it is first looked up.

    All runs are checked before the first of them is trained.

    Args:
        plan: experiments by name; with several seeds, the folder of a run is NAME-seedS.
        settings: their images, device, epochs and seeds replace the plan's.

    Raises:
        UserError: an experiment cannot be trained on these images, or its folder holds a run with other settings.
    """

    def __init__(self, plan: Mapping[str, Experiment], settings: StudySettings) -> None:
        self.settings = settings
        self.planned = _planned(plan, settings)
        self._trained: dict[str, Run] = {}
        for name, experiment in self.planned.items():
            self._check(name, experiment)

    def __getitem__(self, name: str) -> Run:
        if name not in self._trained:
            place = f"{list(self.planned).index(name) + 1}/{len(self.planned)}"
            self._trained[name] = train(
                self.planned[name],
                self.settings.out / name,
                resume=True,
                data=self.settings.data,
                show=self.settings.show,
                title=f"{place} {name.replace('-seed', ' seed ')}",
                log=self.settings.log,
                log_every=self.settings.log_every,
            )
        return self._trained[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.planned)

    def __len__(self) -> int:
        return len(self.planned)

    def in_turn(self) -> Iterator[tuple[str, Run]]:
        """The runs, trained one after the other; a run that another process of this study is at comes last."""
        for name in in_turn(self.planned, self.settings.out):
            first = Path(self.planned[name].start or "")
            if first.name in self.planned and first == self.settings.out / first.name:
                for _ in in_turn([first.name], self.settings.out):  # wait for the run that this one starts from
                    self[first.name]
            yield name, self[name]

    @property
    def trained(self) -> Mapping[str, Run]:
        """The runs that were looked up so far."""
        return self._trained

    @property
    def specs(self) -> list[type[Spec]]:
        """The spec classes that the runs are made of, a user's own among them."""
        return list(dict.fromkeys(spec for experiment in self.planned.values() for spec in classes_in(experiment)))

    def open(self, name: str) -> Run:
        """A run that is trained already, also by an earlier command, with its model on the CPU.

        Raises:
            UserError: as `open_run`.
        """
        run = self._trained[name] if name in self._trained else open_run(self.settings.out / name, specs=self.specs)
        run.model.cpu()
        return run

    def _check(self, name: str, experiment: Experiment) -> None:
        data, folder = self.settings.data, RunFolder(self.settings.out / name)
        experiment.check(data.format)
        if folder.record.exists():
            stored = read_record(folder.record, classes_in(experiment))
            now = replace(stored, experiment=experiment, data_format=data.format, data_sha256=data.digest)
            folder.check_resumable(now, resume=True, prolong=False)


def _planned(plan: Mapping[str, Experiment], settings: StudySettings) -> dict[str, Experiment]:
    """The experiments of a study by the name of their folder, seed by seed."""
    planned = {}
    for seed in (None,) if settings.seeds is None else settings.seed_numbers:
        for name, experiment in plan.items():
            training = replace(
                experiment.training,
                device=settings.device,
                epochs=experiment.training.epochs if settings.epochs is None else settings.epochs,
                seed=experiment.training.seed if seed is None else seed,
            )
            folder = name if seed is None else f"{name}-seed{seed}"
            planned[folder] = replace(experiment, data=settings.source, training=training)
    return planned
