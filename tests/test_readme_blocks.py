"""Every block of the README does what it says: it is run, or loaded, as it stands."""

import configparser
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
from oracle import until
from readme import README, ROOT, RUSSIAN, block, blocks, commands

from watcher import config
from watcher.alerts.lifecycle import Settings as AlertSettings
from watcher.metrics.settings import Settings as Metrics


# Commands that run until they are interrupted, and what they print when they are ready.
SERVERS = {"gptwatch start": "watching ", "gptwatch web": "unix:"}
CTRL_C = 130
TRAIN = """
for i in range(0, 400, 10):
    print(f"iter {i}: loss {4 - i * 1e-3:.4f}, time 20.00ms, mfu 9.00%", flush=True)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory with logs, a training script and the commands on the PATH."""
    (tmp_path / "logs").mkdir()
    for name in ("a", "b", "train"):
        shutil.copy(ROOT / "tests/data/demo/demo.log", tmp_path / f"logs/{name}.log")
    (tmp_path / "train.py").write_text(TRAIN)
    # No port, which another test may use.
    (tmp_path / "gptwatch.toml").write_text('[web]\nlisten = "unix:page.sock"\n')
    binaries = tmp_path / "bin"
    binaries.mkdir()
    for name, more in (("gptwatch", "-m watcher"), ("python", "")):
        script = f'#!/bin/sh\nexec "{sys.executable}" {more} "$@"\n'
        (binaries / name).write_text(script)
        (binaries / name).chmod(0o755)
    return tmp_path


def environment(project: Path) -> dict[str, str]:
    """The variables of a shell in the project's directory."""
    return {
        "PATH": f"{project}/bin:/usr/bin:/bin:{Path(sys.executable).parent}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(project),
        "LANG": "C.UTF-8",
        "MPLCONFIGDIR": os.environ.get("MPLCONFIGDIR", str(project / "mpl")),
    }


def run(project: Path, line: str, codes: tuple[int, ...] = (0,)) -> str:
    """What a line of a shell block prints; a server is interrupted when it is ready."""
    ready = next((text for name, text in SERVERS.items() if line.startswith(name)), "")
    path = project / "output.txt"
    with path.open("wb") as output, contextlib.ExitStack() as stack:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {line}" if ready else line],
            cwd=project,
            env=environment(project),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        stack.callback(process.kill)
        if ready:
            until(lambda: process.poll() is not None or ready in path.read_text())
            process.send_signal(signal.SIGINT)
        process.wait()
    printed = path.read_text(encoding="utf-8")
    assert process.returncode in codes, f"{line}: {printed}"
    assert ready in printed
    assert "Traceback" not in printed
    return printed


def test_every_block_has_a_test() -> None:
    """A block has a name, and a test asks for it by that name."""
    fences = re.findall("^ *```", README + RUSSIAN, re.MULTILINE)
    assert len(fences) == 2 * (len(blocks()) + len(blocks(RUSSIAN)))
    tests = (ROOT / "tests").glob("test_*.py")
    asked = {
        name
        for path in tests
        for name in re.findall(r'\bblock\("([\w-]+)"\)', path.read_text("utf-8"))
    }

    assert set(blocks()) == asked


@pytest.mark.process
def test_main_command_leaves_three_files(project: Path) -> None:
    """But for its set-up: it writes the files, and prints the alert of the README."""
    words = block("main").strip().split(".venv/bin/")[-1]
    log = words.split()[-1]
    quoted = re.search(r"    (! Overfitting since .*?)\n\n", README, re.DOTALL)

    printed = run(project, words.replace(log, str(ROOT / log)))

    assert quoted
    assert " ".join(quoted[1].split()) in " ".join(printed.split())
    assert 3 == len(list((project / "training_plots").iterdir()))


def test_set_up_commands_install_what_exists() -> None:
    """Both make an environment in the same way; CI runs the second as it stands."""
    main, tests = block("main"), block("tests")
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")

    assert main.partition(".venv/bin/pip")[0] == tests.partition(".venv/bin/pip")[0]
    extras = re.search(r"\.\[([\w,]+)\]", tests)
    assert extras
    assert set(extras[1].split(",")) <= set(parser["options.extras_require"])
    constraints = re.search(r"install -c (\S+)", tests)
    assert constraints
    assert (ROOT / constraints[1]).exists()
    extract = (ROOT / ".ci/run").read_text("utf-8")
    assert "'/^```sh tests$/,/^```$/p' README.md" in extract
    for text in (main, tests):
        subprocess.run(["bash", "-n", "-c", text], check=True)


@pytest.mark.process
def test_link_on_the_path(project: Path) -> None:
    """The link runs the program of the environment."""
    (project / ".venv").mkdir()
    (project / "bin").rename(project / ".venv/bin")

    for line in commands(block("path")):
        run(project, line)

    assert "gptwatch" in run(project, "~/.local/bin/gptwatch --version")


@pytest.mark.process
@pytest.mark.parametrize("name", ["once", "compare"])
def test_short_commands(project: Path, name: str) -> None:
    """Each line runs as it stands, with the exit codes that the README lists."""
    texts = {
        "once": block("once"),
        "compare": block("compare"),
        "phone": block("phone"),
    }
    if name == "phone":
        run(project, "gptwatch start --dir logs/")

    for line in commands(texts[name]):
        assert run(project, line, codes=(0, 10)) or ">" in line


@pytest.mark.process
def test_commands_of_a_daemon(project: Path) -> None:
    """The daemon and the page run until Ctrl-C; what they leave is shown."""
    lines = [*commands(block("watch")), *commands(block("page"))]

    for line in [*lines, *commands(block("phone"))]:
        assert run(project, line, codes=(0, 10, CTRL_C))


@pytest.mark.process
def test_block_of_notify_sends_a_test(project: Path) -> None:
    """As it stands: the command gets JSON; the missing file is one warning."""
    (project / "gptwatch.toml").write_text(block("notify"), encoding="utf-8")

    printed = run(project, "gptwatch notify --test")

    sent = json.loads((project / "alerts.txt").read_text("utf-8"))
    assert "test" == sent["kind"]
    assert "command: accepted" in printed
    assert 1 == printed.count("~/.config/gptwatch.urls")


def test_settings_of_alerts_are_all_shown(tmp_path: Path) -> None:
    """Every setting but the list of secrets stands there, with its default."""
    text = block("notify") + block("alert-settings")
    path = tmp_path / "gptwatch.toml"
    path.write_text(text, encoding="utf-8")
    shown = tomllib.loads(text)

    loaded = config.load(path)

    assert {f.name for f in fields(loaded.alerts)} == set(shown["alerts"])
    assert {f.name for f in fields(loaded.notify)} - {"urls"} == set(shown["notify"])
    defaults = AlertSettings()
    for name, value in shown["alerts"].items():
        if name != "mute":
            assert value == getattr(defaults, name)


@pytest.mark.process
def test_own_format_reads_a_log(project: Path) -> None:
    """The lines to copy into gptwatch.toml read a log."""
    (project / "gptwatch.toml").write_text(block("own-format"), encoding="utf-8")
    (project / "x.log").write_text("ep 0 it 5 L=2.5 V=3.5\n" * 2)

    printed = run(project, "gptwatch export x.log")

    assert "mylab" == json.loads(printed)["source"]["format"]


def test_settings_of_exports_are_all_shown() -> None:
    """Every setting of metrics and exports stands there, with its default."""
    shown = tomllib.loads(block("fleet"))

    loaded = config.of(shown)

    assert {f.name for f in fields(loaded.metrics)} == set(shown["metrics"])
    assert {f.name for f in fields(loaded.export)} == set(shown["export"])
    for name in ("hours", "max_runs", "max_series"):
        assert getattr(Metrics(), name) == shown["metrics"][name]


def test_every_recipe_is_an_address_that_takes_a_picture() -> None:
    """As Apprise understands it."""
    import apprise

    addresses = block("recipes").splitlines()

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
    lines = block("python").splitlines()
    assert "read(dir=" in lines[-1]

    exec("\n".join(lines[:-1]), {})


@pytest.mark.process
def test_query_of_points_finds_its_columns(project: Path) -> None:
    """The columns and the file's name that the query uses are those of the export."""
    import pyarrow.parquet

    assert "FROM 'points.parquet' WHERE metric = 'val_loss'" in block("duckdb")
    run(project, "gptwatch export logs/a.log --to parquet --out points.parquet")

    table = pyarrow.parquet.read_table(project / "points.parquet")

    assert {"run", "value", "metric"} <= set(table.column_names)
    assert "val_loss" in table["metric"].to_pylist()


@pytest.mark.process
def test_commands_of_the_trainer(project: Path) -> None:
    """Each line starts as it stands, with a model and a run that are smaller."""
    (project / "my_text.txt").write_text("to be or not to be\n" * 200)
    small = "--n_layer=1 --n_head=1 --n_embd=8 --block_size=8 --batch_size=2"
    short = f"{small} --max_iters=1 --eval_iters=1 --device=cpu --compile=False"
    endings = {
        "python -m trainer demo": "",
        "python -m trainer train": f" {short} --eval_interval=1",
        "python -m trainer.sample": " --num_samples=1 --max_new_tokens=2 --device=cpu",
        "python -m trainer.prepare": "",
        "torchrun": " --help > /dev/null; echo help",
        "python -m trainer.check": " --help",
    }
    lines = commands(block("trainer"))
    lines[0] = lines[0].replace("demo >", "demo --max_iters=20 >")
    assert len(lines) == len(endings)

    for line, (beginning, more) in zip(lines, endings.items(), strict=True):
        assert line.startswith(beginning)
        assert run(project, line + more, codes=(0, 10))


def test_checks_of_a_developer_are_those_of_ci() -> None:
    """What is run before a commit is what CI runs."""
    inner, checks = commands(block("develop"))
    ci = (ROOT / ".ci/run").read_text("utf-8")

    assert inner.startswith('pytest -m "not slow"')
    for command in checks.split(" && ")[:3]:
        assert f".venv/bin/{command}" in ci
