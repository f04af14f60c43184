"""The README cannot go stale: its tables are those of the code."""

import re
from dataclasses import fields

import pytest
from click import Command
from readme import README, ROOT, RUSSIAN, blocks, commands, table

from parsers.format import Format
from parsers.formats import FORMATS
from watcher.analysis.rules import RULES, Settings
from watcher.cli import cli


def formats_table() -> str:
    """The table of formats, from the registry."""
    rows = [
        f"| {form.name} | `{shown(form)}` | {form.written_by} |\n" for form in FORMATS
    ]
    return "| format | a line | written by |\n| --- | --- | --- |\n" + "".join(rows)


def shown(form: Format) -> str:
    """The sample with a loss, if there is one, as it fits into a table."""
    lines = [row for sample in form.samples for row in sample.splitlines()]
    chosen = next((row for row in lines if "oss" in row), lines[0])
    text = " ".join(chosen.replace("|", "¦").split())
    return text if len(text) <= 64 else text[:63] + "…"


def test_table_of_formats(request: pytest.FixtureRequest) -> None:
    """Every format stands in the table, with a line of its own."""
    if request.config.getoption("--update-golden"):
        text = README.replace(table("formats"), formats_table())
        (ROOT / "README.md").write_text(text, encoding="utf-8")
        pytest.skip("rewritten; run again to compare")

    assert formats_table() == table("formats")


def test_table_of_rules() -> None:
    """Every rule stands in the table, every setting with its default."""
    rows = {row.split("|")[1].strip(): row for row in table("rules").splitlines()[2:]}
    listed = {name.strip() for names in rows for name in names.split(",")}
    assert set(RULES) - {"ended"} <= listed
    for rule in fields(Settings):
        values = getattr(Settings(), rule.name)
        for setting in fields(values):
            default = getattr(values, setting.name)
            assert f"`{setting.name}` {default}" in rows[rule.name]


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_is_documented(name: str) -> None:
    """Each is in the README, and has help."""
    assert f"gptwatch {name}" in README
    assert cli.commands[name].help


def options(command: Command) -> set[str]:
    """The long flags of a command."""
    return {flag for p in command.params for flag in p.opts if flag.startswith("--")}


def test_every_option_of_once_is_documented() -> None:
    """The flags of the main command stand in the README."""
    assert set() == {o for o in options(cli.commands["once"]) if f"`{o}" not in README}


def test_table_of_settings() -> None:
    """Every setting of the daemon stands in the table, with its default."""
    own = {"out", "lang", "theme", "window", "log_x", "print_config", "verbose"}
    rows = {
        row.split("`")[1]: row.split("|")[2].strip(" `")
        for row in table("start").splitlines()[2:]
    }
    parameters = cli.commands["start"].params
    known = {p.name: p.default for p in parameters if not getattr(p, "hidden", False)}

    assert set(rows) == set(known) - own
    for name, default in known.items():
        if isinstance(default, str | int) and name in rows:
            assert str(default) == rows[name]


def open_lines(text: str) -> list[str]:
    """The lines outside of folded parts."""
    return re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL).splitlines()


def test_is_short() -> None:
    """Who opens it sees at most 150 lines; a new developer reads 25."""
    developing = README.partition("\n## Developing\n")[2]

    assert 50 < len(open_lines(README)) <= 150
    assert 5 < len(developing.splitlines()) <= 25
    assert 50 < len(open_lines(RUSSIAN)) <= 150


def test_the_russian_readme_has_the_same_commands() -> None:
    """Each of its blocks stands in the English one under the same name."""
    english = blocks()
    assert len(blocks(RUSSIAN)) > 5
    for name, text in blocks(RUSSIAN).items():
        assert set(commands(text)) <= set(commands(english[name])), name
