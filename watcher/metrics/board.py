"""The board for Grafana, as JSON: four rows, templated by instance and run."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final


_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_COLUMNS: Final = 24
_HEIGHT: Final = 8
_OF: Final = '{instance=~"$instance",run=~"$run"}'
_ON: Final = '{instance=~"$instance"}'


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel.

    Attributes:
        title: as it is shown.
        kind: of Grafana: "timeseries", "stat", "table", "bargauge", ...
        queries: expressions and the legend of each.
        unit: of Grafana, "" for a plain number.
        width: of 24 columns.
        log: whether its axis is logarithmic.
        note: what a reader should know.
    """

    title: str
    kind: str
    queries: Sequence[tuple[str, str]]
    unit: str = ""
    width: int = 8
    log: bool = False
    note: str = ""


_BEST: Final = f"gptwatch_run_best_validation_loss{_OF}"
_PLANNED: Final = f"gptwatch_run_planned_steps{_OF}"
_UNREAD: Final = f"gptwatch_run_unread_bytes{_OF}"
_SAMPLED: Final = "One point a scrape; every point is on the page of the box."
ROWS: Final[Sequence[tuple[str, Sequence[Panel]]]] = (
    (
        "Fleet",
        (
            Panel(
                "Runs",
                "stat",
                [(f"sum by (state) (gptwatch_runs{_ON})", "{{state}}")],
            ),
            Panel(
                "Alerts",
                "table",
                [(f"gptwatch_run_alert{_OF} == 1", "{{run}} {{rule}}")],
            ),
            Panel(
                "Tokens per second",
                "timeseries",
                [(f"sum(gptwatch_run_tokens_per_second{_OF})", "all runs")],
            ),
            Panel(
                "States",
                "state-timeline",
                [(f"gptwatch_run_state{_OF}", "{{run}}: {{state}}")],
                width=24,
            ),
        ),
    ),
    (
        "Runs",
        (
            Panel(
                "Validation loss",
                "timeseries",
                [(f"gptwatch_run_validation_loss{_OF}", "{{run}}")],
                width=12,
                log=True,
                note=_SAMPLED,
            ),
            Panel(
                "Training loss",
                "timeseries",
                [(f"gptwatch_run_loss{_OF}", "{{run}}")],
                width=12,
                log=True,
                note=_SAMPLED,
            ),
            Panel(
                "Validation loss above its best",
                "timeseries",
                [
                    (
                        f"gptwatch_run_validation_loss{_OF} - {_BEST}",
                        "{{run}}",
                    )
                ],
            ),
            Panel(
                "Progress",
                "bargauge",
                [
                    (
                        f"gptwatch_run_step{_OF} / gptwatch_run_planned_steps{_OF}",
                        "{{run}}",
                    )
                ],
                unit="percentunit",
            ),
            Panel(
                "Time left",
                "bargauge",
                [(f"gptwatch_run_remaining_seconds{_OF}", "{{run}}")],
                unit="s",
            ),
            Panel(
                "Time of an iteration",
                "timeseries",
                [(f"gptwatch_run_iteration_seconds{_OF}", "{{run}}")],
                unit="s",
            ),
            Panel(
                "MFU",
                "timeseries",
                [(f"gptwatch_run_mfu_ratio{_OF}", "{{run}}")],
                unit="percentunit",
            ),
            Panel(
                "Gradient norm",
                "timeseries",
                [(f"gptwatch_run_gradient_norm{_OF}", "{{run}}")],
            ),
            Panel(
                "Share of the steps after the best evaluation",
                "bargauge",
                [(f"gptwatch_run_wasted_ratio{_OF}", "{{run}}")],
                unit="percentunit",
            ),
        ),
    ),
    (
        "gptwatch",
        (
            Panel(
                "Last sign of life",
                "timeseries",
                [(f"time() - gptwatch_beat_timestamp_seconds{_ON}", "{{instance}}")],
                unit="s",
            ),
            Panel(
                "Unread",
                "timeseries",
                [
                    (
                        f"sum by (instance) (gptwatch_run_unread_bytes{_OF})",
                        "{{instance}}",
                    )
                ],
                unit="bytes",
            ),
            Panel(
                "Problems",
                "timeseries",
                [
                    (f"gptwatch_notices{_ON}", "{{instance}}: notices"),
                    (f"gptwatch_series_left_out{_ON}", "{{instance}}: series cut"),
                    (f"gptwatch_runs_left_out{_ON}", "{{instance}}: runs left out"),
                ],
            ),
            Panel(
                "Lines read per second",
                "timeseries",
                [
                    (
                        f"rate(gptwatch_read_lines_total{_ON}[$__rate_interval])",
                        "{{instance}}",
                    )
                ],
            ),
            Panel(
                "Notifications",
                "timeseries",
                [
                    (
                        f"increase(gptwatch_notifications_total{_ON}[1h])",
                        "{{instance}}: {{outcome}}",
                    )
                ],
            ),
        ),
    ),
)


def as_json() -> str:
    """The board, to be imported into Grafana."""
    board = {
        "title": "gptwatch",
        "uid": "gptwatch",
        "schemaVersion": 39,
        "editable": True,
        "refresh": "15s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": _variables()},
        "panels": list(_panels()),
    }
    return json.dumps(board, indent=1) + "\n"


def _variables() -> list[dict[str, Any]]:
    source = {"name": "datasource", "type": "datasource", "query": "prometheus"}
    on, of = 'instance=~"$instance"', 'project=~"$project"'
    queries = {
        "cluster": "label_values(gptwatch_build_info, cluster)",
        "instance": 'label_values(gptwatch_build_info{cluster=~"$cluster"}, instance)',
        "project": f"label_values(gptwatch_run_info{{{on}}}, project)",
        "run": f"label_values(gptwatch_run_info{{{on},{of}}}, run)",
    }
    # Without labels of that name, "all" is everything.
    every = {"includeAll": True, "allValue": ".*"}
    many = {"type": "query", "multi": True, "includeAll": True, "refresh": 2}
    return [
        source,
        *(
            {"name": name, "query": query, "datasource": _SOURCE, **many}
            | (every if name in {"cluster", "project"} else {})
            for name, query in queries.items()
        ),
    ]


def _panels() -> Iterator[dict[str, Any]]:
    number, y = 1, 0
    for title, panels in ROWS:
        place = {"x": 0, "y": y, "w": _COLUMNS, "h": 1}
        yield {"id": number, "type": "row", "title": title, "gridPos": place}
        number, y, x = number + 1, y + 1, 0
        for panel in panels:
            if x + panel.width > _COLUMNS:
                x, y = 0, y + _HEIGHT
            place = {"x": x, "y": y, "w": panel.width, "h": _HEIGHT}
            yield {"id": number, "gridPos": place, **_panel(panel)}
            number, x = number + 1, x + panel.width
        y += _HEIGHT


def _panel(panel: Panel) -> dict[str, Any]:
    scale = {"type": "log", "log": 10} if panel.log else {"type": "linear"}
    link = {"title": "page", "url": "/#/run/${__field.labels.run}"}
    instant = panel.kind in {"stat", "table", "bargauge"}
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.note,
        "datasource": _SOURCE,
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "expr": expr,
                "legendFormat": legend,
                "instant": instant,
                "range": not instant,
                **({"format": "table"} if panel.kind == "table" else {}),
            }
            for place, (expr, legend) in enumerate(panel.queries)
        ],
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit or "short",
                "custom": {"scaleDistribution": scale},
                "links": [link] if "run=" in panel.queries[0][0] else [],
            },
            "overrides": [],
        },
    }
