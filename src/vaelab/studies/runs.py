"""The runs that a study consists of, trained one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from vaelab.data import ImageData
from vaelab.experiment import Experiment, read_record
from vaelab.training import Run, train
from vaelab.training.run import RunFolder


def train_all(
    out: Path, planned: Mapping[str, Experiment], data: ImageData, titles: Mapping[str, str], show: bool = False
) -> dict[str, Run]:
    """Train every run that is not trained yet, each in its folder of `out`.

    Whatever is wrong with any of them is said before the first is trained.

    Args:
        out: the folder of the study.
        planned: experiments by the name of their folder.
        data: the images of all.
        titles: the names that progress is shown under.
        show: show progress on standard error.

    Raises:
        UserError: as `train`.
    """
    for name, experiment in planned.items():
        experiment.check(data.format)
        folder = RunFolder(out / name)
        if folder.record.exists():
            stored = read_record(folder.record)
            now = replace(stored, experiment=experiment, image_format=data.format, data_sha256=data.digest)
            folder.check_resumable(now, resume=True, prolong=False)
    return {
        name: train(experiment, out / name, resume=True, data=data, show=show, title=titles[name])
        for name, experiment in planned.items()
    }
