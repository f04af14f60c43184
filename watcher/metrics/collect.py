"""The metrics of all runs, from the database alone: nothing is analysed here."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from parsers.formats import FORMATS
from parsers.metrics import VALIDATION
from parsers.metrics import unit as metric_unit
from watcher import __version__
from watcher.alerts.lifecycle import FIRING, RESOLVED
from watcher.metrics.families import FIGURES, Run
from watcher.metrics.names import labelled
from watcher.metrics.settings import Settings
from watcher.metrics.text import (
    COUNTER,
    GAUGE,
    Family,
    escaped,
    labels,
    lines,
    sample,
)
from watcher.outputs.text.escape import clean
from watcher.storage.database import Database
from watcher.storage.rows import Row


# States of a run, as `watcher.daemon.run_state` decides them; "new" before it did.
STATES: Final = (
    *("new", "running", "quiet", "stalled"),
    *("crashed", "finished", "stopped", "replaced"),
)
_OVER: Final = frozenset({"crashed", "finished", "stopped", "replaced"})
# An alert that resolved is written as 0 for so long, so that its end is seen.
_RESOLVED_S: Final = 900.0
# Of all runs together; those of the daemon come on top.
_MAX_SERIES: Final = 9_900
_UNITS: Final = {"nats/token": "nats", "bits/byte": "bits_per_byte"}


def exposition(
    database: Database,
    *,
    now: float,
    settings: Settings | None = None,
    openmetrics: bool = False,
) -> bytes:
    """All metrics in the text format of Prometheus; `now`: seconds since 1970.

    `openmetrics`: in that of OpenMetrics 1.0.

    Raises:
        StorageError: the database cannot be read.
    """
    chosen = settings or Settings()
    with database.snapshot():
        known = database.runs()
        note = database.note("daemon") or {}
        alerts = _alerts(database.outbox.all_alerts(), now)
        attempts = database.outbox.attempts()
    rows = [row for row in known if row.format or row.latest]
    without = sum(r.current for r in known) - sum(r.current for r in rows)
    shown = labelled(_shown(rows, now, chosen), chosen.project)
    series, cut, written = _per_run(shown, alerts, chosen)
    families = [
        *_daemon(note),
        *_totals(rows, attempts),
        *_fleet(rows, without),
        *_left_out(runs=len(rows) - written, series=cut),
        *series,
    ]
    found = _with(families, chosen.labels)
    return "".join(lines(found, openmetrics=openmetrics)).encode()


def _alerts(
    found: Iterable[tuple[int, Mapping[str, Any]]], now: float
) -> dict[int, dict[tuple[str, str], int]]:
    """For each run: 1 for a rule and severity that fires, 0 soon after it resolved.

    Pending alerts are left out: `for_s` has not passed yet; so are historical ones.
    """
    alerts: dict[int, dict[tuple[str, str], int]] = {}
    for run, alert in found:
        ended = alert.get("resolved_at") or 0.0
        recent = alert["state"] == RESOLVED and now - ended < _RESOLVED_S
        fires = alert["state"] == FIRING
        if alert.get("historical") or not (fires or recent):
            continue
        key = alert["rule"], alert["severity"]
        known = alerts.setdefault(run, {})
        known[key] = max(known.get(key, 0), int(fires))
    return alerts


def _shown(rows: Sequence[Row], now: float, settings: Settings) -> list[Row]:
    """The runs that go on or changed lately, as many as may be written."""
    since = now - settings.hours * 3600
    lately = [r for r in rows if _state(r) not in _OVER or _modified(r) >= since]
    lately.sort(key=lambda r: (_state(r) in _OVER, -_modified(r)))
    return lately[: settings.max_runs]


def _state(row: Row) -> str:
    return str(row.state.get("state", "new")) if row.current else "replaced"


def _modified(row: Row) -> float:
    return row.cursor.mtime_ns / 1e9 if row.cursor else 0.0


def _daemon(note: Mapping[str, Any]) -> list[Family]:
    version = [sample(labels({"version": __version__}), 1)]
    found = [Family("gptwatch_build_info", GAUGE, "version of gptwatch", version)]
    if not note:
        return found
    kinds = ("output", "events", "exports")
    problems = [*note.get("problems", []), *(note.get(f"{k}_error") for k in kinds)]
    notices = sum(map(bool, problems))
    text = "last sign of life of the daemon"
    return [
        *found,
        Family(
            "gptwatch_beat_timestamp_seconds", GAUGE, text, [sample("", note["at"])]
        ),
        Family(
            "gptwatch_notices", GAUGE, "problems of the daemon", [sample("", notices)]
        ),
    ]


def _totals(rows: Sequence[Row], attempts: Mapping[str, int]) -> list[Family]:
    delivered = [sample(labels({"outcome": name}), n) for name, n in attempts.items()]
    return [
        Family(
            "gptwatch_read_bytes_total",
            COUNTER,
            "bytes of logs that were read",
            [sample("", sum(row.bytes for row in rows))],
        ),
        Family(
            "gptwatch_read_lines_total",
            COUNTER,
            "lines of logs that were read",
            [sample("", sum(row.lines for row in rows))],
        ),
        Family(
            "gptwatch_notifications_total",
            COUNTER,
            "attempts to deliver a notification, by outcome",
            delivered,
        ),
    ]


def _fleet(rows: Sequence[Row], without: int) -> list[Family]:
    counts = Counter(_state(row) for row in rows)
    states = [sample(labels({"state": state}), counts[state]) for state in STATES]
    return [
        Family("gptwatch_runs", GAUGE, "runs by state", states),
        Family(
            "gptwatch_logs_without_metrics",
            GAUGE,
            "logs in which no metric was found",
            [sample("", without)],
        ),
    ]


def _left_out(*, runs: int, series: int) -> list[Family]:
    """What the limits on series left out, so that it does not go unnoticed."""
    return [
        Family(
            "gptwatch_runs_left_out",
            GAUGE,
            "runs without series of their own: ended long ago, or too many",
            [sample("", runs)],
        ),
        Family(
            "gptwatch_series_left_out",
            GAUGE,
            "series left out because their run has too many",
            [sample("", series)],
        ),
    ]


_PER_RUN: Final = {
    "state": "the state of a run",
    "alert": "1 while an alert of a run fires",
    "info": "what a run is",
    **{figure.name: figure.help for figure in FIGURES},
}


def _per_run(
    runs: Sequence[Run],
    alerts: Mapping[int, Mapping[tuple[str, str], int]],
    settings: Settings,
) -> tuple[list[Family], int, int]:
    """The series of runs, how many were cut from them, and how many runs there are."""
    found: dict[str, list[str]] = {name: [] for name in _PER_RUN}
    cut = written = total = 0
    for run in runs:
        series = _series(run, alerts.get(run.row.id, {}))
        kept = series[: settings.max_series]
        total += len(kept)
        if total > _MAX_SERIES:
            break
        cut += len(series) - len(kept)
        written += 1
        for name, text in kept:
            found[name].append(text)
    families = [
        Family(f"gptwatch_run_{name}", GAUGE, text, found[name])
        for name, text in _PER_RUN.items()
    ]
    return families, cut, written


def _series(run: Run, alerts: Mapping[tuple[str, str], int]) -> list[tuple[str, str]]:
    """Name and sample of each series of a run, the most important first."""
    name = run.labels
    series = [
        ("state", sample(f'{name},state="{_state(run.row)}"', 1)),
        *(
            ("alert", sample(f'{name},rule="{rule}",severity="{severity}"', firing))
            for (rule, severity), firing in alerts.items()
        ),
        ("info", sample(f"{name},{_facts(run.row)}", 1)),
    ]
    units = {
        "": name,
        "loss": _with_unit(name, _unit(run.row, "loss")),
        "val": _with_unit(name, _validation_unit(run.row)),
    }
    for figure in FIGURES:
        value = figure.value(run)
        if value is not None:
            series.append((figure.name, sample(units[figure.unit_of], value)))
    return series


def _with_unit(label: str, unit: str) -> str:
    return f'{label},unit="{unit}"' if unit else label


def _facts(row: Row) -> str:
    parameters = clean(str(row.hyperparameters.get("parameters", "")))
    return (
        f'format="{row.format}",model_parameters="{escaped(parameters)}",'
        f'generation="{row.generation}"'
    )


_FORMATS: Final = {form.name: form for form in FORMATS}


def _unit(row: Row, metric: str) -> str:
    form = _FORMATS.get(row.format)
    unit = metric_unit(metric)
    return _UNITS.get(form.units.get(metric, unit) if form else unit, "")


def _validation_unit(row: Row) -> str:
    metric = next((name for name in VALIDATION if name in row.latest), "")
    return _unit(row, metric) if metric else ""


def _with(families: Iterable[Family], more: Mapping[str, str]) -> Iterable[Family]:
    """The families with the user's own labels on every sample."""
    if not more:
        yield from families
        return
    own = labels(more)
    for f in families:
        samples = [
            f"{{{own},{text[1:]}" if text.startswith("{") else f"{{{own}}}{text}"
            for text in f.samples
        ]
        yield Family(f.name, f.kind, f.help, samples)
