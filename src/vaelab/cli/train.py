"""`vaelab train`: train a preset, with any field overridden and any part switched."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from vaelab.cli.dispatch import Command, dispatch, parse
from vaelab.data import source_name, source_words
from vaelab.errors import UserError
from vaelab.experiment import Experiment, read_experiment
from vaelab.presets import PRESETS
from vaelab.spec import spec_hints


@dataclass(frozen=True)
class Train:
    """Train a model and leave a run folder: weights, metrics.csv, events.jsonl, experiment.json.

    Parts are switched by words, such as `prior:mixture` or `objective.beta:constant`, and their fields
    set by flags, such as `--prior.components 20`.
    """

    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder of the run; made where absent, and required unless --resume names it."""
    data_dir: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder of data sets; otherwise VAELAB_DATA, otherwise a cache folder."""
    image_size: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Height and width of images of folder:PATH, celeba and sprites (default 64)."""
    limit: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Take so many images of dsprites, shapes3d or sprites, always the same random ones."""
    skip_broken: bool = False
    """Leave out images of folder:PATH that cannot be decoded."""
    quiet: bool = False
    """Show no progress."""
    experiment: Annotated[Experiment, tyro.conf.arg(name="")] = Experiment()


NOTE = """Other ways to begin:
  --config FILE.json  from a saved tree of settings, such as a run's experiment.json
  --resume DIR        go on with a run that was stopped; --epochs N for more of them

`vaelab train PRESET --help` shows every flag."""


def main(prog: str, words: list[str]) -> None:
    """Train a preset, a saved configuration, or go on with a run."""
    config, words = _take(words, "--config")
    resumed, words = _take(words, "--resume")
    if config is not None and resumed is not None:
        raise UserError("--config and --resume are both given; a resumed run has settings of its own")
    if resumed is not None:
        _go_on(prog, Path(resumed), words)
    elif config is not None:
        train_as(f"{prog} --config {config}", read_experiment(Path(config)), words)
    else:
        presets = {name: _command(text, experiment) for name, (text, experiment) in PRESETS.items()}
        dispatch(prog, "Train a model and leave a run folder.", presets, words, NOTE, noun="preset")


def _command(text: str, experiment: Experiment) -> Command:
    def command(prog: str, words: list[str]) -> None:
        train_as(prog, experiment, words)

    command.__doc__ = text
    return command


def train_as(prog: str, default: Experiment, words: list[str]) -> None:
    """Train `default` as changed by flags."""
    chosen: Train = parse(Train, prog, words, default=Train(experiment=default))
    if chosen.out is None:
        raise UserError(
            f"--out is missing; name a folder for the run, such as --out runs/{Path(prog.rsplit(maxsplit=1)[-1]).name}"
        )
    experiment = chosen.experiment
    asked = {"image_size": chosen.image_size, "limit": chosen.limit, "skip_broken": chosen.skip_broken or None}
    given = {name: value for name, value in asked.items() if value is not None}
    for name in given:
        if not hasattr(experiment.data, name):
            having = [source_name(source) for source in source_words().values() if name in spec_hints(source)]
            flag = f"--{name.replace('_', '-')}"
            raise UserError(f"{flag} goes with {', '.join(having)}, but data is {experiment.data.kind!r}; drop it")
    source: Any = experiment.data
    experiment = replace(experiment, data=replace(source, **given))
    _run(experiment, chosen.out, chosen.data_dir, chosen.quiet, resume=False)


def _go_on(prog: str, folder: Path, words: list[str]) -> None:
    """Go on with a run, for more epochs where asked."""

    def resume(
        epochs: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None,
        data_dir: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None,
        quiet: bool = False,
    ) -> None:
        """Go on with a run that was stopped, from its last checkpoint.

        Args:
            epochs: train for this many in all instead of the run's own number.
            data_dir: folder of data sets.
            quiet: show no progress.
        """
        if not (folder / "experiment.json").exists():
            raise UserError(f"--resume is {str(folder)!r}, which holds no run; name a folder that `vaelab train` made")
        experiment = read_experiment(folder / "experiment.json")
        if epochs is not None:
            experiment = replace(experiment, training=replace(experiment.training, epochs=epochs))
        _run(experiment, folder, data_dir, quiet, resume=True)

    parse(resume, f"{prog} --resume {folder}", words)


def _run(experiment: Experiment, out: Path, data_dir: Path | None, quiet: bool, resume: bool) -> None:
    from vaelab.training import train

    run = train(experiment, out, resume=resume, data_directory=data_dir, show=not quiet)
    last = run.rows[-1]
    bits = f", {last['test_bits_per_dimension']:.3f} bits a dimension" if "test_bits_per_dimension" in last else ""
    print(
        f"{out}: {last['epoch']:.0f} epochs; test set: "
        f"{run.record.reconstruction_is} {last['test_reconstruction']:.2f}, "
        f"KL {last['test_kl']:.2f}, total {last['test_total']:.2f} nats per image{bits}"
    )
    sys.stdout.flush()


def _take(words: list[str], flag: str) -> tuple[str | None, list[str]]:
    """The value of a flag that is read before the others, and the words without it."""
    # `--flag=value` is the same as `--flag value`.
    words = [part for word in words for part in (word.split("=", 1) if word.startswith(flag + "=") else [word])]
    if flag in words:
        index = words.index(flag)
        if index + 1 == len(words) or not words[index + 1]:
            raise UserError(f"{flag} has no value; name a {'file' if flag == '--config' else 'run folder'}")
        return words[index + 1], words[:index] + words[index + 2 :]
    return None, words
