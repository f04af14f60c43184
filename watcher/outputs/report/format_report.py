"""What `gptwatch formats` says: the known formats, or how a log was understood."""

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from parsers.format import Format
from watcher.analysis.pipeline import Reading
from watcher.outputs.text.escape import clean


def known(formats: Sequence[Format], *, width: int) -> str:
    """Every format with who writes it and a sample line."""
    names = max(len(form.name) for form in formats)
    return "\n".join(line for form in formats for line in _entry(form, names, width))


def _entry(form: Format, names: int, width: int) -> Iterator[str]:
    yield f"{form.name:{names}}  {form.written_by}"
    for sample in form.samples[:1]:
        yield f"{'':{names}}    {_cut(sample, width - names - 4)}"


def explain(reading: Reading, path: Path, *, width: int) -> str:
    """Which format was chosen and why, what each shape took, and what nobody did."""
    return "\n".join(_explanation(reading, path, width))


def _explanation(reading: Reading, path: Path, width: int) -> Iterator[str]:
    parser = reading.parser
    yield f"{clean(str(path))}: {parser.lines:,} lines"
    form = parser.format
    if form is None:
        yield "format: none of the known ones took a line"
        yield from _wrapped(
            "If these lines hold a loss, describe them in gptwatch.toml: "
            "[[formats]] with name and lines, a list of regular expressions "
            "with groups such as (?P<step>\\d+) and (?P<loss>[\\d.]+).",
            width,
        )
    else:
        yield f"format: {form.name} ({form.written_by})"
        yield from _scores(reading)
    yield from _points(reading)
    yield from _unread(reading, width)


def _scores(reading: Reading) -> Iterator[str]:
    scores = reading.parser.scores()
    _, hits, shapes = scores[0]
    yield f"why: {hits:,} lines have its shapes"
    for shape, count in sorted(shapes.items(), key=lambda item: -item[1]):
        yield f"  {count:>9,}  {clean(shape)}"
    others = ", ".join(f"{name} {n:,}" for name, n, _ in scores[1:])
    if others:
        yield f"also possible, with fewer or less special lines: {others}"


def _points(reading: Reading) -> Iterator[str]:
    curves = reading.analysis.curves
    if curves:
        yield "points: " + ", ".join(f"{n} {len(c):,}" for n, c in curves.items())


def _unread(reading: Reading, width: int) -> Iterator[str]:
    parser = reading.parser
    if parser.overlong:
        yield f"{parser.overlong:,} lines were longer than 1 MiB and left out"
    if not parser.unread:
        yield "no other line looks like a metric"
        return
    yield f"{parser.unread:,} lines look like metrics and were not taken, such as:"
    for number, text in parser.unread_examples:
        yield f"  {number:>9,}  {_cut(text, width - 13)}"


def _cut(text: str, width: int) -> str:
    text = clean(text)
    return text if len(text) <= width else text[: width - 1] + "…"


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width)
