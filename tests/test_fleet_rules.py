"""Alert rules, board and examples: judged by Prometheus and Alertmanager themselves."""

import contextlib
import json
import shutil
import socket
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner
from fleets import Fleet
from oracle import until

from watcher import config
from watcher.alerts.lifecycle import RESOLVED
from watcher.analysis.rules import Settings as RuleSettings
from watcher.cli import cli
from watcher.metrics.alertrules import alert_rules
from watcher.metrics.board import as_json


pytestmark = [
    pytest.mark.skipif(
        not shutil.which("promtool") or not shutil.which("amtool"),
        reason="needs the packages prometheus and prometheus-alertmanager",
    ),
]


def printed(*arguments: str) -> str:
    """What `gptwatch alertrules` prints."""
    result = CliRunner().invoke(cli, ["alertrules", *arguments])
    assert 0 == result.exit_code
    return result.stdout


def checked(*command: str) -> str:
    """Runs a tool; its output, if it finds nothing wrong."""
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "toml", [{}, {"alerts": {"mute": ["plateau"], "finished": True}}], ids=["", "own"]
)
def test_promtool_accepts_the_rules(tmp_path: Path, toml: dict[str, Any]) -> None:
    """Every rule, with default thresholds and with those of a configuration."""
    (tmp_path / "gptwatch.toml").write_text(
        "".join(
            f"[{table}]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in row.items())
            for table, row in toml.items()
        )
    )
    path = tmp_path / "gptwatch.rules.yml"
    result = CliRunner().invoke(
        cli,
        [
            *("--config", str(tmp_path / "gptwatch.toml")),
            *("alertrules", "--out", str(path)),
        ],
    )

    assert 0 == result.exit_code
    count = len(alert_rules(config.of(toml).alerts, RuleSettings()))
    assert f"{count} rules found" in checked("promtool", "check", "rules", str(path))


def test_thresholds_are_those_of_the_configuration() -> None:
    """What is muted or too mild for gptwatch's own channels stays so."""
    own = config.of(
        {
            "alerts": {"min_severity": "critical", "mute": ["spike"]},
            "rules": {"slowdown": {"factor": 2.0}, "stalled": {"start_s": 77}},
        }
    )

    exprs = {r.name: r.expr for r in alert_rules(own.alerts, own.rules)}

    assert 'severity=~"critical",rule!~"spike|finished"' in exprs["GptwatchRun"]
    assert "< 0.50 *" in exprs["ThroughputRegression"]
    assert "> 77 +" in exprs["RunSilent"]


def test_the_examples_are_accepted(tmp_path: Path) -> None:
    """The configurations of Prometheus and of Alertmanager."""
    (tmp_path / "gptwatch.rules.yml").write_text(printed())
    (tmp_path / "prometheus.yml").write_text(printed("prometheus"))
    (tmp_path / "alertmanager.yml").write_text(printed("alertmanager"))

    checked("promtool", "check", "config", str(tmp_path / "prometheus.yml"))
    found = checked("amtool", "check-config", str(tmp_path / "alertmanager.yml"))

    assert "5 inhibit rules" in found


# By rule: series that make it fire, series that do not, and when it is looked at.
# A series stands for 60 samples, one a minute.
_RUN = 'instance="a",run="x.log"'
_STATE = f'gptwatch_run_state{{{_RUN},state="running"}}'
Case = tuple[Mapping[str, str], Mapping[str, str], str]
CASES: Mapping[str, Case] = {
    "GptwatchRun": (
        {f'gptwatch_run_alert{{{_RUN},rule="overfitting",severity="warning"}}': "1x60"},
        {f'gptwatch_run_alert{{{_RUN},rule="finished",severity="info"}}': "1x60"},
        "1m",
    ),
    "GptwatchDown": (
        {'up{job="gptwatch",instance="a"}': "0x60"},
        {'up{job="gptwatch",instance="a"}': "1x60"},
        "3m",
    ),
    "GptwatchHung": (
        {'gptwatch_beat_timestamp_seconds{instance="a"}': "0x60"},
        {'gptwatch_beat_timestamp_seconds{instance="a"}': "0+60x60"},
        "3m",
    ),
    "GptwatchAbsent": (
        {"up": "1x60"},
        {'gptwatch_build_info{instance="a"}': "1x60"},
        "6m",
    ),
    "GptwatchBehind": (
        {f"gptwatch_run_unread_bytes{{{_RUN}}}": "60000000+1000x60"},
        {f"gptwatch_run_unread_bytes{{{_RUN}}}": "90000000-1000x60"},
        "30m",
    ),
    "GptwatchNotices": (
        {'gptwatch_notices{instance="a"}': "1x60"},
        {'gptwatch_notices{instance="a"}': "0x60"},
        "16m",
    ),
    "GptwatchNotifyFailing": (
        {'gptwatch_notifications_total{instance="a",outcome="failed"}': "0+1x60"},
        {'gptwatch_notifications_total{instance="a",outcome="delivered"}': "0+9x60"},
        "20m",
    ),
    "RunSilent": (
        {
            f"gptwatch_run_last_line_timestamp_seconds{{{_RUN}}}": "0x60",
            f"gptwatch_run_expected_line_seconds{{{_RUN}}}": "1x60",
            _STATE: "1x60",
        },
        {
            f"gptwatch_run_last_line_timestamp_seconds{{{_RUN}}}": "0x60",
            f"gptwatch_run_expected_line_seconds{{{_RUN}}}": "100x60",
            _STATE: "1x60",
        },
        "40m",
    ),
    "ThroughputRegression": (
        {
            f"gptwatch_run_tokens_per_second{{{_RUN}}}": "100x5 80x60",
            _STATE: "1x70",
        },
        {
            f"gptwatch_run_tokens_per_second{{{_RUN}}}": "100x5 90x60",
            _STATE: "1x70",
        },
        "30m",
    ),
    "RunWasted": (
        {
            f"gptwatch_run_wasted_ratio{{{_RUN}}}": "0.5x60",
            f"gptwatch_run_since_best_seconds{{{_RUN}}}": "20000x60",
            _STATE: "1x60",
        },
        {
            f"gptwatch_run_wasted_ratio{{{_RUN}}}": "0.5x60",
            f"gptwatch_run_since_best_seconds{{{_RUN}}}": "60x60",
            _STATE: "1x60",
        },
        "1m",
    ),
    "FleetSlowdown": (
        {
            f'gptwatch_run_alert{{instance="a",run="{n}",rule="slowdown"}}': "1x60"
            for n in range(3)
        },
        {
            f'gptwatch_run_alert{{instance="{n}",run="x",rule="slowdown"}}': "1x60"
            for n in range(3)
        },
        "1m",
    ),
    "FleetNaN": (
        {
            f'gptwatch_run_alert{{cluster="c",run="{n}",rule="not_finite"}}': "1x60"
            for n in range(3)
        },
        {
            f'gptwatch_run_alert{{cluster="c",run="{n}",rule="not_finite"}}': "1x60"
            for n in range(2)
        },
        "1m",
    ),
}


def alerts_at(
    folder: Path, series: Mapping[str, str], time: str, rule: str, *, fires: bool
) -> None:
    """Lets promtool compare what a rule makes of series at a time."""
    (folder / "rules.yml").write_text(printed())
    expr = f'count(ALERTS{{alertname="{rule}",alertstate="firing"}}) > 0 or vector(0)'
    unit = {
        "interval": "1m",
        "input_series": [
            {"series": name, "values": values} for name, values in series.items()
        ],
        "promql_expr_test": [
            {
                "expr": f"({expr}) > bool 0",
                "eval_time": time,
                "exp_samples": [{"labels": "{}", "value": int(fires)}],
            }
        ],
    }
    tests = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [unit]}
    (folder / "tests.yml").write_text(json.dumps(tests))
    checked("promtool", "test", "rules", str(folder / "tests.yml"))


@pytest.mark.parametrize("rule", sorted(CASES))
def test_each_rule_fires(tmp_path: Path, rule: str) -> None:
    """On what it is for."""
    series, _, time = CASES[rule]

    alerts_at(tmp_path, series, time, rule, fires=True)


@pytest.mark.parametrize("rule", sorted(CASES))
def test_each_rule_stays_silent(tmp_path: Path, rule: str) -> None:
    """On what comes near to it."""
    _, series, time = CASES[rule]

    alerts_at(tmp_path, series, time, rule, fires=False)


def test_every_rule_has_a_case() -> None:
    """The dead man's switch fires always; it is seen below."""
    names = {r.name for r in alert_rules(config.of({}).alerts, RuleSettings())}

    assert names - {"WatchdogAlwaysFiring"} == set(CASES)


class Box(BaseHTTPRequestHandler):
    """Answers scrapes, and takes what Alertmanager posts."""

    fleet: ClassVar[Path]
    posted: ClassVar[list[dict[str, Any]]]

    def do_GET(self) -> None:
        """A scrape."""
        with contextlib.closing(Fleet(self.fleet)) as fleet:
            body = fleet.metrics().encode()
        self.send_response(200)
        self.send_header("content-type", "text/plain; version=0.0.4; charset=utf-8")
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """A notification."""
        size = int(self.headers["content-length"])
        self.posted.append(json.loads(self.rfile.read(size)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


def free_port() -> int:
    """A port of the loopback interface."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


@contextlib.contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[None]:
    """A server that is killed in the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        yield
    finally:
        process.kill()
        process.wait()


class Monitoring:
    """Prometheus and Alertmanager on the metrics of a fleet.

    Attributes:
        fleet: what is scraped.
    """

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.fleet = Fleet(folder / "state")
        stack.callback(self.fleet.close)
        Box.fleet, Box.posted = folder / "state", []
        box = ThreadingHTTPServer(("127.0.0.1", 0), Box)
        stack.callback(box.server_close)
        stack.callback(box.shutdown)
        threading.Thread(target=box.serve_forever, daemon=True).start()
        self._port, self._alertmanager = free_port(), free_port()
        self._write(folder, box.server_port)
        stack.enter_context(
            running(
                [
                    "prometheus-alertmanager",
                    f"--config.file={folder}/alertmanager.yml",
                    f"--storage.path={folder}/alerts",
                    f"--web.listen-address=127.0.0.1:{self._alertmanager}",
                    "--cluster.listen-address=",
                ],
                folder / "alertmanager.log",
            )
        )
        stack.enter_context(
            running(
                [
                    "prometheus",
                    f"--config.file={folder}/prometheus.yml",
                    f"--storage.tsdb.path={folder}/data",
                    f"--web.listen-address=127.0.0.1:{self._port}",
                    # What found no Alertmanager at first is sent again soon.
                    "--rules.alert.resend-delay=1s",
                ],
                folder / "prometheus.log",
            )
        )

    def _write(self, folder: Path, box: int) -> None:
        """The shipped files, with the test's addresses and with seconds for minutes."""
        rules = printed().replace("keep_firing_for: 5m", "keep_firing_for: 1s")
        (folder / "gptwatch.rules.yml").write_text(rules)
        routes = printed("alertmanager").replace("127.0.0.1:9099", f"127.0.0.1:{box}")
        for before in ("group_wait: 15s", "group_wait: 5s", "group_interval: 5m"):
            name = before.partition(":")[0]
            routes = routes.replace(before, f"{name}: 1s")
        (folder / "alertmanager.yml").write_text(routes)
        scrape = printed("prometheus").replace(
            "scrape_interval: 15s", "scrape_interval: 1s"
        )
        scrape = scrape.replace("127.0.0.1:8477", f"127.0.0.1:{box}")
        scrape = scrape.replace("127.0.0.1:9093", f"127.0.0.1:{self._alertmanager}")
        scrape += "\nglobal:\n  evaluation_interval: 1s\n"
        (folder / "prometheus.yml").write_text(scrape)

    def ask(self, expr: str) -> list[Any]:
        """The series that an expression gives now."""
        query = urllib.parse.urlencode({"query": expr})
        url = f"http://127.0.0.1:{self._port}/api/v1/query?{query}"
        try:
            with urllib.request.urlopen(url) as answer:
                found: list[Any] = json.load(answer)["data"]["result"]
        except urllib.error.URLError:
            return []  # not up yet
        return found

    def notified(self, run: str) -> list[tuple[str, str]]:
        """Rule and status of each notification of a run, oldest first."""
        return [
            (alert["labels"]["rule"], alert["status"])
            for post in Box.posted
            for alert in post["alerts"]
            if alert["labels"].get("run") == run
        ]


@pytest.mark.slow
@pytest.mark.process
def test_alerts_reach_a_webhook_and_the_board_is_answered(tmp_path: Path) -> None:
    """A scrape each second: firing once, resolved once, whatever a run is called."""
    hostile = 'a"b\\c{d}\n😀.log'
    shown = 'a"b\\c{d}\\n😀.log'
    with contextlib.ExitStack() as stack:
        monitoring = Monitoring(tmp_path, stack)
        fleet = monitoring.fleet
        fleet.beat()
        run = fleet.run(hostile)
        fleet.run("train.log")
        fleet.alert(run, "overfitting")
        until(lambda: monitoring.notified(shown))
        until(lambda: monitoring.ask('ALERTS{alertname="WatchdogAlwaysFiring"}'))

        for panel in json.loads(as_json())["panels"]:
            for target in panel.get("targets", []):
                expr = target["expr"].replace("$__rate_interval", "1m")
                expr = expr.replace("$instance", ".*").replace("$run", ".*")
                until(partial(monitoring.ask, expr))

        fleet.alert(run, "overfitting", RESOLVED, resolved_at=4e9)
        until(lambda: ("overfitting", "resolved") in monitoring.notified(shown))

        assert [("overfitting", "firing"), ("overfitting", "resolved")] == (
            monitoring.notified(shown)
        )
        assert [] == monitoring.notified("train.log")
        until(lambda: "deadman" in [post["receiver"] for post in Box.posted])
