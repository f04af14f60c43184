"""Data flows one way: a room imports what stands before it, nothing after it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[1]
HEAVY = {"matplotlib", "torch", "tiktoken", "apscheduler", "watchdog"}
# Modules of the watcher from the first to the last; one on the left of a row may not
# import one of a later row.
ROWS = (
    (
        "errors",
        "finding",
        "files",
        "smooth",
        "clock",
        "points",
        "lock",
        "systemd",
        "mounts",
    ),
    ("analysis", "source", "tail", "scan", "process", "events"),
    ("rotation", "launch"),
    ("segments", "series"),
    ("summary",),
    ("measure", "rules"),
    ("sentences",),
    ("once",),
    ("outputs",),
    ("artifacts", "alerts", "outbox", "notify"),
    ("config",),
    ("store",),
    ("follow", "worker", "state"),
    ("reading",),
    ("judging", "alerting"),
    ("daemon", "status"),
    ("service", "doctor", "demo"),
    ("commands",),
    ("cli", "__main__"),
)
PLACE = {name: place for place, row in enumerate(ROWS) for name in row}


def files(room: str) -> list[Path]:
    """Every module of a room."""
    found = sorted((ROOT / room).rglob("*.py"))
    assert found, f"{room} holds no modules"
    return found


def imports(path: Path, *, top_level_only: bool = False) -> Iterator[str]:
    """Dotted names that a module imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize(
    ("room", "foreign"),
    [
        ("parsers", {"watcher", "trainer"}),
        ("watcher", {"trainer"}),
        ("trainer", {"watcher", "parsers"}),
    ],
)
def test_rooms_keep_apart(room: str, foreign: set[str]) -> None:
    """Trainer and watcher share the text of a log; parsers know neither."""
    found = {(p.name, n) for p in files(room) for n in imports(p)}

    assert set() == {(p, n) for p, n in found if n.partition(".")[0] in foreign}


def test_parsers_are_pure() -> None:
    """Reading needs no files, clocks or logging, and no library but numpy."""
    impure = {"os", "pathlib", "io", "time", "datetime", "logging", "sqlite3"} | HEAVY
    found = {
        (p.name, n.partition(".")[0]) for p in files("parsers") for n in imports(p)
    }

    assert set() == {(p, n) for p, n in found if n in impure}


def test_watcher_flows_one_way() -> None:
    """No module of the watcher imports one that stands behind it."""
    backward = []
    for path in files("watcher"):
        inside = path.relative_to(ROOT / "watcher")
        here = inside.parts[0].removesuffix(".py")
        for name in imports(path):
            parts = name.split(".")
            if parts[0] != "watcher" or len(parts) < 2 or here == "__init__":
                continue
            if parts[1] in PLACE and PLACE[parts[1]] > PLACE[here]:
                backward.append(f"{here} imports {parts[1]}")

    assert [] == backward


def test_heavy_libraries_are_imported_where_they_are_used() -> None:
    """`gptwatch --help` must not wait for matplotlib."""
    drawing = {"figure", "compare", "panels", "sheet", "theme", "ticks"}
    quick = [p for p in files("watcher") if p.stem not in drawing]
    found = {(p.name, n) for p in quick for n in imports(p, top_level_only=True)}

    assert set() == {(p, n) for p, n in found if n.partition(".")[0] in HEAVY}


def test_every_module_of_the_watcher_has_its_place() -> None:
    """A new module stands somewhere in the order."""
    names = {p.relative_to(ROOT / "watcher").parts[0] for p in files("watcher")}

    assert {n.removesuffix(".py") for n in names} - {"__init__"} <= set(PLACE)
