"""`vaelab evaluate`: what a trained model can be held to, in numbers."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from vaelab.cli.dispatch import parse
from vaelab.data import METAVAR, parse_source
from vaelab.errors import UserError
from vaelab.evaluation import PARTS, chosen

if TYPE_CHECKING:
    from vaelab.evaluation.results import Evaluation


def main(prog: str, words: list[str]) -> None:
    """Measure a trained model: evidence, gaps, ELBO, samples, representation, disentanglement."""
    command = shlex.join([*prog.split(), *words])

    def evaluate(
        run: Annotated[Path, tyro.conf.arg(metavar="RUN")],
        /,
        only: Annotated[tuple[str, ...], tyro.conf.arg(metavar="PART")] = (),
        images: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None,
        samples: int = 200,
        few: int = 50,
        seed: int = 0,
        binarisation: Annotated[str | None, tyro.conf.arg(metavar="PROTOCOL")] = None,
        out: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None,
        data: Annotated[str | None, tyro.conf.arg(metavar=METAVAR)] = None,
        data_dir: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None,
        device: str = "auto",
        quiet: bool = False,
    ) -> None:
        """Measure a trained model on the test split and print each number with its uncertainty.

        Writes RUN/evaluation.json. Parts that were measured earlier stay in it, as long as they are of the same
        weights.

        Args:
            run: the folder of a run, or a model's .safetensors file.
            only: parts by name, instead of all that the model can be measured by.
            images: take so many of the test images, always the same random ones, instead of all.
            samples: importance samples an image.
            few: images that are annealed, and that a posterior is fitted to.
            seed: of every draw.
            binarisation: grey, static, dynamic or threshold, instead of how the model was trained: such as to measure
                a model of grey pixels as one of binary images.
            out: the file, instead of RUN/evaluation.json.
            data: images, instead of those of the training; their splits train and test are taken.
            data_dir: folder of data sets; otherwise VAELAB_DATA, otherwise a cache folder.
            device: auto, cpu, cuda, ...
            quiet: do not tell what is being measured.
        """
        options = (only, images, samples, few, seed, binarisation, data, data_dir, device)
        _evaluate(run, out, *options, command, quiet)

    if words and words[0] in ("-h", "--help"):
        try:
            parse(evaluate, prog, words)
        except SystemExit:
            width = max(len(part.name) for part in PARTS)
            print("\nparts, each where the model can be measured so:")
            for part in PARTS:
                print(f"  {part.name:<{width}}  {part.shows}")
            raise
    parse(evaluate, prog, words)


def _evaluate(
    run: Path,
    out: Path | None,
    only: tuple[str, ...],
    images: int | None,
    samples: int,
    few: int,
    seed: int,
    binarisation: str | None,
    data: str | None,
    data_dir: Path | None,
    device: str,
    command: str,
    quiet: bool,
) -> None:
    chosen(only)
    from vaelab.data import Grey
    from vaelab.evaluation.evaluate import evaluate_subject
    from vaelab.evaluation.measured import Budget, Subject
    from vaelab.evaluation.results import read_evaluation
    from vaelab.models.files import load
    from vaelab.training import open_run
    from vaelab.training.device import choose_device

    def say(line: str) -> None:
        if not quiet:
            print(line, file=sys.stderr, flush=True)

    budget = Budget(images, few, samples, seed)
    protocol = None if binarisation is None else _protocol(binarisation)
    given = None if data is None else parse_source(data).load(data_dir)
    if run.suffix == ".safetensors":
        if given is None:
            raise UserError(f"run is {str(run)!r}, a model without its data; name images with --data")
        model, title = load(run), run.name
        out = out or run.with_suffix(".evaluation.json")
    else:
        if not run.is_dir():
            raise UserError(f"run is {str(run)!r}, which is no folder; name a run's folder, or a .safetensors file")
        opened = open_run(run)
        given = given or opened.images(data_dir)
        model, title, protocol = opened.model, run.resolve().name, protocol or opened.experiment.binarisation
        out = out or run / "evaluation.json"
    earlier = read_evaluation(out) if out.exists() else None
    subject = Subject(model.to(choose_device(device)), given, protocol or Grey(), budget, title, say)

    def keep(found: Evaluation) -> None:
        together(found).write(out)

    def together(found: Evaluation) -> Evaluation:
        return found if earlier is None else found.merge(earlier, [part.name for part in PARTS])

    found = evaluate_subject(subject, only, command, keep)
    _print(found)
    print(f"results: {out}")


def _protocol(name: str) -> Any:
    """The binarisation of a name, with its own settings."""
    from vaelab.data import Dynamic, Grey, Static, Threshold

    known: dict[str, Any] = {part.kind: part for part in (Grey(), Static(), Dynamic(), Threshold())}
    if name not in known:
        raise UserError(f"binarisation is {name!r}, but must be one of {', '.join(known)}")
    return known[name]


def _print(found: Evaluation) -> None:
    """A table a part, its findings below it."""
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
