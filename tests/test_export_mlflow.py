"""`gptwatch push`: to a server that has MLflow's limits, and fails now and then."""

import json
import random
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from oracle import append, lines

from parsers.batch import Floats
from watcher.analysis.model import Curve
from watcher.cli import cli
from watcher.errors import OutputError
from watcher.export.mlflow import parameters
from watcher.export.thinning import chosen


class Fake:
    """What a server of MLflow keeps, and what it refuses.

    Attributes:
        runs: by identity: tags, params, status, and points by metric.
        failing: the share of batches that are written in part, and then fail.
        headers: of the last request.
    """

    def __init__(self) -> None:
        self.experiments: dict[str, str] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.failing = 0.0
        self.chance = random.Random(1)
        self.headers: dict[str, str] = {}

    def answer(self, call: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body."""
        name = "_" + call.replace("/", "_").replace("-", "_")
        status, found = getattr(self, name)(body)
        return status, found

    def _experiments_get_by_name(self, body: Any) -> Any:
        name = body["experiment_name"]
        if name not in self.experiments:
            return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST"}
        return 200, {"experiment": {"experiment_id": self.experiments[name]}}

    def _experiments_create(self, body: Any) -> Any:
        self.experiments[body["name"]] = str(len(self.experiments))
        return 200, {"experiment_id": self.experiments[body["name"]]}

    def _runs_search(self, body: Any) -> Any:
        wanted = body["filter"].split("'")[1]
        found = [
            {"info": {"run_id": name}}
            for name, run in self.runs.items()
            if run["tags"]["gptwatch.run"] == wanted
        ]
        return 200, {"runs": found}

    def _runs_create(self, body: Any) -> Any:
        name = f"r{len(self.runs)}"
        tags = {tag["key"]: tag["value"] for tag in body["tags"]}
        self.runs[name] = {"tags": tags, "params": {}, "metrics": {}, "status": ""}
        return 200, {"run": {"info": {"run_id": name}}}

    def _runs_update(self, body: Any) -> Any:
        self.runs[body["run_id"]]["status"] = body["status"]
        return 200, {}

    def _runs_log_batch(self, body: Any) -> Any:
        metrics, params = body.get("metrics", []), body.get("params", [])
        if len(metrics) > 1000 or len(params) > 100:
            return 400, {"error_code": "INVALID_PARAMETER_VALUE"}
        run = self.runs[body["run_id"]]
        fails = self.chance.random() < self.failing
        kept = metrics[: self.chance.randrange(len(metrics) + 1)] if fails else metrics
        for point in kept:
            run["metrics"].setdefault(point["key"], []).append(point)
        for param in params:
            if run["params"].setdefault(param["key"], param["value"]) != param["value"]:
                return 400, {"error_code": "INVALID_PARAMETER_VALUE"}
        run["tags"] |= {tag["key"]: tag["value"] for tag in body.get("tags", [])}
        return (500, {"error_code": "INTERNAL_ERROR"}) if fails else (200, {})

    def _metrics_get_history(self, body: Any) -> Any:
        found = self.runs[body["run_id"]]["metrics"].get(body["metric_key"], [])
        start = int(body.get("page_token", 0))
        more = {"next_page_token": str(start + 300)} if start + 300 < len(found) else {}
        return 200, {"metrics": found[start : start + 300], **more}


@pytest.fixture
def server() -> Iterator[tuple[Fake, str]]:
    """A server and its address."""
    fake = Fake()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urllib.parse.urlsplit(self.path)
            self._answer(parts.path, dict(urllib.parse.parse_qsl(parts.query)))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            assert len(body) < 1_000_000
            self._answer(self.path, json.loads(body))

        def _answer(self, path: str, body: Any) -> None:
            fake.headers = {k.lower(): v for k, v in self.headers.items()}
            status, found = fake.answer(path.removeprefix("/api/2.0/mlflow/"), body)
            data = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield fake, f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    http.server_close()


def push(log: Path, url: str, *more: str) -> Result:
    """Runs `gptwatch push`."""
    return CliRunner().invoke(cli, ["push", str(log), "--url", url, *more])


def steps(fake: Fake, tag: str = "train/loss") -> list[int]:
    """Steps of the points that the only run has of a metric."""
    [run] = fake.runs.values()
    return [point["step"] for point in run["metrics"][tag]]


def test_a_run_is_sent_once(server: tuple[Fake, str], tmp_path: Path) -> None:
    """A second push of a longer log sends what came since, to the same run."""
    fake, url = server
    log = tmp_path / "train.log"
    log.write_bytes(lines(0, 2500))

    first = push(log, url)
    append(log, lines(2500, 2600))
    second = push(log, url)
    third = push(log, url)

    assert [0, 0, 0] == [r.exit_code for r in (first, second, third)], first.output
    assert [*range(2600)] == steps(fake)
    assert "sent 300 points" in second.output
    assert "sent 0 points" in third.output
    [run] = fake.runs.values()
    assert "RUNNING" == run["status"]
    assert "nanogpt" == run["tags"]["gptwatch.format"]


def test_failures_lose_and_double_nothing(
    server: tuple[Fake, str], tmp_path: Path
) -> None:
    """A batch that was written in part is completed by the next push."""
    fake, url = server
    fake.failing = 0.4
    log = tmp_path / "train.log"
    log.write_bytes(lines(0, 4000))

    tries = [push(log, url) for _ in range(40)]

    assert any(isinstance(r.exception, OutputError) for r in tries)
    assert any(r.exit_code == 0 for r in tries)
    assert [*range(4000)] == steps(fake)


def test_long_curves_are_thinned_out_unless_all_is_asked_for(
    server: tuple[Fake, str], tmp_path: Path
) -> None:
    """The plan is printed before anything is sent."""
    fake, url = server
    log = tmp_path / "train.log"
    log.write_bytes(lines(0, 12_000))

    planned = push(log, url, "--dry-run")
    assert {} == fake.runs
    assert "4690 of 36000 points" in planned.output

    push(log, url)

    sent = steps(fake)
    assert {n for n in range(12_000) if n % 16 in {0, 15}} <= set(sent)
    assert len(sent) < 2000


def test_a_run_that_grew_past_the_limit_is_sent_to_its_end(
    server: tuple[Fake, str], tmp_path: Path
) -> None:
    """Thinned out more than before, it has points that were sent, and no gap."""
    fake, url = server
    log = tmp_path / "train.log"
    log.write_bytes(lines(0, 4000))
    push(log, url)
    append(log, lines(4000, 8000))

    push(log, url)

    more = [n for n in range(4000, 8000) if n % 8 in {0, 7}]
    assert [*range(4000), *more] == steps(fake)


VALUES = st.lists(
    st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=300
)


@given(values=VALUES, more=VALUES, limit=st.integers(8, 40))
def test_what_is_chosen_shows_the_curve(
    values: list[float], more: list[float], limit: int
) -> None:
    """Extremes and both ends; of a longer log nothing new of the part before."""
    curve, longer = (of(np.array(v)) for v in (values, values + more))

    found, later = chosen(curve, limit), chosen(longer, limit)

    finite = np.flatnonzero(np.isfinite(curve.values))
    assert len(found) <= limit + 4
    assert set(found) <= set(finite)
    if len(finite):
        kept = curve.values[found]
        assert (finite[0], finite[-1]) == (found[0], found[-1])
        known = curve.values[finite]
        assert (kept.min(), kept.max()) == (known.min(), known.max())
    # But for the last stretch, which was not full.
    assert {n for n in later if n < len(values)} - set(found) <= set(finite[-80:])


def test_no_evaluation_is_left_out() -> None:
    """They are what a run is judged by."""
    assert 9000 == len(chosen(of(np.ones(9000), "val_loss"), 100))


def of(values: Floats, metric: str = "loss") -> Curve:
    """A curve of a value a line."""
    at = np.arange(len(values))
    return Curve(metric, "", at, values, at + 1, np.ones(len(values), dtype=bool))


def test_credentials_are_sent_and_never_shown(
    server: tuple[Fake, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of MLflow's variables."""
    fake, url = server
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "very-secret")
    log = tmp_path / "train.log"
    log.write_bytes(lines(0, 20))
    fake.failing = 1.0

    result = push(log, url)

    assert "Bearer very-secret" == fake.headers["authorization"]
    assert "very-secret" not in result.output + str(result.exception)


def test_secrets_of_a_log_stay_on_the_box() -> None:
    """By their name or by their look; what only counts tokens is none."""
    found = {
        p["key"]: p["value"]
        for p in parameters(
            {
                "wandb_api_key": "abc",
                "note": "hf_abcdefghijklmnop",
                "tokens_per_iter": 1024,
                "lr": 0.1,
            }
        )
    }

    assert {
        "wandb_api_key": "***",
        "note": "***",
        "tokens_per_iter": "1024",
        "lr": "0.1",
    } == found


def test_a_server_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """With what to do, and without a traceback."""
    log = tmp_path / "train.log"
    log.write_bytes(lines(0, 20))

    result = push(log, "http://127.0.0.1:1")

    assert isinstance(result.exception, OutputError)
    assert "goes on from there" in str(result.exception)
