"""Columns of counts and of ordered categories: masses, files, and what the encoder sees."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from torch import Tensor

import vaelab as vl
from vaelab.codec import decode, encode
from vaelab.data import TableFormat

from .conftest import Cli

COUNTS = TableFormat((vl.Column("a", "count", mean=3.0), vl.Column("b", "count", mean=200.0), vl.Column("c", "count")))
VISITS = {"visits": [0, 3, 1, 12, 0, 7], "size": ["small", "large", "small", "medium", "large", "medium"]}
TYPES: Any = {"visits": "count", "size": ("small", "medium", "large")}


def rows(likelihood: Any, scale: float = 1.0) -> Tensor:
    torch.manual_seed(1)
    return scale * torch.randn(4, likelihood.outputs(3), dtype=torch.float64)


def counts_of(part: Any) -> Any:
    """A likelihood of three columns in double precision, with dispersions that differ."""
    likelihood = part.build_for(COUNTS).double()
    likelihood.log_inverse_dispersion.data.copy_(torch.tensor([-1.0, 0.5, 4.0]))
    return likelihood


def moments(likelihood: Any, theta: Tensor) -> tuple[Tensor, Tensor]:
    """mu and r, (rows, 3), from the definition."""
    # A column without a known mean has 1.
    torch.testing.assert_close(likelihood.offset.exp().float(), torch.tensor([3.0, 200.0, 1.0]))
    return likelihood.offset.exp() * theta[:, :3].exp(), likelihood.log_inverse_dispersion.detach().exp().expand(
        len(theta), 3
    )


@pytest.mark.parametrize("scale", [0.3, 2.0])
def test_the_negative_binomial_is_scipys(scale: float) -> None:
    likelihood = counts_of(vl.NegativeBinomial())
    theta = rows(likelihood, scale)
    p = likelihood(theta)
    mu, r = moments(likelihood, theta)
    torch.testing.assert_close(p.mean, mu)
    torch.testing.assert_close(p.variance, mu + mu**2 / r)
    for x in ([0.0, 0.0, 0.0], [1.0, 7.0, 2.0], [40.0, 900.0, 30.0]):
        expected = stats.nbinom.logpmf(x, r.numpy(), (r / (r + mu)).numpy()).sum(1)
        torch.testing.assert_close(p.log_prob(torch.tensor(x, dtype=torch.float64)), torch.from_numpy(expected))


def test_float32_keeps_the_mass_of_large_counts() -> None:
    """In float32 the binomial's logarithms of gamma functions would be off by whole nats."""
    x = torch.tensor([[2e5, 1e6, 7e4]])
    exact = vl.NegativeBinomial().build((3,)).double()
    exact.log_inverse_dispersion.data.fill_(6.0)
    theta = torch.tensor([[12.2, 13.8, 11.2]], dtype=torch.float64)
    single = vl.NegativeBinomial().build((3,))
    single.log_inverse_dispersion.data.fill_(6.0)
    found, expected = single(theta.float()).log_prob(x).item(), exact(theta).log_prob(x.double()).item()
    assert found == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("part", [vl.NegativeBinomial(), vl.ZeroInflatedNegativeBinomial()])
def test_masses_of_counts_sum_to_one_and_have_the_mean(part: Any) -> None:
    likelihood = counts_of(part)
    theta = rows(likelihood, 0.5)
    counts = torch.arange(60_000, dtype=torch.float64)
    for column in range(3):
        x = torch.full((len(counts), 1, 3), torch.nan, dtype=torch.float64)
        x[:, 0, column] = counts  # the other columns are left out
        mass = likelihood(theta).log_prob(x).exp()
        torch.testing.assert_close(mass.sum(0), torch.ones(4, dtype=torch.float64), atol=1e-8, rtol=0)
        torch.testing.assert_close(
            (mass * counts[:, None]).sum(0), likelihood(theta).mean[:, column], rtol=1e-6, atol=0
        )


def test_additional_zeros_by_hand() -> None:
    likelihood = counts_of(vl.ZeroInflatedNegativeBinomial())
    theta = rows(likelihood)
    mu, r = moments(likelihood, theta)
    zero = theta[:, 3:].sigmoid()
    at_zero = zero + (1 - zero) * (r / (r + mu)) ** r
    torch.testing.assert_close(likelihood(theta).log_prob(torch.zeros(3)), at_zero.log().sum(1))
    x = torch.tensor([2.0, 150.0, 1.0], dtype=torch.float64)
    others = (1 - zero).log() + torch.from_numpy(stats.nbinom.logpmf(x, r.numpy(), (r / (r + mu)).numpy()))
    torch.testing.assert_close(likelihood(theta).log_prob(x), others.sum(1))


@pytest.mark.parametrize("part", [vl.NegativeBinomial(), vl.ZeroInflatedNegativeBinomial()])
def test_draws_of_counts_follow_their_mass(part: Any) -> None:
    likelihood = counts_of(part)
    theta = rows(likelihood, 0.5)[:1]
    torch.manual_seed(2)
    drawn = likelihood(theta).sample((40_000,))
    assert torch.equal(drawn, drawn.round())
    for column, most in ((0, 30), (2, 6)):
        x = torch.full((most, 1, 3), torch.nan, dtype=torch.float64)
        x[:, 0, column] = torch.arange(most)
        mass = likelihood(theta).log_prob(x).detach().exp().flatten()
        found = torch.bincount(drawn[:, 0, column].clamp(max=most).long(), minlength=most + 1).double()
        expected = torch.cat([mass, 1 - mass.sum(0, keepdim=True)]) * 40_000
        kept = expected > 5
        assert stats.chisquare(found[kept], expected[kept] * (found[kept].sum() / expected[kept].sum())).pvalue > 1e-3


@pytest.mark.parametrize("part", [vl.NegativeBinomial(), vl.ZeroInflatedNegativeBinomial()])
def test_counts_are_finite_for_any_parameters(part: Any) -> None:
    for raw in (-1e4, -20.0, 20.0, 1e4):
        likelihood: Any = part.build((3,))
        likelihood.log_inverse_dispersion.data.fill_(raw)
        for size in (0.3, 1e4):
            theta = (size * torch.randn(4, likelihood.outputs(3))).requires_grad_()
            p = likelihood(theta)
            score = p.log_prob(torch.tensor([0.0, 3.0, 1e6]))
            gradients: Any = torch.autograd.grad(score.sum(), [theta, likelihood.log_inverse_dispersion])
            assert all(value.isfinite().all() for value in (score, p.mean, p.sample(), *gradients))


def test_thresholds_are_recovered_from_ordered_answers() -> None:
    """Maximum likelihood, with known locations, finds the thresholds that the answers were drawn with."""
    format = TableFormat((vl.Column("answer", "ordinal", categories=("1", "2", "3", "4")),))
    truth: Any = vl.Ordinal().build_for(format).double()
    truth.thresholds[0].log_gaps.data.copy_(torch.tensor([0.5, -0.7]))
    torch.manual_seed(0)
    theta = 2 * torch.randn(20_000, 1, dtype=torch.float64)
    x = truth(theta).sample()
    fitted: Any = vl.Ordinal().build_for(format).double()
    optimiser = torch.optim.LBFGS(fitted.parameters(), max_iter=50, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        value: Tensor = -fitted(theta).log_prob(x).mean()
        value.backward()
        return value

    optimiser.step(loss)  # type: ignore[arg-type]
    torch.testing.assert_close(fitted.thresholds[0](), truth.thresholds[0](), atol=0.05, rtol=0)
    # Three standard errors of a threshold are about 0.05 here; equal gaps, the start, are 0.6 away.
    start = vl.Ordinal().build_for(format).double().thresholds[0]()  # type: ignore[operator]
    assert (start - truth.thresholds[0]()).abs().max() > 0.1


def test_columns_of_every_type_are_scored_by_their_own_parts() -> None:
    """The parameters of each type stand where its part reads them, whatever the order of the columns."""
    table = vl.as_table(
        {"sick": [True, False] * 3, **VISITS, "age": [31.0, 4.0, 18.0, 70.0, 44.0, 9.0], "kind": list("abcabc")},
        types=TYPES,
        test=0.4,
    )
    likelihood: Any = vl.ByColumn(count=vl.ZeroInflatedNegativeBinomial()).build_for(table.format).double()
    assert table.format.shape == (9,)  # sick, visits, size as three, age, kind as three
    # For sick, age and kind one number each as in x; then two for the count and one for size.
    assert likelihood.outputs(9) == 5 + 2 + 1
    theta = torch.randn(1, 8, dtype=torch.float64)
    p = likelihood(theta)
    x = table.tensors()[0].double()
    counts = vl.ZeroInflatedNegativeBinomial().build_for(TableFormat(table.columns[1:2])).double()
    sizes = vl.Ordinal().build_for(TableFormat(table.columns[2:3])).double()
    expected = (
        torch.distributions.Bernoulli(logits=theta[:, 0]).log_prob(x[:, 0])
        + torch.distributions.Normal(theta[:, 1], 1.0).log_prob(x[:, 5])
        + (x[:, 6:9] * theta[:, 2:5].log_softmax(-1)).sum(-1)
        + counts(theta[:, 5:7]).log_prob(x[:, 1:2])
        + sizes(theta[:, 7:8]).log_prob(x[:, 2:5])
    )
    torch.testing.assert_close(p.log_prob(x), expected)
    torch.testing.assert_close(likelihood.pairwise_log_prob(p, x)[0], expected)


def test_the_encoder_sees_the_logarithms_of_counts_and_the_likelihood_the_counts() -> None:
    data = vl.as_table(VISITS, types=TYPES, test=0.4)
    assert [(column.name, column.type) for column in data.columns] == [("visits", "count"), ("size", "ordinal")]
    assert data.columns[0].mean == data.split("train").values[:, 0].mean()
    assert data.columns[1].categories == ("small", "medium", "large")
    x, _ = data.tensors()
    assert torch.equal(x[:, 0].double(), torch.from_numpy(data.values[:, 0]))  # not standardised
    assert np.array_equal(data.format.decode(x.numpy()), data.values)
    assert np.array_equal(data.format.log_scale(data.values), np.zeros(6))
    model: Any = vl.VAE(network=vl.Mlp(hidden=()), likelihood=vl.ByColumn()).build(data.format)
    seen = []
    model.network.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    trace = model(x)
    torch.testing.assert_close(seen[0], torch.cat([x[:, :1].log1p(), x[:, 1:]], 1))
    assert torch.equal(trace.x, x)


def test_counts_are_declared_never_guessed() -> None:
    assert vl.as_table({"n": [0, 3, 1, 12]}).columns[0].type == "real"
    data = vl.as_table({"n": [0, 3, 1, 12]}, types={"n": "count"}, test=0.5)
    again = vl.as_table({"n": [1, 0, 1, 1]}, columns=data.columns, test=0.5)  # 0 and 1 alone are counts here
    assert again.columns == data.columns
    assert not data.binary


@pytest.mark.parametrize(
    ("x", "types", "says"),
    [
        ({"n": [1, 2, -1]}, {"n": "count"}, "column 'n' has the value -1, but is a count; give whole numbers from 0"),
        ({"n": [1, 2.5, 1]}, {"n": "count"}, "column 'n' has the value 2.5, but is a count"),
        ({"n": [1, 2, 2**24 + 2]}, {"n": "count"}, "column 'n' has the value 1.67772e+07, but is a count"),
        ({"n": [1, "x", 2]}, {"n": "count"}, "column 'n' holds the text 'x', but is count; give numbers"),
        ({"s": ["b", "a"]}, {"s": "ordinal"}, "column 's' holds the text 'b', but is ordinal, and text has no order"),
        ({"s": ["b", "a"]}, {"s": ("b", "c")}, "column 's' has the category 'a', but types names ['b', 'c']"),
    ],
)
def test_wrong_counts_and_orders_are_refused(x: Any, types: Any, says: str) -> None:
    with pytest.raises(vl.UserError) as error:
        vl.as_table(x, types=types, test=0.5)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_likelihoods_of_other_types_are_refused_by_name() -> None:
    table = vl.as_table(VISITS, types=TYPES).format
    for likelihood, says in (
        (
            vl.NegativeBinomial(),
            "likelihood is NegativeBinomial, for columns that are count, but column 'size' is ordinal",
        ),
        (vl.ByColumn(count=vl.StudentT()), "ByColumn.count is StudentT, which is no likelihood of count columns"),
    ):
        with pytest.raises(vl.UserError, match=says):
            likelihood.check(table)
    with pytest.raises(vl.UserError, match="NegativeBinomial, for the columns of a table, but the data are images"):
        vl.NegativeBinomial().check(vl.ImageFormat(1, 8, 8))
    with pytest.raises(vl.UserError, match="column 'visits' is real, but the model takes it as count"):
        vl.as_table({**VISITS, "visits": [0.5, 3, 1, 12, 0, 7]}, types={"size": TYPES["size"]}).like(table)


def test_counts_and_orders_of_a_csv_file_are_trained_on_and_kept(tmp_path: Path, cli: Cli) -> None:
    frame = pd.DataFrame({"visits": [0, 3, 1, 12, 0, 7] * 5, "grade": [1, 3, 2, 2, 1, 3] * 5, "age": np.arange(30.0)})
    frame.to_csv(tmp_path / "people.csv", index=False)
    flags = ["--count", "visits", "--ordinal", "grade", "--epochs", "1", "--device", "cpu"]
    cli("train", "table", "--data", f"csv:{tmp_path / 'people.csv'}", *flags, "--out", tmp_path / "run")
    record = json.loads((tmp_path / "run" / "experiment.json").read_text())
    assert record["experiment"]["data"]["count"] == ["visits"]
    model: Any = vl.load(tmp_path / "run")
    assert [column.type for column in model.format.columns] == ["count", "ordinal", "real"]
    assert model.format.columns[1].categories == ("1", "2", "3")
    assert decode(TableFormat, encode(model.format)) == model.format
    assert model.generate(4).shape == (4, 5)
    flags[flags.index("grade")] = "visits"
    refused = cli(
        "train", "table", "--data", f"csv:{tmp_path / 'people.csv'}", *flags, "--out", tmp_path / "two", code=2
    )
    assert "csv.ordinal has 'visits', which is count as well; name it once" in refused.stderr


def test_words_choose_the_likelihoods_of_real_columns_and_counts(tmp_path: Path, cli: Cli) -> None:
    words = ["likelihood:by-column", "likelihood.real:student-t", "likelihood.count:zero-inflated-negative-binomial"]
    flags = ["--epochs", "1", "--device", "cpu", "--data", "sklearn:wine"]
    cli("train", "table", *words, "--likelihood.real.degrees", "3", *flags, "--out", tmp_path / "run")
    wanted = vl.ByColumn(vl.StudentT(degrees=3.0), vl.ZeroInflatedNegativeBinomial())
    assert vl.load(tmp_path / "run").spec.likelihood == wanted
    # Only likelihoods of such columns are words, and the choice has an end.
    for word in ("likelihood.real:by-column", "likelihood.real:bernoulli", "likelihood.count:student-t"):
        refused = cli("train", "table", "likelihood:by-column", word, *flags, "--out", tmp_path / "two", code=2)
        assert word in refused.stderr
