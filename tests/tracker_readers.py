"""What trackers' own packages wrote, read back from their files."""

from __future__ import annotations

import json
import sqlite3
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Points = dict[str, list[tuple[int, float]]]


@dataclass
class Seen:
    """A run as a tracker has it: points by metric, settings, names of figures, and how it ended."""

    points: Points = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    figures: set[str] = field(default_factory=set)
    ended: Any = None

    def add(self, name: str, step: int, value: Any) -> None:
        self.points.setdefault(name, []).append((step, float(value)))


def tensorboard(run: Path, id: str) -> Seen:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import plugin_data_pb2

    events = EventAccumulator(str(run / "tensorboard")).Reload()
    tags = events.Tags()
    seen = Seen({name: [(each.step, each.value) for each in events.Scalars(name)] for name in tags["scalars"]})
    seen.figures = {name.removeprefix("figures/") for name in tags["images"]}
    content = events.PluginTagToContent("hparams")["_hparams_/session_start_info"]
    start = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
    seen.settings = {
        name: getattr(value, value.WhichOneof("kind"))  # a number is always one with a point
        for name, value in start.hparams.items()
    }
    return seen


def mlflow(run: Path, id: str) -> Seen:
    from mlflow import MlflowClient

    client = MlflowClient()
    stored = client.get_run(id)
    seen = Seen(settings=dict(stored.data.params), ended=stored.info.status)
    for name in stored.data.metrics:
        for point in client.get_metric_history(id, name):
            seen.add(name, point.step, point.value)
    seen.figures = {Path(file.path).stem for file in client.list_artifacts(id, "figures")}
    return seen


def wandb(run: Path, id: str) -> Seen:
    seen = Seen()
    files = sorted(Path().glob(f"wandb/offline-run-*-{id}/run-{id}.wandb"))
    # W&B's own process writes the last records, shortly after `finish`.
    while not any(record.WhichOneof("record_type") == "exit" for record in _wandb_records(files[-1])):
        time.sleep(0.05)
    for file in files:
        for record in _wandb_records(file):
            for item in record.history.item:
                name, value = "/".join(item.nested_key) or item.key, json.loads(item.value_json)
                if name.startswith("figures/"):
                    seen.figures.add(name.removeprefix("figures/").split("/")[0])
                elif not name.startswith("_"):
                    seen.add(name, record.history.step.num, value)
            for item in record.run.config.update:
                seen.settings[item.key] = json.loads(item.value_json)
            if record.WhichOneof("record_type") == "exit":
                seen.ended = record.exit.exit_code
    return seen


def _wandb_records(file: Path) -> Iterator[Any]:
    """The records of an offline run: LevelDB's log format after seven bytes of W&B's own."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, record = file.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if (left := 32768 - at % 32768) < 7:
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        record, at = record + data[at + 7 : at + 7 + length], at + 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield Record.FromString(record)
            record = b""


def trackio(run: Path, id: str) -> Seen:
    from trackio.utils import TRACKIO_DIR

    seen = Seen()
    with sqlite3.connect(TRACKIO_DIR / "vaelab.db") as stored:
        for step, metrics in stored.execute("select step, metrics from metrics where run_name = ? order by id", (id,)):
            for name, value in json.loads(metrics).items():
                if name.startswith("figures/"):
                    seen.figures.add(name.removeprefix("figures/"))
                else:
                    seen.add(name, step, value)
        for (config,) in stored.execute("select config from configs where run_name = ?", (id,)):
            seen.settings |= {name: value for name, value in json.loads(config).items() if not name.startswith("_")}
    return seen


READERS: dict[str, Callable[[Path, str], Seen]] = {
    "tensorboard": tensorboard,
    "mlflow": mlflow,
    "wandb": wandb,
    "trackio": trackio,
}


def read(run: Path, name: str) -> Seen:
    """A run as the tracker of this name has it; the ids stand in the run folder."""
    known = json.loads((run / "trackers.json").read_text())["trackers"]
    (id,) = [each["id"] for each in known if each["name"] == name]
    return READERS[name](run, id)
