"""The report: a text file about one run, for people."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from watcher.analysis.finding import SEVERITIES, Finding
from watcher.analysis.model import Analysis, Summary
from watcher.outputs.report import evaluations, speed_advice
from watcher.outputs.report.hyperparameters import model_rows, settings_rows
from watcher.outputs.report.speed import speed_rows
from watcher.outputs.text import headline as headlines
from watcher.outputs.text.catalog import tr
from watcher.outputs.text.escape import clean
from watcher.outputs.text.findings import advice, in_epochs, sentence
from watcher.outputs.text.numbers import (
    count,
    integer,
    loss_in,
    plain,
    times,
)


WIDTH = 80
# Segments of a restarted run that are listed.
_SEGMENTS = 6

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
    """The whole report, 80 columns wide; what the log does not state is left out."""
    sections = [section for section in _sections(analysis, lang) if _filled(section)]
    labels = [label for section in sections for label, value in section.rows if value]
    column = max((len(label) for label in labels), default=0) + 2
    blocks = ["\n".join(_render(section, column)) for section in sections]
    if analysis.epochs:  # the first holds the path of the log, which stays as it is
        blocks[1:] = [in_epochs(block) for block in blocks[1:]]
    return plain("\n\n".join([_title(analysis, lang), *blocks]) + "\n")


def _steps(summary: Summary, lang: str) -> str:
    """`0 to 5,000 of 5,000`, "" for a log without steps."""
    if summary.first_step is None or summary.last_step is None:
        return ""
    first, last = integer(summary.first_step, lang), integer(summary.last_step, lang)
    if summary.max_steps is None:
        return tr(lang, "{first} to {last}", first=first, last=last)
    most = integer(summary.max_steps, lang)
    return tr(lang, "{first} to {last} of {most}", first=first, last=last, most=most)


def _title(analysis: Analysis, lang: str) -> str:
    """The report's name, underlined, and the headline."""
    name = tr(lang, "Training report: {name}", name=clean(analysis.name))
    headline = clean(headlines.headline(analysis, lang))
    lines = _wrap(name)
    return "\n".join([*lines, "=" * max(map(len, lines)), "", *_wrap(headline)])


def _sections(analysis: Analysis, lang: str) -> Iterator[_Section]:
    """The sections in the order of the report."""
    yield _head(analysis, lang)
    if analysis.table:
        yield _Section(tr(lang, "Results"), lines=evaluations.table(analysis, lang))
        return
    yield _Section(tr(lang, "Model"), model_rows(analysis, lang))
    yield _Section(tr(lang, "Settings"), settings_rows(analysis, lang))
    yield _Section(tr(lang, "Training"), _training_rows(analysis, lang))
    yield _Section(tr(lang, "Speed"), speed_rows(analysis, lang))
    yield _validation(analysis, lang)
    yield _Section(tr(lang, "Timeline"), _timeline_rows(analysis, lang))
    yield _Section(tr(lang, "Findings"), lines=_findings(analysis, lang))
    yield _Section(tr(lang, "Advice on speed"), lines=_advice(analysis, lang))


def _filled(section: _Section) -> bool:
    """Whether a section has any content."""
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
        (tr(lang, "Log"), clean(analysis.path)),
        (tr(lang, "Format"), clean(analysis.format)),
        (tr(lang, "Last written"), f"{written:%Y-%m-%d %H:%M} UTC" if written else ""),
        (
            tr(lang, "Epochs" if analysis.epochs else "Steps"),
            f"{reach} ({records})" if reach else "",
        ),
    ]
    empty = not analysis.curves
    return _Section("", rows, [tr(lang, "This log has no metrics.")] if empty else [])


def _training_rows(analysis: Analysis, lang: str) -> list[Row]:
    """First, final and lowest loss."""
    summary = analysis.summary
    final = _loss(summary.final_loss, analysis, lang)
    if final and analysis.smoothed_loss:
        final += f" ({tr(lang, 'smoothed by the trainer')})"
    factor = summary.improvement
    return [
        (tr(lang, "First loss"), _loss(summary.first_loss, analysis, lang)),
        (tr(lang, "Final loss"), final),
        (tr(lang, "Lowest loss"), _loss(summary.best_loss, analysis, lang)),
        (
            tr(lang, "Improvement"),
            ""
            if factor is None
            else tr(lang, "{factor} (first / final)", factor=times(factor, lang)),
        ),
        (tr(lang, "Non-finite values"), nonfinite(summary, lang)),
    ]


def _loss(value: float | None, analysis: Analysis, lang: str) -> str:
    """A training loss with its unit, "" for none."""
    if value is None:
        return ""
    return loss_in(value, analysis.train.unit if analysis.train else "", lang)


def nonfinite(summary: Summary, lang: str) -> str:
    """How many values are not finite, and from which step on."""
    if not summary.nonfinite:
        return ""
    values = count(summary.nonfinite, "value", lang)
    if summary.first_nonfinite_step is None:
        return values
    step = integer(summary.first_nonfinite_step, lang)
    return tr(lang, "{values}, the first at step {step}", values=values, step=step)


def _validation(analysis: Analysis, lang: str) -> _Section:
    """Evaluations, the best one, the ratio and the verdict."""
    title, summary = tr(lang, "Validation"), analysis.summary
    if analysis.val is None or len(analysis.val) == 0:
        none = "The log has no validation loss: overfitting cannot be detected."
        return _Section(title, lines=[tr(lang, none)] if analysis.curves else [])
    rows = [
        (tr(lang, "Best"), evaluations.best(analysis, lang)),
        (tr(lang, "Last"), evaluations.last(analysis, lang)),
        (tr(lang, "Since the best"), evaluations.since_best(analysis, lang)),
        *evaluations.of_sets(analysis, lang),
    ]
    line = evaluations.ratio_line(summary, lang)
    sure = evaluations.certainty(summary, lang)
    ratio = [line, *sure] if line else evaluations.no_ratio(analysis, lang)
    ratio += evaluations.below(summary, lang)
    table = evaluations.table(analysis, lang)
    return _Section(title, rows, [*table, "", *(x for t in ratio for x in _wrap(t))])


def _timeline_rows(analysis: Analysis, lang: str) -> list[Row]:
    """Restarts, checkpoints and how the run ended."""
    summary = analysis.summary
    saved = count(summary.checkpoints, "checkpoint", lang)
    if summary.last_checkpoint_step is not None:
        step = integer(summary.last_checkpoint_step, lang)
        saved = tr(lang, "{n}, the last at step {step}", n=saved, step=step)
    return [
        (tr(lang, "Segments"), _segments(analysis, lang)),
        (tr(lang, "Checkpoints"), saved if summary.checkpoints else ""),
        (tr(lang, "Outcome"), _ended(summary, lang)),
        (tr(lang, "Final log line"), clean(summary.outcome_text or "")),
    ]


def _segments(analysis: Analysis, lang: str) -> str:
    """Steps of each segment of a run that was restarted; "" for a single one."""
    if len(analysis.segments) <= 1:
        return ""
    shown = [
        tr(
            lang,
            "{first} to {last}",
            first=integer(segment.first_step, lang),
            last=integer(segment.last_step, lang),
        )
        + f" ({tr(lang, segment.reason)})"
        for segment in analysis.segments[:_SEGMENTS]
    ]
    more = len(analysis.segments) - len(shown)
    return "; ".join(shown + [tr(lang, "and {n} more", n=more)] * (more > 0))


def _ended(summary: Summary, lang: str) -> str:
    """How the run ended, as far as the log states it; "" for a log without steps."""
    if summary.outcome is not None:
        return tr(lang, summary.outcome)
    if summary.last_step is None:
        return ""
    if summary.max_steps is not None and summary.last_step < summary.max_steps:
        text = "not stated in the log; it stops at step {last} of {most}"
        last, most = integer(summary.last_step, lang), integer(summary.max_steps, lang)
        return tr(lang, text, last=last, most=most)
    return tr(lang, "not stated in the log")


def _findings(analysis: Analysis, lang: str) -> list[str]:
    """What the rules found, the most severe first, each with its advice."""
    lines = []
    for finding in by_severity(analysis.findings):
        lines += _item(clean(sentence(finding, lang)))
        lines += _indented(clean(advice(finding, lang)))
    return lines


def by_severity(findings: Sequence[Finding]) -> list[Finding]:
    """The findings, critical ones first, those of one severity by step."""
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
