"""Offline runs of W&B: every record, as a reader of the format finds it."""

import json
import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner
from oracle import lines

from watcher.analysis.pipeline import read
from watcher.cli import cli
from watcher.export.wandb import _framed, write


def parts(data: bytes) -> Iterator[bytes]:
    """Messages of a file; checksums and kinds of their parts are right."""
    assert data[:7] == b":W&B\xe1\xbe\x00"
    at, found = 7, b""
    while at < len(data):
        room = 32768 - at % 32768
        if room < 7:
            assert not any(data[at : at + room])
            at += room
            continue
        checksum, size, kind = struct.unpack_from("<IHB", data, at)
        body = data[at + 7 : at + 7 + size]
        assert checksum == zlib.crc32(body, zlib.crc32(bytes([kind])))
        assert size <= room - 7
        assert (kind in {1, 2}) == (not found)
        at, found = at + 7 + size, found + body
        if kind in {1, 4}:
            yield found
            found = b""
    assert not found


def fields(message: bytes) -> dict[int, list[Any]]:
    """The fields of a message: numbers, and bytes of what is longer."""
    found: dict[int, list[Any]] = {}
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = number()
        value: Any = number()
        if key & 7 == 2:
            at, value = at + value, message[at : at + value]
        found.setdefault(key >> 3, []).append(value)
    return found


def items(message: bytes) -> dict[str, Any]:
    """Keys and values of a history, a summary or a configuration."""
    pairs = [fields(item) for item in fields(message)[1]]
    return {p[2][0].decode(): json.loads(p[16][0]) for p in pairs}


def written(folder: Path, text: bytes, *, limit: int | None = None) -> list[Any]:
    """The records of a log."""
    log = folder / "train.log"
    log.write_bytes(text)
    analysis = read(log).analysis
    run = write(analysis, folder, project="p", identity="x", limit=limit)
    [path] = run.iterdir()
    assert path.name == f"run-{run.name.rpartition('-')[2]}.wandb"
    found = [fields(part) for part in parts(path.read_bytes())]
    assert [record[1] for record in found] == [[n + 1] for n in range(len(found))]
    return found


def test_every_point_is_in_the_history(tmp_path: Path) -> None:
    """A line of the log is a line of the history, its step an axis of its own."""
    text = b"learning_rate = 0.001\n" + lines(0, 3000) + b"iter 3000: loss nan\n"

    records = written(tmp_path, text)

    history = [items(record[2][0]) for record in records if 2 in record]
    assert list(range(3001)) == [line["step"] for line in history]
    assert list(range(3001)) == [line["_step"] for line in history]
    curve = read(tmp_path / "train.log").analysis.curves["loss"]
    found = [line["train/loss"] for line in history]
    assert curve.values[:-1].tolist() == found[:-1]
    assert math.isnan(found[-1])
    [run] = [fields(record[17][0]) for record in records if 17 in record]
    assert (b"p", b"train") == (run[3][0], run[8][0])
    assert 0.001 == items(run[4][0])["learning_rate"]
    [summary] = [items(record[3][0]) for record in records if 3 in record]
    assert 3000 == summary["step"]


def test_twice_the_same(tmp_path: Path) -> None:
    """The identity of a run is that of its log: another sync continues it."""
    log = tmp_path / "train.log"
    log.write_bytes(lines(0, 100))
    analysis = read(log).analysis

    first, second = (
        write(analysis, tmp_path / n, project="p", identity="x", limit=None)
        for n in ("a", "b")
    )

    assert first.name == second.name
    assert next(first.iterdir()).read_bytes() == next(second.iterdir()).read_bytes()


@pytest.mark.parametrize("size", [1, 32754, 32755, 32756, 70_000, 200_000])
def test_records_of_any_length_come_back(size: int) -> None:
    """Cut at the ends of blocks, wherever the record before it ended."""
    for before in (1, 32_700, 32_754 - 7, 32_754 - 6, 32_754):
        records = [b"a" * before, b"b" * size, b"c"]
        assert records == list(parts(b"".join(_framed(records))))


def test_few_points_of_a_long_log_hold_its_extremes(tmp_path: Path) -> None:
    """And every value that is not finite."""
    text = lines(0, 5000) + b"iter 5000: loss 99.5\niter 5001: loss nan\n"

    records = written(tmp_path, text + lines(5002, 9000), limit=200)

    values = [
        line["train/loss"]
        for record in records
        if 2 in record and "train/loss" in (line := items(record[2][0]))
    ]
    assert len(values) < 250
    assert 99.5 in values
    assert any(map(math.isnan, values))


def test_the_command_names_what_uploads_it(tmp_path: Path) -> None:
    """No server is asked; secrets are masked; odd names stay in the directory."""
    log = tmp_path / "$(x) ..log"
    log.write_bytes(b"wandb_token = hf_abcdefghijklmnopqrstuvwxyz\n" + lines(0, 50))
    command = ["push", "--to", "wandb", "--out", str(tmp_path / "w"), str(log)]

    result = CliRunner().invoke(cli, command)

    assert 0 == result.exit_code, result.output
    [run] = (tmp_path / "w").iterdir()
    assert f"wandb sync {run}\n" in result.stdout
    assert b"abcdefghij" not in next(run.iterdir()).read_bytes()


# Fields of messages in W&B's `wandb_internal.proto` (0.31): their names, and what
# messages they hold.  The package itself takes 61 MB.
SCHEMA: Final[dict[str, dict[int, tuple[str, str]]]] = {
    "Record": {
        1: ("num", ""),
        2: ("history", "History"),
        3: ("summary", "Summary"),
        12: ("metric", "Metric"),
        17: ("run", "Run"),
        18: ("exit", "Exit"),
        21: ("header", "Header"),
    },
    "Header": {1: ("version_info", "Version")},
    "Version": {1: ("producer", ""), 2: ("min_consumer", "")},
    "Run": {
        1: ("run_id", ""),
        3: ("project", ""),
        4: ("config", "Config"),
        8: ("display_name", ""),
        9: ("notes", ""),
        17: ("start_time", "Timestamp"),
        24: ("resume", ""),
    },
    "Timestamp": {1: ("seconds", "")},
    "Config": {1: ("update", "Item")},
    "Summary": {1: ("update", "Item")},
    "History": {1: ("item", "Item"), 2: ("step", "Step")},
    "Step": {1: ("num", "")},
    "Item": {2: ("nested_key", ""), 16: ("value_json", "")},
    "Metric": {
        1: ("name", ""),
        2: ("glob_name", ""),
        4: ("step_metric", ""),
        6: ("options", "Options"),
    },
    "Options": {3: ("defined", "")},
    "Exit": {1: ("exit_code", "")},
}


def named(message: bytes, kind: str = "Record") -> dict[str, list[Any]]:
    """A message as W&B knows it; a field that it does not know is an error."""
    found = {}
    for number, values in fields(message).items():
        name, inner = SCHEMA[kind][number]
        found[name] = [named(value, inner) for value in values] if inner else values
    return found


def read_back(folder: Path, text: bytes) -> list[bytes]:
    """The messages of the offline run of a log."""
    log = folder / "train.log"
    log.write_bytes(text)
    run = write(read(log).analysis, folder, project="p", identity="x", limit=None)
    return list(parts(next(run.iterdir()).read_bytes()))


def test_every_field_is_one_of_wandb(tmp_path: Path) -> None:
    """By its schema: metrics have the step of the log as their axis."""
    records = [named(part) for part in read_back(tmp_path, lines(0, 50))]

    kinds = [next(kind for kind in record if kind != "num") for record in records]
    assert ["header", "run", "metric", "metric"] == kinds[:4]
    assert 50 == kinds.count("history")
    [metric] = records[3]["metric"]
    assert ([b"*"], [b"step"]) == (metric["glob_name"], metric["step_metric"])
    [run] = records[1]["run"]
    assert ([b"p"], [b"train"]) == (run["project"], run["display_name"])
