"""`vaelab evaluate`: measure a trained model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import tyro

from vaelab.cli.bar import Bar
from vaelab.cli.command import Command, Data, DataDir, Device, Only, Quiet, RunPath
from vaelab.data import parse_source
from vaelab.errors import UserError, did_you_mean
from vaelab.evaluation import PARTS, chosen
from vaelab.precision import Precision
from vaelab.processes import first
from vaelab.spec import words

if TYPE_CHECKING:
    from vaelab.evaluation.results import Evaluation


@dataclass(frozen=True, kw_only=True)
class Evaluate(Command):
    """Measure a trained model: evidence, gaps, ELBO, samples, representation, disentanglement.

    Takes the test split, prints each number with its uncertainty and writes RUN/evaluation.json. Parts that were
    measured before stay in the file if they are of the same weights.
    """

    together: ClassVar[bool] = True
    path: RunPath
    only: Only = ()
    images: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Number of test images, always the same random ones; by default all."""
    samples: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Importance samples per image; by default 200."""
    few: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Number of images for annealing and for fitting posteriors; by default 50."""
    quick: bool = False
    """Every part on few images: 500, with 50 samples each and 10 for annealing, as far as they are not given."""
    precision: Precision = "fp32"
    """In which the networks compute importance samples; bf16 takes half the time on hardware that computes in it."""
    seed: int = 0
    """Decides every draw."""
    binarisation: Annotated[str | None, tyro.conf.arg(metavar="PROTOCOL")] = None
    """grey, static, dynamic or threshold, instead of the training's, such as to measure a model of grey pixels on
    binary images."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Results; by default RUN/evaluation.json."""
    data: Data = None
    data_dir: DataDir = None
    device: Device = "auto"
    quiet: Quiet = False

    @classmethod
    def notes(cls) -> str:
        """The parts of the evaluation."""
        width = max(len(part.name) for part in PARTS)
        lines = [f"  {part.name:<{width}}  {part.shows}" for part in PARTS]
        return "\n".join(["names for --only, each if the model has it:", *lines])

    def run(self) -> None:
        """Measure and print a table per part."""
        chosen(self.only)
        from vaelab.evaluation.budget import QUICK, Budget
        from vaelab.evaluation.evaluate import measure_parts
        from vaelab.evaluation.measurement import Measurement
        from vaelab.evaluation.results import read_evaluation
        from vaelab.files import locked
        from vaelab.measured import MeasuredModel
        from vaelab.models.files import load
        from vaelab.training import open_run
        from vaelab.training.device import choose_device

        for name, number, least in (("images", self.images, 2), ("few", self.few, 2), ("samples", self.samples, 1)):
            if number is not None and number < least:
                raise UserError(f"{name} is {number}, but must be >= {least}")
        given_numbers = {"n_images": self.images, "n_costly": self.few, "n_samples": self.samples}
        numbers = {name: number for name, number in given_numbers.items() if number is not None}
        budget = Budget(**{**(QUICK if self.quick else {}), **numbers}, seed=self.seed, precision=self.precision)
        protocol = None if self.binarisation is None else _protocol(self.binarisation)
        given = None if self.data is None else parse_source(self.data).load(self.data_dir)
        if self.path.suffix == ".safetensors":
            if given is None:
                raise UserError(f"run is {str(self.path)!r}, a model without its data; name images with --data")
            model, title = load(self.path), self.path.name
            out = self.out or self.path.with_suffix(".evaluation.json")
        else:
            if not self.path.is_dir():
                raise UserError(
                    f"run is {str(self.path)!r}, which is no folder; name a run's folder, or a .safetensors file"
                )
            opened = open_run(self.path)
            given = given or opened.load_data(self.data_dir)
            model, title = opened.model, self.path.resolve().name
            protocol = protocol or opened.experiment.binarisation
            out = self.out or self.path / "evaluation.json"
        if out.exists():
            read_evaluation(out)  # a damaged file is refused before anything is measured
        measured = MeasuredModel(model.to(choose_device(self.device)), given, protocol, title=title)

        def keep(found: Evaluation) -> None:
            # Another process may have measured other parts in the meantime.
            with locked(out):
                earlier = read_evaluation(out) if out.exists() else None
                whole = found if earlier is None else found.merge(earlier, [part.name for part in PARTS])
                whole.write(out)

        with Bar(self.quiet or not first()) as bar:
            found = measure_parts(Measurement(measured, budget, bar.say), self.only, self.line, keep)
        if first():
            _print(found)
            print(f"results: {out}")


def _protocol(name: str) -> Any:
    """The binarisation of this name, with its default settings.

    Raises:
        UserError: there is none.
    """
    from vaelab.data import BinarisationSpec

    known = words(BinarisationSpec)
    if name not in known:
        raise UserError(f"binarisation is {name!r}, but must be one of {', '.join(known)}{did_you_mean(name, known)}")
    return known[name]()


def _print(found: Evaluation) -> None:
    """Print a table per part, its findings below it."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160  # a file has room for all columns
    for section in found.sections:
        about = ", ".join(f"{name} {value}" for name, value in section.about.items())
        table = Table(
            title=f"{found.title}: {section.part}", caption=about, title_justify="left", caption_justify="left"
        )
        for column, justify in (("", "left"), ("value", "right"), ("95 %", "right"), ("unit", "left"), ("how", "left")):
            table.add_column(column, justify=justify)  # type: ignore[arg-type]
        for number in section.numbers:
            table.add_row(*number.cells, number.how)
        console.print(table)
        for finding in section.findings:
            console.print(finding, soft_wrap=True)
        console.print()
    for part, why in found.left_out.items():
        console.print(f"{part} is left out: {why}", soft_wrap=True)
