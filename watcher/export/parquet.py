"""Points of many runs as one table in Parquet or Arrow: a row for each value."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from watcher.analysis.model import Analysis, Curve
from watcher.errors import GptwatchError
from watcher.outputs.report.json import to_json
from watcher.outputs.text.escape import utf8


SCHEMA: Final = "1"
# Rows in a group: a few of them are in memory while it is written.
_ROWS: Final = 1 << 18


def write(runs: Iterable[tuple[str, Analysis]]) -> Iterator[bytes]:
    """The bytes of a file with the points of some named runs, a row group at a time.

    Columns: run, metric, segment, step, line, value, current.  Hyperparameters,
    summary and findings of each run are JSON in the file's metadata.

    Raises:
        GptwatchError: pyarrow is not installed.
    """
    pa, pq = _pyarrow()
    schema = _schema(pa)
    sink = _Sink()
    about: dict[str, bytes] = {"gptwatch.schema": SCHEMA.encode()}
    with pq.ParquetWriter(
        sink,
        schema,
        compression="zstd",
        use_dictionary=["run", "metric", "value", "segment"],
        column_encoding={"step": "DELTA_BINARY_PACKED", "line": "DELTA_BINARY_PACKED"},
    ) as writer:
        for name, analysis in runs:
            about[f"gptwatch.run:{utf8(name)}"] = _about(analysis)
            for columns in _tables(pa, [(name, analysis)]):
                writer.write_table(pa.Table.from_arrays(columns, schema=schema))
                yield from sink.take()
        writer.add_key_value_metadata(about)
    yield from sink.take()


def write_arrow(runs: Iterable[tuple[str, Analysis]]) -> Iterator[bytes]:
    """The same columns as a stream of Arrow's IPC format, a batch at a time.

    Raises:
        GptwatchError: pyarrow is not installed.
    """
    pa, _ = _pyarrow()
    schema = _schema(pa)
    sink = _Sink()
    with pa.ipc.new_stream(sink, schema) as writer:
        for columns in _tables(pa, runs):
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
            yield from sink.take()
    yield from sink.take()


def _tables(pa: Any, runs: Iterable[tuple[str, Analysis]]) -> Iterator[list[Any]]:
    """The columns of each curve, at most so many rows at a time."""
    for name, analysis in runs:
        for curve in analysis.curves.values():
            for start in range(0, len(curve), _ROWS):
                part = slice(start, start + _ROWS)
                yield _columns(pa, name, analysis, curve, part)


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise GptwatchError(
            "Parquet and Arrow need pyarrow, which is not installed; to install it: "
            "pip install 'gptwatch[parquet]'"
        ) from None
    return pa, pq


def _schema(pa: Any) -> Any:
    names = pa.dictionary(pa.int32(), pa.string())
    return pa.schema(
        [
            ("run", names),
            ("metric", names),
            ("segment", pa.int16()),
            ("step", pa.int64()),
            ("line", pa.int64()),
            ("value", pa.float64()),
            ("current", pa.bool_()),
        ]
    )


def _columns(
    pa: Any, name: str, analysis: Analysis, curve: Curve, part: slice
) -> list[Any]:
    n = len(curve.lines[part])
    starts = [segment.first_line for segment in analysis.segments[1:]]
    segments = np.searchsorted(starts, curve.lines[part], side="right") + 1
    return [
        _repeated(pa, utf8(name), n),
        _repeated(pa, utf8(curve.metric), n),
        pa.array(segments.astype(np.int16)),
        pa.array(curve.steps[part]),
        pa.array(curve.lines[part]),
        pa.array(curve.values[part]),
        pa.array(curve.current[part]),
    ]


def _repeated(pa: Any, text: str, n: int) -> Any:
    return pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(n, np.int32)), pa.array([text])
    )


def _about(analysis: Analysis) -> bytes:
    return to_json(
        {
            "path": analysis.path,
            "format": analysis.format,
            "model_info": dict(analysis.info),
            "summary": asdict(analysis.summary),
            "findings": [asdict(finding) for finding in analysis.findings],
        }
    )


class _Sink(io.RawIOBase):
    """Takes what the writer writes, until somebody fetches it."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: Any) -> int:
        """Keeps some bytes."""
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def take(self) -> Iterator[bytes]:
        """What was written since."""
        parts, self._parts = self._parts, []
        yield from parts
