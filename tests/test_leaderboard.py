"""The leaderboard of `gptwatch compare`: ranks, reasons, forms."""

import csv
import io
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from analyses import overfit, with_summary
from click.testing import CliRunner, Result
from oracle import Bench, append
from rich.cells import cell_len

from watcher.analysis.model import Analysis
from watcher.cli import cli
from watcher.outputs.report.leaderboard import (
    as_csv,
    as_json,
    as_markdown,
    as_text,
    board,
)


def run(name: str, best: float | None, **info: Any) -> Analysis:
    """A run with its best validation loss and its settings."""
    made = replace(overfit(), name=name, path=f"logs/{name}.log")
    return replace(with_summary(made, best_val=best), info={**made.info, **info})


def names(analyses: list[Analysis], by: str = "val_loss") -> list[str]:
    """The runs in the order of the board."""
    return [row.run for row in board(analyses, by).rows]


def test_runs_are_ranked_by_the_figure() -> None:
    """The best first, what is not known last."""
    runs = [run("b", 1.6), run("none", None), run("a", 1.5)]

    assert ["a", "b", "none"] == names(runs)
    assert [1, 2, None] == [row.rank for row in board(runs).rows]


def test_more_is_better_for_speed() -> None:
    """Tokens a second rank the other way."""
    runs = [
        with_summary(run(n, 1.5), tokens_per_s=v) for n, v in (("a", 10), ("b", 20))
    ]

    assert ["b", "a"] == names(runs, "speed")


@pytest.mark.parametrize(
    ("info", "word"), [({"vocab_size": 50_304}, "Vocab"), ({"dataset": "x"}, "data")]
)
def test_no_winner_among_what_cannot_be_compared(
    info: dict[str, Any], word: str
) -> None:
    """Losses over other tokens or data have no rank, and the reason is given."""
    runs = [run("a", 1.5), run("b", 3.2, **info)]
    made = board(runs)

    assert [None, None] == [row.rank for row in made.rows]
    assert word in as_text(made, lang="en")
    assert [1, 2] == [row.rank for row in board(runs, "iteration").rows]


def test_other_units_have_no_winner() -> None:
    """Bits per byte are not compared with nats per token."""
    other = run("b", 1.1)
    assert other.val is not None
    other = replace(other, val=replace(other.val, unit="bits/byte"))

    assert "units" in as_text(board([run("a", 1.5), other]), lang="en")


def test_only_settings_that_differ_have_columns() -> None:
    """A sweep shows what was swept."""
    runs = [run(f"lr-{i}", 1.5 + i, learning_rate=i / 1000) for i in (1, 2)]
    head = as_text(board(runs), lang="en").splitlines()[0]

    assert "learning_rate" in head
    assert "n_layer" not in head


def test_markdown_has_a_row_a_run() -> None:
    """It can be pasted into an issue; a bar in a name is no column."""
    lines = as_markdown(board([run("a|x", 1.5), run("b", 1.6)]), lang="en").splitlines()

    assert lines[0].startswith("| # | run | best val")
    assert lines[2].startswith("| 1 | a\\|x | 1.5000 |")
    assert 4 == len(lines)


def test_csv_and_json_hold_unrounded_values() -> None:
    """Other programs get what was measured."""
    made = board([run("a", 1.23456789), run("b", None)])
    first, second = csv.DictReader(io.StringIO(as_csv(made)))
    document = json.loads(as_json(made))

    assert ("1", "1.23456789", "") == (
        first["rank"],
        first["val_loss"],
        second["val_loss"],
    )
    assert 1.23456789 == document["runs"][0]["figures"]["val_loss"]
    assert document["comparable"]


@pytest.mark.parametrize("lang", ["en", "ru"])
@pytest.mark.parametrize("width", [60, 80, 120])
def test_text_fits_the_terminal(width: int, lang: str) -> None:
    """What does not fit is named below."""
    runs = [run(f"run-{i}", 1.5 + i, learning_rate=i / 1000) for i in range(20)]
    made = as_text(board(runs), lang=lang, width=width)

    table = made.split("\n\n", maxsplit=1)[0].splitlines()
    assert 21 == len(table)
    assert all(cell_len(line) <= width for line in made.splitlines())
    assert "learning_rate" in made


def log(rate: float, best: float) -> bytes:
    """A short log of nanoGPT."""
    steps = (
        f"step {i * 10}: train loss 2.0, val loss {best + 1 / (i + 1):.4f}\n"
        for i in range(5)
    )
    return f"learning_rate = {rate}\n{''.join(steps)}".encode()


Ask = Callable[..., Result]


@pytest.fixture
def ask(bench: Bench, tmp_path: Path) -> Ask:
    """Compares in an empty folder with two logs in logs/, watched as x.log, y.log."""
    append(bench.logs / "x.log", log(0.001, 1.5))
    append(bench.logs / "y.log", log(0.002, 1.4))
    bench.look()
    place = ["--state", str(bench.state), "--out", str(tmp_path / "plots")]
    return lambda *names: CliRunner().invoke(
        cli, ["compare", *place, *names], env={"LANG": "C.UTF-8"}
    )


@pytest.mark.parametrize("form", ["names", "files", "pattern", "pattern of runs"])
def test_runs_are_named_in_any_way(ask: Ask, bench: Bench, form: str) -> None:
    """Files, patterns of files, names of runs in the store, patterns of those."""
    named = {
        "names": ("x.log", "y.log"),
        "files": (str(bench.logs / "x.log"), str(bench.logs / "y.log")),
        "pattern": (str(bench.logs / "*.log"),),
        "pattern of runs": ("*.log",),
    }

    done = ask("--to", "json", *named[form])

    assert 0 == done.exit_code, done.output
    runs = json.loads(done.stdout)["runs"]
    assert [1, 2] == [run["rank"] for run in runs]
    assert [0.002, 0.001] == [run["settings"]["learning_rate"] for run in runs]


def test_an_unknown_run_is_named(ask: Ask) -> None:
    """Neither a file nor a run."""
    assert "no-such: no such file" in str(ask("no-such", "x.log").exception)


def test_one_run_is_no_comparison(ask: Ask) -> None:
    """A usage error, also where a pattern finds one."""
    assert os.EX_OK != ask("x*.log").exit_code
