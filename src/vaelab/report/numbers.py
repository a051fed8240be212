"""The table of runs: metrics of the last epoch, with mean and spread over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, stdev

from vaelab.report.blocks import Table
from vaelab.report.published import published
from vaelab.report.runs import Group

_QUANTITIES = {"reconstruction": "reconstruction", "kl": "KL", "total": "total"}
# Columns that only some models have.
_FURTHER = {
    "test_bits_per_dimension": "bits / dim",
    "test_code_perplexity": "perplexity",
    "test_dead_codes": "dead codes",
}
_SPLITS = {"train_running": "train, last epoch", "test": "test"}


def numbers_of(groups: Sequence[Group]) -> Table:
    """The table of runs: a training and a test row per group, and the published row of a model of the study."""
    further = [name for name in _FURTHER if any(name in run.rows[-1] for group in groups for run in group.runs)]
    rows, compared = [], False
    for group in groups:
        for split, words in _SPLITS.items():
            cells = [over_seeds(group, f"{split}_{name}") for name in _QUANTITIES]
            cells += [over_seeds(group, name) if name.startswith(split) else "" for name in further]
            rows.append((f"{group.name}, {words}", *cells))
            reference = published(group.record.experiment)
            if split == "train_running" and reference is not None:
                compared = True
                rows.append(
                    (
                        f"{group.name}, the study",
                        *(f"{reference[name]:.2f}" for name in _QUANTITIES),
                        *("",) * len(further),
                    )
                )
    columns = ("nats per image", *_QUANTITIES.values(), *(_FURTHER[name] for name in further))
    return Table("Runs, the last epoch", columns, tuple(rows), _note(groups, compared))


def over_seeds(group: Group, name: str) -> str:
    """Mean over seeds of a column's last value, with the sample standard deviation if there are several seeds."""
    values = [run.rows[-1][name] for run in group.runs if name in run.rows[-1]]
    if not values:
        return ""
    return f"{mean(values):.2f}" + (f" ± {stdev(values):.2f}" if len(values) > 1 else "")


def _note(groups: Sequence[Group], compared: bool) -> str:
    several = sorted({len(group.seeds) for group in groups if len(group.seeds) > 1})
    notes = [
        "Train: running averages over the training images during the last epoch, while the weights still change. "
        "Test: a full pass over the test images after that epoch, one draw of z per image. KL before β."
    ]
    if several:
        notes.append(f"± is the sample standard deviation over {' or '.join(map(str, several))} seeds.")
    if compared:
        notes.append(
            "The study is the one that this project reproduces, a VAE and a CVAE on MNIST with a two-dimensional "
            "latent space; its numbers are running averages over the training images."
        )
    scores = sorted({group.record.reconstruction_is for group in groups})
    if len(scores) == 1:
        notes.append(f"The reconstruction is a {scores[0]}.")
    else:
        kinds = [f"a {group.record.reconstruction_is} for {group.name}" for group in groups]
        notes.append(f"The reconstruction is {', '.join(kinds)}; these cannot be compared.")
    if "cross-entropy" in scores:
        notes.append("A cross-entropy on grey pixels is not a log-likelihood.")
    return " ".join(notes)
