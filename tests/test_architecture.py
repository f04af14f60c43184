"""Import contracts: data flows one way through parsers and the watcher."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[1]
HEAVY = {"matplotlib", "torch", "tiktoken", "apscheduler", "watchdog", "pyarrow"}
SERVER = {"starlette", "uvicorn"}
# What each package of the watcher may import from the others.  The order is that of the
# data: host and storage, ingest, analysis, alerts and outputs, the daemon, commands.
BASE = {"__init__", "errors", "clock", "files", "logs", "settings"}
CONTRACTS = {
    "__init__": {"interface"},  # for type checkers, and when it is asked for
    "errors": set(),
    "clock": set(),
    "logs": set(),
    "files": {"errors"},
    "settings": {"errors"},
    "host": BASE,
    "storage": BASE,
    "ingest": BASE | {"storage"},
    "analysis": BASE | {"storage", "ingest"},
    "alerts": BASE | {"storage", "analysis"},
    "outputs": BASE | {"analysis"},
    "metrics": BASE | {"storage", "ingest", "analysis", "alerts", "outputs"},
    "export": BASE | {"storage", "analysis", "outputs"},
    "views": BASE | {"storage", "ingest", "analysis"},
    "html": BASE | {"analysis", "outputs", "views"},
    "own_formats": {"settings"},
    "config": BASE | {"analysis", "alerts", "metrics", "export", "own_formats"},
    "interface": BASE | {"storage", "analysis", "outputs", "config"},
    "launch": BASE | {"storage", "analysis"},
    "daemon": BASE
    | {"host", "storage", "ingest", "analysis", "alerts", "outputs", "config"}
    | {"metrics", "export", "views", "html"},
    "service": BASE | {"host", "storage", "outputs", "config"},
    "top": BASE
    | {"host", "storage", "analysis", "alerts", "outputs", "views", "daemon"},
    "web": BASE
    | {"host", "storage", "analysis", "outputs", "views", "html", "daemon", "metrics"},
}


def files(top: str) -> list[Path]:
    """Every module below a top-level package."""
    found = sorted((ROOT / top).rglob("*.py"))
    assert found, f"{top} holds no modules"
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
    ("top", "others"),
    [
        ("parsers", {"watcher", "trainer"}),
        ("watcher", {"trainer"}),
        ("trainer", {"watcher", "parsers"}),
    ],
)
def test_top_level_packages_keep_apart(top: str, others: set[str]) -> None:
    """Trainer and watcher share the text of a log; parsers know neither."""
    found = {(p.name, n) for p in files(top) for n in imports(p)}

    assert set() == {(p, n) for p, n in found if n.partition(".")[0] in others}


def test_parsers_are_pure() -> None:
    """Reading needs no files, clocks or logging, and no library but numpy."""
    impure = {"os", "pathlib", "io", "time", "datetime", "logging", "sqlite3"} | HEAVY
    found = {
        (p.name, n.partition(".")[0]) for p in files("parsers") for n in imports(p)
    }

    assert set() == {(p, n) for p, n in found if n in impure}


def package(path: Path) -> str:
    """The package of the watcher, or its top-level module, that a file belongs to."""
    return path.relative_to(ROOT / "watcher").parts[0].removesuffix(".py")


def foreign(path: Path) -> set[str]:
    """Packages of the watcher, other than its own, that a module imports."""
    parts = [name.split(".") for name in imports(path)]
    found = {p[1] for p in parts if p[0] == "watcher" and len(p) > 1}
    return {"__init__" if n.startswith("__") else n for n in found} - {package(path)}


@pytest.mark.parametrize("name", sorted(CONTRACTS))
def test_each_package_imports_only_what_its_contract_names(name: str) -> None:
    """Data flows one way: nothing imports a package that stands behind it."""
    modules = [p for p in files("watcher") if package(p) == name]
    assert modules, f"watcher/{name} holds no modules"
    found = {(p.name, f) for p in modules for f in foreign(p)}

    assert set() == {(m, f) for m, f in found if f not in CONTRACTS[name]}


def test_contracts_make_no_circle() -> None:
    """The contracts themselves name an order: each stands behind what it imports."""
    ready: set[str] = {"__init__"}  # it imports the interface only when it is asked
    while left := {n for n in CONTRACTS if n not in ready}:
        free = {n for n in left if CONTRACTS[n] <= ready}
        assert free, f"a circle among {sorted(left)}"
        ready |= free


def test_heavy_libraries_are_imported_where_they_are_used() -> None:
    """`gptwatch --help` must not wait for matplotlib."""
    quick = [p for p in files("watcher") if p.parent.name != "plot"]
    found = {(p.name, n) for p in quick for n in imports(p, top_level_only=True)}

    assert set() == {(p, n) for p, n in found if n.partition(".")[0] in HEAVY}


def test_only_the_page_needs_a_server() -> None:
    """The daemon and all other commands start without it."""
    others = [p for p in files("watcher") if package(p) != "web"]
    found = {(p.name, n) for p in others for n in imports(p, top_level_only=True)}

    servers = {(p, n) for p, n in found if n.partition(".")[0] in SERVER}
    pages = {(p, n) for p, n in found if n.startswith("watcher.web")}
    assert set() == servers | pages


def test_every_package_of_the_watcher_has_a_contract() -> None:
    """A new package begins with its contract; only commands may import all."""
    names = {package(p) for p in files("watcher")}

    assert {"commands", "cli", "__main__"} == names - set(CONTRACTS)


SQL = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|PRAGMA|BEGIN)\s")
DATABASE = {"connection", "execute", "executemany", "executescript"}


def sql(path: Path) -> Iterator[str]:
    """SQL statements in a module, and uses of a database connection."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if SQL.match(node.value):
                yield node.value
        elif isinstance(node, ast.Attribute) and node.attr in DATABASE:
            yield f".{node.attr}"


def test_only_storage_speaks_sql() -> None:
    """Whoever asks the database asks by the name of a query."""
    outside = [path for path in files("watcher") if package(path) != "storage"]

    assert [] == [(path.name, found) for path in outside for found in sql(path)]
    assert list(sql(ROOT / "watcher/storage/points.py")), "the check sees nothing"
