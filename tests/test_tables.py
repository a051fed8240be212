"""Rows of a table: typed columns, standardisation, missing values, files, and what is refused by name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet
from scipy.stats import multivariate_normal

import vaelab as vl
from vaelab.likelihoods import LikelihoodSpec
from vaelab.metrics.evidence import exact_evidence
from vaelab.testing.faults import TABLES, example

from .conftest import Cli

CSV = """age,colour,old,weight,kind
31,red,true,70.5,a
45,blue,false,,b
52,red,true,81.0,a
23,green,false,60.1,b
33,,true,77.7,a
41,blue,false,65.0,b
"""
MIXED = {"age": [31.0, 45.0, 52.0, 23.0], "colour": ["red", "blue", "red", "green"], "old": [True, False, True, False]}


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    rows = CSV.splitlines(keepends=True)
    path.write_text("".join([rows[0], *rows[1:] * 3]))
    return path


def small(data: vl.TableData, **more: Any) -> Any:
    torch.manual_seed(0)
    return vl.VAE(network=vl.Mlp(hidden=(8,)), likelihood=vl.ByColumn(), **more).build(data.format)


def test_columns_have_types_and_real_ones_are_standardised_by_the_training_rows() -> None:
    data = vl.as_table(MIXED, test=0.25)
    assert [(column.name, column.type) for column in data.columns] == [
        ("age", "real"),
        ("colour", "categorical"),
        ("old", "binary"),
    ]
    assert data.columns[1].categories == ("blue", "green", "red")
    train, _ = data.split("train").tensors()
    assert train.shape == (3, 5)  # one number, three categories, one bit
    assert float(train[:, 0].mean()) == pytest.approx(0, abs=1e-6)
    assert float(train[:, 0].std(unbiased=False)) == pytest.approx(1, abs=1e-6)
    assert torch.equal(train[:, 1:4].sum(1), torch.ones(3))
    values = data.format.decode(data.tensors()[0].numpy())
    assert np.allclose(values, data.values)


@pytest.mark.parametrize("convert", [pd.DataFrame, pa.table, dict], ids=["pandas", "Arrow", "dictionary"])
def test_every_kind_of_table_is_read_alike(convert: Any) -> None:
    data, same = vl.as_table(convert(MIXED)), vl.as_table(MIXED)
    assert data.columns == same.columns
    assert np.array_equal(data.values, same.values)


def test_pandas_missing_values_and_masks_are_the_same() -> None:
    frame = pd.DataFrame(
        MIXED | {"age": pd.array([31, None, 52, 23], "Int64"), "colour": ["red", None, "red", "green"]}
    )
    by_name = vl.as_table(frame, mask="nan", types={"old": "binary"})
    whole = frame.assign(age=[31.0, 0.0, 52.0, 23.0], colour=["red", "red", "red", "green"])
    mask = np.ones((4, 3), bool)
    mask[1, :2] = False
    assert np.array_equal(by_name.values, vl.as_table(whole, mask=mask).values, equal_nan=True)
    with pytest.raises(vl.UserError, match=r"row \d, column 'age' is nan, but must be finite; say that NaN is missing"):
        vl.as_table(frame)


@pytest.mark.parametrize("format", TABLES, ids=["real", "binary", "mixed", "count", "ordinal"])
@pytest.mark.parametrize("posterior", [vl.Gaussian(), vl.FullGaussian()], ids=["gaussian", "full"])
def test_the_evidence_of_a_row_is_the_same_whichever_way_it_is_integrated(format: Any, posterior: Any) -> None:
    """Quadrature by matrix products, with missing values, against importance sampling."""
    torch.manual_seed(0)
    model = vl.VAE(network=vl.Mlp(hidden=(8,)), posterior=posterior, likelihood=vl.ByColumn()).build(format).eval()
    x = example(format, 6)
    exact = exact_evidence(model, x, tolerance=1e-3)
    bound = vl.importance_bound(model, x, samples=20_000, seed=0)
    assert float((exact.log_p - bound.log_p).abs().max()) < 0.05


def test_missing_values_are_marginalised_in_a_linear_gaussian_model() -> None:
    """log p of the observed columns is that of the marginal normal distribution."""
    random = np.random.default_rng(0)
    data = vl.as_table(random.normal(size=(30, 4)), mask=random.random((30, 4)) < 0.7)
    likelihood = vl.LearnedGaussian(shared=False)
    model: Any = vl.VAE(network=vl.Mlp(hidden=()), likelihood=likelihood).build(data.format).double().eval()
    x = data.tensors()[0].double()
    w, b = (part.detach().numpy() for part in (model.network.decoder[0].weight, model.network.decoder[0].bias))
    covariance = w @ w.T + np.diag(np.exp(2 * model.likelihood.log_sigma.detach().numpy()))
    wanted = []
    for row in x.numpy():
        seen = ~np.isnan(row)
        normal = multivariate_normal(b[seen], covariance[np.ix_(seen, seen)]) if seen.any() else None
        wanted.append(0.0 if normal is None else float(normal.logpdf(row[seen])))
    assert np.abs(exact_evidence(model, x, tolerance=1e-4).log_p.numpy() - wanted).max() < 1e-3


def test_the_encoder_is_told_which_values_are_missing() -> None:
    data = vl.as_table(MIXED, mask="nan")
    model = small(data)
    x = data.tensors()[0][:1]
    hole = x.clone()
    hole[0, 0] = torch.nan
    zero = torch.where(hole.isnan(), 0.0, hole)
    assert not torch.equal(model.encode(hole).mean, model.encode(zero).mean)
    assert bool(model.encode(hole).mean.isfinite().all())


def test_a_model_keeps_its_standardisation(tmp_path: Path) -> None:
    data = vl.as_table(MIXED)
    model = small(data)
    vl.save(model, tmp_path / "m.safetensors")
    again = vl.load(tmp_path / "m.safetensors")
    assert again.format == data.format
    # Other rows, whose own mean and categories differ, are seen as the model's training rows were.
    other = vl.as_table({"age": [90.0, 80.0, 70.0], "colour": ["red", "red", "red"], "old": [True, False, True]})
    column, pixels = data.columns[0], vl.MeasuredModel(again, other).pixels
    assert np.allclose(pixels[:, 0], (other.values[:, 0] - column.mean) / column.scale)
    assert pixels[:, 1:4].tolist() == [[0, 0, 1]] * 3
    unknown = vl.as_table({"age": [1.0, 2.0, 3.0], "colour": ["black", "red", "red"], "old": [True, False, True]})
    with pytest.raises(vl.UserError, match="column 'colour' has the category 'black', which the training rows do not"):
        vl.MeasuredModel(again, unknown)
    with pytest.raises(vl.UserError, match="has the columns"):
        vl.MeasuredModel(again, vl.as_table({"age": [1.0, 2.0, 3.0]}))


def test_a_csv_file_is_trained_on_measured_drawn_and_reported(people: Path, tmp_path: Path, cli: Cli) -> None:
    run = tmp_path / "run"
    flags = ["--label", "kind", "--epochs", "3", "--validation", "0", "--patience", "0", "--quiet"]
    cli("train", "table", "--data", f"csv:{people}", *flags, "--out", run)
    opened = vl.open_run(run)
    format: Any = opened.record.data_format
    assert [column.type for column in format.columns] == ["real", "categorical", "binary", "real"]
    assert (format.missing, format.classes) == (True, ("a", "b"))
    cli("train", "--resume", run, "--epochs", "4")
    assert "log p(x)" in cli("evaluate", run, "--only", "elbo", "evidence", "--samples", "5").stdout
    found = json.loads((run / "evaluation.json").read_text())
    numbers = [number for section in found["sections"] for number in section["numbers"]]
    assert all(np.isfinite(number["value"]) for number in numbers)
    assert {number["unit"] for number in numbers} == {"nats per row", ""}
    drawn = cli("figures", run).stdout
    assert "training-curves" in drawn
    assert "reconstructions" not in drawn
    cli("report", run)


def test_a_parquet_file_holds_the_same_table_as_csv(people: Path, tmp_path: Path) -> None:
    from pyarrow import csv

    parquet.write_table(csv.read_csv(people, convert_options=csv.ConvertOptions(strings_can_be_null=True)), "p.parquet")
    data = vl.open_data(vl.Parquet("p.parquet", label="kind"))
    same = vl.open_data(vl.Csv(str(people), label="kind"))
    assert np.array_equal(data.rows, same.rows, equal_nan=True)
    assert data.format == same.format
    numbers = vl.open_data(vl.Csv(str(people), label="kind", categorical=("age",), drop=("weight", "colour")))
    assert [column.type for column in numbers.format.columns] == ["categorical", "binary"]  # type: ignore[attr-defined]
    assert not numbers.format.missing


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["vae", "--data", "sklearn:wine"],
            "likelihood is Bernoulli, for columns that are binary, but column 'alcohol'",
        ),
        (
            ["vae", "--data", "sklearn:wine", "likelihood:by-column"],
            "network is Conv, which takes images, but the data",
        ),
        (["ladder", "--data", "sklearn:wine"], "model is Ladder, which takes images, but the data are rows of a table"),
        (["table", "--data", "digits"], "likelihood is ByColumn, for the columns of a table, but the data are images"),
        (["table", "binarisation:dynamic"], "binarisation is Dynamic, which is for images, but wine is a table"),
        (["table", "--data", "csv:none.csv"], "none.csv does not exist"),
        (["table", "--data", "csv:p.csv", "--label", "knd"], "did you mean kind?"),
        (["table", "--data", "csv:p.csv", "--image-size", "8"], "--image-size goes with"),
        (["table", "--data", "csv:bad.csv"], "bad.csv cannot be read as csv"),
        (["table", "--data", "csv:same.csv"], "column 'a' has zero variance: it is 1 in every training row"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(words: list[str], says: str, cli: Cli) -> None:
    Path("p.csv").write_text(CSV)
    Path("bad.csv").write_text("a,b\n1,2,3\n")
    Path("same.csv").write_text("a,b\n1,2\n1,3\n1,4\n1,6\n")
    result = cli("train", *words, "--epochs", "1", "--out", "run", code=2)
    assert says in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("command", [["explore"], ["export"], ["figures", "--only", "samples"]])
def test_what_shows_images_refuses_rows_of_a_table(command: list[str], tmp_path: Path, cli: Cli) -> None:
    data = vl.as_table(MIXED)
    experiment = vl.Experiment(
        model=vl.VAE(network=vl.Mlp(hidden=(4,)), likelihood=vl.ByColumn()), training=vl.Training(epochs=1)
    )
    vl.train(experiment, tmp_path / "run", data=data)
    name, *more = command
    result = cli(name, tmp_path / "run", *more, "--out", tmp_path / "out", code=2)
    assert "rows of a table" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("x", "more", "says"),
    [
        (np.zeros((4, 2)), {}, "column '0' has zero variance: it is 0"),
        ({"a": [1.0, 2.0, 3.0], "b": [1.0]}, {}, "columns of different lengths"),
        ({"a": [1.0, "x", 3.0]}, {"types": {"a": "real"}}, "column 'a' holds the text 'x', but is real"),
        ({"a": [1.0, 2.0]}, {"types": {"b": "real"}}, "types names the column 'b', but there are ['a']"),
        ({"a": [1.0, 2.0]}, {"types": {"a": "text"}}, "must give one of real, binary, categorical"),
        ({"a": [1.0, 2.0, 5.0]}, {"types": {"a": "binary"}}, "column 'a' has 3 values, but is binary"),
        ({"a": [object(), 1.0]}, {}, "column 'a' holds object, but must hold numbers, booleans or text"),
        ({"a": [1.0, np.inf]}, {"test": 0.5}, "row 1, column 'a' is inf, but must be finite"),
        ({"a": [1.0, 2.0]}, {"mask": np.ones((1, 1), bool)}, "mask is bool of shape (1, 1), but must be bool of shape"),
        ({"a": [1.0, 2.0]}, {"test": 2}, "test is 2, but must be a share of the rows between 0 and 1"),
        (np.zeros((2, 3, 4)), {}, "x has shape (2, 3, 4), but a table must be (N, F)"),
        (
            {"t": np.array(["2020-01-01", "2020-01-02"], "datetime64[ns]")},
            {},
            "column 't' holds datetime64[ns], but must",
        ),
        (pd.DataFrame({"t": pd.to_datetime(["2020-01-01", "2020-01-02"])}), {}, "must hold numbers, booleans or text"),
    ],
)
def test_tables_that_cannot_be_modelled_are_refused_in_one_line(x: Any, more: dict[str, Any], says: str) -> None:
    with pytest.raises(vl.UserError) as error:
        vl.as_table(x, **more)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_sparse_matrices_are_refused() -> None:
    from scipy.sparse import csr_array

    with pytest.raises(vl.UserError, match="x is a sparse matrix, but must be dense"):
        vl.as_table(csr_array(np.eye(3)))


def test_a_foreign_likelihood_is_of_images_until_it_names_its_columns() -> None:
    class Own(vl.GaussianPixels):
        columns = frozenset()

    with pytest.raises(vl.UserError, match="for images only"):
        LikelihoodSpec.check(Own(), vl.as_table(MIXED).format)


def test_old_files_without_columns_are_of_images(tmp_path: Path) -> None:
    """The format of images is written as before tables, without a kind."""
    model = vl.VAE(network=vl.Mlp(hidden=(4,))).build(vl.ImageFormat(1, 8, 8))
    vl.save(model, tmp_path / "m.safetensors")
    from safetensors import safe_open

    with safe_open(tmp_path / "m.safetensors", "pt") as file:
        about = json.loads(file.metadata()["vaelab"])
    assert about["images"] == {"channels": 1, "height": 8, "width": 8, "classes": [], "attributes": []}
    assert replace(model.format) == vl.load(tmp_path / "m.safetensors").format


def test_factors_behind_a_table_are_measured() -> None:
    """Disentanglement of rows whose attributes made them: a linear model of two independent factors."""
    random = np.random.default_rng(0)
    factors = random.integers(0, 4, (400, 2)).astype(float)
    rows = factors @ np.array([[3.0, 3.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]) + 0.1 * random.normal(size=(400, 4))
    data = vl.as_table(rows, factors, attribute_names=["a", "b"])
    model = vl.VAE(network=vl.Mlp(hidden=(16,)), likelihood=vl.LearnedGaussian())
    run = vl.train(vl.Experiment(model=model, training=vl.Training(epochs=3)), "factors", data=data)
    found = vl.evaluate(run.model, data, only=["disentanglement"])
    assert any("MIG" in number.name for number in found.section("disentanglement").numbers)
