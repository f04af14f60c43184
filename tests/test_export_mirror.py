"""Live event files: append-only, whole after any crash, no point lost or doubled."""

import json
import random
from pathlib import Path

import pytest
from daemons import Started
from eventfiles import events, points
from oracle import Bench, append, lines, until

from watcher.errors import OutputError
from watcher.export.mirror import STATE, Mirror


EVALUATED = b"step 20: train loss 2.5000, val loss 2.7500\n"


def losses(folder: Path) -> list[int]:
    """Steps of the training losses in a run's event file."""
    return [step for step, _ in points(folder).get("train/loss", [])]


def test_what_is_appended_to_a_log_is_appended_to_its_file(
    bench: Bench, log: Path, tmp_path: Path
) -> None:
    """The bytes that were there stay as they were."""
    mirror = Mirror(tmp_path / "runs")
    append(log, lines(0, 20))
    bench.settle()
    mirror.update(bench.store)
    [path] = (tmp_path / "runs/train.log").glob("*tfevents*")
    before = path.read_bytes()
    append(log, EVALUATED + lines(20, 40))
    bench.settle()

    mirror.update(bench.store)

    assert path.read_bytes().startswith(before)
    assert [*range(40)] == losses(path.parent)
    assert [(20, 2.75)] == points(path.parent)["eval/loss"]


def test_without_news_nothing_is_written(
    bench: Bench, log: Path, tmp_path: Path
) -> None:
    """Neither by the process that wrote it, nor by the next one."""
    append(log, lines(0, 20))
    bench.settle()
    mirror = Mirror(tmp_path / "runs")
    mirror.update(bench.store)
    [path] = (tmp_path / "runs/train.log").glob("*tfevents*")
    before = path.read_bytes()

    mirror.update(bench.store)
    Mirror(tmp_path / "runs").update(bench.store)

    assert before == path.read_bytes()


def test_a_restart_of_the_training_supersedes_its_points(
    bench: Bench, log: Path, tmp_path: Path
) -> None:
    """One event, before the evaluation at the step that it goes back to."""
    mirror = Mirror(tmp_path / "runs")
    for part in (lines(0, 30), EVALUATED + lines(20, 40)):
        append(log, part)
        bench.settle()
        mirror.update(bench.store)

    found = events(tmp_path / "runs/train.log")

    kinds = [e.session_log.status for e in found if e.HasField("session_log")]
    assert [1] == kinds
    [at] = [i for i, e in enumerate(found) if e.HasField("session_log")]
    assert 20 == found[at].step
    tags = [value.tag for e in found[at:] for value in e.summary.value]
    assert "eval/loss" in tags


def test_two_logs_in_one_file_are_no_restarts(
    bench: Bench, log: Path, tmp_path: Path
) -> None:
    """Two processes that write one log go back and forth all the time."""
    pairs = (lines(n, n + 1) + lines(n + 500, n + 501) for n in range(100))
    append(log, b"".join(pairs))
    bench.settle()

    Mirror(tmp_path / "runs").update(bench.store)

    found = events(tmp_path / "runs/train.log")
    assert not [e for e in found if e.HasField("session_log")]


@pytest.mark.parametrize("seed", range(20))
def test_a_crash_at_any_byte_changes_nothing(tmp_path: Path, seed: int) -> None:
    """The file that is written on is the one that no crash had touched."""
    chance = random.Random(seed)
    bench = Bench(tmp_path)
    log, step = bench.logs / "train.log", 0
    whole, torn = Mirror(tmp_path / "whole"), Mirror(tmp_path / "torn")
    for _ in range(15):
        if chance.random() < 0.1:
            step = max(0, step - 10)
        end = step + chance.randrange(1, 40)
        append(log, lines(step, end) + EVALUATED * (chance.random() < 0.3))
        step = end
        bench.settle()
        whole.update(bench.store)
        torn.update(bench.store)
        if chance.random() < 0.7:
            folder = tmp_path / "torn/train.log"
            [path] = folder.glob("*tfevents*")
            kept = json.loads((folder / STATE).read_bytes())["length"]
            with path.open("r+b") as file:
                file.truncate(chance.randrange(kept, path.stat().st_size + 1))
            torn = Mirror(tmp_path / "torn")
    torn.update(bench.store)
    bench.stop()

    [expected] = (tmp_path / "whole/train.log").glob("*tfevents*")
    [found] = (tmp_path / "torn/train.log").glob("*tfevents*")
    assert expected.read_bytes() == found.read_bytes()
    stored = json.loads((tmp_path / "whole/train.log" / STATE).read_bytes())
    assert stored["records"] > 15


def test_a_log_that_is_read_anew_begins_anew(
    bench: Bench, log: Path, tmp_path: Path
) -> None:
    """Points of a database that is gone are not in the file."""
    append(log, lines(0, 20))
    bench.settle()
    Mirror(tmp_path / "runs").update(bench.store)
    with bench.store.transaction():
        bench.store.rewind(bench.rows()["train.log"].id)
    bench.stop()
    log.write_bytes(b"")
    bench.start()
    append(log, lines(100, 110))
    bench.settle()

    Mirror(tmp_path / "runs").update(bench.store)

    name = max(bench.rows())
    assert [*range(100, 110)] == losses(tmp_path / "runs" / name)


def test_one_bad_directory_stops_no_other(bench: Bench, tmp_path: Path) -> None:
    """What cannot be written is an error, and is tried again."""
    for name in ("a.log", "b.log"):
        append(bench.logs / name, lines(0, 20))
    bench.settle()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/a.log").write_text("in the way")
    mirror = Mirror(tmp_path / "runs")

    with pytest.raises(OutputError, match=r"runs/a\.log"):
        mirror.update(bench.store)

    assert [*range(20)] == losses(tmp_path / "runs/b.log")
    (tmp_path / "runs/a.log").unlink()
    mirror.update(bench.store)
    assert [*range(20)] == losses(tmp_path / "runs/a.log")


@pytest.mark.slow
@pytest.mark.process
def test_the_daemon_mirrors_through_kills(tmp_path: Path) -> None:
    """`[export] tensorboard`: each point once, however often the daemon is killed."""
    (tmp_path / "gptwatch.toml").write_text('[export]\ntensorboard = "runs"\n')
    folder, step = tmp_path / "runs/train.log", 0
    for _ in range(4):
        with Started(tmp_path) as daemon:
            for _ in range(3):
                append(daemon.logs / "train.log", lines(step, step + 50))
                step += 50
                daemon.read_all()
    with Started(tmp_path):
        until(lambda: len(losses(folder)) >= step)

        assert [*range(step)] == losses(folder)
