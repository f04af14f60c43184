"""The README cannot go stale: its tables and commands are compared and run."""

import json
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
from click import Command

from parsers.format import Format
from parsers.formats import FORMATS
from watcher import config
from watcher.alerts.lifecycle import Settings as AlertSettings
from watcher.analysis.rules import RULES, Settings
from watcher.cli import cli
from watcher.metrics.settings import Settings as Metrics


ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def marked(name: str) -> str:
    """What stands between a mark and its end."""
    found = re.search(
        rf"<!-- {name} -->\n(.*?)(?:<!-- end -->|^```$)",
        README,
        re.DOTALL | re.MULTILINE,
    )
    assert found, f"README.md: no mark {name}"
    return found[1]


def formats_table() -> str:
    """The table of formats, from the registry."""
    rows = [
        f"| {form.name} | `{shown(form)}` | {form.written_by} |\n" for form in FORMATS
    ]
    return "| format | a line | written by |\n| --- | --- | --- |\n" + "".join(rows)


def shown(form: Format) -> str:
    """A telling sample as it fits into a table."""
    lines = [row for sample in form.samples for row in sample.splitlines()]
    telling = next((row for row in lines if "oss" in row), lines[0])
    text = " ".join(telling.replace("|", "¦").split())
    return text if len(text) <= 64 else text[:63] + "…"


def test_table_of_formats(request: pytest.FixtureRequest) -> None:
    """Every format stands in the table, with a line of its own."""
    if request.config.getoption("--update-golden"):
        mark = "<!-- formats -->\n"
        text = README.replace(mark + marked("formats"), mark + formats_table())
        (ROOT / "README.md").write_text(text, encoding="utf-8")
        pytest.skip("rewritten; run again to compare")

    assert formats_table() == marked("formats")


def test_table_of_rules() -> None:
    """Every rule stands in the table, every setting with its default."""
    rows = {row.split("|")[1].strip(): row for row in marked("rules").splitlines()[2:]}
    told = {name.strip() for names in rows for name in names.split(",")}
    assert set(RULES) - {"ended"} <= told
    for rule in fields(Settings):
        values = getattr(Settings(), rule.name)
        for setting in fields(values):
            default = getattr(values, setting.name)
            assert f"`{setting.name}` {default}" in rows[rule.name]


def test_the_alert_in_the_readme_is_the_one_that_comes(tmp_path: Path) -> None:
    """The sentence to expect is the sentence that the example gives."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "watcher",
            "once",
            str(ROOT / "tests/data/demo/demo.log"),
        ],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        capture_output=True,
        check=False,
    )
    quoted = re.search(r"    (! Overfitting since .*?)\n\n", README, re.DOTALL)

    assert quoted
    assert " ".join(quoted[1].split()) in " ".join(done.stdout.decode().split())


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_is_told(name: str) -> None:
    """No command is a secret, and each has help."""
    assert f"gptwatch {name}" in README
    assert cli.commands[name].help


def options(command: Command) -> set[str]:
    """The long flags of a command."""
    return {flag for p in command.params for flag in p.opts if flag.startswith("--")}


def test_every_option_of_once_is_told() -> None:
    """The flags of the main command stand in the README."""
    assert set() == {o for o in options(cli.commands["once"]) if f"`{o}" not in README}


def test_table_of_settings() -> None:
    """Every setting of the daemon stands in the table, with its default."""
    own = {"out", "lang", "theme", "window", "log_x", "print_config", "verbose"}
    rows = {
        row.split("`")[1]: row.split("|")[2].strip(" `")
        for row in marked("start").splitlines()[2:]
    }
    known = {p.name: p.default for p in cli.commands["start"].params}

    assert set(rows) == set(known) - own
    for name, default in known.items():
        if isinstance(default, str | int) and name in rows:
            assert str(default) == rows[name]


def test_example_of_alerts_is_understood(tmp_path: Path) -> None:
    """Every setting of alerts and channels but the list of secrets is shown."""
    path = tmp_path / "gptwatch.toml"
    path.write_text(marked("alerts").removeprefix("```toml\n"), encoding="utf-8")
    shown = tomllib.loads(path.read_text(encoding="utf-8"))

    loaded = config.load(path)

    assert {f.name for f in fields(loaded.alerts)} == set(shown["alerts"])
    assert {f.name for f in fields(loaded.notify)} - {"urls"} == set(shown["notify"])
    defaults = AlertSettings()
    for name, value in shown["alerts"].items():
        if name != "mute":
            assert value == getattr(defaults, name)


def test_main_command_is_what_it_says(tmp_path: Path) -> None:
    """The main job's command, but for its set-up, leaves three files."""
    tail = marked("main").strip().split("gptwatch ", 1)[1]
    log, words = tail.split()[-1], tail.split()[:-1]

    done = subprocess.run(
        [sys.executable, "-m", "watcher", *words, str(ROOT / log)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        check=False,
    )

    assert (0, b"") == (done.returncode, done.stderr)
    assert 3 == len(list((tmp_path / "training_plots").iterdir()))


def test_example_of_ones_own_format_works(tmp_path: Path) -> None:
    """The lines to copy into gptwatch.toml read a log."""
    toml = marked("own-format").removeprefix("```toml\n")
    (tmp_path / "gptwatch.toml").write_text(toml)
    (tmp_path / "x.log").write_text("ep 0 it 5 L=2.5 V=3.5\n" * 2)

    done = subprocess.run(
        [sys.executable, "-m", "watcher", "export", "x.log"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=True,
    )

    assert "mylab" == json.loads(done.stdout)["source"]["format"]


def test_example_of_exports_is_understood() -> None:
    """Every setting of metrics and exports is shown, with its default."""
    shown = tomllib.loads(marked("fleet").removeprefix("```toml\n"))

    loaded = config.of(shown)

    assert {f.name for f in fields(loaded.metrics)} == set(shown["metrics"])
    assert {f.name for f in fields(loaded.export)} == set(shown["export"])
    for name in ("hours", "max_runs", "max_series"):
        assert getattr(Metrics(), name) == shown["metrics"][name]


def test_every_recipe_is_an_address_that_takes_a_picture() -> None:
    """As Apprise understands it."""
    import apprise

    addresses = marked("recipes").removeprefix("```text\n").splitlines()

    assert ["slack", "tgram", "ntfys", "mailto"] == [
        address.partition("://")[0] for address in addresses
    ]
    for address in addresses:
        service = apprise.Apprise.instantiate(address)
        assert service is not None, address
        assert service.attachment_support, address


def test_example_of_python_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """But for its last line, which needs a daemon's database."""
    monkeypatch.chdir(ROOT)
    code = marked("python").removeprefix("```python\n")
    assert "read(dir=" in code.splitlines()[-1]

    exec("\n".join(code.splitlines()[:-1]), {})


def test_is_short() -> None:
    """A README that nobody reads to its end helps nobody; folded parts do not count."""
    open_parts = re.sub(r"<details>.*?</details>", "", README, flags=re.DOTALL)
    prose = [row for row in open_parts.splitlines() if not row.startswith("|")]

    assert len(prose) <= 170
