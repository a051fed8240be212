"""The contract of likelihoods: densities of images and of rows of a table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from vaelab.contract import Likelihood
from vaelab.data import ONE_HOT, DataFormat, ImageFormat, TableFormat
from vaelab.likelihoods import LikelihoodSpec
from vaelab.models.built import built
from vaelab.testing.faults import (
    FORMATS,
    TABLES,
    every_parameter_learns,
    example,
    formats_of,
    has_shape,
    integral,
    one,
    require,
)

_BATCH, _DRAWS = 4, 3
_REACH = 60.0
_MOST_COUNTS = 20_000


def check_likelihood(spec: LikelihoodSpec) -> list[str]:
    """p(x | z) sums or integrates to one for one pixel or column, and scores x as the sum over these."""
    formats = formats_of(spec.check)
    require(bool(formats), spec, "takes neither images nor any table; see its `columns` and `check`")
    # One format of images and, if it takes any, all of tables.
    for format in [each for each in formats if each not in FORMATS[1:]]:
        _scores(spec, format)
    known = [_finds_theta_of_a_mean(spec, format) for format in formats]
    _integrates(spec, formats)
    tables = [format for format in formats if format in TABLES]
    for format in tables:
        _leaves_out_missing(spec, format)
    return [
        "shapes",
        "sums or integrates to one",
        "pairs agree",
        "every parameter learns",
        *(["theta of a mean"] if any(known) else []),
        *(["missing values are left out"] if tables else []),
    ]


def _scores(spec: LikelihoodSpec, format: DataFormat) -> None:
    """Shapes, gradients, and scores pair by pair."""
    likelihood: Any = built(spec, Likelihood, format, method="build_for")
    channels = likelihood.outputs(format.shape[0])
    theta = torch.randn(_DRAWS, _BATCH, channels, *format.shape[1:], requires_grad=True)
    x = example(format, _BATCH)
    if isinstance(format, ImageFormat):
        x = x.round() if likelihood.binary else (x * 255).round() / 255
    p = likelihood(theta)
    has_shape(spec, "log p(x | z)", p.log_prob(x), (_DRAWS, _BATCH))
    has_shape(spec, "the mean of p(x | z)", p.mean, (_DRAWS, _BATCH, *format.shape))
    has_shape(spec, "a draw of p(x | z)", p.sample(), (_DRAWS, _BATCH, *format.shape))
    require(likelihood.score_name(True) != "", spec, "score_name is empty")
    loss = -p.log_prob(x).mean()
    every_parameter_learns(spec, [likelihood], loss + 0 * theta.sum())
    require(theta.grad is not None and bool(theta.grad.isfinite().all()), spec, "theta gets no finite gradient")

    # In training a variance may be that of the batch; pairs are scored by a model that is trained.
    flat = likelihood.eval()(theta[:, 0].detach())
    pairs = likelihood.pairwise_log_prob(flat, x)
    has_shape(spec, "pairwise_log_prob", pairs, (_DRAWS, _BATCH))
    close = torch.allclose(pairs, torch.stack([flat.log_prob(each) for each in x], 1), atol=1e-2, rtol=1e-4)
    require(close, spec, "pairwise_log_prob differs from log_prob, pair by pair")


def _finds_theta_of_a_mean(spec: LikelihoodSpec, format: DataFormat) -> bool:
    """Whether it knows theta of a mean, which then is the mean."""
    likelihood: Any = built(spec, Likelihood, format, method="build_for").eval()
    mean = example(replace(format, missing=False) if isinstance(format, TableFormat) else format, 1)[0]
    try:
        theta = likelihood.parameters_of(mean)
    except NotImplementedError:
        return False
    has_shape(spec, "theta of a mean", theta, (likelihood.outputs(format.shape[0]), *format.shape[1:]))
    close = torch.allclose(likelihood(theta[None]).mean[0], mean, atol=0.5 / 255 + 1e-4)
    require(close, spec, "parameters_of gives a theta whose mean is another")
    return True


def _integrates(spec: LikelihoodSpec, formats: list[DataFormat]) -> None:
    """p(x | z) of one pixel, and of one column of each type that it takes, adds up to one."""
    single: list[DataFormat] = [ImageFormat(1, 1, 1)] if FORMATS[0] in formats else []
    columns = {column.type: column for table in TABLES for column in table.columns if column.type in spec.columns}
    single += [TableFormat((column,)) for column in columns.values()]
    for format in single:
        likelihood: Any = built(spec, Likelihood, format, method="build_for").eval()
        p = likelihood(0.7 * torch.ones(1, likelihood.outputs(format.shape[0]), *format.shape[1:]))
        with torch.no_grad():
            total = _total(likelihood, p, format)
        require(one(total), spec, f"p(x | z) adds up to {total:.3g} over the values of {_named(format)}, not to one")


def _total(likelihood: Any, p: Any, format: DataFormat) -> float:
    """The sum or the integral of p over the values of one pixel or column."""

    def log_p(x: Tensor) -> Tensor:
        scores: Tensor = torch.cat([p.log_prob(part.reshape(-1, *format.shape)).flatten() for part in x.split(5000)])
        return scores

    kind = format.columns[0].type if isinstance(format, TableFormat) else ""
    if kind in ONE_HOT:
        return float(log_p(torch.eye(format.shape[0]).flatten()).exp().sum())
    if kind == "count":
        return float(log_p(torch.arange(_MOST_COUNTS).float()).exp().sum())
    if likelihood.binary or kind == "binary":
        return float(log_p(torch.tensor([0.0, 1.0])).exp().sum())
    if likelihood.discrete(False):
        return float(log_p(torch.arange(likelihood.levels) / (likelihood.levels - 1)).exp().sum())
    if isinstance(format, TableFormat):
        return integral(log_p, -1000, 1000, 400_001)
    # A density of pixels in [0, 1], or one of the whole axis.
    totals = integral(log_p, 0, 1), integral(log_p, -_REACH, _REACH, 200_001)
    return next((part for part in totals if one(part)), totals[1])


def _named(format: DataFormat) -> str:
    return f"a {format.columns[0].type} column" if isinstance(format, TableFormat) else "a pixel"


def _leaves_out_missing(spec: LikelihoodSpec, format: DataFormat) -> None:
    """A missing column is left out: the scores of each column alone add up to that of the row, and none gives zero."""
    assert isinstance(format, TableFormat)
    likelihood: Any = built(spec, Likelihood, format, method="build_for").eval()
    with torch.no_grad():
        p = likelihood(torch.randn(_BATCH, likelihood.outputs(format.shape[0])))
        x = example(replace(format, missing=False), _BATCH)
        alone = []
        for _, where in format.slices():
            row = torch.full_like(x, torch.nan)
            row[:, where] = x[:, where]
            alone.append(p.log_prob(row))
        close = torch.allclose(torch.stack(alone).sum(0), p.log_prob(x), atol=1e-4)
        require(close, spec, "scores a row with missing values by more than its observed columns")
        nothing = p.log_prob(torch.full_like(x, torch.nan))
        require(bool((nothing == 0).all()), spec, "gives a row without any value another score than 0")
