"""Training as users run it: real processes, killed at any time, and run folders that stay consistent."""

from __future__ import annotations

import csv
import json
import os
import resource
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vaelab import (
    PRESETS,
    VAE,
    Adam,
    Codebook,
    Constant,
    Conv,
    Cosine,
    Elbo,
    Experiment,
    Factor,
    Geco,
    Iwae,
    Ladder,
    Muon,
    NeighbourEmbedding,
    OptimalGaussian,
    ResNet,
    Static,
    UniformCodes,
    UserError,
    full_pass,
    load,
    preset,
    save,
    train,
)
from vaelab.data import Dynamic, ImageData, data_of
from vaelab.experiment import read_experiment
from vaelab.models.files import read_tensors
from vaelab.training import open_run
from vaelab.training.device import choose_device
from vaelab.training.folder import RunFolder

from . import warm
from .conftest import SMALL_FILES, Cli


def small(name: str = "vae", **settings: object) -> Experiment:
    return preset(name, data="digits", **{"epochs": 2, "batch_size": 64} | settings)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return read_tensors(folder / "last.safetensors")[0]


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_run_folder_holds_the_documented_files(digits: ImageData, tmp_path: Path) -> None:
    run = train(small("cvae"), tmp_path / "run", data=digits)
    with (tmp_path / "run" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert {"train_running_total", "test_total", "beta", "learning_rate", "images_per_second"} <= rows[0].keys()
    assert [float(row["beta"]) for row in rows] == [0.1, 0.2]
    for row in rows:
        total = float(row["test_reconstruction"]) + float(row["test_kl"])
        assert float(row["test_total"]) == pytest.approx(total, rel=1e-6)
    events = [json.loads(line)["event"] for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    assert events == ["started", "epoch", "epoch", "finished"]
    record = json.loads((tmp_path / "run" / "experiment.json").read_text())
    assert record["reconstruction_is"] == "cross-entropy"
    assert record["images"] == {
        "channels": 1,
        "height": 28,
        "width": 28,
        "classes": list("0123456789"),
        "attributes": [],
    }
    assert oct((tmp_path / "run" / "last.safetensors").stat().st_mode & 0o777) == oct(0o666 & ~_umask())
    assert not run.model.training
    assert run.model.spec.conditional


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_the_experiment_file_alone_rebuilds_the_model(digits: ImageData, tmp_path: Path) -> None:
    from vaelab.experiment import read_record

    run = train(small(), tmp_path / "run", data=digits)
    record = read_record(tmp_path / "run" / "experiment.json")
    model = record.experiment.model.build(record.data_format)
    model.load_state_dict(weights(tmp_path / "run"))
    z = torch.zeros(1, 2)
    assert torch.equal(model.decode(z).mean, run.model.decode(z).mean)


@pytest.mark.parametrize("name", ["vae", "cvae", "beta-vae"])
def test_a_seed_gives_the_same_weights_bit_for_bit(name: str, digits: ImageData, tmp_path: Path) -> None:
    first = train(small(name, seed=3), tmp_path / "a", data=digits)
    torch.randn(7)  # the RNG state of the caller does not matter
    second = train(small(name, seed=3), tmp_path / "b", data=digits)
    other = train(small(name, seed=4), tmp_path / "c", data=digits)
    assert same(first.model.state_dict(), second.model.state_dict())
    assert not same(first.model.state_dict(), other.model.state_dict())
    assert [row["test_total"] for row in first.rows] == [row["test_total"] for row in second.rows]


def test_training_restores_the_rng_state_of_the_caller(digits: ImageData, tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.randn(3)
    torch.manual_seed(5)
    train(small(epochs=1), tmp_path / "run", data=digits)
    assert torch.equal(torch.randn(3), expected)


COMMAND = ["--batch-size", "32", "--epochs", "3", "--checkpoint-seconds", "0", "binarisation:dynamic"]


def start(*words: str | Path) -> warm.Process:
    return warm.start("-m", "vaelab", *words)


def checkpoints(folder: Path, count: int, process: warm.Process) -> None:
    """Wait until the run has written `count` checkpoints."""
    written, last, deadline = 0, None, time.monotonic() + 120
    while written < count and process.poll() is None and time.monotonic() < deadline:
        try:
            now = (folder / "checkpoint.safetensors").stat().st_ino
        except FileNotFoundError:
            now = None
        written, last = written + (now is not None and now != last), now
        time.sleep(0.001)


def test_a_run_killed_at_several_moments_ends_bit_identical(
    cli: Cli, digits_file: Path, digits: ImageData, tmp_path: Path
) -> None:
    """SIGKILL before the first step, within epochs and between them, resuming each time."""
    words = ["train", "cvae", "--data", f"npz:{digits_file}", "--snapshot-every", "1", "--validation", "30", *COMMAND]
    cli(*words, "--out", tmp_path / "whole")

    killed = tmp_path / "killed"
    process = start(*words, "--out", killed)
    while not (killed / "experiment.json").exists() and process.poll() is None:
        time.sleep(0.001)
    process.kill()
    process.wait()
    kills = 1
    for moment in (1, 3, 8, 2, 5):
        process = start("train", "--resume", killed)
        checkpoints(killed, moment + 1, process)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills >= 4
    cli("train", "--resume", killed)

    assert (killed / "last.safetensors").read_bytes() == (tmp_path / "whole" / "last.safetensors").read_bytes()
    assert (killed / "best.safetensors").read_bytes() == (tmp_path / "whole" / "best.safetensors").read_bytes()
    kept = RunFolder(killed).snapshots()
    assert [epoch for epoch, _ in kept] == [0, 1, 2, 3]
    for (_, one), (_, other) in zip(kept, RunFolder(tmp_path / "whole").snapshots(), strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert _timeless(open_run(killed).rows) == _timeless(open_run(tmp_path / "whole").rows)


def _timeless(rows: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{k: v for k, v in row.items() if k not in ("seconds", "images_per_second")} for row in rows]


STATEFUL = {
    "moving average, clipped and skipped gradients": replace(
        small("vae"),
        model=Ladder(groups=(1, 1), width=4),
        training=replace(small("vae").training, average=0.9, optimiser=Adam(gradient_clip=1.0, gradient_skip=1700.0)),
    ),
    "a codebook that follows averages": replace(
        small("vq-vae"), model=VAE(4, network=ResNet((4, 4), spatial=True), posterior=Codebook(8), prior=UniformCodes())
    ),
    "a multiplier": replace(small("vae"), objective=Geco(tolerance=300.0, rate=0.01)),
    "a discriminator": replace(small("vae"), objective=Factor(hidden=(8,))),
    "moving variance": replace(small("vae"), model=VAE(likelihood=OptimalGaussian())),
    "a condition": small("cvae"),
    "Muon's momentum and a memory of images": replace(
        small("vae"),
        model=VAE(network=Conv(channels=(8, 8))),
        objective=NeighbourEmbedding(memory=50),
        training=replace(small("vae").training, optimiser=Muon(hidden_rate=0.02)),
    ),
}


@pytest.mark.parametrize("state", STATEFUL)
def test_stopped_after_any_checkpoint_it_ends_bit_identical(
    state: str, digits: ImageData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run can resume from each of its checkpoints, including the one after the last step of an epoch."""
    from vaelab.training import epoch

    experiment = STATEFUL[state]
    training = replace(experiment.training, batch_size=100, checkpoint_seconds=0.0)
    experiment = replace(experiment, training=training)
    train(experiment, tmp_path / "whole", data=digits)
    written = epoch.write_checkpoint

    def write_and_stop(*arguments: object) -> None:
        written(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(epoch, "write_checkpoint", write_and_stop)
    stops = 0
    while stops < 50:
        try:
            train(experiment, tmp_path / "stopped", data=digits, resume=True)
        except KeyboardInterrupt:
            stops += 1
        else:
            break
    assert stops == 2 * (3 + 1)
    assert same(weights(tmp_path / "stopped"), weights(tmp_path / "whole"))
    ends = [read_tensors(tmp_path / run / "checkpoint.safetensors")[0] for run in ("stopped", "whole")]
    assert same(*ends)
    assert _timeless(open_run(tmp_path / "stopped").rows) == _timeless(open_run(tmp_path / "whole").rows)


def test_an_interrupt_saves_and_exits_with_130(digits_file: Path, tmp_path: Path) -> None:
    process = start("train", "vae", "--data", f"npz:{digits_file}", "--epochs", "500", "--out", tmp_path / "run")
    checkpoints(tmp_path / "run", 1, process)
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in complaint
    assert "--resume" in complaint
    events = (tmp_path / "run" / "events.jsonl").read_text()
    assert json.loads(events.splitlines()[-1])["event"] == "interrupted"


def test_a_second_process_on_the_same_folder_is_refused(cli: Cli, digits_file: Path, tmp_path: Path) -> None:
    process = start("train", "vae", "--data", f"npz:{digits_file}", "--epochs", "500", "--out", tmp_path / "run")
    try:
        checkpoints(tmp_path / "run", 1, process)
        refused = cli("train", "--resume", tmp_path / "run", code=2)
        assert "in use by another process" in refused.stderr
        assert refused.stderr.count("\n") == 1
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()


def test_resuming_adds_more_epochs(cli: Cli, digits_file: Path, tmp_path: Path) -> None:
    cli("train", "vae", "--data", f"npz:{digits_file}", "--epochs", "1", "--out", tmp_path / "run")
    cli("train", "--resume", tmp_path / "run", "--epochs", "2")
    cli("train", "vae", "--data", f"npz:{digits_file}", "--epochs", "2", "--out", tmp_path / "whole")
    assert same(weights(tmp_path / "run"), weights(tmp_path / "whole"))
    assert "can only be prolonged" in cli("train", "--resume", tmp_path / "run", "--epochs", "1", code=2).stderr


def test_a_caller_ends_a_run_after_an_epoch_and_it_can_go_on(digits: ImageData, tmp_path: Path) -> None:
    seen: list[list[float]] = []

    def stop(rows: list[dict[str, float]]) -> bool:
        seen.append([row["epoch"] for row in rows])
        return len(rows) == 1

    experiment = small(epochs=3)
    ended = train(experiment, tmp_path / "ended", data=digits, stop=stop)
    assert seen == [[1]]
    assert len(ended.rows) == len(open_run(ended.folder).rows) == 1
    assert RunFolder(ended.folder).events()[-1]["event"] == "ended"
    train(experiment, tmp_path / "ended", data=digits, resume=True)
    train(experiment, tmp_path / "whole", data=digits)
    assert same(weights(tmp_path / "ended"), weights(tmp_path / "whole"))


def test_a_run_resumes_only_with_its_own_images(digits: ImageData, tmp_path: Path) -> None:
    train(small(epochs=1), tmp_path / "run", data=digits)
    record = (tmp_path / "run" / "experiment.json").read_bytes()
    flipped = replace(digits, images=digits.images[..., ::-1].copy())
    smaller = replace(digits, images=digits.images[..., :20].copy())
    for other in (flipped, smaller):
        with pytest.raises(UserError, match="holds a run on other images"):
            train(small(epochs=2), tmp_path / "run", data=other, resume=True)
    assert (tmp_path / "run" / "experiment.json").read_bytes() == record


def test_a_run_whose_schedule_spans_it_is_not_extended(digits: ImageData, tmp_path: Path) -> None:
    experiment = small(epochs=1)
    decaying = Adam(schedule=Cosine(start=1.0, stop=0.0))
    experiment = replace(experiment, training=replace(experiment.training, optimiser=decaying))
    train(experiment, tmp_path / "run", data=digits)
    longer = replace(experiment, training=replace(experiment.training, epochs=2))
    with pytest.raises(UserError, match="schedule cosine spans its 1 epochs"):
        train(longer, tmp_path / "run", data=digits, resume=True)


# The command line, whose networks are traced and differentiated by torch's compiler, but not translated to C++.
TRACED = """
import functools, sys, torch
from vaelab.cli import main
torch.compile = functools.partial(torch.compile, backend="aot_eager")
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("start", "network"),
    [(("-c", TRACED), "conv"), (("-m", "vaelab"), "mlp")],
    ids=["convolutions are traced", "a small network is translated"],
)
def test_a_compiled_run_trains_and_is_saved_like_any_other(
    start: tuple[str, str], network: str, forked: Cli, digits_file: Path, tmp_path: Path
) -> None:
    """Compiled kernels sum in another order, so numbers agree up to rounding; names and files are the same.

    To translate convolutions takes minutes, and every size of a batch is compiled anew: here there is one.
    """
    words = ["train", "vae", f"network:{network}", "--data", f"npz:{digits_file}", "--precision", "fp32"]
    words += ["--network.hidden", "16"] if network == "mlp" else []
    words += ["--batch-size", "60", "--epochs", "1", "--out"]
    forked(*words, "plain")
    done = warm.run(*start, *words, "compiled", "--compile", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    plain, compiled = open_run(tmp_path / "plain"), open_run(tmp_path / "compiled")
    assert compiled.model.state_dict().keys() == plain.model.state_dict().keys()
    assert compiled.rows[0]["test_total"] == pytest.approx(plain.rows[0]["test_total"], rel=1e-3)
    if network == "conv":
        done = warm.run(*start, "train", "--resume", "compiled", "--epochs", "2", folder=tmp_path)
        assert done.returncode == 0, done.stderr
        assert len(open_run(tmp_path / "compiled").rows) == 2


def test_a_run_resumes_with_another_snapshot_setting(digits: ImageData, tmp_path: Path) -> None:
    """Runs from versions without snapshots can still be resumed."""
    first = train(small(epochs=2), tmp_path / "run", data=digits)
    settings = replace(small(epochs=2).training, snapshot_every=1)
    again = train(replace(small(epochs=2), training=settings), tmp_path / "run", data=digits, resume=True)
    assert again.rows == first.rows


def test_a_finished_run_is_not_overwritten(cli: Cli, digits: ImageData, tmp_path: Path) -> None:
    train(small(epochs=1), tmp_path / "run", data=digits)
    with pytest.raises(UserError, match="already holds a run; continue it with resume=True"):
        train(small(epochs=1), tmp_path / "run", data=digits)
    with pytest.raises(UserError, match="holds a run with other settings"):
        train(small(epochs=1, seed=9), tmp_path / "run", data=digits, resume=True)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_checkpoint(digits: ImageData, tmp_path: Path) -> None:
    wild = small(epochs=3, checkpoint_seconds=1000.0, batch_size=100)
    folder = tmp_path / "wild"
    steep = replace(wild, training=replace(wild.training, optimiser=Adam(1e38)))
    with pytest.raises(UserError, match=r"loss is not finite at epoch 1, step 2; nothing was saved before it"):
        train(steep, folder, data=digits)
    assert not (folder / "last.safetensors").exists()

    # The same after an epoch whose checkpoint is good.
    later = Adam(schedule=lambda progress: 1.0 if progress.epoch == 1 else 1e38)
    with pytest.raises(UserError, match=r"not finite at epoch 2, step 2; .*checkpoint\.safetensors is kept"):
        train(replace(wild, training=replace(wild.training, optimiser=later)), tmp_path / "run", data=digits)
    assert read_tensors(tmp_path / "run" / "checkpoint.safetensors")[1]["epoch"] == 2
    assert load(tmp_path / "run").generate(1).isfinite().all()


def test_a_full_disk_is_one_line_and_loses_nothing(digits: ImageData, digits_file: Path, tmp_path: Path) -> None:
    """A file size limit of the system makes writes fail, like a full disk or a quota."""
    run = tmp_path / "run"
    train(small(epochs=1), run, data=digits)
    before = {path.name: path.read_bytes() for path in run.glob("*.safetensors")}
    process = warm.run("-c", SMALL_FILES, "train", "vae", "--data", f"npz:{digits_file}", "--out", tmp_path / "full")
    assert process.returncode == 2
    last = process.stderr.strip().splitlines()[-1]
    assert "cannot write" in last
    assert "Traceback" not in process.stderr
    assert not list((tmp_path / "full").glob("*.safetensors*"))

    from vaelab.files import write_atomically

    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
    try:
        with pytest.raises(UserError, match="cannot write"):
            write_atomically(run / "checkpoint.safetensors", b"x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert {path.name: path.read_bytes() for path in run.glob("*.safetensors")} == before


def test_a_truncated_checkpoint_is_named(digits: ImageData, tmp_path: Path) -> None:
    train(small(epochs=1), tmp_path / "run", data=digits)
    file = tmp_path / "run" / "last.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"last\.safetensors is not a complete safetensors file"):
        load(tmp_path / "run")


def test_nothing_is_ever_unpickled(digits: ImageData, tmp_path: Path) -> None:
    """No module of the package uses pickle or torch.load, and a pickle in place of a model is refused."""
    import vaelab

    for source in Path(vaelab.__file__).parent.rglob("*.py"):
        text = source.read_text()
        assert "torch.load" not in text
        assert "import pickle" not in text
        assert "allow_pickle=True" not in text
    torch.save({"a": 1}, tmp_path / "model.safetensors")
    with pytest.raises(UserError, match="not a complete safetensors file"):
        load(tmp_path / "model.safetensors")


def test_a_file_from_a_newer_version_is_refused(digits: ImageData, tmp_path: Path) -> None:
    run = train(small(epochs=1), tmp_path / "run", data=digits)
    file = tmp_path / "run" / "experiment.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": 99, "vaelab": "9.0"}))
    with pytest.raises(UserError, match=r"has format 99, but this version reads up to 1; upgrade vaelab"):
        read_experiment(file)

    from vaelab.codec import encode
    from vaelab.models.files import write_tensors

    about = {"model": encode(run.model.spec), "images": encode(run.model.format), "format": 2}
    write_tensors(tmp_path / "new.safetensors", run.model.state_dict(), about)
    with pytest.raises(UserError, match="has format 2"):
        load(tmp_path / "new.safetensors")


def test_a_full_pass_sees_every_image_once(digits: ImageData, tmp_path: Path) -> None:
    """For any batch size: an evaluation that returned inside its loop would see only the first batch."""
    model = train(small(epochs=1), tmp_path / "run", data=digits).model
    test = digits.split("test")
    x = torch.from_numpy(test.images).float() / 255
    with torch.no_grad():
        q = model.encode(x)
        exact_kl = -0.5 * (1 + q.variance.log() - q.mean**2 - q.variance).sum(-1).mean().item()
    for batch_size in (7, 60, 500):
        assert full_pass(model, test, batch_size=batch_size).kl == pytest.approx(exact_kl, rel=1e-5)
    single, many = full_pass(model, test, samples=1), full_pass(model, test, samples=100)
    assert single.reconstruction == pytest.approx(many.reconstruction, rel=0.02)
    assert single == full_pass(model, test, samples=1)


def test_every_image_is_trained_on_once_per_epoch_in_a_new_order(
    digits: ImageData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vaelab.training import epoch

    image_order, orders = epoch.image_order, []
    monkeypatch.setattr(epoch, "image_order", lambda *arguments: orders.append(image_order(*arguments)) or orders[-1])
    train(small(epochs=3), tmp_path / "run", data=digits)
    assert [sorted(order.tolist()) for order in orders] == [list(range(300))] * 3
    assert len({tuple(order.tolist()) for order in orders}) == 3

    assert sorted(image_order(0, 1, 1000).tolist()) == list(range(1000))
    assert image_order(0, 1, 1000).tolist() != image_order(0, 2, 1000).tolist()
    assert image_order(0, 1, 1000).tolist() != image_order(1, 1, 1000).tolist()


def test_training_lowers_the_test_total(digits: ImageData, tmp_path: Path) -> None:
    run = train(replace(small(epochs=16), objective=Elbo()), tmp_path / "run", data=digits)
    assert run.rows[-1]["test_total"] < 0.6 * run.rows[0]["test_total"]
    importance = train(replace(small(epochs=3), objective=Iwae(samples=5)), tmp_path / "iwae", data=digits)
    assert importance.rows[-1]["test_total"] < importance.rows[0]["test_total"]


def test_scores_of_binary_pixels_are_named_a_likelihood(digits: ImageData, tmp_path: Path) -> None:
    # Leading binary rows do not make the data binary.
    mixed = replace(
        digits, images=np.where(np.arange(360)[:, None, None, None] < 300, 255, digits.images).astype(np.uint8)
    )
    assert train(small(epochs=1), tmp_path / "mixed", data=mixed).record.reconstruction_is == "cross-entropy"
    static = replace(small(epochs=1), binarisation=Static())
    assert train(static, tmp_path / "static", data=digits).record.reconstruction_is == "negative log-likelihood"
    binary = replace(small(epochs=1), binarisation=Dynamic())
    assert train(binary, tmp_path / "run", data=digits).record.reconstruction_is == "negative log-likelihood"


def test_a_saved_model_is_one_file_with_its_composition(digits: ImageData, tmp_path: Path) -> None:
    model = train(small("cvae", epochs=1), tmp_path / "run", data=digits).model
    save(model, tmp_path / "digits.safetensors")
    again = load(tmp_path / "digits.safetensors")
    assert again.spec == model.spec
    assert again.format.classes == tuple("0123456789")
    z, y = torch.zeros(1, 2), torch.tensor([3])
    assert torch.equal(again.decode(z, y).mean, model.decode(z, y).mean)


def test_precisions_agree(digits: ImageData, tmp_path: Path) -> None:
    totals = [
        train(small(precision=precision), tmp_path / precision, data=digits).rows[-1]["test_total"]
        for precision in ("fp32", "bf16")
    ]
    assert totals[0] == pytest.approx(totals[1], rel=0.03)


def test_an_absent_device_is_named() -> None:
    with pytest.raises(UserError, match="device is 'cuda:77', which is not available"):
        choose_device("cuda:77")
    with pytest.raises(UserError, match="device is 'gpu'"):
        choose_device("gpu")


def test_the_moving_average_is_tested_and_saved(digits: ImageData, tmp_path: Path) -> None:
    """With one step per epoch, runs of one, two and three epochs give the weights after each step."""
    plain = replace(small("vae"), objective=Elbo())
    plain = replace(plain, training=replace(plain.training, batch_size=300))
    steps = []
    for epochs in (1, 2, 3):
        run = replace(plain, training=replace(plain.training, epochs=epochs))
        train(run, tmp_path / str(epochs), data=digits)
        steps.append(weights(tmp_path / str(epochs)))
    averaged = replace(plain, training=replace(plain.training, epochs=3, average=0.9))
    run = train(averaged, tmp_path / "averaged", data=digits)
    expected = {
        name: 0.9 * (0.9 * first + 0.1 * second) + 0.1 * third
        for (name, first), second, third in zip(steps[0].items(), steps[1].values(), steps[2].values(), strict=True)
    }
    actual = weights(tmp_path / "averaged")
    for name, tensor in expected.items():
        torch.testing.assert_close(actual[name], tensor, rtol=1e-4, atol=1e-6)
    assert not same(actual, steps[2])
    assert run.rows[-1]["test_total"] == pytest.approx(
        full_pass(run.model, digits.split("test"), bf16=run.experiment.training.precision != "fp32").total, rel=1e-2
    )


def test_gradients_are_clipped_and_outliers_skipped(digits: ImageData, tmp_path: Path) -> None:
    from vaelab.training.optimiser import clip_gradient

    weight = torch.nn.Parameter(torch.zeros(4))
    for size, clip, skip, taken, norm in (
        (10.0, 0.0, 0.0, True, 10.0),
        (10.0, 2.0, 0.0, True, 2.0),
        (1.0, 2.0, 0.0, True, 1.0),
        (10.0, 2.0, 20.0, True, 2.0),
        (30.0, 2.0, 20.0, False, 2.0),
    ):
        weight.grad = torch.tensor([size, 0.0, 0.0, 0.0])
        assert clip_gradient([weight], torch.ones(()), Adam(gradient_clip=clip, gradient_skip=skip)) is taken
        assert weight.grad.norm().item() == pytest.approx(norm, rel=1e-4)
    weight.grad = torch.full((4,), torch.nan)
    assert not clip_gradient([weight], torch.ones(()), Adam(gradient_skip=5.0))
    weight.grad = torch.ones(4)
    assert not clip_gradient([weight], torch.tensor(torch.inf), Adam(gradient_skip=5.0))

    strict = small("vae", optimiser=Adam(gradient_skip=1e-6))
    with pytest.raises(UserError, match=r"every step of epoch 1 was skipped"):
        train(strict, tmp_path / "none", data=digits)
    run = train(small("vae", optimiser=Adam(gradient_skip=1500.0)), tmp_path / "some", data=digits)
    assert {"skipped_steps"} <= run.rows[0].keys()


def test_codebook_use_and_bits_are_in_every_row(digits: ImageData, tmp_path: Path) -> None:
    spec = VAE(4, network=ResNet((4, 4), spatial=True), posterior=Codebook(8), prior=UniformCodes())
    experiment = replace(small("vq-vae"), model=spec)
    rows = train(experiment, tmp_path / "vq", data=digits).rows
    for row in rows:
        assert 1 <= row["test_code_perplexity"] <= 8
        assert 0 <= row["test_dead_codes"] < 1
        assert row["test_kl"] == pytest.approx(49 * np.log(8), rel=1e-5)
        assert row["test_bits_per_dimension"] == pytest.approx(row["test_total"] / (784 * np.log(2)), rel=1e-6)
    # Grey pixels have no bits per dimension under a Bernoulli likelihood, which is not a mass on grey levels.
    assert "test_bits_per_dimension" not in train(small("vae"), tmp_path / "grey", data=digits).rows[0]


def test_a_prior_is_fitted_after_training(cli: Cli, digits_file: Path, digits: ImageData, tmp_path: Path) -> None:
    """The other weights stay the same bit for bit, and the KL of the codes falls."""
    words = ["--data", f"npz:{digits_file}", "--epochs", "2", "--batch-size", "20"]
    cli("train", "vq-vae", *words, "--latent", "4", "--network.channels", "8", "8", "--out", "codes")
    fit = [
        "fit-prior",
        "codes",
        "--out",
        "fitted",
        "--epochs",
        "4",
        "prior:autoregressive-codes",
        "--prior.width",
        "16",
    ]
    cli(*fit)
    before, after = weights(tmp_path / "codes"), weights(tmp_path / "fitted")
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    assert any(name.startswith("prior.") for name in after)
    plain, fitted = open_run(tmp_path / "codes").rows[-1], open_run(tmp_path / "fitted").rows
    assert fitted[-1]["test_kl"] < 0.9 * plain["test_kl"]
    assert fitted[-1]["test_kl"] < fitted[0]["test_kl"]
    assert fitted[-1]["test_reconstruction"] == pytest.approx(plain["test_reconstruction"], rel=1e-3)
    assert load(tmp_path / "fitted").generate(3).shape == (3, 1, 28, 28)
    assert "already holds a run" in cli(*fit, code=2).stderr
    # The default prior for real latents is a flow.
    cli("train", "vae", *words, "--out", "plane")
    cli("fit-prior", "plane", "--out", "flowing", "--epochs", "1")
    experiment = read_experiment(tmp_path / "flowing" / "experiment.json")
    assert experiment.model.prior.kind == "flow"
    same_start = {n: t for n, t in weights(tmp_path / "flowing").items() if not n.startswith("prior.")}
    assert same(same_start, weights(tmp_path / "plane"))


def test_a_run_can_start_from_the_weights_of_another(digits: ImageData, tmp_path: Path) -> None:
    first = train(small("vae", epochs=3), tmp_path / "first", data=digits)
    onward = replace(small("vae", epochs=1), objective=Elbo(beta=Constant(0.1)), start=str(tmp_path / "first"))
    second = train(onward, tmp_path / "second", data=digits)
    assert second.rows[0]["train_running_total"] < first.rows[0]["train_running_total"]
    other = replace(onward, model=VAE(latent=3))
    with pytest.raises(UserError, match=r"whose model differs in latent; only the prior may differ"):
        train(other, tmp_path / "third", data=digits)


def test_a_model_can_be_conditioned_on_attributes(digits: ImageData, cli: Cli, tmp_path: Path) -> None:
    """Here the attributes are the brightness of either half, which generated images follow."""
    light = np.random.default_rng(0).uniform(size=(360, 2)).astype(np.float32)
    images = digits.images * np.repeat(light, 14, axis=1)[:, None, :, None]
    arrays = {"images": images.astype(np.uint8), "attributes": light, "attribute_names": np.array(["top", "bottom"])}
    np.savez(tmp_path / "light.npz", **arrays)
    words = ["--data", f"npz:{tmp_path / 'light.npz'}", "--epochs", "10", "--batch-size", "20", "--out", "run"]
    cli("train", "cvae", *words)
    model = load(tmp_path / "run")
    assert model.format.attributes == ("top", "bottom")
    upper = model.generate(50, y=torch.tensor([1.0, 0.0]).expand(50, -1))
    assert upper[:, :, :14].mean() > 2 * upper[:, :, 14:].mean()
    with pytest.raises(UserError, match="y is None, but the model is conditional; give a row of 2 attributes"):
        model.generate(2)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_trains(name: str, digits: ImageData, tmp_path: Path) -> None:
    """Two steps on real digits instead of the data of the preset: finite totals, a saved model, generated images."""
    few = replace(digits, splits={"train": range(24), "test": range(300, 308)})
    data = data_of(preset(name).data) if name == "table" else few
    run = train(preset(name, data="digits", epochs=1, batch_size=12), tmp_path / "run", data=data)
    assert np.isfinite(run.rows[-1]["test_total"])
    again = load(tmp_path / "run")
    assert again.spec == PRESETS[name][1].model
    assert again.generate(2).isfinite().all()


def test_dropped_labels_train_the_condition_of_unknown_labels(digits: ImageData, tmp_path: Path) -> None:
    """Without dropped labels the condition of zeros never occurs in training."""
    totals = {}
    for share in (0.0, 0.5):
        experiment = replace(small("cvae", epochs=15, batch_size=30, drop_labels=share), objective=Elbo())
        model = train(experiment, tmp_path / str(share), data=digits).model
        x = torch.from_numpy(digits.split("test").images).float() / 255
        with torch.no_grad():
            totals[share] = model(x, torch.full((60,), -1), 20).total.mean().item()
    assert totals[0.5] < totals[0.0]
