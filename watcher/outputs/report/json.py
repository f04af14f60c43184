"""The data document: every point and every figure of a run, for other programs.

A document is a dictionary whose long columns stay numpy arrays; `to_parts` turns it
into JSON a few thousand points at a time, so that the largest log costs no second copy
of itself.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

import numpy as np
import orjson

from parsers import metrics
from parsers.batch import Floats
from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis, Curve, Segment, Summary
from watcher.outputs.text.findings import sentence
from watcher.outputs.text.numbers import plain


SCHEMA = 1
# Columns of one figure in two forms.
ABOUT: Final = {
    "training.time": "ms of an iteration, from the total or the rate where the log "
    "prints these",
    "training.mfu": "%, of the line's own iteration: without the log's running mean, "
    "null in pauses and where it is not known",
    "metrics.mfu": "%, as the log prints it",
}
# Points in one part of JSON or CSV: about a megabyte of text.
_PART = 1 << 16
_INT64 = range(-(2**63), 2**63)


def document(
    analysis: Analysis, source: Mapping[str, Any], *, lang: str = "en"
) -> dict[str, Any]:
    """Everything known of a run, under one schema: fields are added, never renamed.

    `source` adds what only the reader of the log knows (`bytes`, `lines_unread`) to
    path, format and lines.  Arrays are those of the analysis: do not write to them.
    """
    return {
        "schema": SCHEMA,
        "source": _source(analysis) | dict(source),
        "model_info": dict(analysis.info),
        "training": _training(analysis),
        "validation": _validation(analysis),
        "metrics": {name: _metric(curve) for name, curve in analysis.curves.items()},
        "segments": [_fields(segment, Segment) for segment in analysis.segments],
        "milestones": [
            {"kind": m.kind, "line": m.line, "step": m.step, "text": m.text}
            for m in analysis.milestones
        ],
        "summary": _fields(analysis.summary, Summary),
        "findings": [_finding(finding, lang) for finding in analysis.findings],
        "nonfinite": _nonfinite(analysis.curves),
        "decimated": _is_decimated(analysis),
        "about": ABOUT,
    }


def to_json(document: Mapping[str, Any]) -> bytes:
    """The document as JSON in UTF-8, on one line, without a line end."""
    return b"".join(to_parts(document))


def to_parts(value: Any) -> Iterator[bytes]:
    """The same bytes as `to_json`, piece by piece.

    Values that are not finite become null; a surrogate without its pair, which JSON
    cannot hold, becomes a backslash escape.
    """
    if isinstance(value, Mapping):
        yield from _object(value)
    elif isinstance(value, np.ndarray):
        yield from _array(value)
    elif isinstance(value, str):
        yield orjson.dumps(_sound(value))
    elif isinstance(value, Sequence):
        yield from _list(value)
    else:
        yield _scalar(value)


def rows(analysis: Analysis) -> Iterator[str]:
    """The long form as CSV lines, heading first: metric, step, value, line."""
    yield "metric,step,value,line\n"
    for name, curve in analysis.curves.items():
        yield from _curve_rows(_cell(name), curve)


def _is_decimated(analysis: Analysis) -> bool:
    """Whether the curves have only as many points as a picture shows."""
    main = analysis.val if analysis.train is None else analysis.train
    return main is not None and len(main) < analysis.summary.records


def _source(analysis: Analysis) -> dict[str, Any]:
    """What the analysis itself knows of its log."""
    return {
        "path": analysis.path,
        "format": analysis.format,
        "bytes": None,
        "lines": analysis.lines,
        "lines_unread": None,
    }


def _training(analysis: Analysis) -> dict[str, Any]:
    """Training loss with the time and MFU of the same lines."""
    train = analysis.train
    return {
        "iters": _empty() if train is None else train.steps,
        "loss": _empty() if train is None else train.values,
        "time": _beside(train, analysis.time),
        "mfu": _beside(train, analysis.mfu),
    }


def _validation(analysis: Analysis) -> dict[str, Any]:
    """Validation figure with the log's own training loss at the evaluation.

    Empty where the log names several validation sets: each is among the metrics.
    """
    named = analysis.val is not None and metrics.validation_set(analysis.val.metric)
    val = None if named else analysis.val
    return {
        "steps": _empty() if val is None else val.steps,
        "train_loss": _beside(val, analysis.curves.get("train_loss")),
        "val_loss": _empty() if val is None else val.values,
    }


def _empty() -> Floats:
    """A column without points."""
    return np.empty(0)


def _beside(base: Curve | None, other: Curve | None) -> Floats:
    """The other curve's value on each line of the base, NaN where it has none."""
    if base is None:
        return _empty()
    if other is None or len(other) == 0:
        return np.full(len(base), np.nan)
    if other.lines is base.lines or np.array_equal(other.lines, base.lines):
        return other.values
    at = np.searchsorted(other.lines, base.lines).clip(max=len(other) - 1)
    return np.where(other.lines[at] == base.lines, other.values[at], np.nan)


def _metric(curve: Curve) -> dict[str, Any]:
    """One metric with its unit."""
    return {"unit": curve.unit, "steps": curve.steps, "values": curve.values}


def _fields(record: Any, kind: type) -> dict[str, Any]:
    """A flat record's fields by name."""
    return {field.name: getattr(record, field.name) for field in fields(kind)}


def _finding(finding: Finding, lang: str) -> dict[str, Any]:
    """One finding with its message."""
    text = plain(sentence(finding, lang))
    return _fields(finding, Finding) | {"message": text}


def _nonfinite(curves: Mapping[str, Curve]) -> dict[str, Any]:
    """Steps of the values that are NaN or infinite, metrics without any left out."""
    bad = {name: ~np.isfinite(curve.values) for name, curve in curves.items()}
    return {name: curves[name].steps[mask] for name, mask in bad.items() if mask.any()}


def _object(value: Mapping[Any, Any]) -> Iterator[bytes]:
    """A JSON object, its members in order."""
    opening = b"{"
    for key, member in value.items():
        yield opening + orjson.dumps(_sound(str(key))) + b":"
        yield from to_parts(member)
        opening = b","
    yield b"}" if opening == b"," else b"{}"


def _list(value: Iterable[Any]) -> Iterator[bytes]:
    """A JSON array of anything."""
    opening = b"["
    for member in value:
        yield opening
        yield from to_parts(member)
        opening = b","
    yield b"]" if opening == b"," else b"[]"


def _array(column: np.ndarray[Any, Any]) -> Iterator[bytes]:
    """A JSON array of numbers, straight from numpy."""
    opening = b"["
    for start in range(0, len(column), _PART):
        part = np.ascontiguousarray(column[start : start + _PART])
        yield opening
        yield orjson.dumps(part, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]
        opening = b","
    yield b"]" if opening == b"," else b"[]"


def _scalar(value: Any) -> bytes:
    """A JSON number, boolean or null; a number of any size."""
    if isinstance(value, int) and value not in _INT64:
        return b"%d" % value
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def _sound(text: str) -> str:
    """The text with lone surrogates written as backslash escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _curve_rows(name: str, curve: Curve) -> Iterator[str]:
    """One line a point, a part of the columns at a time."""
    for start in range(0, len(curve), _PART):
        part = slice(start, start + _PART)
        columns = (curve.steps[part], curve.values[part], curve.lines[part])
        for step, value, line in zip(*(c.tolist() for c in columns), strict=True):
            yield f"{name},{step},{value!r},{line}\n"


def _cell(text: str) -> str:
    """The text as one CSV cell, quoted where it must be."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([_sound(text)])
    return out.getvalue()
