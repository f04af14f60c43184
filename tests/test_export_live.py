"""Parquet files and runs of MLflow that follow the database of the daemon."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from daemons import Started
from oracle import Bench, append, lines, until
from test_export_mlflow import Fake, server

from parsers.formats import FORMATS
from watcher.analysis import rules
from watcher.errors import GptwatchError
from watcher.export import live
from watcher.storage.rows import Row


__all__ = ["server"]
READ = live.reader(rules.Settings(), FORMATS)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Two runs, one in a directory."""
    made = Bench(tmp_path)
    (made.logs / "sub").mkdir()
    append(made.logs / "train.log", lines(0, 300))
    append(made.logs / "sub" / "other.log", lines(0, 100))
    made.look()
    yield made
    made.stop()


def rows(folder: Path) -> dict[str, int]:
    """Values of each run in a directory of Parquet files, read as one table."""
    names = pq.read_table(folder).column("run").to_pylist()
    return {name: names.count(name) for name in set(names)}


def test_parquet_files_are_one_table(bench: Bench, tmp_path: Path) -> None:
    """One file a run, in a directory that names it."""
    live.parquet_files(tmp_path / "points", READ).update(bench.store, 0.0)

    assert {"train.log": 900, "sub/other.log": 300} == rows(tmp_path / "points")
    paths = sorted(path.parent.name for path in tmp_path.rglob("*.parquet"))
    assert ["run=sub%2Fother.log", "run=train.log"] == paths


def test_a_run_is_written_again_when_it_changed_and_time_passed(
    bench: Bench, tmp_path: Path
) -> None:
    """Not before; one that ended is written at once."""
    mirror = live.parquet_files(tmp_path / "points", READ)
    mirror.update(bench.store, 0.0)
    append(bench.logs / "train.log", lines(300, 400))
    bench.look()

    mirror.update(bench.store, 100.0)
    assert 900 == rows(tmp_path / "points")["train.log"]
    mirror.update(bench.store, 601.0)
    assert 1200 == rows(tmp_path / "points")["train.log"]

    append(bench.logs / "train.log", lines(400, 500))
    bench.look()
    run = bench.rows()["train.log"].id
    with bench.store.transaction():
        bench.store.set(run, state={"state": "finished"})
    mirror.update(bench.store, 602.0)
    assert 1500 == rows(tmp_path / "points")["train.log"]


def test_a_run_that_fails_stops_no_other(bench: Bench) -> None:
    """It is tried again; the error names the first one."""
    sent: list[str] = []
    broken = True

    def send(row: Row, _analysis: object) -> None:
        if broken and row.name == "train.log":
            raise GptwatchError("train.log: cannot be sent")
        sent.append(row.name)

    mirror = live.Live(send, 60.0, READ)
    with pytest.raises(GptwatchError, match=r"train\.log"):
        mirror.update(bench.store, 0.0)
    broken = False
    mirror.update(bench.store, 1.0)

    assert ["sub/other.log", "train.log"] == sent


def test_a_server_gets_each_point_once(bench: Bench, server: tuple[Fake, str]) -> None:
    """And is asked what it has only once, until something fails."""
    fake, url = server
    mirror = live.mlflow_runs(url, READ)
    now = 0.0
    for step in range(300, 800, 100):
        fake.failing = 0.5 if step == 500 else 0.0
        append(bench.logs / "train.log", lines(step, step + 100))
        bench.look()
        now += 61.0
        try:
            mirror.update(bench.store, now)
        except GptwatchError:
            assert step == 500
    live.mlflow_runs(url, READ).update(bench.store, now)

    found = {run["tags"]["mlflow.runName"]: run for run in fake.runs.values()}
    assert {"train.log", "sub/other.log"} == set(found)
    points = found["train.log"]["metrics"]["train/loss"]
    assert [*range(800)] == sorted(point["step"] for point in points)


@pytest.mark.process
def test_the_daemon_keeps_parquet_files(tmp_path: Path) -> None:
    """`[export] parquet`, with the formats of the configuration."""
    (tmp_path / "gptwatch.toml").write_text(
        "[export]\nparquet = 'points'\n[[formats]]\nname = 'mylab'\n"
        "lines = ['ep (?P<step>\\d+) L=(?P<loss>[\\d.]+)']\nprefer = true\n"
    )
    with Started(tmp_path) as daemon:
        text = "".join(f"ep {n} L=2.5\n" for n in range(50))
        append(daemon.logs / "train.log", text.encode())
        until(lambda: list((tmp_path / "points").rglob("*.parquet")) != [])
        assert 0 == daemon.stop()

    assert {"train.log": 50} == rows(tmp_path / "points")
