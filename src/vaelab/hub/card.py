"""The model card: what was measured, how the model was trained, on what, and how it is loaded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files as package_files
from pathlib import PurePosixPath
from typing import Any

from vaelab.codec import encode
from vaelab.data import source_text
from vaelab.data.sources import SourceSpec, Stored
from vaelab.evaluation.results import Evaluation, Number
from vaelab.hub.private import without_folders
from vaelab.report.facts import duration
from vaelab.report.parts import own_parts, repeatable
from vaelab.training import Run
from vaelab.training.folder import RunFolder

PROJECT = "https://pypi.org/project/vaelab"
# Columns of metrics.csv that the card shows, with their names; the reconstruction is named by what it is.
_TOTALS = {
    "test_reconstruction": "",
    "test_kl": "KL",
    "test_total": "total",
    "test_bits_per_dimension": "bits per dimension",
    "test_code_perplexity": "perplexity of the codes",
    "test_dead_codes": "share of unused codes",
}
_UNITS = {"test_bits_per_dimension": "bits per dimension", "test_code_perplexity": "", "test_dead_codes": ""}
_CROSS_ENTROPY = "cross-entropy"
_FILES = {
    "experiment.json": "settings, image shape, class names, versions",
    "last.safetensors": "the model after the last epoch, with its composition and a checksum",
    "best.safetensors": "the model with the lowest total on the validation images",
    "metrics.csv": "one row per epoch",
    "events.jsonl": "the log of the training",
    "evaluation.json": "what was measured, with intervals",
    "encoder.onnx": "image to posterior, without vaelab and torch",
    "decoder.onnx": "latents to image, without vaelab and torch",
    "prior.onnx": "log density of the prior",
    "likelihood.onnx": "log density of the likelihood",
}


@dataclass(frozen=True)
class CardSection:
    """A table of the card: its heading, its conditions, the numbers and sentences about them."""

    title: str
    about: str
    numbers: tuple[Number, ...]
    findings: tuple[str, ...] = ()

    @property
    def rows(self) -> list[list[str]]:
        """The cells of the table."""
        rows = []
        for number in self.numbers:
            name, value, spread, unit = number.cells
            rows.append([cell(each) for each in (name, value, spread or "none", unit, number.how)])
        return rows


def card_of(run: Run, repo: str, files: Sequence[str], evaluation: Evaluation | None, license: str | None) -> str:
    """The card of a run as Markdown with metadata.

    Args:
        run: the run.
        repo: owner/name.
        files: the names of the files that are pushed.
        evaluation: of these weights; None if it was not measured.
        license: of the weights; None if none is given.
    """
    from huggingface_hub import ModelCard, ModelCardData

    experiment, title = run.experiment, repo.partition("/")[2]
    sections = [*_trained(run), *_evaluated(evaluation)]
    tags = ["vae", "variational-autoencoder", *(["onnx"] if any(name.endswith(".onnx") for name in files) else [])]
    published = isinstance(_whole(experiment.data), Stored)
    data = ModelCardData(
        license=license,
        library_name="vaelab",
        tags=tags + (["conditional"] if run.model.spec.conditional else []),
        datasets=[_whole(experiment.data).kind] if published else None,
        pipeline_tag=None if run.model.spec.conditional else "unconditional-image-generation",
        model_name=title,
        eval_results=_results(run, sections) or None,
    )
    card = ModelCard.from_template(
        data,
        template_str=package_files("vaelab.hub").joinpath("card.md").read_text(encoding="utf-8"),
        project=PROJECT,
        repo=repo,
        title=title,
        summary=line(run.model.spec.summary),
        generate="16, y=0" if run.model.spec.conditional and run.model.format.classes else "16",
        data={"name": line(_named(experiment.data)), "about": _about_data(run)},
        own=[line(f"`{part.name}`, the {part.room}") for part in own_parts(experiment)],
        sections=sections,
        notes=_notes(run, evaluation),
        facts=[(name, cell(value)) for name, value in _facts(run).items()],
        reproduction=_reproduction(run, repo),
        licence=f"The weights: `{license}`."
        if license
        else "None was given: nothing is said about what others may do with the weights. Ask their owner.",
        files=[(name, _FILES[PurePosixPath(name).name]) for name in files if PurePosixPath(name).name in _FILES],
        figures=[
            {"path": name, "words": PurePosixPath(name).stem.replace("-", " ")}
            for name in files
            if name.startswith("figures/") and not name.endswith(".pdf")
        ],
    )
    return str(card).rstrip() + "\n"


def _trained(run: Run) -> list[CardSection]:
    """The test row of the last epoch; none if the run has no row."""
    if not run.rows:
        return []
    last = run.rows[-1]
    numbers = tuple(
        Number(name or run.record.reconstruction_is, last[column], _UNITS.get(column, "nats per image"))
        for column, name in _TOTALS.items()
        if column in last
    )
    about = "A full pass over the test images after the last epoch, one draw of z per image, one seed: no interval."
    return [CardSection("Test images, last epoch", about, numbers)]


def _evaluated(evaluation: Evaluation | None) -> list[CardSection]:
    """The parts of the evaluation."""
    return [
        CardSection(
            f"Evaluation: {section.part}",
            line(", ".join(f"{name} {value}" for name, value in section.about.items())) + ".",
            section.numbers,
            tuple(line(without_folders(finding)) for finding in section.findings),
        )
        for section in (evaluation.sections if evaluation is not None else ())
    ]


def _results(run: Run, sections: Iterable[CardSection]) -> list[Any]:
    """The numbers as metadata, by the names that the tables have."""
    from huggingface_hub import EvalResult

    source = run.experiment.data
    task = "image-generation" if run.model.spec.conditional else "unconditional-image-generation"
    return [
        EvalResult(
            task_type=task,
            dataset_type=_whole(source).kind,
            dataset_name=_named(source),
            dataset_split="test",
            metric_type=re.sub(r"[^a-z0-9]+", "-", number.name.lower()).strip("-"),
            metric_name=f"{number.name} ({section.title})",
            metric_value=float(f"{number.value:.6g}"),
            metric_args={
                **({"unit": number.unit} if number.unit else {}),
                **({"interval_95": [float(f"{end:.6g}") for end in number.interval]} if number.interval else {}),
            }
            or None,
        )
        for section in sections
        for number in section.numbers
    ]


def _notes(run: Run, evaluation: Evaluation | None) -> list[str]:
    """How the numbers are to be read, and what is missing."""
    notes = [f"The reconstruction is a {run.record.reconstruction_is}."]
    if run.record.reconstruction_is == _CROSS_ENTROPY:
        notes[0] += " A cross-entropy on grey pixels is not a log-likelihood."
    if no_bound := run.model.spec.no_bound:
        notes.append(line(no_bound))
    if evaluation is None:
        notes.append("The model was not evaluated; `vaelab evaluate` gives numbers with intervals.")
    else:
        notes += [
            line(f"{part} was not measured: {without_folders(why)}.") for part, why in evaluation.left_out.items()
        ]
        notes.append(line(f"Evaluated on {evaluation.machine or 'a machine not recorded'}."))
    return notes


def _facts(run: Run) -> dict[str, str]:
    """How the model was trained."""
    folder, experiment = RunFolder(run.folder), run.experiment
    machines = dict.fromkeys(str(event["machine"]) for event in folder.events() if "machine" in event)
    facts = {
        "model": repr(experiment.model),
        "objective": repr(experiment.objective),
        "pixels": repr(experiment.binarisation),
        "epochs": str(len(run.rows)),
        "seed": str(experiment.training.seed),
        "machine": "; ".join(machines) or "not recorded",
        "duration": duration(folder.seconds()) if machines else "not recorded",
        "vaelab": run.record.vaelab,
    }
    return {name: str(without_folders(value)) for name, value in facts.items()}


def _reproduction(run: Run, repo: str) -> str:
    """The commands that train it again, or why none can."""
    if not repeatable(run.experiment):
        return "It has parts that exist only as objects of Python, so no command trains it again."
    title = repo.partition("/")[2]
    plugins = "".join(f" --plugin {part.module}" for part in own_parts(run.experiment))
    commands = [
        f"vaelab pull {repo} --out {title}",
        f"vaelab train --config {title}/experiment.json --out {title}-again{plugins}",
    ]
    words = "On one machine with one number of threads a CPU gives the same weights bit for bit."
    settings = encode(run.experiment)
    if without_folders(settings) != settings:
        words += " Folders of the machine are left out of the settings: name your own, such as with `--data`."
    return "\n".join(["```sh", *commands, "```", "", words])


def _about_data(run: Run) -> str:
    """The images, their owners and terms."""
    source = _whole(run.experiment.data)
    about = [f"{line(_named(run.experiment.data))}, sha256 `{run.record.data_sha256}`."]
    if isinstance(source, Stored):
        about.append(f"It is {source.files().title}, see {source.files().page}.")
    about.append(
        f"Terms of the images: {source.licence}."
        if source.licence
        else "The terms of the images are not known to vaelab; ask their owner."
    )
    return " ".join(about)


def _whole(source: SourceSpec) -> SourceSpec:
    """The source that a part of the images is taken of."""
    inner = getattr(source, "source", None)
    return inner if isinstance(inner, SourceSpec) else source


def _named(source: SourceSpec) -> str:
    return str(without_folders(source_text(source)))


def line(text: str) -> str:
    """A text as one line of Markdown, in which nothing is an element of HTML."""
    return " ".join(text.split()).replace("<", "&lt;")


def cell(text: str) -> str:
    """A text as a cell of a table.

    >>> cell("log p(x|z)")
    'log p(x\\\\|z)'
    """
    return line(text).replace("|", "\\|")
