"""Train what the claims speak of, measure each claim for each seed, and write claims.json and the report."""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vaelab._version import __version__
from vaelab.codec import encode
from vaelab.data import ImageData, SourceSpec
from vaelab.errors import UserError
from vaelab.figures import draw_figures
from vaelab.files import read_json, write_atomically
from vaelab.metrics import ImageClassifier, train_classifier
from vaelab.plots import save_figure
from vaelab.report import Claims, StudyFigure, write_run_report
from vaelab.studies.claims.claim import Claim, Numbers, SeedRuns
from vaelab.studies.claims.conditional import IDENTITY, MIXES, STYLE
from vaelab.studies.claims.illustrations import illustrations
from vaelab.studies.claims.latent import AGGREGATE, CLUSTERS, DIRECTIONS, NEIGHBOURS, SMOOTH
from vaelab.studies.claims.members import members
from vaelab.studies.claims.training import BUMP, CAPACITY, FALLS, HEALTH, RATIO, TABLE, WARM_UP
from vaelab.studies.recipes import Recipe, planned_run
from vaelab.studies.runs import train_all
from vaelab.training import Run
from vaelab.training.run import RunFolder

CLAIMS = (
    TABLE,
    FALLS,
    BUMP,
    RATIO,
    HEALTH,
    CLUSTERS,
    NEIGHBOURS,
    AGGREGATE,
    DIRECTIONS,
    SMOOTH,
    MIXES,
    IDENTITY,
    STYLE,
    WARM_UP,
    CAPACITY,
)

# The models whose figures the report shows, of the first seed.
_SHOWN = ("vae", "cvae")


def run_claims_study(
    out: Path,
    source: SourceSpec,
    data: ImageData,
    recipe: Recipe = Recipe.fast,
    epochs: int | None = None,
    seeds: int = 3,
    only: Sequence[str] = (),
    device: str = "auto",
    notice: str | None = None,
    command: str = "",
    show: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Claims:
    """Put the study's claims to the test, each by numbers over several seeds.

    A study that was stopped goes on where it was: trained models stay, and so does what is measured of them.

    Args:
        out: the folder for all of it, a run folder a model and seed within.
        source: where the images come from, for the record.
        data: the images, with labels.
        recipe: how to train.
        epochs: instead of the recipe's own number.
        seeds: how many, counted from 0; of one seed nothing is decided.
        only: claims by name, instead of all that these images can test.
        device: where to train.
        notice: what must be said of the data wherever results stand.
        command: the command line, for the record.
        show: show progress on standard error.
        say: is told what is being measured.

    Returns:
        What claims.json holds.

    Raises:
        UserError: as `train`, data without labels, or there is no claim of a name.
    """
    if seeds < 1:
        raise UserError(f"seeds is {seeds}, but must be >= 1")
    chosen, left_out = _chosen(data, recipe, only)
    # What was measured by an earlier command stays in the results.
    before = [
        claim
        for claim in CLAIMS
        if claim.unfit(data, recipe) is None and all(_file(out, claim, seed).exists() for seed in range(seeds))
    ]
    chosen = [claim for claim in CLAIMS if claim in chosen or claim in before]
    needed = {name for claim in chosen for name in claim.needs}
    everything = members(recipe, len(data.split("train")), epochs)
    folders = {name: folder for name, (folder, _) in everything.items() if name in needed}
    planned = {
        f"{folders[name]}-seed{seed}": planned_run(experiment, source, seed, device)
        for seed in range(seeds)
        for name, (_, experiment) in everything.items()
        if name in needed
    }
    titles = {
        name: f"{place}/{len(planned)} {name.replace('-seed', ' seed ')}" for place, name in enumerate(planned, start=1)
    }
    trained = train_all(out, planned, data, titles, show)
    trained = {name: replace(run, model=run.model.cpu()) for name, run in trained.items()}

    # Most claims need no classifier, so it is trained when one asks for it.
    classifier = functools.cache(lambda: _classifier(out, data, say))
    seeds_runs = [
        SeedRuns({name: trained[f"{folder}-seed{seed}"] for name, folder in folders.items()}, data, classifier, seed)
        for seed in range(seeds)
    ]
    by_claim: dict[str, list[Numbers]] = {claim.name: [] for claim in chosen}
    for runs in seeds_runs:
        # A copy, whose images and codes are forgotten with the seed.
        models = replace(runs)
        for claim in chosen:
            try:
                by_claim[claim.name].append(_measured(out, claim, models, say))
            except UserError as error:
                # One claim that cannot be measured, such as a class with one image, takes no other with it.
                left_out[claim.name] = f"{claim.says} ({error})"

    tested = [claim for claim in chosen if claim.name not in left_out]
    images = illustrations(seeds_runs, {claim.name: by_claim[claim.name] for claim in tested})
    for image in images:
        for kind in ("svg", "png"):
            save_figure(image.figure, out / "figures" / f"{image.name}.{kind}")
    results = Claims(
        tuple(claim.tested(by_claim[claim.name]) for claim in tested),
        _about(out, trained, data, recipe, seeds, notice, command),
        tuple(left_out.values()),
        tuple(StudyFigure(image.name, image.caption) for image in images),
        tuple(f"{name}-seed0" for name in _SHOWN),
    )
    write_atomically(out / "claims.json", json.dumps(encode(results), indent=2) + "\n")
    say("drawing the report")
    write_run_report([out], out / "report.html", draw=lambda run: draw_figures(run, data))
    return results


COLUMNS = ("claim", "verdict", "measured, mean and 95 % interval over seeds")


def summary(results: Claims) -> list[list[str]]:
    """The claims as text, under `COLUMNS`: what each says, its verdict, and what was measured against its bounds."""
    rows = []
    for claim in results.claims:
        lines = [f"{check.what}: {check.shown} ({check.spread}); refuted {check.refuted}" for check in claim.checks]
        rows.append([claim.says, claim.verdict, "\n".join(lines)])
    return rows


def _chosen(data: ImageData, recipe: Recipe, only: Sequence[str]) -> tuple[list[Claim], dict[str, str]]:
    """The claims to test, and by name those that these images or this recipe cannot, with the reason."""
    if data.labels is None:
        raise UserError(f"data is {data.name!r}, which has no labels; the claims speak of classes")
    by_name = {claim.name: claim for claim in CLAIMS}
    for name in only:
        if name not in by_name:
            raise UserError(f"only has {name!r}, but the claims are: {', '.join(by_name)}")
        why = by_name[name].unfit(data, recipe)
        if why is not None:
            raise UserError(f"only has {name!r}, which cannot be tested: {why}")
    wanted = {claim: claim.unfit(data, recipe) for claim in CLAIMS if not only or claim.name in only}
    unfit = {claim.name: f"{claim.says} ({why})" for claim, why in wanted.items() if why is not None}
    return [claim for claim, why in wanted.items() if why is None], unfit


def _classifier(out: Path, data: ImageData, say: Callable[[str], None]) -> ImageClassifier:
    """The classifier of these real images, trained once a study."""
    path = out / f"classifier-{data.digest[:12]}.safetensors"
    if path.exists():
        return ImageClassifier.load(path)
    say("training a classifier of real images")
    classifier = train_classifier(data)
    classifier.save(path)
    return classifier


def _file(out: Path, claim: Claim, seed: int) -> Path:
    """Where the numbers of a claim and a seed are kept."""
    return out / "measured" / f"{claim.name}-seed{seed}.json"


def _measured(out: Path, claim: Claim, models: SeedRuns, say: Callable[[str], None]) -> Numbers:
    """The numbers of one claim for one seed, as they were measured before on the same models, or now.

    Raises:
        UserError: a number cannot be measured on these models.
    """
    path, about = _file(out, claim, models.seed), _measured_on(claim, models)
    stored = read_json(path) if path.exists() else {}
    if stored.get("on") == about:
        numbers: Numbers = stored["numbers"]
        return numbers
    say(f"seed {models.seed}: {claim.name}")
    numbers = claim.measure(models)
    unknown = [key for key, value in numbers.items() if not math.isfinite(value)]
    if unknown:
        raise UserError(f"{claim.name}: there is no number for {', '.join(unknown)}; train for more epochs")
    write_atomically(path, json.dumps({"on": about, "numbers": numbers}, indent=2) + "\n")
    return numbers


def _measured_on(claim: Claim, models: SeedRuns) -> str:
    """What the numbers of a claim depend on, as one sha256: version, images, models, and the numbers asked for."""
    keys = [*(check.key for check in claim.checks), *claim.beside]
    digest = hashlib.sha256(repr((__version__, models.data.digest, keys)).encode())
    for name in claim.needs:
        digest.update(RunFolder(models.runs[name].folder).last.read_bytes())
    return digest.hexdigest()


def _about(
    out: Path,
    trained: dict[str, Run],
    data: ImageData,
    recipe: Recipe,
    seeds: int,
    notice: str | None,
    command: str,
) -> dict[str, Any]:
    folders = [RunFolder(out / name) for name in trained]
    first = next(iter(trained.values()))
    return {
        "data": data.name,
        "notice": notice,
        "recipe": recipe.value,
        "epochs": first.experiment.training.epochs,
        "seeds": list(range(seeds)),
        "runs": len(trained),
        "command": command,
        "machine": folders[0].events()[0]["machine"],
        "training_seconds": round(sum(folder.seconds() for folder in folders), 1),
        "interval": "95 % of the mean over seeds, by Student's t; not corrected for the number of checks",
    }
