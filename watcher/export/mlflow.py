"""A run sent to an MLflow server, by its REST interface; MLflow is not needed.

Metrics of MLflow are appended, never overwritten.  So the run is found again by a tag,
and the server is asked which points of each metric it has: only the others are sent.
"""

import base64
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from parsers.batch import Ints
from watcher.analysis.model import Analysis, Curve
from watcher.errors import OutputError
from watcher.export.tags import tag
from watcher.export.tensorboard import Times
from watcher.export.thinning import chosen
from watcher.outputs.text.headline import headline


# Limits of one request, from MLflow's documentation of log-batch.
METRICS: Final = 1000
PARAMS: Final = 100
_VALUE_CHARACTERS: Final = 500
_PAGE: Final = "25000"
_TIMEOUT_S: Final = 30.0
_TAG: Final = "gptwatch.run"
_STATES: Final = {"finished": "FINISHED", None: "RUNNING"}
Known = dict[str, Counter[tuple[int, float]]]
_SECRET: Final = re.compile(
    r"(?i)(?:token|secret|password|passwd|api_?key|credential)"
    r"|\b(?:hf_|sk-|ghp_|xox[abp]-|AKIA)\w{8,}"
)


@dataclass(frozen=True, slots=True)
class Sent:
    """What a push did.

    Attributes:
        run: its identity on the server.
        points: how many were sent; `known`: how many were there before.
    """

    run: str
    points: int
    known: int


class Server:
    """A server of MLflow.

    Credentials are those of MLflow's own variables, and are in no message.
    """

    def __init__(self, url: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise OutputError(
                "{url}: not an address of a server; write http://HOST:PORT", url=url
            )
        self._url = url.rstrip("/")

    def post(self, call: str, **body: Any) -> dict[str, Any]:
        """The answer of a call that changes something."""
        data = json.dumps(body).encode()
        return self._answer(call, data)

    def get(self, call: str, **query: str) -> dict[str, Any]:
        """The answer of a question."""
        return self._answer(f"{call}?{urllib.parse.urlencode(query)}", None)

    def _answer(self, call: str, data: bytes | None) -> dict[str, Any]:
        url = f"{self._url}/api/2.0/mlflow/{call}"
        headers = {"content-type": "application/json", **_credentials()}
        request = urllib.request.Request(url, data, headers)  # noqa: S310 - http(s)
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
                found: dict[str, Any] = json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            reason = error.read(300).decode("utf-8", "replace")
            raise RefusedError(
                "{url}: {call}: {reason}",
                url=self._url,
                call=call.partition("?")[0],
                reason=reason,
            ) from None
        except (OSError, ValueError) as error:
            raise OutputError(
                "{url}: no answer ({error}); what was sent stays, the next "
                "push goes on from there",
                url=self._url,
                error=error,
            ) from None
        return found


class RefusedError(OutputError):
    """The server refused a call."""


def push(
    server: Server,
    analysis: Analysis,
    *,
    project: str,
    identity: str,
    limit: int | None,
    known: Known | None = None,
) -> Sent:
    """Sends what the server does not have yet; `limit`: points of a metric, at most.

    `known`: points that the server has, by tag; what is missing in it is asked for and
    noted, as is what is sent.

    Raises:
        OutputError: the server does not answer, or refuses a call.
    """
    run = _run(server, _experiment(server, project), analysis, identity)
    times, sent, before = Times(analysis), 0, 0
    there = {} if known is None else known
    for curve in analysis.curves.values():
        which, key = chosen(curve, limit), tag(curve.metric)
        if key not in there:
            there[key] = _known(server, run, key)
        missing = _missing(curve, which, there[key].copy())
        before += len(which) - len(missing)
        for part in _parts(curve, missing, times):
            server.post("runs/log-batch", run_id=run, metrics=part)
            sent += len(part)
        there[key].update(_points(curve, missing))
    _finish(server, run, analysis)
    return Sent(run, sent, before)


def _experiment(server: Server, project: str) -> str:
    try:
        found = server.get("experiments/get-by-name", experiment_name=project)
    except RefusedError:
        return str(server.post("experiments/create", name=project)["experiment_id"])
    return str(found["experiment"]["experiment_id"])


def _run(server: Server, experiment: str, analysis: Analysis, identity: str) -> str:
    quoted = identity.replace("'", "_")
    found = server.post(
        "runs/search",
        experiment_ids=[experiment],
        filter=f"tags.`{_TAG}` = '{quoted}'",
        max_results=1,
    )
    if found.get("runs"):
        return str(found["runs"][0]["info"]["run_id"])
    start = int(Times(analysis).start * 1000)
    tags = {
        _TAG: quoted,
        "mlflow.runName": analysis.name,
        "gptwatch.format": analysis.format,
    }
    made = server.post(
        "runs/create",
        experiment_id=experiment,
        start_time=start,
        tags=[{"key": key, "value": value} for key, value in tags.items()],
    )
    run = str(made["run"]["info"]["run_id"])
    params = parameters(analysis.info)
    for at in range(0, len(params), PARAMS):
        part = params[at : at + PARAMS]
        server.post("runs/log-batch", run_id=run, params=part)
    return run


def parameters(info: Mapping[str, object]) -> list[dict[str, str]]:
    """Hyperparameters as MLflow takes them; what looks like a secret is masked."""
    found = []
    for name, value in info.items():
        text = str(value)[:_VALUE_CHARACTERS]
        shown = "***" if _SECRET.search(f"{name} {text}") else text
        if name.startswith(("tokens", "n_tokens")):
            shown = text
        key = re.sub(r"[^\w\-. /]", "_", name, flags=re.ASCII)
        found.append({"key": key, "value": shown})
    return found


def _known(server: Server, run: str, key: str) -> Counter[tuple[int, float]]:
    """Step and value of the points of a metric that the server has."""
    found: Counter[tuple[int, float]] = Counter()
    query = {"run_id": run, "metric_key": key, "max_results": _PAGE}
    while True:
        try:
            answer = server.get("metrics/get-history", **query)
        except RefusedError:
            return found  # the metric is not known yet
        points = answer.get("metrics", [])
        found.update((int(p["step"]), float(p["value"])) for p in points)
        if not answer.get("next_page_token"):
            return found
        query["page_token"] = answer["next_page_token"]


def _points(curve: Curve, which: Ints) -> list[tuple[int, float]]:
    """Step and value of some points."""
    columns = curve.steps[which].tolist(), curve.values[which].tolist()
    return list(zip(*columns, strict=True))


def _missing(curve: Curve, which: Ints, known: Counter[tuple[int, float]]) -> Ints:
    """The points that the server does not have."""
    missing = []
    for at in which.tolist():
        point = int(curve.steps[at]), float(curve.values[at])
        if known[point]:
            known[point] -= 1
        else:
            missing.append(at)
    return np.array(missing, dtype=np.int64)


def _parts(curve: Curve, which: Ints, times: Times) -> Iterator[Sequence[Any]]:
    key = tag(curve.metric)
    for at in range(0, len(which), METRICS):
        part = which[at : at + METRICS]
        stamps = (times.at(curve.lines[part]) * 1000).astype(np.int64)
        columns = (curve.values[part], curve.steps[part], stamps)
        yield [
            {"key": key, "value": value, "step": step, "timestamp": stamp}
            for value, step, stamp in zip(*(c.tolist() for c in columns), strict=True)
        ]


def _finish(server: Server, run: str, analysis: Analysis) -> None:
    state = _STATES.get(analysis.summary.outcome, "FAILED")
    ended = {} if state == "RUNNING" else {"end_time": int(Times(analysis).end * 1000)}
    server.post("runs/update", run_id=run, status=state, **ended)
    tags = {
        "gptwatch.headline": headline(analysis, "en"),
        "gptwatch.best_step": analysis.summary.best_val_step,
    }
    server.post(
        "runs/log-batch",
        run_id=run,
        tags=[{"key": k, "value": str(v)} for k, v in tags.items() if v is not None],
    )


def _credentials() -> dict[str, str]:
    """As MLflow reads them."""
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        return {"authorization": f"Bearer {token}"}
    user = os.environ.get("MLFLOW_TRACKING_USERNAME")
    if user is None:
        return {}
    both = f"{user}:{os.environ.get('MLFLOW_TRACKING_PASSWORD', '')}"
    return {"authorization": "Basic " + base64.b64encode(both.encode()).decode()}
