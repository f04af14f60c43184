"""The output of `gptwatch formats`: the known formats, or how a log was detected."""

import json
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from parsers.format import Format
from parsers.suggest import Suggestion
from watcher.analysis.pipeline import Reading
from watcher.outputs.text.catalog import tr
from watcher.outputs.text.escape import clean
from watcher.outputs.text.numbers import count, integer


def known(formats: Sequence[Format], *, width: int) -> str:
    """Every format with the program that writes it and a sample line."""
    names = max(len(form.name) for form in formats)
    return "\n".join(line for form in formats for line in _entry(form, names, width))


def _entry(form: Format, names: int, width: int) -> Iterator[str]:
    yield f"{form.name:{names}}  {form.written_by}"
    for sample in form.samples[:1]:
        yield f"{'':{names}}    {_cut(sample, width - names - 4)}"


def explain(reading: Reading, path: Path, *, lang: str, width: int) -> str:
    """The detected format and why, lines for each pattern, and unread lines."""
    return "\n".join(_explanation(reading, path, lang, width))


def suggestion(found: Suggestion | None, *, lang: str) -> str:
    """The lines of gptwatch.toml that read a log, with the points that they give."""
    if found is None:
        return tr(lang, "no line repeats with a step and a loss in it")
    points = ", ".join(f"{name} {integer(n, lang)}" for name, n in found.points.items())
    patterns = [f"    {_toml(pattern)}," for pattern in found.patterns]
    return "\n".join(
        [
            "# " + tr(lang, "points: {counts}", counts=points),
            "[[formats]]",
            'name = "mylog"',
            "lines = [",
            *patterns,
            "]",
        ]
    )


def _toml(pattern: str) -> str:
    """A pattern as a TOML string, literal where it can be."""
    return f"'{pattern}'" if "'" not in pattern else json.dumps(pattern)


def _explanation(reading: Reading, path: Path, lang: str, width: int) -> Iterator[str]:
    parser = reading.parser
    yield f"{clean(str(path))}: {count(parser.lines, 'line', lang)}"
    form = parser.format
    if form is None:
        yield tr(lang, "format: none of the known ones matched a line")
        text = (
            "If these lines hold a loss, describe them in gptwatch.toml: "
            "[[formats]] with name and lines, a list of regular expressions "
            "with groups such as (?P<step>\\d+) and (?P<loss>[\\d.]+)."
        )
        yield from textwrap.wrap(tr(lang, text), width)
    else:
        yield tr(lang, "format: {name}", name=f"{form.name} ({form.written_by})")
        yield from _scores(reading, lang)
    yield from _points(reading, lang)
    yield from _unread(reading, lang, width)


def _scores(reading: Reading, lang: str) -> Iterator[str]:
    scores = reading.parser.scores()
    _, hits, patterns = scores[0]
    yield tr(lang, "lines that match its patterns: {n}", n=integer(hits, lang))
    for pattern, lines in sorted(patterns.items(), key=lambda item: -item[1]):
        yield f"  {integer(lines, lang):>9}  {clean(pattern)}"
    others = ", ".join(f"{name} {integer(n, lang)}" for name, n, _ in scores[1:])
    if others:
        text = "other candidates, with fewer or less specific matches: {formats}"
        yield tr(lang, text, formats=others)


def _points(reading: Reading, lang: str) -> Iterator[str]:
    curves = reading.analysis.curves
    if curves:
        counts = (f"{name} {integer(len(c), lang)}" for name, c in curves.items())
        yield tr(lang, "points: {counts}", counts=", ".join(counts))


def _unread(reading: Reading, lang: str, width: int) -> Iterator[str]:
    parser = reading.parser
    if parser.overlong:
        text = "lines longer than 1 MiB, skipped: {n}"
        yield tr(lang, text, n=integer(parser.overlong, lang))
    if not parser.unread and not reading.analysis.curves:
        text = "no format is known for its lines; to have one proposed: {command}"
        command = f"gptwatch formats --suggest {reading.analysis.path}"
        yield tr(lang, text, command=clean(command))
        return
    if not parser.unread:
        yield tr(lang, "no other line looks like a metric")
        return
    text = "lines that look like metrics but were not read: {n}, for example:"
    yield tr(lang, text, n=integer(parser.unread, lang))
    for number, example in parser.unread_examples:
        yield f"  {integer(number, lang):>9}  {_cut(example, width - 13)}"


def _cut(text: str, width: int) -> str:
    text = clean(text)
    return text if len(text) <= width else text[: width - 1] + "…"
