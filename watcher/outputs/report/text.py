"""The report: a text file that tells a person how a training went."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from watcher.analysis.finding import SEVERITIES, Finding
from watcher.analysis.model import Analysis, Summary
from watcher.outputs.report import evaluations, speed_advice
from watcher.outputs.report.hyperparameters import model_rows, settings_rows
from watcher.outputs.text.catalog import say
from watcher.outputs.text.escape import clean
from watcher.outputs.text.numbers import (
    count,
    every,
    integer,
    loss_in,
    mfu,
    milliseconds,
    percent,
    plain,
    rate,
    seconds,
    times,
)


WIDTH = 80
# Stretches of a restarted run that are told one by one.
_STRETCHES = 6

Row = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Section:
    """A heading with rows in two columns, then lines as they are.

    Attributes:
        title: "" for the head of the report.
        rows: label and value; empty values are left out.
        lines: of a table or of text, at most WIDTH wide.
    """

    title: str
    rows: Sequence[Row] = ()
    lines: Sequence[str] = ()


def report(analysis: Analysis, *, lang: str) -> str:
    """The whole report, 80 columns wide, every line ended; absent facts left out."""
    sections = [section for section in _sections(analysis, lang) if _filled(section)]
    labels = [label for section in sections for label, value in section.rows if value]
    column = max((len(label) for label in labels), default=0) + 2
    blocks = ["\n".join(_render(section, column)) for section in sections]
    return plain("\n\n".join([_title(analysis, lang), *blocks]) + "\n")


def _steps(summary: Summary, lang: str) -> str:
    """`0 to 5,000 of 5,000`, "" for a log without steps."""
    if summary.first_step is None or summary.last_step is None:
        return ""
    first, last = integer(summary.first_step, lang), integer(summary.last_step, lang)
    if summary.max_steps is None:
        return say(lang, "{first} to {last}", first=first, last=last)
    most = integer(summary.max_steps, lang)
    return say(lang, "{first} to {last} of {most}", first=first, last=last, most=most)


def _title(analysis: Analysis, lang: str) -> str:
    """The report's name underlined, then what matters most in a sentence."""
    from watcher.outputs import text

    name = say(lang, "Training report: {name}", name=clean(analysis.name))
    headline = clean(text.headline(analysis, lang))
    lines = _wrap(name)
    return "\n".join([*lines, "=" * max(map(len, lines)), "", *_wrap(headline)])


def _sections(analysis: Analysis, lang: str) -> Iterator[_Section]:
    """The sections in the order in which people ask."""
    yield _head(analysis, lang)
    yield _Section(say(lang, "Model"), model_rows(analysis, lang))
    yield _Section(say(lang, "Settings"), settings_rows(analysis, lang))
    yield _Section(say(lang, "Training"), _training_rows(analysis, lang))
    yield _Section(say(lang, "Speed"), _speed_rows(analysis, lang))
    yield _validation(analysis, lang)
    yield _Section(say(lang, "Course of the run"), _course_rows(analysis, lang))
    yield _Section(say(lang, "Findings"), lines=_findings(analysis, lang))
    yield _Section(say(lang, "Advice on speed"), lines=_advice(analysis, lang))


def _filled(section: _Section) -> bool:
    """Whether a section has anything to say."""
    return bool(section.lines) or any(value for _, value in section.rows)


def _render(section: _Section, column: int) -> Iterator[str]:
    """The lines of a section, values in one column."""
    if section.title:
        yield section.title
        yield "-" * len(section.title)
    for label, value in section.rows:
        if value:
            yield from _wrap(f"{label:<{column}}{value}", " " * column)
    if section.lines and any(value for _, value in section.rows):
        yield ""
    yield from section.lines


def _wrap(text: str, indent: str = "") -> list[str]:
    """The text in lines of WIDTH, never broken inside a word."""
    return textwrap.wrap(
        text,
        WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]


def _head(analysis: Analysis, lang: str) -> _Section:
    """Which log this is, and how far it goes."""
    summary, changed = analysis.summary, analysis.changed_at
    reach = _steps(summary, lang)
    records = count(summary.records, "record", lang)
    written = changed and datetime.fromtimestamp(changed, UTC)
    rows = [
        (say(lang, "Log"), clean(analysis.path)),
        (say(lang, "Format"), clean(analysis.format)),
        (say(lang, "Last written"), f"{written:%Y-%m-%d %H:%M} UTC" if written else ""),
        (say(lang, "Steps"), f"{reach} ({records})" if reach else ""),
    ]
    empty = not analysis.curves
    return _Section("", rows, [say(lang, "This log has no metrics.")] if empty else [])


def _training_rows(analysis: Analysis, lang: str) -> list[Row]:
    """First and final loss, and what lies between."""
    summary = analysis.summary
    final = _loss(summary.final_loss, analysis, lang)
    if final and analysis.smoothed_loss:
        final += f" ({say(lang, 'the log prints an average')})"
    factor = summary.improvement
    return [
        (say(lang, "First loss"), _loss(summary.first_loss, analysis, lang)),
        (say(lang, "Final loss"), final),
        (say(lang, "Lowest loss"), _loss(summary.best_loss, analysis, lang)),
        (
            say(lang, "Improvement"),
            ""
            if factor is None
            else say(lang, "{factor} (first / final)", factor=times(factor, lang)),
        ),
        (say(lang, "Not finite"), nonfinite(summary, lang)),
    ]


def _loss(value: float | None, analysis: Analysis, lang: str) -> str:
    """A training loss with its unit, "" for none."""
    if value is None:
        return ""
    return loss_in(value, analysis.train.unit if analysis.train else "", lang)


def nonfinite(summary: Summary, lang: str) -> str:
    """How many values are not finite, and since when."""
    if not summary.nonfinite:
        return ""
    values = count(summary.nonfinite, "value", lang)
    if summary.first_nonfinite_step is None:
        return values
    step = integer(summary.first_nonfinite_step, lang)
    return say(lang, "{values}, the first at step {step}", values=values, step=step)


def _speed_rows(analysis: Analysis, lang: str) -> list[Row]:
    """Typical and mean iteration, what evaluations cost, use of the GPU, the time."""
    summary = analysis.summary
    return [
        (say(lang, "Typical iteration"), _typical(summary, lang)),
        (say(lang, "Mean iteration"), _mean(summary, lang)),
        (say(lang, "One evaluation"), _evaluation(summary, lang)),
        (say(lang, "Mean MFU"), _mfu(summary, lang)),
        (say(lang, "Throughput"), throughput(analysis, lang)),
        (say(lang, "Total time"), _seconds(summary.training_s, lang)),
        (say(lang, "Time left"), _left(summary, lang)),
    ]


def _typical(summary: Summary, lang: str) -> str:
    """Median iteration without pauses."""
    if summary.typical_ms is None:
        return ""
    note = say(lang, "median, without pauses")
    return f"{milliseconds(summary.typical_ms, lang)} ({note})"


def _mean(summary: Summary, lang: str) -> str:
    """Mean iteration with everything in it."""
    if summary.mean_ms is None:
        return ""
    note = say(lang, "of those logged, pauses included")
    return f"{milliseconds(summary.mean_ms, lang)} ({note})"


def _evaluation(summary: Summary, lang: str) -> str:
    """`1.65 s every 50 steps, 22% of the time`."""
    parts = []
    if summary.eval_ms is not None:
        parts.append(milliseconds(summary.eval_ms, lang))
        if summary.eval_every:
            parts[-1] += " " + every(summary.eval_every, lang)
    if summary.eval_share is not None:
        share = percent(100 * summary.eval_share, lang)
        parts.append(say(lang, "{share} of the time", share=share))
    return ", ".join(parts)


def _mfu(summary: Summary, lang: str) -> str:
    """Mean utilisation, and the typical one beside it."""
    if summary.mean_mfu is None:
        return ""
    text = mfu(summary.mean_mfu, lang)
    if summary.typical_mfu is None:
        return text
    typical = mfu(summary.typical_mfu, lang)
    return f"{text} ({say(lang, 'typical {mfu}', mfu=typical)})"


def throughput(analysis: Analysis, lang: str) -> str:
    """Tokens per second, else what the log counts instead; "" without either."""
    tokens, curve = analysis.summary.tokens_per_s, analysis.throughput
    if tokens is not None:
        return rate(tokens, "tokens/s", lang)
    if curve is None or not np.isfinite(curve.values).any():
        return ""
    typical = np.median(curve.values[np.isfinite(curve.values)])
    return rate(float(typical), curve.unit, lang)


def _seconds(value: float | None, lang: str) -> str:
    """A stretch of time, "" for none."""
    return "" if value is None else seconds(value, lang)


def _left(summary: Summary, lang: str) -> str:
    """Time to the last step, of a run that goes on."""
    if summary.eta_s is None or summary.outcome is not None:
        return ""
    return say(lang, "about {time}", time=seconds(summary.eta_s, lang))


def _validation(analysis: Analysis, lang: str) -> _Section:
    """How train and validation loss moved, the best, the ratio and the verdict."""
    title, summary = say(lang, "Validation"), analysis.summary
    if analysis.val is None or len(analysis.val) == 0:
        none = "The log has no validation: overfitting cannot be seen."
        return _Section(title, lines=[say(lang, none)] if analysis.curves else [])
    rows = [
        (say(lang, "Best"), evaluations.best(analysis, lang)),
        (say(lang, "Last"), evaluations.last(analysis, lang)),
        (say(lang, "Since the best"), evaluations.since_best(analysis, lang)),
    ]
    line = evaluations.ratio_line(summary, lang)
    sure = evaluations.certainty(summary, lang)
    told = [line, *sure] if line else evaluations.no_ratio(analysis, lang)
    table = evaluations.table(analysis, lang)
    return _Section(title, rows, [*table, "", *(x for t in told for x in _wrap(t))])


def _course_rows(analysis: Analysis, lang: str) -> list[Row]:
    """Restarts, checkpoints and how the run ended."""
    summary = analysis.summary
    saved = count(summary.checkpoints, "checkpoint", lang)
    if summary.last_checkpoint_step is not None:
        step = integer(summary.last_checkpoint_step, lang)
        saved = say(lang, "{n}, the last at step {step}", n=saved, step=step)
    return [
        (say(lang, "Stretches"), _stretches(analysis, lang)),
        (say(lang, "Checkpoints"), saved if summary.checkpoints else ""),
        (say(lang, "How it ended"), _ended(summary, lang)),
        (say(lang, "Last line of it"), clean(summary.outcome_text or "")),
    ]


def _stretches(analysis: Analysis, lang: str) -> str:
    """Where a run that was restarted went on; "" for one in one piece."""
    if len(analysis.segments) <= 1:
        return ""
    shown = [
        say(
            lang,
            "{first} to {last}",
            first=integer(segment.first_step, lang),
            last=integer(segment.last_step, lang),
        )
        + f" ({say(lang, segment.reason)})"
        for segment in analysis.segments[:_STRETCHES]
    ]
    more = len(analysis.segments) - len(shown)
    return "; ".join(shown + [say(lang, "and {n} more", n=more)] * (more > 0))


def _ended(summary: Summary, lang: str) -> str:
    """How the run ended, as far as the log tells; "" for a log without steps."""
    if summary.outcome is not None:
        return say(lang, summary.outcome)
    if summary.last_step is None:
        return ""
    if summary.max_steps is not None and summary.last_step < summary.max_steps:
        text = "the log does not say; it stops at step {last} of {most}"
        last, most = integer(summary.last_step, lang), integer(summary.max_steps, lang)
        return say(lang, text, last=last, most=most)
    return say(lang, "the log does not say")


def _findings(analysis: Analysis, lang: str) -> list[str]:
    """What the rules saw, the gravest first, each with what may be done."""
    from watcher.outputs import text

    said = []
    for finding in by_gravity(analysis.findings):
        said += _item(clean(text.sentence(finding, lang)))
        said += _indented(clean(text.advice(finding, lang)))
    return said


def by_gravity(findings: Sequence[Finding]) -> list[Finding]:
    """The findings, critical ones first, each gravity by step."""
    rank = {severity: -place for place, severity in enumerate(SEVERITIES)}
    return sorted(findings, key=lambda f: (rank.get(f.severity, 1), f.step))


def _advice(analysis: Analysis, lang: str) -> list[str]:
    """Advice on speed, one item a piece."""
    return [line for text in speed_advice.speed(analysis, lang) for line in _item(text)]


def _item(text: str) -> list[str]:
    """A list item."""
    return _wrap(f"- {text}", "  ")


def _indented(text: str) -> list[str]:
    """The text below its list item, nothing for no text."""
    return _wrap(f"  {text}", "  ") if text else []
