"""Exports: complete, exact, the same twice, and never outside of their directory."""

import csv
import io
import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from eventfiles import events, points
from hypothesis import given
from hypothesis import strategies as st
from oracle import Bench, append, lines
from tensorboard.summary.writer.record_writer import RecordWriter
from test_export_wandb import fields, items, parts

from parsers.metrics import METRICS
from watcher.analysis.model import Curve
from watcher.cli import cli
from watcher.export.crc32c import crc32c, varying
from watcher.export.events import header, restart, scalars
from watcher.export.names import below
from watcher.export.tags import TAGS, tag
from watcher.html import report


DATA = Path(__file__).parent / "data"
LOGS = sorted(DATA.glob("*/train.log"))
assert LOGS


def export(*arguments: str) -> Result:
    """Runs `gptwatch export`."""
    return CliRunner().invoke(cli, ["export", *arguments])


def exported(*arguments: str) -> Result:
    """Runs `gptwatch export`, which must work."""
    result = export(*arguments)
    assert 0 == result.exit_code, result.output
    return result


Columns = Mapping[str, list[tuple[int, float]]]


def from_json(log: Path, _: Path) -> Columns:
    """The reference: what the data document holds, NaN where it has null."""
    found = json.loads(exported(str(log)).stdout_bytes)["metrics"]
    return {
        name: [
            (step, float("nan") if value is None else value)
            for step, value in zip(column["steps"], column["values"], strict=True)
        ]
        for name, column in found.items()
    }


def from_csv(log: Path, _: Path) -> Columns:
    """What the table holds."""
    columns: dict[str, list[tuple[int, float]]] = {}
    text = exported(str(log), "--to", "csv").stdout
    for row in csv.DictReader(io.StringIO(text)):
        pair = int(row["step"]), float(row["value"])
        columns.setdefault(row["metric"], []).append(pair)
    return columns


def from_parquet(log: Path, folder: Path) -> Columns:
    """What pyarrow reads."""
    path = folder / "points.parquet"
    exported(str(log), "--to", "parquet", "--out", str(path))
    columns: dict[str, list[tuple[int, float]]] = {}
    for row in pq.read_table(path).to_pylist():
        columns.setdefault(row["metric"], []).append((row["step"], row["value"]))
    return columns


def from_arrow(log: Path, folder: Path) -> Columns:
    """What pyarrow reads of a stream."""
    path = folder / "points.arrows"
    exported(str(log), "--to", "arrow", "--out", str(path))
    columns: dict[str, list[tuple[int, float]]] = {}
    with path.open("rb") as file:
        rows = pa.ipc.open_stream(file).read_all().to_pylist()
    for row in rows:
        columns.setdefault(row["metric"], []).append((row["step"], row["value"]))
    return columns


def from_wandb(log: Path, folder: Path) -> Columns:
    """What stands in the history of an offline run."""
    command = ["push", "--to", "wandb", "--all", "--out", str(folder / "w"), str(log)]
    assert 0 == CliRunner().invoke(cli, command).exit_code
    metrics = {tag(name): name for name in METRICS}
    columns: dict[str, list[tuple[int, float]]] = {}
    for path in (folder / "w").rglob("*.wandb"):
        for record in map(fields, parts(path.read_bytes())):
            line = items(record[2][0]) if 2 in record else {}
            for name, value in line.items():
                if not name.startswith("_") and name != "step":
                    pair = line["step"], value
                    columns.setdefault(metrics.get(name, name), []).append(pair)
    return columns


def from_events(log: Path, folder: Path) -> Columns:
    """What TensorBoard reads, of all segments, by the names of metrics."""
    exported(str(log), "--to", "tensorboard", "--out", str(folder / "runs"))
    columns: dict[str, list[tuple[int, float]]] = {}
    metrics = {tag(name): name for name in METRICS}
    for path in sorted((folder / "runs").rglob("*tfevents*")):
        for name, pairs in points(path.parent).items():
            columns.setdefault(metrics.get(name, name), []).extend(pairs)
    return columns


TARGETS: Mapping[str, Callable[[Path, Path], Columns]] = {
    "csv": from_csv,
    "parquet": from_parquet,
    "arrow": from_arrow,
    "wandb": from_wandb,
    "tensorboard": from_events,
}


def single(value: float) -> float:
    """A number as 32 bits hold it."""
    with np.errstate(over="ignore"):
        return float(np.float32(value))


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.parent.name)
@pytest.mark.parametrize("target", TARGETS)
def test_every_target_holds_every_point(target: str, log: Path, tmp_path: Path) -> None:
    """Each step and value, in the order of the log; of floats as many bits as fit."""
    fit = single if target == "tensorboard" else float
    expected = {
        name: [(step, fit(value)) for step, value in pairs]
        for name, pairs in from_json(log, tmp_path).items()
    }

    found = TARGETS[target](log, tmp_path)

    assert expected.keys() == found.keys()
    for name, pairs in expected.items():
        assert [step for step, _ in pairs] == [step for step, _ in found[name]], name
        assert np.array_equal(
            [value if np.isfinite(value) else np.nan for _, value in pairs],
            [value if np.isfinite(value) else np.nan for _, value in found[name]],
            equal_nan=True,
        ), name


@pytest.mark.parametrize("target", ["json", "csv", "parquet", "arrow", "tensorboard"])
def test_two_exports_are_the_same_bytes(target: str, tmp_path: Path) -> None:
    """Nothing depends on when it was exported."""
    log = str(DATA / "nanogpt/train.log")
    for name in ("a", "b"):
        exported(log, "--to", target, "--out", str(tmp_path / name))

    first, second = (written(tmp_path / name) for name in ("a", "b"))
    assert first
    assert first == second


def written(path: Path) -> list[bytes]:
    """The bytes of a file, or of all files of a directory."""
    if path.is_file():
        return [path.read_bytes()]
    return [found.read_bytes() for found in sorted(path.rglob("*tfevents*"))]


RESTARTED = lines(0, 30) + lines(20, 40)


@pytest.mark.parametrize("target", ["csv", "parquet", "tensorboard"])
def test_superseded_points_are_dropped_on_request(target: str, tmp_path: Path) -> None:
    """After a restart from step 20 each step stands once."""
    log = tmp_path / "train.log"
    log.write_bytes(RESTARTED)
    out = tmp_path / "out"

    exported(str(log), "--to", target, "--superseded", "drop", "--out", str(out))

    if target == "csv":
        rows = csv.DictReader(io.StringIO(out.read_text()))
        steps = [int(row["step"]) for row in rows if row["metric"] == "loss"]
    elif target == "parquet":
        rows = pq.read_table(out).to_pylist()
        steps = [row["step"] for row in rows if row["metric"] == "loss"]
    else:
        [path] = out.rglob("*tfevents*")
        steps = [step for step, _ in points(path.parent)["train/loss"]]
    assert [*range(40)] == steps


def test_parquet_marks_superseded_points_and_segments(tmp_path: Path) -> None:
    """A query chooses."""
    log, out = tmp_path / "train.log", tmp_path / "points.parquet"
    log.write_bytes(RESTARTED)

    exported(str(log), "--to", "parquet", "--out", str(out))

    table = pq.read_table(out)
    rows = [row for row in table.to_pylist() if row["metric"] == "loss"]
    assert [*range(20, 30)] == [r["step"] for r in rows if not r["current"]]
    assert [1] * 30 + [2] * 20 == [r["segment"] for r in rows]
    metadata = pq.read_metadata(out).metadata
    [about] = [json.loads(v) for k, v in metadata.items() if b"gptwatch.run:" in k]
    assert 39 == about["summary"]["last_step"]


def test_segments_are_directories_of_their_own(tmp_path: Path) -> None:
    """TensorBoard shows one curve a directory: no zigzag."""
    log, out = tmp_path / "train.log", tmp_path / "runs"
    log.write_bytes(RESTARTED)

    exported(str(log), "--to", "tensorboard", "--out", str(out))

    [first, second] = sorted(out.rglob("*tfevents*"), key=lambda p: len(p.parts))
    assert "segment-2" == second.parent.name
    assert [*range(30)] == [s for s, _ in points(first.parent)["train/loss"]]
    assert [*range(20, 40)] == [s for s, _ in points(second.parent)["train/loss"]]


def test_the_findings_stand_beside_the_curves(tmp_path: Path) -> None:
    """Headline, findings and settings as a text summary."""
    exported(str(DATA / "demo/demo.log"), "--to", "tensorboard", "--out", str(tmp_path))

    [path] = tmp_path.rglob("*tfevents*")
    [text] = [
        value.tensor.string_val[0].decode()
        for event in events(path.parent)
        for value in event.summary.value
        if value.tag == "gptwatch/run"
    ]
    assert "Overfitting since step 175" in text
    assert "| n_layer |" in text


def test_a_run_is_named_as_status_names_it(bench: Bench, log: Path) -> None:
    """The database has it, also when its log is gone."""
    append(log, lines(0, 50))
    bench.settle()
    bench.stop()
    expected = json.loads(exported(str(log)).stdout_bytes)["metrics"]
    log.unlink()

    found = exported("train.log", "--state", str(bench.state))

    assert expected == json.loads(found.stdout_bytes)["metrics"]


def test_an_unknown_run_is_an_error(bench: Bench) -> None:
    """It names the database, and how to list its runs."""
    bench.stop()

    result = export("nothing.log", "--state", str(bench.state))

    assert result.exception is not None
    assert "nothing.log: no run of this name" in str(result.exception)
    assert "gptwatch status" in str(result.exception)


@pytest.mark.parametrize(
    "arguments",
    [[], ["a.log", "--superseded", "drop"], ["a.log", "b.log"]],
    ids=["no name", "dropping from JSON", "two documents as one"],
)
def test_wrong_usage_is_explained(arguments: list[str]) -> None:
    """Before anything is read."""
    assert 2 == export(*arguments).exit_code


@given(st.binary(max_size=300) | st.text("./\n~").map(os.fsencode))
def test_no_name_leaves_the_directory(name: bytes) -> None:
    """Neither a root nor a parent: whatever a run is called."""
    parts = Path("runs", below(os.fsdecode(name))).parts

    assert "runs" == parts[0]
    assert len(parts) > 1
    assert ".." not in parts
    assert all(len(part.encode()) <= 255 for part in parts)


def test_every_metric_has_a_tag_of_its_own() -> None:
    """Grouped as TensorBoard shows them; two metrics never share a tag."""
    assert set(METRICS) == set(TAGS)
    assert len(TAGS) == len(set(TAGS.values()))


NUMBERS = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(st.tuples(NUMBERS, st.floats(width=32)), min_size=1, max_size=50))
def test_encoded_events_are_what_they_were(
    pairs: list[tuple[int, float]],
) -> None:
    """Any step, NaN and infinities, by protobuf's own reader."""
    from tensorboard.compat.proto.event_pb2 import Event

    steps = np.array([step for step, _ in pairs])
    values = np.array([value for _, value in pairs], np.float64)
    times = np.arange(0.5, len(pairs), 1.0)
    data = b"".join(scalars("train/loss", times, steps, values))

    found = []
    while data:
        (size,) = struct.unpack("<Q", data[:8])
        event = Event.FromString(data[12 : 12 + size])
        found.append((event.step, event.summary.value[0].simple_value))
        assert len(found) - 0.5 == event.wall_time
        data = data[16 + size :]
    assert repr(pairs) == repr(found)


@given(st.binary(min_size=1, max_size=60))
def test_records_are_those_of_tensorboard(message: bytes) -> None:
    """Lengths and checksums, bit for bit."""
    from watcher.export.events import _record

    file = io.BytesIO()
    RecordWriter(file).write(message)

    assert file.getvalue() == _record(message)


@given(st.lists(st.binary(min_size=9, max_size=9), min_size=1))
def test_checksums_of_rows_are_those_of_bytes(rows: list[bytes]) -> None:
    """Whatever columns vary."""
    matrix = np.frombuffer(b"".join(rows), np.uint8).reshape(-1, 9)

    assert [*map(crc32c, rows)] == varying(matrix, range(9)).tolist()


def test_a_restart_purges_in_tensorboard(tmp_path: Path) -> None:
    """What `restart` writes is what TensorBoard acts on."""
    from tensorboard.backend.event_processing.event_accumulator import (
        EventAccumulator,
    )

    steps, zeros = np.arange(10), np.zeros(10)
    (tmp_path / "events.out.tfevents.1").write_bytes(
        b"".join(
            [
                header(0.0),
                *scalars("loss", zeros, steps, zeros),
                restart(1.0, 5),
                *scalars("loss", zeros[:2], steps[5:7], zeros[:2] + 1),
            ]
        )
    )

    accumulator = EventAccumulator(str(tmp_path), size_guidance={"scalars": 0})
    accumulator.Reload()

    assert [0, 1, 2, 3, 4, 5, 6] == [e.step for e in accumulator.Scalars("loss")]


@pytest.mark.parametrize("at_a_time", [1, 3, 100])
def test_a_page_of_a_long_run_keeps_every_extreme(
    monkeypatch: pytest.MonkeyPatch, at_a_time: int
) -> None:
    """First, lowest, highest and last of each stretch, however many at a time."""
    values = np.array([3.0, 1.0, 9.0, 2.0, 5.0, 4.0, 8.0, 7.0, 6.0, 0.0])
    at = np.arange(10)
    curve = Curve("loss", "nats", 10 * at, values, at + 1, np.ones(10, np.bool_))
    monkeypatch.setattr(report, "_PIXELS", 4)
    monkeypatch.setattr(report, "_STRETCHES", at_a_time)

    lines_, steps, found = report._thinned(curve)

    wanted = [[3, 1, 3, 1], [9, 2, 9, 5], [4, 4, 8, 8], [7, 0, 7, 0]]
    assert wanted == found.reshape(-1, 4).tolist()
    assert [[1, 1, 2, 2], [3, 3, 5, 5], [6, 6, 7, 7], [8, 8, 10, 10]] == (
        lines_.reshape(-1, 4).tolist()
    )
    assert (10 * (lines_ - 1)).tolist() == steps.tolist()


def test_exports_need_no_library_of_their_targets() -> None:
    """TensorBoard's format is written without TensorBoard, and without TensorFlow."""
    code = (
        "import sys; from watcher.cli import cli; import watcher.export.tensorboard;"
        "assert not {'tensorboard', 'pyarrow', 'google.protobuf'} & set(sys.modules)"
    )

    done: Any = subprocess.run([sys.executable, "-c", code], check=False)

    assert 0 == done.returncode
