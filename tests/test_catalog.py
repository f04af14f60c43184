"""The catalogue of messages: complete, without leftovers, with equal placeholders."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from watcher import errors
from watcher.cli import cli
from watcher.outputs.text import catalog
from watcher.outputs.text.finding_templates import ADVICE, PARTS
from watcher.outputs.text.rule_docs import MEANINGS
from watcher.outputs.text.russian import tables


ROOT = Path(__file__).parents[1] / "watcher"
RUSSIAN = {key: text for table in tables.TABLES for key, text in table.items()}
# Calls whose text argument is looked up in the catalogue.
LOOKUPS = {"tr", "message", "echo", "_echo", "_level", "_overlay", "_by_clock"}
# Errors are translated where they are printed.
LOOKUPS |= (
    {"Text"}
    | {name for name in vars(errors) if name.endswith("Error")}
    | {"BadRequestError", "NotALogError", "DemoError", "RefusedError"}
)
SOURCES = sorted(path for path in ROOT.rglob("*.py") if path.parent.name != "russian")
# Lines of the log are translated for a terminal.
LEVELS = {"info", "warning", "error"}
LOGS = {"logger", "LOGGER", "logging"}


def constants(node: ast.AST, known: dict[str, list[str]]) -> Iterator[str]:
    """Texts that an argument may be: constants, their choice, a local variable."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from constants(node.body, known)
        yield from constants(node.orelse, known)
    elif isinstance(node, ast.Name):
        yield from known.get(node.id, [])


def translated(path: Path) -> Iterator[str]:
    """Every text that a module looks up or marks."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    scopes = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    for scope in [*scopes, tree]:
        known: dict[str, list[str]] = {}
        for node in ast.walk(scope) if scope is not tree else []:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                texts = constants(node.value, {})
                known.setdefault(node.targets[0].id, []).extend(texts)
        for node in ast.walk(scope):
            if isinstance(node, ast.Call) and _is_lookup(node.func):
                for argument in node.args:
                    yield from constants(argument, known)
                    for part in getattr(getattr(argument, "value", None), "elts", ()):
                        yield from constants(part, known)


def _is_lookup(function: ast.AST) -> bool:
    """Whether a call takes a text of the catalogue: also `where.error(...)`."""
    name = _name(function)
    if not isinstance(function, ast.Attribute):
        return name in LOOKUPS
    is_log = name in LEVELS and _name(function.value) in LOGS
    return is_log or name in LOOKUPS | {"error"}


def _name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def help_texts(command: click.Command) -> Iterator[str]:
    """Every paragraph of help of a command, its options and its subcommands."""
    for part in (command.help or "").split("\n\n"):
        if not part.strip().startswith("\b"):
            yield " ".join(part.split())
    yield command.short_help or ""
    for parameter in command.params:
        yield getattr(parameter, "help", None) or ""
    if isinstance(command, click.Group):
        for sub in command.commands.values():
            yield from help_texts(sub)


def used() -> set[str]:
    """Every text that may be looked up."""
    assert SOURCES
    found = {text for path in SOURCES for text in translated(path)}
    found |= {text for text, _ in [*PARTS.values(), *ADVICE.values()]}
    found |= {text for text, _ in MEANINGS.values()}
    return found | set(help_texts(cli))


def test_every_text_has_a_translation() -> None:
    """No sentence of the code is English in the middle of a Russian page."""
    words = {
        text for text in used() if re.search("[A-Za-z]{2}", re.sub(r"{\w+}", "", text))
    }

    assert set() == words - set(RUSSIAN)


def test_every_translation_is_used() -> None:
    """A translation without its text is dead, or the text was reworded."""
    constants = {
        node.value
        for path in ROOT.rglob("*.py")
        if path.parent.name != "russian"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }

    assert set() == set(RUSSIAN) - used() - constants


def test_every_text_has_one_translation() -> None:
    """No text stands in two tables."""
    keys = Counter(key for table in tables.TABLES for key in table)

    assert {} == {key: n for key, n in keys.items() if n > 1}


@pytest.mark.parametrize("text", sorted(RUSSIAN))
def test_translations_keep_the_placeholders(text: str) -> None:
    """What a text states in English it states in Russian."""
    names = re.compile(r"{(\w+)}")
    values = re.compile(r"%[-+.\d]*[sdf]")
    assert values.findall(text) == values.findall(RUSSIAN[text])

    assert {n.lower() for n in names.findall(text)} == {
        n.lower() for n in names.findall(RUSSIAN[text])
    }


@pytest.mark.parametrize("word", sorted(catalog.NOUNS))
def test_every_noun_has_its_forms(word: str) -> None:
    """Two in English, three in Russian."""
    english, russian = catalog.NOUNS[word]

    assert (2, 3) == (len(english), len(russian))


def test_no_error_is_put_together_before_it_is_translated() -> None:
    """An f-string is in no catalogue: an error gets its values by name."""
    found = [
        (path.name, call.lineno)
        for path in SOURCES
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and _is_lookup(call.func)
        if _name(call.func).endswith("rror")
        and call.args
        and isinstance(call.args[0], ast.JoinedStr | ast.BinOp)
    ]

    assert [] == found
