"""The verdict at the top of the page: what the numbers of runs say, in words, and no more than that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vaelab.report.claims import Claims
from vaelab.report.evaluation import Measured
from vaelab.report.numbers import comparable, last
from vaelab.report.runs import Group

# As in `vaelab.metrics.rate.collapse`: the KL bounds the information about which image it is.
_NOTHING = 0.1
# Share of the total by which it may change in the last epoch and still count as settled.
_SETTLED = 0.001
# The diagnoses of `vaelab evaluate` that stand at the top.
_ALARMS = ("Full collapse:", "Far from the prior:", "Partial collapse:")


@dataclass(frozen=True)
class ActiveUnits:
    """How many of the latent dimensions of a model are active, by the variance of the posterior mean over images."""

    active: int
    of: int
    threshold: float


@dataclass(frozen=True)
class Verdict:
    """The verdict on all runs of a page.

    Args:
        lead: the first sentence; empty for none.
        sentences: further sentences.
        collapse: a diagnosis of collapse per run that has one; they stand first.
    """

    lead: str = ""
    sentences: tuple[str, ...] = ()
    collapse: tuple[str, ...] = ()


def verdict_of(
    groups: Sequence[Group],
    units: Mapping[str, ActiveUnits] | None = None,
    measured: Measured | None = None,
    claims: Sequence[Claims] = (),
) -> Verdict:
    """The verdict on runs: totals, whether they had settled, and whether a posterior collapsed.

    Args:
        groups: the runs.
        units: the active units of each group that is known, by name.
        measured: the evaluations of the runs, whose diagnosis takes precedence.
        claims: the claims of studies, which lead the page if there are any.
    """
    collapse, remarks = _diagnoses(groups, units or {}, measured or Measured())
    lead, sentences = _claimed(claims), list[str]()
    if groups and not lead:
        lead, sentences = _totals(groups)
        sentences += [*_settled(groups), *_warm_up(groups), *remarks]
    return Verdict(lead, tuple(sentences), tuple(collapse))


def _claimed(claims: Sequence[Claims]) -> str:
    """How many claims have each verdict."""
    verdicts = [claim.verdict for study in claims for claim in study.claims]
    if not verdicts:
        return ""
    counts = {"reproduced": 0, "not reproduced": 0, "undecided": 0}
    for verdict in verdicts:
        counts[verdict] += 1
    parts = [f"{count} {verdict}" for verdict, count in counts.items() if count]
    return f"Of {len(verdicts)} claims, {_joined(parts)}."


def _totals(groups: Sequence[Group]) -> tuple[str, list[str]]:
    """The leading sentence about totals on test images, and what belongs to it."""
    total = {group.name: last(group, "test_total") for group in groups}
    if len(groups) == 1:
        (group,) = groups
        return (
            f"The total on test images is {total[group.name]:.2f} nats per image: a {group.record.reconstruction_is} "
            f"of {last(group, 'test_reconstruction'):.2f} and a {group.record.experiment.model.kl_is} of "
            f"{last(group, 'test_kl'):.2f}.",
            [group.record.experiment.model.no_bound] if group.record.experiment.model.no_bound else [],
        )
    if not comparable(groups):
        return (
            "The totals cannot be compared: images, pixels, kinds of reconstruction or of KL differ.",
            [],
        )
    if len(groups) > 2:
        low, high = min(total, key=lambda name: total[name]), max(total, key=lambda name: total[name])
        return (
            f"Totals on test images go from {total[low]:.2f} nats per image ({low}) to {total[high]:.2f} ({high}).",
            [],
        )
    better, worse = sorted(groups, key=lambda group: total[group.name])
    gain = total[worse.name] - total[better.name]
    lead = (
        f"The total of {better.name} on test images is {gain:.2f} nats per image below that of {worse.name}: "
        f"{total[better.name]:.2f} against {total[worse.name]:.2f}, {100 * gain / abs(total[worse.name]):.1f} % less."
    )
    changes = [
        f"{last(better, f'test_{name}') - last(worse, f'test_{name}'):+.2f}".replace("-", "−") + f" nats of {words}"
        for name, words in (("reconstruction", better.record.reconstruction_is), ("kl", "KL"))
    ]
    sentences = [f"The difference is {_joined(changes)}."]
    if max(len(group.seeds) for group in groups) == 1:
        sentences.append("With one seed each, the difference has no interval.")
    given = [group.name for group in groups if getattr(group.record.experiment.model, "conditional", False)]
    if len(given) == 1:
        sentences.append(f"{given[0]} is given the label of each image, the other is not: the totals are of two tasks.")
    return lead, sentences


def _settled(groups: Sequence[Group]) -> list[str]:
    """Whether totals were still falling when the runs ended, or had been lower before."""
    falling, past, settled = [], [], []
    for group in groups:
        rows = group.runs[0].rows
        split = "validation" if "validation_total" in rows[-1] else "test"
        totals = [row[f"{split}_total"] for row in rows]
        name = f"of {group.name} " if len(groups) > 1 else ""
        if len(totals) < 2:
            continue
        fall, lowest = totals[-2] - totals[-1], min(totals)
        if fall > _SETTLED * abs(totals[-1]):
            falling.append(f"{name}by {fall:.2f} nats on {split} images")
        elif totals[-1] - lowest > _SETTLED * abs(lowest):
            epoch = int(rows[totals.index(lowest)]["epoch"])
            past.append(
                f"{name}{totals[-1] - lowest:.2f} nats above its lowest value, of epoch {epoch}, on {split} images"
            )
        else:
            settled.append(group.name)
    sentences = []
    if falling:
        sentences.append(
            f"The total still fell in the last epoch, {_joined(falling)}: more epochs may lower it further."
        )
    if past:
        sentences.append(f"At the end the total was {_joined(past)}.")
    if settled:
        which = "" if len(groups) == 1 else f" of {_joined(settled)}"
        sentences.append(f"The total{which} changed by less than 0.1 % in the last epoch.")
    return sentences


def _warm_up(groups: Sequence[Group]) -> list[str]:
    """Runs that ended before beta had reached its final value."""
    reached: dict[str, list[str]] = {}
    for group in groups:
        stop = getattr(getattr(group.record.experiment.objective, "beta", None), "stop", None)
        beta = group.runs[0].rows[-1].get("beta")
        if isinstance(stop, int | float) and beta is not None and beta < stop - 1e-9:
            reached.setdefault(f"{beta:g} of {stop:g}", []).append(group.name)
    return [
        f"The warm-up{f' of {_joined(names)}' if len(groups) > 1 else ''} ended at β = {values}, so the loss was not "
        "yet the final one."
        for values, names in reached.items()
    ]


def _diagnoses(
    groups: Sequence[Group], units: Mapping[str, ActiveUnits], measured: Measured
) -> tuple[list[str], list[str]]:
    """Diagnoses of collapse, and remarks about latents that are in use."""
    evaluated = [finding for part in measured.parts if part.name == "elbo" for finding in part.findings]
    alarms = [finding for finding in evaluated if any(alarm in finding for alarm in _ALARMS)]
    remarks = [finding for finding in evaluated if "No collapse:" in finding]
    for group in groups:
        prefix = f"{group.name}: " if len(groups) > 1 else ""
        if any(not len(groups) > 1 or finding.startswith(group.name) for finding in (*alarms, *remarks)):
            continue
        row, known = group.runs[0].rows[-1], units.get(group.name)
        if "test_code_perplexity" in row:
            remarks.append(
                f"{prefix}the codes have a perplexity of {row['test_code_perplexity']:.1f}, and "
                f"{100 * row.get('test_dead_codes', 0.0):.1f} % of them are unused."
            )
        elif row["test_kl"] < _NOTHING and not group.record.experiment.model.no_bound:
            alarms.append(
                f"{prefix}full collapse. The KL on test images is {row['test_kl']:.2f} nats per image: the posterior "
                "of nearly every image is the prior, so z says next to nothing about the image."
            )
        elif known is not None:
            count = (
                f"{known.active} of {known.of} latent dimensions are active: the variance of their posterior mean over "
                f"test images is above {known.threshold:g}"
            )
            if known.active < known.of:
                alarms.append(
                    f"{prefix}partial collapse. {count}. A model switches off dimensions that cost more than they gain."
                )
            elif len(groups) == 1:
                remarks.append(f"{count}.")
    # The name of a run stays as it is.
    first = str if len(groups) > 1 else _capital
    return [first(text) for text in alarms], [first(text) for text in remarks]


def _joined(parts: Sequence[str]) -> str:
    """Parts as a list in words.

    >>> _joined(["one", "two", "three"])
    'one, two and three'
    """
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
