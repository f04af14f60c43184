"""The compare table: settings that differ between runs, and their results."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from watcher.analysis.model import Analysis, Summary
from watcher.outputs.report.evaluations import verdict
from watcher.outputs.text.catalog import message, tr
from watcher.outputs.text.escape import clean
from watcher.outputs.text.numbers import (
    integer,
    loss,
    mfu,
    milliseconds,
    plain,
    ratio,
    seconds,
    setting,
    short,
    times,
    tokens_per_s,
)


WIDTH = 100
# Characters of a cell at most: longer names and settings lose their middle.
_LONGEST = 28
_GAP = 2
_MARK = " *"


@dataclass(frozen=True, slots=True)
class _Figure:
    """A figure of `Summary` as a row: its name, how it is written, what is better."""

    label: str
    field: str
    form: Callable[[float, str], str]
    better: Callable[..., float] | None = None
    of_loss: bool = False


_FIGURES = (
    _Figure(message("last step"), "last_step", integer),
    _Figure(message("best val"), "best_val", loss, min, of_loss=True),
    _Figure(message("at step"), "best_val_step", integer),
    _Figure(message("final val"), "final_val", loss, min, of_loss=True),
    _Figure(message("first train loss"), "first_loss", loss),
    _Figure(message("final train loss"), "final_loss", loss),
    _Figure(message("improvement"), "improvement", times),
    _Figure(message("val/train"), "ratio", lambda value, _: ratio(value)),
    _Figure(message("typical iteration"), "typical_ms", milliseconds, min),
    _Figure(message("mean iteration"), "mean_ms", milliseconds),
    _Figure(message("throughput"), "tokens_per_s", tokens_per_s, max),
    _Figure(message("MFU"), "typical_mfu", mfu, max),
    _Figure(message("total time"), "training_s", seconds),
)


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the table.

    Attributes:
        label: in the first column.
        cells: one a run, "" where the log of the run does not state it.
        best: places of the runs that do best, none where none is better.
    """

    label: str
    cells: tuple[str, ...]
    best: frozenset[int] = frozenset()


def table(analyses: Sequence[Analysis], *, lang: str, width: int = WIDTH) -> str:
    """Settings that differ, then results, a column a run; `*` marks the best.

    Runs that do not fit beside each other in `width` follow in blocks below.
    """
    if not analyses:
        return ""
    names = _Row(tr(lang, "run"), tuple(_names(analyses)))
    settings = _settings(analyses, lang)
    results = _results(analyses, lang)
    rows = [names, *settings, *results]
    label = max(cell_len(row.label) for row in rows)
    blocks = [
        _block((names, settings, results), runs, label, lang)
        for runs in _fitting(rows, width - label)
    ]
    notes = _notes(analyses, settings, results, lang)
    return plain("\n".join([*blocks, *notes]).rstrip())


def _names(analyses: Sequence[Analysis]) -> Iterator[str]:
    """Names of the runs; the paths where names are the same."""
    names = [analysis.name for analysis in analyses]
    for analysis in analyses:
        twice = names.count(analysis.name) > 1
        yield _shortened(clean(analysis.path if twice else analysis.name))


def _shortened(text: str) -> str:
    """The text without its middle where it is too long."""
    if cell_len(text) <= _LONGEST:
        return text
    half = (_LONGEST - 3) // 2
    return f"{text[:half]}...{text[-half:]}"


def _settings(analyses: Sequence[Analysis], lang: str) -> list[_Row]:
    """Settings for which two runs state different values, in the order of the logs."""
    rows = []
    for name in dict.fromkeys(name for a in analyses for name in a.info):
        stated = [analysis.info.get(name) for analysis in analyses]
        cells = tuple(
            "" if value is None else _shortened(clean(_value(name, value, lang)))
            for value in stated
        )
        if len({value for value in stated if value is not None}) > 1:
            rows.append(_Row(_shortened(clean(name)), cells))
    return rows


def _value(name: str, value: object, lang: str) -> str:
    """A setting; the number of parameters in short."""
    if name in ("parameters", "trainable_parameters") and isinstance(value, int):
        return short(value, lang)
    return setting(value, lang)


def _results(analyses: Sequence[Analysis], lang: str) -> list[_Row]:
    """Results of the runs; rows without any value are left out."""
    summaries = [analysis.summary for analysis in analyses]
    alike = _one_unit(analyses) and _one_task(analyses)
    rows = [
        _result(summaries, figure, lang, marked=alike or not figure.of_loss)
        for figure in _FIGURES
    ]
    verdicts = tuple(verdict(summary, lang) for summary in summaries)
    ends = tuple(tr(lang, s.outcome) if s.outcome else "" for s in summaries)
    rows += [_Row(tr(lang, "verdict"), verdicts), _Row(tr(lang, "outcome"), ends)]
    return [row for row in rows if any(row.cells)]


def _result(
    summaries: Sequence[Summary], figure: _Figure, lang: str, *, marked: bool
) -> _Row:
    """One figure of all runs, the best marked where that means something."""
    values = [getattr(summary, figure.field) for summary in summaries]
    cells = tuple("" if v is None else figure.form(v, lang) for v in values)
    best = _best(values, figure.better) if marked else frozenset()
    return _Row(tr(lang, figure.label), cells, best)


def _best(
    values: Sequence[float | None], better: Callable[..., float] | None
) -> frozenset[int]:
    """Places of the best of two or more finite values that are not all equal."""
    known = [v for v in values if v is not None and math.isfinite(v)]
    if better is None or len(set(known)) < 2:  # noqa: PLR2004 (nothing to compare)
        return frozenset()
    winner = better(known)
    return frozenset(place for place, value in enumerate(values) if value == winner)


def _one_unit(analyses: Sequence[Analysis]) -> bool:
    """Whether validation figures, where there are any, may be compared."""
    return len({a.val.unit for a in analyses if a.val is not None}) <= 1


def _one_task(analyses: Sequence[Analysis]) -> bool:
    """Whether no two runs state another vocabulary or other data."""
    return all(
        len({a.info[name] for a in analyses if name in a.info}) <= 1
        for name in ("vocab_size", "dataset")
    )


def _fitting(rows: Sequence[_Row], room: int) -> Iterator[range]:
    """Runs that fit beside each other in `room` cells, one at least."""
    widths = _widths(rows)
    first, used = 0, 0
    for run, width in enumerate(widths):
        size = width + _GAP + len(_MARK)
        if run > first and used + size > room:
            yield range(first, run)
            first, used = run, 0
        used += size
    yield range(first, len(widths))


def _widths(rows: Sequence[_Row]) -> list[int]:
    """Cells that each run's column takes, without its mark."""
    return [
        max(map(cell_len, cells))
        for cells in zip(*(r.cells for r in rows), strict=True)
    ]


def _block(
    groups: tuple[_Row, list[_Row], list[_Row]], runs: range, label: int, lang: str
) -> str:
    """The table of some of the runs, a heading above each group."""
    names, settings, results = groups
    titled = (
        (message("Settings that differ"), settings),
        (message("Results"), results),
    )
    widths = _widths([names, *settings, *results])

    def line(row: _Row) -> str:
        cells = (
            " " * (_GAP + widths[run] - cell_len(row.cells[run]))
            + row.cells[run]
            + (_MARK if run in row.best else " " * len(_MARK))
            for run in runs
        )
        padding = " " * (label - cell_len(row.label))
        return (row.label + padding + "".join(cells)).rstrip() + "\n"

    text = line(names)
    for title, rows in titled:
        known = [row for row in rows if any(row.cells[run] for run in runs)]
        text += f"\n{tr(lang, title)}\n" + "".join(map(line, known)) if known else ""
    return text


def _notes(
    analyses: Sequence[Analysis],
    settings: Sequence[_Row],
    results: Sequence[_Row],
    lang: str,
) -> Iterator[str]:
    """Notes below the table."""
    if any(row.best for row in results):
        yield tr(lang, "* best of the row")
    if not any(analysis.info for analysis in analyses):
        yield tr(lang, "The logs state no settings.")
    elif not settings:
        yield tr(lang, "The settings stated in the logs are the same.")
    if not _one_unit(analyses):
        yield tr(lang, "Validation losses have different units: no best is marked.")
    elif not _one_task(analyses):
        yield tr(lang, "Data or vocabulary differ: losses are not comparable.")
