"""The files that `gptwatch once` and `gptwatch compare` leave."""

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote_from_bytes

from watcher import __version__
from watcher.analysis.model import Analysis
from watcher.analysis.pipeline import Reading
from watcher.files import write_atomically
from watcher.outputs.report.json import document as as_document
from watcher.outputs.report.json import to_parts
from watcher.outputs.report.text import report as as_text
from watcher.outputs.text.headline import headline


def write(
    reading: Reading,
    folder: Path,
    *,
    lang: str,
    theme: str,
    log_x: bool,
    now: datetime,
) -> dict[str, str]:
    """Writes picture, report and data of a log; what each is and where.

    Raises:
        OutputError: the folder cannot be written.
    """
    picture = draw(reading.analysis, lang=lang, theme=theme, log_x=log_x)
    stamp = f"{now:%Y%m%d_%H%M%S}"
    made = write_dated(reading, picture, folder, lang=lang, stamp=stamp)
    return {kind: str(path) for kind, path in made.items()}


def write_dated(
    reading: Reading, picture: bytes, folder: Path, *, lang: str, stamp: str
) -> dict[str, Path]:
    """Writes picture, report and data under names with run and date; where each is.

    Raises:
        OutputError: the folder cannot be written.
    """
    ending = f"{label(reading.analysis.name)}_{stamp}"
    figure = folder / f"training_metrics_{ending}.png"
    write_atomically(figure, [picture])
    texts = write_texts(
        reading,
        report=folder / f"training_summary_{ending}.txt",
        data=folder / f"training_data_{ending}.json",
        lang=lang,
    )
    return {"figure": figure, **texts}


def write_texts(
    reading: Reading, *, report: Path, data: Path, lang: str
) -> dict[str, Path]:
    """Writes report and data; where each is.

    Raises:
        OutputError: the folder cannot be written.
    """
    text = as_text(reading.analysis, lang=lang)
    write_atomically(report, [text.encode("utf-8", "backslashreplace")])
    write_atomically(data, to_parts(document(reading)))
    return {"report": report, "data": data}


def draw(analysis: Analysis, *, lang: str, theme: str, log_x: bool = False) -> bytes:
    """The picture of a run as PNG."""
    from watcher.outputs.plot.figure import figure

    return figure(
        analysis,
        headline=headline(analysis, lang),
        theme=theme,
        lang=lang,
        log_x=log_x,
        drawn_by=f"gptwatch {__version__}",
    )


def document(reading: Reading) -> dict[str, Any]:
    """The data document of a log."""
    parser = reading.parser
    source = {
        "path": reading.analysis.path,
        "format": reading.analysis.format,
        "bytes": reading.bytes,
        "lines": parser.lines,
        "lines_unread": parser.unread + parser.overlong,
    }
    return as_document(reading.analysis, source)


def named_apart(runs: Sequence[Analysis]) -> list[Analysis]:
    """The runs under names that differ: a stem where it is enough, else the path."""
    stems = [Path(run.path).stem for run in runs]
    if len(set(stems)) == len(stems):
        return list(runs)
    paths = [run.path for run in runs]
    seen: dict[str, int] = {}
    named = []
    for run, path in zip(runs, paths, strict=True):
        seen[path] = seen.get(path, 0) + 1
        name = path if seen[path] == 1 else f"{path} ({seen[path]})"
        named.append(replace(run, name=name))
    return named


def write_comparison(
    runs: Sequence[Analysis], folder: Path, *, lang: str, theme: str, now: datetime
) -> Path:
    """Writes the picture of several runs; where it is.

    Raises:
        OutputError: the folder cannot be written.
    """
    from watcher.outputs.plot.compare import compare_figure

    path = folder / f"comparison_{now:%Y%m%d_%H%M%S}.png"
    write_atomically(path, [compare_figure(runs, theme=theme, lang=lang)])
    return path


_NAME_BYTES: Final = 200
_SUFFIX: Final = re.compile(r"\.(?:log|out|txt|jsonl|csv)(?=#|$)")


def label(name: str) -> str:
    """A run's name as a part of the names of its files: `logs/train.log#2`: train#2."""
    return file_name(_SUFFIX.sub("", name).replace("/", "_"))


def file_name(name: str) -> str:
    """A run's folder below the output folder; odd characters as %XX."""
    raw = os.fsencode(name)
    text = raw.decode("utf-8", "replace")
    if "\ufffd" in text or not text.isprintable():
        text = quote_from_bytes(raw, safe="/ #=+@,()")
    if all(len(os.fsencode(part)) <= _NAME_BYTES for part in text.split("/")):
        return text
    digest = hashlib.blake2b(raw, digest_size=4).hexdigest()
    return f"{text[: _NAME_BYTES // 4].replace('/', '_')}~{digest}"
