"""A run in words and figures, in the language of the page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from parsers.metrics import VALIDATION
from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis, Curve, Measured, Summary
from watcher.outputs.text.escape import utf8 as shown
from watcher.outputs.text.findings import advice, sentence
from watcher.outputs.text.headline import headline
from watcher.storage.rows import Row
from watcher.views.clock import Clock
from watcher.views.clocks import ACTIVE, TIME
from watcher.views.runs import unit
from watcher.views.series import Series
from watcher.views.source import NO_POINTS, Points
from watcher.web import wire
from watcher.web.reader import Desk


_MAIN: Final = ("loss", "train_loss", *VALIDATION)
# More of them say no more.
_MILESTONES: Final = 400
_KNOTS: Final = 256
# Of a longer curve the headline does not say whether it still falls.
_SHORT: Final = 1 << 16
T = TypeVar("T")


def translated(finding: Mapping[str, Any], lang: str) -> dict[str, Any]:
    """A finding with what it says in a language."""
    record = _known(Finding, finding)
    return dict(finding) | {
        "message": sentence(record, lang),
        "advice": advice(record, lang),
    }


def entry(known: Mapping[str, Any], lang: str) -> dict[str, Any]:
    """A run's entry in the list, in a language."""
    return dict(known) | {"alerts": [translated(a, lang) for a in known["alerts"]]}


def _known(kind: Callable[..., T], found: Mapping[str, Any]) -> T:
    """A record from its fields; those of another version are left out."""
    names = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in found.items() if name in names})


def run(desk: Desk, row: Row, lang: str) -> dict[str, Any]:
    """All that the page shows of a run beside its curves."""
    known = desk.series.metrics(row.id)
    main = next((name for name in _MAIN if name in known), None)
    diagnosis = row.diagnosis or {}
    return entry(desk.fleet.entries[row.id], lang) | {
        "hyperparameters": {
            shown(str(k)): shown(str(v)) for k, v in row.hyperparameters.items()
        },
        "headline": _headline(desk.series, row, lang),
        "summary": diagnosis.get("summary", {}),
        "findings": [
            translated(finding, lang)
            | {
                "line": _line(desk.series, row, main, finding.get("step")),
                "since_line": _line(desk.series, row, main, finding.get("since_step")),
            }
            for finding in diagnosis.get("findings", [])
        ],
        "milestones": _milestones(desk, row, main),
        "stretches": _stretches(desk.series, row, main),
        "metrics": {
            name: {"records": n, "unit": unit(row, name)} for name, n in known.items()
        },
        "file": shown(str(Path(row.root) / row.path)),
        "parts": row.parts,
        "clocks": _clocks(desk, row),
    }


def compared(rows: Sequence[Row]) -> dict[str, Any]:
    """Settings that differ between runs, and what came of each."""
    settings = [row.hyperparameters for row in rows]
    names = dict.fromkeys(name for found in settings for name in found)
    differing = [
        {
            "name": shown(name),
            "values": [
                None if name not in found else shown(str(found[name]))
                for found in settings
            ],
        }
        for name in names
        if len({str(found.get(name)) for found in settings}) > 1
    ]
    summaries = [(row.diagnosis or {}).get("summary", {}) for row in rows]
    return {
        "runs": [shown(row.name) for row in rows],
        "settings": differing,
        "results": summaries,
        "units": [unit(row, "val_loss") for row in rows],
    }


def points(
    found: Mapping[str, Points], clocks: Mapping[str, Clock], axis: str, key: float
) -> dict[str, Any]:
    """The points next to a key: each as line, step and value, and where they stand.

    `x`: of the nearest one, on the axis that was asked for.
    """
    listed = {name: p[0] for name, p in wire.points(found).items()}
    at = int(axis == "step")
    nearest = min(listed.values(), key=lambda p: abs((p[at] or 0) - key), default=None)
    line = None if nearest is None else nearest[0]
    return {
        "points": listed,
        "line": line,
        "seen_at": _at(clocks.get(TIME), line),
        "trained": _at(clocks.get(ACTIVE), line),
    }


def _at(clock: Clock | None, line: float | None) -> float | None:
    if clock is None or line is None or not clock.lines[0] <= line <= clock.lines[-1]:
        return None
    return float(clock.at(np.array([line]))[0])


def _clocks(desk: Desk, row: Row) -> dict[str, Any]:
    """What the page needs of the axes of time: some of the times that are known."""
    found = {}
    for name, clock in desk.clocks.of(row).items():
        some = np.unique(np.linspace(0, len(clock.lines) - 1, _KNOTS).astype(int))
        found[name] = {
            "source": clock.source,
            "lines": clock.lines[some].tolist(),
            "seconds": clock.seconds[some].round(3).tolist(),
        }
    return found


def _line(series: Series, row: Row, main: str | None, step: int | None) -> int | None:
    """The line of a step."""
    if main is None or step is None:
        return None
    return int(series.near(row.id, [main], "steps", step)[main].lines[0])


def _milestones(desk: Desk, row: Row, main: str | None) -> list[dict[str, Any]]:
    found = desk.database.milestones(row.id)
    every = -(-len(found) // _MILESTONES) if found else 1
    return [
        {
            "kind": m.kind,
            "line": m.line,
            "text": m.text,
            "step": _step(desk.series, row, main, m.line),
        }
        for m in found[::-1][::every][::-1]
    ]


def _step(series: Series, row: Row, main: str | None, line: int) -> float | None:
    if main is None:
        return None
    return float(series.near(row.id, [main], "lines", line)[main].steps[0])


def _stretches(series: Series, row: Row, main: str | None) -> list[dict[str, float]]:
    """The parts of the run between restarts, by the main curve."""
    if main is None:
        return []
    return [
        {"first_line": stretch.first_line, "first": first, "last": last}
        for stretch, (first, last) in series.stretches(row.id, main)
    ]


def _headline(series: Series, row: Row, lang: str) -> str:
    """The headline of the run's picture, in the language of the page."""
    diagnosis = row.diagnosis
    if not diagnosis:
        return ""
    empty: dict[str, Any] = dict.fromkeys(f.name for f in fields(Measured))
    summary = _known(Summary, diagnosis.get("summary", {}))
    known = empty | {
        "train": _curve(series.whole(row.id, "loss", _SHORT)),
        "val": _curve(NO_POINTS) if summary.evaluations else None,
        "summary": summary,
        "findings": tuple(_known(Finding, f) for f in diagnosis.get("findings", [])),
    }
    return headline(Analysis(**known), lang)


def _curve(points: Points | None) -> Curve | None:
    if points is None:
        return None
    everywhere = np.ones(len(points), dtype=bool)
    steps, lines = points.steps.astype(np.int64), points.lines.astype(np.int64)
    return Curve("loss", "", steps, points.values, lines, everywhere)
