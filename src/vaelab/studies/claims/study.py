"""The study of the claims: train the models, measure each claim for each seed, and give a verdict."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from vaelab._version import __version__
from vaelab.codec import decode, encode
from vaelab.errors import UserError, did_you_mean
from vaelab.experiment import Experiment
from vaelab.figures import DrawnFigure
from vaelab.metrics.samples import ImageClassifier, kept_classifier
from vaelab.report import Claims, Table, read_claims
from vaelab.studies.claims.claim import Claim, Numbers, SeedRuns
from vaelab.studies.claims.conditional import IDENTITY, MIXES, STYLE
from vaelab.studies.claims.illustrations import illustrations
from vaelab.studies.claims.latent import AGGREGATE, CLUSTERS, DIRECTIONS, NEIGHBOURS, SMOOTH
from vaelab.studies.claims.members import members
from vaelab.studies.claims.training import BUMP, CAPACITY, FALLS, HEALTH, RATIO, TABLE, WARM_UP
from vaelab.studies.claims.verdict import ERROR_RATE
from vaelab.studies.measured import Measured, NumbersFile, fingerprint
from vaelab.studies.recipes import Recipe
from vaelab.studies.runs import StudyRuns
from vaelab.studies.settings import StudySettings
from vaelab.studies.sharing import in_turn
from vaelab.studies.study import Study, captions
from vaelab.training import Run

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
COLUMNS = ("claim", "verdict", "measured, mean and 95 % interval over seeds")

# The models whose figures the report shows, for the first seed.
_SHOWN = ("vae", "cvae")


@dataclass(frozen=True)
class Trial:
    """A claim, and the models of one seed that it is measured on."""

    claim: Claim
    models: SeedRuns


@dataclass(frozen=True)
class ClaimsStudy(Study):
    """Test the claims of the study, each by numbers over several seeds that could refute it.

    Claims that were measured by an earlier command stay in the results.

    Args:
        recipe: how to train.
        only: the names of the claims to test, instead of all that these images can test.
    """

    recipe: Recipe = Recipe.fast
    only: tuple[str, ...] = ()
    file: ClassVar[str] = "claims.json"
    seeds: ClassVar[int | None] = 5
    run_figures: ClassVar[Sequence[str] | None] = None

    def check(self, settings: StudySettings) -> None:
        """Refuse unlabelled data, and claims that do not exist or that these images cannot test.

        Raises:
            UserError: naming the claim, the data or the seeds.
        """
        self._check_seeds(settings)
        data = settings.data
        if data.labels is None or not (data.labels >= 0).any():
            raise UserError(f"data is {data.name!r}, which has no labels; the claims speak of classes")
        by_name = {claim.name: claim for claim in CLAIMS}
        for name in self.only:
            if name not in by_name:
                hint = did_you_mean(name, by_name)
                raise UserError(f"only has {name!r}, but the claims are: {', '.join(by_name)}{hint}")
            why = by_name[name].unfit(data, self.recipe)
            if why is not None:
                raise UserError(f"only has {name!r}, which cannot be tested: {why}")

    def _check_seeds(self, settings: StudySettings) -> None:
        """Refuse seeds other than those of the verdicts that the folder holds."""
        path = settings.out / self.file
        reported = read_claims(path).about.get("seeds") if path.exists() else None
        if reported and reported != list(settings.seed_numbers):
            raise UserError(
                f"seeds are {', '.join(map(str, settings.seed_numbers))}, but {path} reports the verdicts of "
                f"{', '.join(map(str, reported))}; seeds that are chosen after a look at the verdicts make their error "
                "rates false, so keep the seeds, or choose another folder"
            )

    def plan(self, settings: StudySettings) -> Mapping[str, Experiment]:
        """The models that the tested claims need."""
        needed = {name for claim in self._tested(settings) for name in claim.needs}
        return {folder: experiment for name, (folder, experiment) in self._members(settings).items() if name in needed}

    def _members(self, settings: StudySettings) -> dict[str, tuple[str, Experiment]]:
        return members(self.recipe, len(settings.data.split("train")), settings.epochs)

    def _tested(self, settings: StudySettings) -> list[Claim]:
        """The claims that are asked for, and those that earlier commands measured for every seed."""

        def stored(claim: Claim) -> bool:
            return all(_path(settings.out, f"{claim.name}-seed{seed}").exists() for seed in settings.seed_numbers)

        fit = [claim for claim in CLAIMS if claim.unfit(settings.data, self.recipe) is None]
        return [claim for claim in fit if not self.only or claim.name in self.only or stored(claim)]

    def cases(self, runs: StudyRuns, settings: StudySettings) -> Iterator[tuple[str, Trial]]:
        """Every claim for every seed, in turn with other processes, which have trained the models together."""
        for _ in runs.in_turn():
            pass
        # Most claims need no classifier, so it is trained when one asks for it.
        classifier = functools.cache(functools.partial(_classifier, settings))
        claims = self._tested(settings)
        for seed in settings.seed_numbers:
            # The images and latents of these models are released with the seed.
            models = self._models(seed, runs, settings, claims, classifier)
            trials = {f"{claim.name}-seed{seed}": Trial(claim, models) for claim in claims}
            for name in in_turn(trials, _path(settings.out, "claim").parent):
                yield name, trials[name]

    def _models(
        self,
        seed: int,
        runs: Mapping[str, Run],
        settings: StudySettings,
        claims: Sequence[Claim],
        classifier: Callable[[], ImageClassifier],
    ) -> SeedRuns:
        """The models of one seed that some claims need."""
        needed = {name for claim in claims for name in claim.needs}
        folders = {name: folder for name, (folder, _) in self._members(settings).items() if name in needed}
        of_seed = {name: runs[f"{folder}-seed{seed}"] for name, folder in folders.items()}
        return SeedRuns(of_seed, settings.data, classifier, seed)

    def numbers_file(self, name: str, case: Trial, settings: StudySettings) -> NumbersFile:
        """OUT/measured/CLAIM-seedS.json, which depends on the version, the images, the models and the keys."""
        keys = [*(check.key for check in case.claim.checks), *case.claim.beside]
        models = [case.models.runs[model] for model in case.claim.needs]
        on = fingerprint((__version__, settings.data.digest, keys), models)
        return NumbersFile(_path(settings.out, name), on)

    def measure(self, case: Trial, settings: StudySettings) -> Numbers:
        """The numbers of one claim for one seed.

        Raises:
            UserError: a number cannot be measured on these models.
        """
        numbers = case.claim.measure(case.models)
        unknown = [key for key, value in numbers.items() if not math.isfinite(value)]
        if unknown:
            raise UserError(f"{case.claim.name}: there is no number for {', '.join(unknown)}; train for more epochs")
        return numbers

    def results(self, measured: Measured, runs: StudyRuns, settings: StudySettings) -> dict[str, Any]:
        """The content of claims.json: the claims with their numbers and verdicts, and those that were left out."""
        left_out = {}
        for claim in CLAIMS:
            why = claim.unfit(settings.data, self.recipe)
            if why is not None and (not self.only or claim.name in self.only):
                left_out[claim.name] = f"{claim.says} ({why})"
        by_claim = self._by_claim(measured, settings)
        for claim in self._tested(settings):
            refused = [error for name, error in measured.refused.items() if name.rpartition("-seed")[0] == claim.name]
            if refused:
                left_out[claim.name] = f"{claim.says} ({refused[-1]})"
        about = self.about(runs, settings) | {
            "recipe": self.recipe.value,
            "interval": "95 % of the mean over seeds, by Student's t",
            "error_rate": ERROR_RATE,
        }
        outcomes = tuple(claim.tested(by_claim[claim.name]) for claim in CLAIMS if claim.name in by_claim)
        shown = tuple(f"{name}-seed{settings.first_seed}" for name in _SHOWN)
        return encode(Claims(outcomes, about, tuple(left_out.values()), shown=shown))

    def _by_claim(self, measured: Measured, settings: StudySettings) -> dict[str, list[Numbers]]:
        """The numbers of each seed, for the claims that are measured for all of them."""
        cases = {claim.name: [f"{claim.name}-seed{seed}" for seed in settings.seed_numbers] for claim in CLAIMS}
        return {
            claim: [measured[name] for name in names]
            for claim, names in cases.items()
            if all(name in measured.numbers for name in names)
        }

    def figures(self, measured: Measured, runs: StudyRuns, settings: StudySettings) -> Sequence[DrawnFigure]:
        """The figures of the claims that were measured."""
        by_claim = self._by_claim(measured, settings)
        claims = [claim for claim in CLAIMS if claim.name in by_claim]
        classifier = functools.partial(_classifier, settings)
        seeds = [self._models(seed, runs, settings, claims, classifier) for seed in settings.seed_numbers]
        return illustrations(seeds, by_claim)

    def table(self, results: dict[str, Any]) -> Table:
        """One row per claim: its sentence, its verdict, and what was measured against its bounds."""
        claims = decode(Claims, results)
        rows = []
        for claim in claims.claims:
            lines = [
                f"{check.what}: {check.shown} ({check.spread}); refuted {check.refuted}, {check.p_shown}"
                for check in claim.checks
            ]
            rows.append((claim.says, claim.verdict, "\n".join(lines)))
        about = claims.about
        title = f"The study's claims on {about['data']}, recipe {about['recipe']}, seeds {len(about['seeds'])}"
        return Table(title, COLUMNS, tuple(rows), ERROR_RATE)

    def remarks(self, results: dict[str, Any]) -> Sequence[str]:
        """The claims that could not be tested, and the notice about the data."""
        notice = results["about"]["notice"]
        return [*(f"not tested: {sentence}" for sentence in results["left_out"]), *([notice] if notice else [])]

    def document(self, results: dict[str, Any], figures: Sequence[DrawnFigure]) -> dict[str, Any]:
        """The results with the captions of the figures; a table is made from them when it is printed."""
        return results | captions(figures)


def _classifier(settings: StudySettings) -> ImageClassifier:
    """The classifier of the real images, trained once per study."""
    return kept_classifier(settings.data, folder=settings.out, say=settings.say)


def _path(out: Path, name: str) -> Path:
    """The file that keeps the numbers of a claim and a seed."""
    return out / "measured" / f"{name}.json"
