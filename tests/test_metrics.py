"""What Prometheus gets: the names, the values, and never more than agreed."""

import contextlib
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from daemons import Started
from fleets import NOW, SUMMARY, Fleet, of, samples, series
from hypothesis import given
from hypothesis import strategies as st
from oracle import until
from pages import Served

from watcher import config
from watcher.alerts.lifecycle import FIRING, PENDING, RESOLVED
from watcher.cli import cli
from watcher.daemon.state_names import OVER, QUIET, RUNNING, STALLED
from watcher.errors import ConfigError
from watcher.metrics.collect import STATES, exposition
from watcher.metrics.families import FIGURES
from watcher.metrics.settings import Settings
from watcher.metrics.text import CONTENT_TYPE, OPENMETRICS, escaped, number, sample
from watcher.storage.database import Database
from watcher.storage.outbox import Delivery


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """An empty database."""
    with contextlib.closing(Fleet(tmp_path / "state")) as fleet:
        yield fleet


def test_figures_of_a_run_are_in_base_units(fleet: Fleet) -> None:
    """Seconds, ratios from 0 to 1, and the unit of a loss as a label."""
    fleet.run("a.log")

    text = fleet.metrics()

    expected = {
        "step": 400.0,
        "loss": 1.25,
        "validation_loss": 1.75,
        "best_validation_loss": 1.5,
        "best_step": 100.0,
        "last_line_timestamp_seconds": NOW,
        "expected_line_seconds": 2.0,
        "unread_bytes": 0.0,
        "tokens_per_second": 65536.0,
        "iteration_seconds": 0.25,
        "evaluation_seconds": 2.0,
        "remaining_seconds": 3600.0,
        "planned_steps": 1000.0,
        "mfu_ratio": 0.315,
        "learning_rate": 0.0003,
        "wasted_ratio": 0.75,
        "since_best_seconds": 90.0,
    }
    assert {f.name for f in FIGURES} == expected.keys() | {"gradient_norm"}
    for name, value in expected.items():
        assert [value] == of(text, f"run_{name}", run="a.log"), name
    assert [1.25] == of(text, "run_loss", unit="nats")
    [norm] = of(text, "run_gradient_norm")
    assert math.isnan(norm)


def test_a_loss_without_a_known_unit_has_no_unit(fleet: Fleet) -> None:
    """Programs that train anything print losses of any kind."""
    fleet.run("a.log", format="keras")

    [key] = [key for key in samples(fleet.metrics()) if key[0] == "run_loss"]

    assert (("run", "a.log"),) == key[1]


def test_what_a_log_does_not_state_has_no_series(fleet: Fleet) -> None:
    """An absent figure is no zero."""
    fleet.run("a.log", latest={"step": 1}, diagnosis={"summary": {}})

    assert {"run_state", "run_info", "run_step", "run_unread_bytes"} < {
        *series(fleet.metrics(), "a.log")
    }
    assert [] == of(fleet.metrics(), "run_loss")


def test_every_state_is_counted(fleet: Fleet) -> None:
    """A state without a run is 0: an alert on it must not lack its series."""
    fleet.run("a.log", "running")
    fleet.run("b.log", "running")
    fleet.run("c.log", "crashed")

    text = fleet.metrics()

    assert dict.fromkeys(STATES, 0.0) | {"running": 2.0, "crashed": 1.0} == {
        dict(pairs)["state"]: value
        for (name, pairs), value in samples(text).items()
        if name == "runs"
    }
    assert {RUNNING, QUIET, STALLED, *OVER} == {*STATES} - {"new"}


def test_only_the_present_state_of_a_run_has_a_series(fleet: Fleet) -> None:
    """A join on the state finds one series."""
    fleet.run("a.log", "stalled")

    assert [1.0] == of(fleet.metrics(), "run_state", run="a.log")
    assert [1.0] == of(fleet.metrics(), "run_state", run="a.log", state="stalled")


@pytest.mark.parametrize(
    ("state", "more", "expected"),
    [
        (FIRING, {}, [1.0]),
        (PENDING, {}, []),
        (FIRING, {"historical": True}, []),
        (RESOLVED, {"resolved_at": NOW - 60}, [0.0]),
        (RESOLVED, {"resolved_at": NOW - 901}, []),
    ],
    ids=["firing", "pending", "historical", "just resolved", "resolved long ago"],
)
def test_alerts_are_those_that_notify(
    fleet: Fleet, state: str, more: dict[str, Any], expected: list[float]
) -> None:
    """1 while an alert fires, 0 for a quarter of an hour after it, then nothing."""
    fleet.alert(fleet.run("a.log"), "overfitting", state, **more)

    labels = {"run": "a.log", "rule": "overfitting", "severity": "warning"}
    assert expected == of(fleet.metrics(), "run_alert", **labels)


def test_a_rule_that_fires_twice_has_one_series(fleet: Fleet) -> None:
    """One resolved and one firing alert of a rule: it fires."""
    run = fleet.run("a.log")
    fleet.alert(run, "spike", RESOLVED, resolved_at=NOW)
    with fleet.store.transaction():
        [data] = fleet.store.outbox.alerts(run).values()
        again = data | {"key": "spike@2", "state": FIRING, "resolved_at": None}
        fleet.store.outbox.save_alerts(run, [again])

    assert [1.0] == of(fleet.metrics(), "run_alert", rule="spike")


def test_the_beat_is_that_of_the_daemon(fleet: Fleet) -> None:
    """A scrape of a database that nobody writes shows an old beat."""
    assert [] == of(fleet.metrics(), "beat_timestamp_seconds")

    fleet.beat(problems=["a", "b"], output_error="c")

    assert [NOW] == of(fleet.metrics(now=NOW + 99), "beat_timestamp_seconds")
    assert [3.0] == of(fleet.metrics(), "notices")


def test_deliveries_are_counted_for_good(fleet: Fleet) -> None:
    """Old notifications are deleted; a counter never goes back."""
    outbox = fleet.store.outbox
    delivery = Delivery(1, "c", {}, 0)
    with fleet.store.transaction():
        number = outbox.add_notification({}, now=0.0, deferred=False)
        outbox.add_deliveries(number, ["c"])
        outbox.mark_failed(delivery, "no", retry_at=1.0)
        outbox.mark_failed(delivery, "no", retry_at=None)
        outbox.mark_delivered(delivery)
        outbox.delete_old(NOW)

    text = fleet.metrics()

    assert [2.0] == of(text, "notifications_total", outcome="failed")
    assert [1.0] == of(text, "notifications_total", outcome="given_up")
    assert [1.0] == of(text, "notifications_total", outcome="delivered")


def test_old_runs_are_left_out_and_counted(fleet: Fleet) -> None:
    """Runs that ended six hours ago; one that goes on stays, however silent."""
    fleet.run("old.log", "finished", modified=NOW - 7 * 3600)
    fleet.run("new.log", "finished", modified=NOW - 5 * 3600)
    fleet.run("slow.log", "running", modified=NOW - 7 * 3600)

    text = fleet.metrics()

    assert [] == series(text, "old.log")
    assert series(text, "new.log")
    assert series(text, "slow.log")
    assert [1.0] == of(text, "runs_left_out")
    assert [2.0] == of(text, "runs", state="finished")


def test_the_newest_runs_stay_when_there_are_too_many(fleet: Fleet) -> None:
    """Those that go on come first."""
    fleet.run("a.log", "running", modified=NOW - 100)
    fleet.run("b.log", "finished", modified=NOW)
    fleet.run("c.log", "finished", modified=NOW - 50)

    text = fleet.metrics(Settings(max_runs=2))

    assert series(text, "a.log")
    assert series(text, "b.log")
    assert [] == series(text, "c.log")
    assert [1.0] == of(text, "runs_left_out")


def test_a_run_has_at_most_twenty_series(fleet: Fleet) -> None:
    """State and alerts stay; what is cut is counted."""
    run = fleet.run("a.log")
    for n in range(3):
        fleet.alert(run, f"rule{n}")

    text = fleet.metrics()

    assert 20 == len(series(text, "a.log"))
    assert 3 == len(of(text, "run_alert", run="a.log"))
    assert [3.0] == of(text, "series_left_out")


def test_a_box_has_at_most_ten_thousand_series(fleet: Fleet) -> None:
    """Runs beyond that have none, and are counted."""
    for n in range(520):
        fleet.run(f"{n}.log")

    text = fleet.metrics(Settings(max_runs=1000))

    assert 10_000 >= len(samples(text))
    assert [25.0] == of(text, "runs_left_out")


def test_equal_names_below_two_directories_stay_apart(fleet: Fleet) -> None:
    """A scrape with two equal series would be refused as a whole."""
    fleet.run("train.log", root="/a/logs")
    fleet.run("train.log", root="/b/logs")

    runs = {dict(p)["run"] for n, p in samples(fleet.metrics()) if n == "run_step"}

    assert {"a-logs/train.log", "b-logs/train.log"} == runs


def test_the_users_labels_stand_on_every_series(fleet: Fleet) -> None:
    """Also on those that have no others."""
    fleet.run("a.log")
    fleet.beat()

    text = fleet.metrics(Settings(labels={"cluster": 'a"b'}))

    assert all(("cluster", 'a\\"b') in pairs for _, pairs in samples(text))


def test_the_project_of_a_run_is_a_label(fleet: Fleet) -> None:
    """On all its series; a name without one has none."""
    fleet.run("vision/a/train.log")
    fleet.run("train.log")

    text = fleet.metrics(Settings(project="^([^/]+)/"))

    assert [1.25] == of(text, "run_loss", run="vision/a/train.log", project="vision")
    names = series(text, "vision/a/train.log")
    assert len(names) == sum(
        ("project", "vision") in pairs for _, pairs in samples(text)
    )
    assert "project" not in {
        n for _, p in samples(text) if ("run", "train.log") in p for n, _ in p
    }


def test_projects_beyond_fifty_are_one(fleet: Fleet) -> None:
    """A pattern that matches the run itself cannot make a series of each."""
    for n in range(60):
        fleet.run(f"{n}/train.log")

    text = fleet.metrics(Settings(project="^([^/]+)/"))

    found = [dict(p)["project"] for n, p in samples(text) if n == "run_step"]
    assert 51 == len(set(found))
    assert 10 == found.count("other")


@pytest.mark.parametrize("pattern", ["(", "^.*/", "(a)(b)", "(?=x)(y)"])
def test_a_pattern_that_names_no_project_is_refused(pattern: str) -> None:
    """Invalid, without a group or with two, or not of RE2."""
    with pytest.raises(ConfigError, match=r"metrics\.project"):
        config.of({"metrics": {"project": pattern}})


def test_counts_are_exact_and_other_values_have_ten_digits() -> None:
    """A counter that lost its last digits would not rise."""
    assert "12345678901234567" == number(12345678901234567)
    assert '{run="a"} 1.234567891' == sample('run="a"', 1.23456789123)
    assert '{run="a"} NaN' == sample('run="a"', math.nan)
    assert " -Inf" == sample("", -math.inf)


def test_openmetrics_has_units_and_an_end(fleet: Fleet) -> None:
    """Its counters and facts are named without their suffix in the heading."""
    fleet.run("a.log")
    fleet.beat()
    with contextlib.closing(Database(fleet.folder, read_only=True)) as store:
        text = exposition(store, now=NOW, openmetrics=True).decode()

    assert text.endswith("# EOF\n")
    assert (
        "# TYPE gptwatch_read_bytes counter\n# UNIT gptwatch_read_bytes bytes" in text
    )
    assert "\ngptwatch_read_bytes_total " in text
    assert "# TYPE gptwatch_build info\n" in text
    assert samples(text).keys() == samples(fleet.metrics()).keys()


@pytest.mark.parametrize("name", ["run", "instance", "a-b", "__x", "project"])
def test_labels_that_would_be_refused_are(name: str) -> None:
    """Of Prometheus the whole scrape would be refused."""
    with pytest.raises(ConfigError, match=f"metrics.labels.{name}"):
        config.of({"metrics": {"labels": {name: "a"}}})


HOSTILE = [
    'quo"te.log',
    "new\nline.log",
    "back\\slash.log",
    "a}b{c.log",
    "😀" * 60,
    "x" * 10_000,
    "x" * 10_000 + "y",
    "bytes\udcff.log",
    "\x01\x1b[31m.log",
    "../../etc/passwd",
]


@pytest.mark.skipif(not shutil.which("promtool"), reason="needs prometheus")
def test_prometheus_accepts_hostile_names(fleet: Fleet) -> None:
    """Every name makes a series of its own, and promtool finds nothing to say."""
    for name in HOSTILE:
        fleet.alert(fleet.run(name), "overfitting")
    fleet.beat()

    text = fleet.metrics()

    assert len(HOSTILE) == len(of(text, "run_step"))
    assert all(len(dict(p).get("run", "").encode()) <= 130 for _, p in samples(text))
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=text.encode(),
        capture_output=True,
        check=False,
    )
    assert (0, b"", b"") == (checked.returncode, checked.stdout, checked.stderr)


@given(st.text())
def test_escaped_values_come_back(value: str) -> None:
    """Prometheus undoes three escapes and no other."""
    undone, rest = "", escaped(value)
    while rest:
        if rest[0] == "\\":
            undone += {"\\": "\\", '"': '"', "n": "\n"}[rest[1]]
            rest = rest[2:]
        else:
            assert rest[0] not in '"\n'
            undone, rest = undone + rest[0], rest[1:]

    assert value == undone


def test_the_command_prints_what_a_scrape_gives(fleet: Fleet) -> None:
    """`export --to prometheus`."""
    fleet.run("a.log", modified=NOW)

    command = ["export", "--to", "prometheus", "--state", str(fleet.folder)]
    result = CliRunner().invoke(cli, command)

    assert 0 == result.exit_code
    assert [1.25] == of(result.stdout, "run_loss", run="a.log")


def test_the_summary_of_the_tests_is_one() -> None:
    """The figures of the tests are those of an analysis."""
    from watcher.analysis.model import Summary

    assert Summary(**SUMMARY)


@pytest.mark.process
def test_the_daemon_keeps_a_textfile(tmp_path: Path) -> None:
    """`[metrics] textfile` is written by a process of its own, and stays whole."""
    textfile = tmp_path / "prom" / "gptwatch.prom"
    toml = tmp_path / "gptwatch.toml"
    toml.write_text(f"[metrics]\ntextfile = {json.dumps(str(textfile))}\n")
    with Started(tmp_path) as daemon:
        (daemon.logs / "train.log").write_text(
            "".join(f"iter {n}: loss {3 - n / 100}, time 5.00ms\n" for n in range(9))
        )
        until(
            lambda: (
                textfile.exists()
                and [8.0] == of(textfile.read_text(), "run_step", run="train.log")
            )
        )
        [beat] = of(textfile.read_text(), "beat_timestamp_seconds")

        until(lambda: of(textfile.read_text(), "beat_timestamp_seconds") > [beat])
        assert 0 == daemon.stop()

    assert [textfile] == list(textfile.parent.iterdir())


@pytest.mark.process
def test_a_textfile_that_cannot_be_written_is_a_notice(tmp_path: Path) -> None:
    """Reading goes on; the daemon's log and `status` name the file."""
    (tmp_path / "file").write_text("")
    (tmp_path / "gptwatch.toml").write_text(
        "[metrics]\ntextfile = 'file/gptwatch.prom'\n"
    )
    with Started(tmp_path) as daemon:
        daemon.says("file: cannot be written")

        asked = [sys.executable, "-m", "watcher", "status", "--state"]
        until(
            lambda: (
                b"cannot be written"
                in subprocess.run(
                    [*asked, str(daemon.state)], capture_output=True, check=False
                ).stdout
            )
        )


@pytest.mark.process
def test_the_page_answers_scrapes(fleet: Fleet) -> None:
    """`/metrics`, behind the guard of the page."""
    fleet.run("a.log")
    with Served(fleet.folder) as page:
        answer = page.get("/metrics")
        rebound = page.get("/metrics", headers={"host": "evil.example"})
        newer = page.get("/metrics", headers={"accept": OPENMETRICS})

    assert (200, CONTENT_TYPE) == (answer.status, answer.headers["content-type"])
    assert (200, OPENMETRICS) == (newer.status, newer.headers["content-type"])
    assert newer.body.endswith(b"# EOF\n")
    assert [1.25] == of(answer.body.decode(), "run_loss", run="a.log")
    assert 200 != rebound.status


@pytest.mark.process
def test_the_page_keeps_the_limits_of_the_configuration(fleet: Fleet) -> None:
    """As the textfile and the command do."""
    fleet.run("a.log")
    fleet.run("b.log")
    toml = "[metrics]\nhours = 1e9\nmax_runs = 1\nlabels = {cluster = 'c1'}\n"
    (fleet.folder.parent / "gptwatch.toml").write_text(toml)
    with Served(fleet.folder) as page:
        text = page.get("/metrics").body.decode()

    assert [1.0] == of(text, "runs_left_out", cluster="c1")
