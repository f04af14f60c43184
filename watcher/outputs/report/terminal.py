"""The summary on the terminal: the main figures and a small chart."""

from collections.abc import Mapping

from rich.cells import cell_len

from watcher.analysis.model import Analysis, Summary
from watcher.outputs.report import evaluations
from watcher.outputs.report.braille import Line, Piece, chart
from watcher.outputs.report.fold import folded, painted, plainer
from watcher.outputs.report.speed import throughput
from watcher.outputs.report.text import by_severity, nonfinite
from watcher.outputs.text import headline as headlines
from watcher.outputs.text.catalog import message, tr
from watcher.outputs.text.escape import clean
from watcher.outputs.text.findings import in_epochs, sentence
from watcher.outputs.text.numbers import (
    integer,
    loss,
    mfu,
    milliseconds,
    percent,
    seconds,
    times,
)
from watcher.outputs.text.numbers import ratio as as_ratio


__all__ = ["clean", "summary"]

_ROWS = 9
_WIDEST_CHART = 100
_BRAILLE_CELL = "\u28ff"


# A line and the column where it goes on when it is folded.
_Row = tuple[Line, int]


def summary(
    analysis: Analysis,
    artifacts: Mapping[str, str],
    *,
    lang: str,
    width: int,
    colour: bool,
    encoding: str = "utf-8",
) -> str:
    """A run at a glance, no line wider than `width` cells (two at least).

    `artifacts`: path by what it is (`figure`, `report`, `data`).  What `encoding` lacks
    is replaced by something plainer.
    """
    dots = plainer(_BRAILLE_CELL, encoding) == _BRAILLE_CELL
    room = min(width, _WIDEST_CHART)
    drawn = chart(analysis, lang=lang, width=room, rows=_ROWS, dots=dots)
    blocks: tuple[list[_Row], ...] = (
        _head(analysis, lang),
        [(line, 0) for line in drawn],
        _labelled(_figures(analysis, lang)),
        _findings(analysis, lang),
        _labelled(_paths(artifacts, lang)),
    )
    texts = (_block(rows, width, encoding, colour=colour) for rows in blocks)
    return "\n".join(text for text in texts if text)


def _head(analysis: Analysis, lang: str) -> list[_Row]:
    """The run, its format and its last step; then the headline."""
    reach = "" if analysis.table else _reach(analysis.summary, lang)
    known = (analysis.format, reach)
    rest = "".join(f" · {clean(text)}" for text in known if text)
    name: Line = [(clean(analysis.name), "bold"), (rest, "muted")]
    headline = clean(headlines.headline(analysis, lang))
    return [(_in_epochs(name, analysis), 2), ([(headline, _style(analysis))], 0)]


def _in_epochs(line: Line, analysis: Analysis) -> Line:
    """The line of a log whose steps are epochs, with them called so."""
    if not analysis.epochs:
        return line
    return [(in_epochs(text), style) for text, style in line]


def _reach(summary: Summary, lang: str) -> str:
    """`step 5,000 of 5,000, finished`, as far as known."""
    if summary.last_step is None:
        return ""
    last = integer(summary.last_step, lang)
    if summary.max_steps is None:
        text = tr(lang, "step {last}", last=last)
    else:
        most = integer(summary.max_steps, lang)
        text = tr(lang, "step {last} of {most}", last=last, most=most)
    return text + (f" · {tr(lang, summary.outcome)}" if summary.outcome else "")


def _style(analysis: Analysis) -> str:
    """The style of the headline: the severity of the worst finding that lasts."""
    lasting = [f for f in analysis.findings if f.cleared_step is None]
    worst = by_severity(lasting)[:1]
    if worst and worst[0].severity != "info":
        return worst[0].severity
    return "good" if analysis.summary.verdict == "none" else "bold"


def _figures(analysis: Analysis, lang: str) -> list[tuple[str, Line]]:
    """Losses, ratio, time, speed: label and value, empty where the log has none."""
    summary = analysis.summary
    if analysis.table:  # a figure is of one run
        return []
    rows = [
        (tr(lang, "train loss"), _train(summary, lang)),
        (tr(lang, "not finite"), _not_finite(summary, lang)),
        *_validations(analysis, lang),
        (_ratio_name(summary, lang), _ratio(summary, lang)),
        (tr(lang, "time"), _time(analysis, lang)),
        (tr(lang, "speed"), _speed(analysis, lang)),
    ]
    rows = [(label, _in_epochs(line, analysis)) for label, line in rows]
    return [*rows, (tr(lang, "error"), _error(summary))]


def _validations(analysis: Analysis, lang: str) -> list[tuple[str, Line]]:
    """The last evaluation and the best, of each of several validation sets."""
    summary, name = analysis.summary, _validation_name(analysis, lang)
    if not summary.validation_sets:
        one = summary.final_val, summary.best_val, summary.best_val_step
        return [(name, _validation(*one, lang))]
    return [
        (
            f"{name} ({clean(one.name)})",
            _validation(one.final_val, one.best_val, at, lang),
        )
        for one in summary.validation_sets
        for at in (one.best_val_step,)
    ]


def _train(summary: Summary, lang: str) -> Line:
    """First and final loss, and the factor between them."""
    line: Line = []
    if summary.first_loss is not None and summary.final_loss is not None:
        first, final = loss(summary.first_loss, lang), loss(summary.final_loss, lang)
        line += [(f"{first} → ", ""), (final, "train")]
    if summary.improvement is not None:
        line.append((f" ({times(summary.improvement, lang)})", "muted"))
    return line


def _not_finite(summary: Summary, lang: str) -> Line:
    """How many values of any loss are not finite, and since when."""
    bad = nonfinite(summary, lang)
    return [(bad, "critical")] if bad else []


def _validation_name(analysis: Analysis, lang: str) -> str:
    """What validation is measured in."""
    bits = analysis.val is not None and analysis.val.metric == "val_bpb"
    return tr(lang, message("val bpb") if bits else message("val loss"))


def _validation(
    last: float | None, best: float | None, step: int | None, lang: str
) -> Line:
    """The last evaluation and the best one."""
    if last is None:
        return []
    line: Line = [(loss(last, lang), "val")]
    if best is None or step is None:
        return line
    shown = {"loss": loss(best, lang), "step": integer(step, lang)}
    text = tr(lang, "best {loss} at step {step}", **shown)
    return [*line, (f", {text}", "")]


def _ratio_name(summary: Summary, lang: str) -> str:
    """The label of the verdict: val/train where there is a ratio."""
    return tr(
        lang, message("verdict") if summary.ratio is None else message("val/train")
    )


def _ratio(summary: Summary, lang: str) -> Line:
    """The ratio and the verdict, or the verdict alone."""
    verdict = evaluations.verdict(summary, lang)
    style = {"overfitting": "critical", "possible": "warning", "none": "good"}
    piece: Piece = (verdict, style.get(summary.verdict or "", ""))
    if summary.ratio is None:
        return [piece] if verdict else []
    shown = as_ratio(summary.ratio)
    return [(f"{shown} (", ""), piece, (")", "")] if verdict else [(shown, "")]


def _time(analysis: Analysis, lang: str) -> Line:
    """Typical iteration, the mean of all time, total, time left."""
    summary, parts = analysis.summary, []
    typical, mean = (
        "" if value is None else milliseconds(value, lang)
        for value in (summary.typical_ms, summary.mean_ms)
    )
    if typical:
        text = message("{ms} per epoch" if analysis.epochs else "{ms} per step")
        parts.append(tr(lang, text, ms=typical))
    if mean and mean != typical:
        parts.append(tr(lang, "{ms} on average", ms=mean))
    if summary.eval_share:
        share = percent(summary.eval_share, lang)
        parts.append(tr(lang, "evaluations {share}", share=share))
    if summary.training_s is not None:
        total = seconds(summary.training_s, lang)
        parts.append(tr(lang, "total {time}", time=total))
    if summary.eta_s is not None and summary.outcome is None:
        left = seconds(summary.eta_s, lang)
        parts.append(tr(lang, "{time} left", time=left))
    return [(", ".join(parts), "")] if parts else []


def _speed(analysis: Analysis, lang: str) -> Line:
    """Tokens per second and MFU."""
    summary = analysis.summary
    share = summary.mean_mfu if summary.typical_mfu is None else summary.typical_mfu
    parts = (
        throughput(analysis, lang),
        "" if share is None else f"MFU {mfu(share, lang)}",
    )
    text = ", ".join(part for part in parts if part)
    return [(text, "")] if text else []


def _error(summary: Summary) -> Line:
    """The line of the log that states why the run failed."""
    bad = summary.outcome not in (None, "finished")
    text = clean(summary.outcome_text or "") if bad else ""
    return [(text, "critical")] if text else []


def _findings(analysis: Analysis, lang: str) -> list[_Row]:
    """What the rules found, each in a sentence, the most severe first."""
    return [
        (
            [
                ("- " if finding.severity == "info" else "! ", finding.severity),
                (clean(sentence(finding, lang)), ""),
            ],
            2,
        )
        for finding in by_severity(analysis.findings)
    ]


def _paths(artifacts: Mapping[str, str], lang: str) -> list[tuple[str, Line]]:
    """Paths of the files that were written."""
    known = (message("figure"), message("report"), message("data"))
    return [
        (tr(lang, what) if what in known else clean(what), [(clean(path), "")])
        for what, path in artifacts.items()
    ]


def _labelled(rows: list[tuple[str, Line]]) -> list[_Row]:
    """Labels in one column, their values in the next; empty ones left out."""
    filled = [(label, line) for label, line in rows if line]
    column = max((cell_len(label) for label, _ in filled), default=0) + 2
    return [
        ([(label + " " * (column - cell_len(label)), "muted"), *line], column)
        for label, line in filled
    ]


def _block(rows: list[_Row], width: int, encoding: str, *, colour: bool) -> str:
    """Rows folded to the width, in colours if wanted, every line ended."""
    lines = (
        part
        for line, indent in rows
        for part in folded(
            [(plainer(text, encoding), style) for text, style in line],
            max(width, 2),
            indent if indent * 2 < width else 0,
        )
    )
    return "".join(painted(line, colour=colour) + "\n" for line in lines)
