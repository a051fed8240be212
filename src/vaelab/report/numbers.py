"""The table of runs: quantities by row, runs by column, differences and published numbers beside them."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, stdev

from vaelab.report.blocks import Table
from vaelab.report.published import published
from vaelab.report.runs import Group

_QUANTITIES = {"reconstruction": "reconstruction", "kl": "KL", "total": "total"}
# Quantities that only some models have.
_FURTHER = {
    "test_bits_per_dimension": "bits per dimension",
    "test_code_perplexity": "perplexity of the codes",
    "test_dead_codes": "share of unused codes",
}
_SPLITS = {"test": "Test images", "train_running": "Training images, last epoch"}
_PUBLISHED = "Published, training images"


def numbers_of(groups: Sequence[Group]) -> Table:
    """The table of runs, with the difference of two that can be compared, and the published numbers of the study.

    A row with one cell is the heading of those below it. A single run has its published numbers in a column beside
    those of its training; several have them in rows of their own.
    """
    rows: list[tuple[str, ...]] = []
    references = [published(group.record.experiment) for group in groups]
    alone = groups[0] if len(groups) == 1 else None
    beside = references[0] if alone is not None else None
    pair = (groups[0], groups[1]) if comparable(groups) and len(groups) == 2 else None
    for split, words in _SPLITS.items():
        rows.append((words,))
        for name, quantity in _QUANTITIES.items():
            column = f"{split}_{name}"
            cells = [over_seeds(group, column) for group in groups]
            if pair:
                cells.append(difference(*pair, column))
            if beside is not None and alone is not None:
                # The study reports averages over the training images.
                own = split == "train_running"
                cells += (
                    [f"{beside[name]:.2f}", _change(last(alone, column) - beside[name], beside[name])]
                    if own
                    else ["", ""]
                )
            rows.append((quantity, *cells))
        for column, quantity in _FURTHER.items():
            if column.startswith(split) and any(column in run.rows[-1] for group in groups for run in group.runs):
                spare = ("",) * (bool(pair) + 2 * (beside is not None))
                rows.append((quantity, *(over_seeds(group, column) for group in groups), *spare))
    if alone is None and any(references):
        rows.append((_PUBLISHED,))
        for name, quantity in _QUANTITIES.items():
            values = [None if reference is None else reference[name] for reference in references]
            cells = ["" if value is None else f"{value:.2f}" for value in values]
            if pair:
                first, second = values
                cells.append("" if first is None or second is None else _change(second - first, first))
            rows.append((quantity, *cells))
    columns = ["nats per image", *(["this run"] if alone is not None else [group.name for group in groups])]
    columns += ["difference"] if pair else ["published", "difference"] if beside is not None else []
    return Table("Results", tuple(columns), tuple(rows), _note(groups, pair, any(references)))


def comparable(groups: Sequence[Group]) -> bool:
    """Whether totals can be compared: the runs have the same images, pixels, kind of reconstruction and of KL."""
    seen = {
        (group.record.data_sha256, str(group.record.experiment.binarisation), group.record.experiment.model.no_bound)
        for group in groups
    }
    return len(seen) == 1 and len({group.record.reconstruction_is for group in groups}) == 1


def last(group: Group, column: str) -> float:
    """Mean over seeds of a column's last value."""
    return mean(run.rows[-1][column] for run in group.runs)


def over_seeds(group: Group, column: str) -> str:
    """Mean over seeds of a column's last value, with the sample standard deviation if there are several seeds."""
    values = [run.rows[-1][column] for run in group.runs if column in run.rows[-1]]
    if not values:
        return ""
    return f"{mean(values):.2f}" + (f" ± {stdev(values):.2f}" if len(values) > 1 else "")


def difference(first: Group, second: Group, column: str) -> str:
    """Second minus first, of the means over seeds, in nats and in per cent of the first."""
    return _change(last(second, column) - last(first, column), last(first, column))


def _change(change: float, of: float) -> str:
    """A change with its sign, and its share of a value.

    >>> _change(-27.584, 138.0), _change(0.5, 0.0)
    ('−27.58 (−20.0 %)', '+0.50')
    """
    share = f" ({100 * change / of:+.1f} %)" if of else ""
    return f"{change:+.2f}{share}".replace("-", "−")


def _note(groups: Sequence[Group], pair: tuple[Group, Group] | None, compared: bool) -> str:
    several = sorted({len(group.seeds) for group in groups if len(group.seeds) > 1})
    notes = [
        "Test: a full pass over the test images after the last epoch, one draw of z per image. Training: running "
        "averages during the last epoch, while the weights still change. KL before β."
    ]
    if pair:
        notes.append(f"Difference: {pair[1].name} minus {pair[0].name}.")
    if several:
        notes.append(f"± is the sample standard deviation over {' or '.join(map(str, several))} seeds.")
    if compared:
        notes.append(
            "Published: the study that this project reproduces, a VAE and a CVAE on MNIST with a two-dimensional "
            "latent space, running averages over the training images."
        )
    scores = sorted({group.record.reconstruction_is for group in groups})
    if len(scores) == 1:
        notes.append(f"The reconstruction is a {scores[0]}.")
    else:
        kinds = [f"a {group.record.reconstruction_is} for {group.name}" for group in groups]
        notes.append(f"The reconstruction is {', '.join(kinds)}; these cannot be compared.")
    for group in groups:
        if no_bound := group.record.experiment.model.no_bound:
            notes.append(no_bound if len(groups) == 1 else f"{group.name}: {no_bound}")
    if "cross-entropy" in scores:
        notes.append("A cross-entropy on grey pixels is not a log-likelihood.")
    return " ".join(notes)
