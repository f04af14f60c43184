"""Kinds of lines that programs and home-made loops print, with what is read of each.

A kind is a shape: the same reader reads others like it.  `data/kinds.txt` holds for
each a heading, a short log, and the points of its series; `nothing` for text that is no
log.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import test_laws
from test_formats import read

from watcher.storage.columns import Run


Points = list[tuple[int, float]]

FILE = Path(__file__).parent / "data" / "kinds.txt"
HEADING = "=== "
EXPECTED = "--> "


def kinds() -> Iterator[tuple[str, str, dict[str, Points]]]:
    """Each kind: its name, its log, and the points of its series."""
    for part in FILE.read_text(encoding="utf-8").split(HEADING)[1:]:
        name, *lines = part.rstrip("\n").split("\n")
        log = [line for line in lines if not line.startswith(EXPECTED)]
        rows = (line.split()[1:] for line in lines if line.startswith(EXPECTED))
        series = {row[0]: list(map(point, row[1:])) for row in rows}
        yield name, "\n".join([*log, ""]), series


def point(text: str) -> tuple[int, float]:
    step, _, value = text.partition("=")
    return int(step), float(value)


KINDS = list(kinds())

assert len(KINDS) > 20, "kinds are not found any more"


@pytest.mark.parametrize(
    ("log", "series"), [kind[1:] for kind in KINDS], ids=[kind[0] for kind in KINDS]
)
def test_kind_is_read(log: str, series: dict[str, Points]) -> None:
    _, run = read(log.encode())

    if "nothing" in series:
        assert [] == list(run.metrics())
        return
    assert series == {name: points(run, name) for name in series}


def points(run: Run, name: str) -> Points:
    """The points of a series, none where the log has none."""
    if name not in run.metrics():
        return []
    _, steps, values = run.column(name)
    return [(int(s), float(v)) for s, v in zip(steps, values, strict=True)]


@pytest.mark.parametrize("log", [k[1] for k in KINDS], ids=[k[0] for k in KINDS])
def test_cuts_and_sittings_do_not_matter(log: str) -> None:
    data = log.encode()
    pieces = test_laws.cut(data, range(7, len(data), 7))

    assert test_laws.read([data]) == test_laws.read(pieces, sittings=True)


def test_every_kind_has_a_name_of_its_own() -> None:
    names = [name for name, _, _ in KINDS]

    assert sorted(set(names)) == sorted(names)
