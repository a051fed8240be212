"""`vaelab train`: train a preset, with any field overridden and any part switched."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import tyro

from vaelab.cli.command import Command, DataDir, Epochs, LogEvery, LoggedTo, Quiet
from vaelab.cli.dispatch import HELP, dispatch, take_flag
from vaelab.cli.help import print_help
from vaelab.data import Limited, SourceSpec, source_name, source_words
from vaelab.errors import UserError
from vaelab.experiment import Experiment, read_experiment
from vaelab.presets import PRESETS
from vaelab.processes import first
from vaelab.spec import spec_hints

_NOTE = """Other ways to start:
  --config FILE.json  from saved settings, such as a run's experiment.json
  --resume DIR        continue a run that was stopped; --epochs N for more epochs,
                      --log TRACKER as before

`vaelab train PRESET --help` shows the flags and the words that choose parts, --help-all every flag."""


@dataclass(frozen=True, kw_only=True)
class Train(Command):
    """Train a preset, a saved configuration, or continue a run.

    Leaves a run folder: weights, metrics.csv, events.jsonl, experiment.json. Words such as `prior:mixture` or
    `objective.beta:constant` choose parts; flags such as `--prior.components 20` set their fields.
    """

    together: ClassVar[bool] = True
    COMMON: ClassVar[tuple[str, ...]] = (
        *("out", "data", "limit", "epochs", "batch_size", "learning_rate", "latent", "conditional", "seed", "device"),
        *("log", "data_dir", "quiet"),
    )
    """Flags that help shows first."""

    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder of the run; made if absent. Required."""
    data_dir: DataDir = None
    image_size: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Height and width of images of folder:PATH, celeba and sprites (default 64)."""
    limit: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Take this many images, always the same random ones."""
    skip_broken: bool = False
    """Leave out images of folder:PATH that cannot be decoded."""
    max_pixels: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Pixels of the largest image of folder:PATH that is decoded (default 100,000,000)."""
    label: Annotated[str | None, tyro.conf.arg(metavar="COLUMN")] = None
    """Column of csv:PATH or parquet:PATH that holds the labels."""
    categorical: Annotated[tuple[str, ...], tyro.conf.arg(metavar="COLUMN")] = ()
    """Columns of numbers of csv:PATH or parquet:PATH that stand for categories."""
    count: Annotated[tuple[str, ...], tyro.conf.arg(metavar="COLUMN")] = ()
    """Columns of counts of csv:PATH or parquet:PATH."""
    ordinal: Annotated[tuple[str, ...], tyro.conf.arg(metavar="COLUMN")] = ()
    """Columns of numbers of csv:PATH or parquet:PATH that stand for ordered categories."""
    drop: Annotated[tuple[str, ...], tyro.conf.arg(metavar="COLUMN")] = ()
    """Columns of csv:PATH or parquet:PATH to leave out."""
    log: LoggedTo = ()
    log_every: LogEvery = 0
    quiet: Quiet = False
    experiment: Annotated[Experiment, tyro.conf.arg(name="")] = Experiment()

    @classmethod
    def start(cls, prog: str, words: list[str]) -> None:
        """Find the experiment to begin with: a preset, a file or a run."""
        config, words = take_flag(words, "--config")
        resumed, words = take_flag(words, "--resume")
        if config and resumed:
            raise UserError(
                "--config and --resume are both given; a resumed run has its own settings, so drop --config"
            )
        if resumed:
            Resume.start(f"{prog} --resume {resumed[-1]}", words)
        elif config:
            title = f"the settings of {config[-1]}"
            cls.start_with(read_experiment(Path(config[-1])), f"{prog} --config {config[-1]}", words, title)
        else:
            presets = {name: Preset(text, experiment) for name, (text, experiment) in PRESETS.items()}
            dispatch(prog, cls.summary(), presets, words, _NOTE, noun="preset")

    @classmethod
    def start_with(cls, experiment: Experiment, prog: str, words: list[str], title: str) -> None:
        """Train an experiment as changed by flags, or show their help.

        Args:
            experiment: gives the defaults.
            prog: the words that led to it.
            words: the words after them.
            title: a line for help.
        """
        default = cls(experiment=experiment)
        if any(word in ("-h", "--help") for word in words) and "--help-all" not in words:
            print_help(prog, title, default, cls.COMMON, words)
            return
        cls.parse(prog, words, default).run()

    @classmethod
    def parse(cls, prog: str, words: list[str], default: Self | None = None) -> Self:
        """The training that the words describe.

        Raises:
            UserError: as `Command.parse`, or `--out` is missing.
        """
        chosen = super().parse(prog, words, default)
        if chosen.out is None:
            name = Path(prog.rsplit(maxsplit=1)[-1]).name
            raise UserError(f"--out is missing; name a folder for the run, such as --out runs/{name}")
        return chosen

    def run(self) -> None:
        """Train and print the totals of the test set."""
        from vaelab.tracking.train import train

        assert self.out is not None
        experiment = replace(self.experiment, data=self.source())
        run = train(
            experiment,
            self.out,
            data_directory=self.data_dir,
            show=not self.quiet,
            log=self.log,
            log_every=self.log_every,
        )
        print_totals(run, self.out)

    def source(self) -> SourceSpec:
        """The source of images with the fields that have flags of their own.

        Raises:
            UserError: a flag does not go with this source.
        """
        source: Any = self.experiment.data
        limit = self.limit
        if limit is not None and limit < 1:
            raise UserError(f"--limit is {limit}, but must be >= 1")
        if isinstance(source, Limited):
            limit, source = source.limit if limit is None else limit, source.source
        asked = {
            "image_size": self.image_size,
            "skip_broken": self.skip_broken or None,
            "max_pixels": self.max_pixels,
            "label": self.label,
            "categorical": self.categorical or None,
            "count": self.count or None,
            "ordinal": self.ordinal or None,
            "drop": self.drop or None,
        }
        given = {name: value for name, value in asked.items() if value is not None}
        for name in given:
            if not hasattr(source, name):
                having = [source_name(known) for known in source_words().values() if name in spec_hints(known)]
                flag = f"--{name.replace('_', '-')}"
                raise UserError(f"{flag} goes with {', '.join(having)}, but data is {source.kind!r}; drop it")
        if limit is not None and hasattr(source, "limit"):
            # It reads no more than that many.
            given["limit"], limit = limit, None
        changed: SourceSpec = replace(source, **given)
        return changed if limit is None else Limited(changed, limit)


@dataclass(frozen=True)
class Preset:
    """An experiment with a name, as `vaelab train` lists it."""

    text: str
    experiment: Experiment

    def summary(self) -> str:
        """Its description."""
        return self.text

    def start(self, prog: str, words: list[str]) -> None:
        """Train it as changed by flags."""
        Train.start_with(self.experiment, prog, words, self.text)


@dataclass(frozen=True, kw_only=True)
class Resume(Command):
    """Continue a run that was stopped, from its last checkpoint."""

    together: ClassVar[bool] = True
    folder: tyro.conf.Suppress[Path] = Path()
    epochs: Epochs = None
    """Epochs in all, instead of the run's own number."""
    data_dir: DataDir = None
    log: LoggedTo = ()
    log_every: LogEvery = 0
    quiet: Quiet = False

    @classmethod
    def start(cls, prog: str, words: list[str]) -> None:
        """Read the flags and continue the run that stands at the end of `prog`."""
        folder = Path(prog.partition(" --resume ")[2])
        if not (folder / "experiment.json").exists() and not set(words) & set(HELP):
            raise UserError(f"--resume is {str(folder)!r}, which holds no run; name a folder that `vaelab train` made")
        replace(cls.parse(prog, words), folder=folder).run()

    def run(self) -> None:
        """Train to the end and print the totals of the test set."""
        from vaelab.tracking.train import resume

        run = resume(
            self.folder,
            epochs=self.epochs,
            data_directory=self.data_dir,
            show=not self.quiet,
            log=self.log,
            log_every=self.log_every,
        )
        print_totals(run, self.folder)


def print_totals(run: Any, out: Path) -> None:
    """The last row of a run's metrics, as one line."""
    if not first():
        return
    last = run.rows[-1]
    each = run.record.data_format.each
    bits = f", {last['test_bits_per_dimension']:.3f} bits a dimension" if "test_bits_per_dimension" in last else ""
    print(
        f"{out}: {last['epoch']:.0f} epochs; test set: "
        f"{run.record.reconstruction_is} {last['test_reconstruction']:.2f}, "
        f"{run.model.spec.kl_is} {last['test_kl']:.2f}, total {last['test_total']:.2f} nats per {each}{bits}",
        flush=True,
    )
