"""`gptwatch note`: kept in the database, shown wherever the run is."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from oracle import Bench, append, lines
from screens import Screen

from watcher.cli import cli


@pytest.fixture
def watched(bench: Bench) -> Bench:
    """Two runs."""
    for name in ("sweep/lr-1.log", "sweep/lr-2.log"):
        (bench.logs / "sweep").mkdir(exist_ok=True)
        append(bench.logs / name, lines(0, 20))
    bench.look(2)
    return bench


def gptwatch(bench: Bench, command: str, *arguments: str) -> Result:
    """Runs a command on the database of the bench."""
    options = [command, *arguments, "--state", str(bench.state)]
    environment = {"COLUMNS": "200", "LANG": "C.UTF-8", "NO_COLOR": "1"}
    return CliRunner().invoke(cli, options, env=environment)


def test_a_note_is_kept_and_listed(watched: Bench) -> None:
    """With its number and its time; the newest last."""
    gptwatch(watched, "note", "lr-1.log", "first  try\nof it")
    gptwatch(watched, "note", "lr-1.log", "второй")
    shown = gptwatch(watched, "note", "lr-1.log").stdout.splitlines()

    assert 2 == len(shown)
    assert shown[0].startswith("sweep/lr-1.log: 1: 20")
    assert shown[0].endswith(": first try of it")
    assert shown[1].endswith(": второй")
    other = gptwatch(watched, "note", "lr-2.log").stdout
    assert "sweep/lr-2.log: no notes and no tags\n" == other


def test_a_note_is_removed_by_its_number(watched: Bench) -> None:
    """Of this run alone; a wrong number is an error."""
    gptwatch(watched, "note", "lr-1.log", "one")

    assert 1 == gptwatch(watched, "note", "lr-2.log", "--remove", "1").exit_code
    assert "one" in gptwatch(watched, "note", "lr-1.log").stdout
    assert "one" not in gptwatch(watched, "note", "lr-1.log", "--remove", "1").stdout
    assert 1 == gptwatch(watched, "note", "lr-1.log", "--remove", "1").exit_code


def test_tags_are_given_once_and_taken(watched: Bench) -> None:
    """Several at once; a tag is one word."""
    gptwatch(watched, "note", "lr-1.log", "--tag", "good", "--tag", "base")
    shown = gptwatch(watched, "note", "lr-1.log", "--tag", "good").stdout
    assert "sweep/lr-1.log: tags: base good\n" == shown
    taken = gptwatch(watched, "note", "lr-1.log", "--untag", "good").stdout
    assert "sweep/lr-1.log: tags: base\n" == taken
    assert 1 == gptwatch(watched, "note", "lr-1.log", "--untag", "good").exit_code
    assert 2 == gptwatch(watched, "note", "lr-1.log", "--tag", "two words").exit_code
    assert 2 == gptwatch(watched, "note", "lr-1.log", " ").exit_code


def test_who_writes_to_no_run_is_told(watched: Bench) -> None:
    """An unknown name, and one of several runs."""
    assert "no run named" in str(gptwatch(watched, "note", "x.log", "hm").exception)
    several = gptwatch(watched, "note", "lr", "hm").exception
    assert "sweep/lr-1.log, sweep/lr-2.log" in str(several)


def test_status_shows_them_and_filters_by_tag(watched: Bench) -> None:
    """In the table, of one run and as JSON."""
    gptwatch(watched, "note", "lr-1.log", "seed 2 was better", "--tag", "good")

    table = gptwatch(watched, "status").stdout.splitlines()
    assert table[1].rstrip().endswith("tags")
    assert [True, False] == [row.rstrip().endswith("good") for row in table[2:4]]
    assert "lr-2" not in gptwatch(watched, "status", "--filter", "GOOD").stdout
    assert "seed 2 was better" in gptwatch(watched, "status", "lr-1").stdout
    runs = json.loads(gptwatch(watched, "status", "--json").stdout)["runs"]
    assert [(["good"], ["seed 2 was better"]), ([], [])] == [
        (run["tags"], run["notes"]) for run in runs
    ]


def test_top_shows_them_at_once(watched: Bench) -> None:
    """A note that is written while it runs, too."""
    screen = Screen(watched.state)
    gptwatch(watched, "note", "lr-1.log", "seed 2 was better", "--tag", "good")
    screen.program.hurry()
    screen.program.refresh()
    screen.draw()
    assert "good" in screen.text
    assert "seed 2 was better" in screen.press("enter")
    screen.close()


def test_compare_has_them_as_columns(watched: Bench, tmp_path: Path) -> None:
    """They are what people remember of a run."""
    gptwatch(watched, "note", "lr-1.log", "warm", "--tag", "good")
    out = str(tmp_path / "out")
    command = ("compare", "sweep/lr-*", "--to", "csv", "--out", out)
    head, first, second = gptwatch(watched, *command).stdout.splitlines()

    assert {"tags", "note"} <= set(head.split(","))
    assert first.endswith("good,warm")
    assert second.endswith(",")


def test_bytes_that_are_no_text_are_kept_readable(watched: Bench) -> None:
    """What a shell passes need not be UTF-8."""
    gptwatch(watched, "note", "lr-1.log", os.fsdecode(b"caf\xe9 \x1b[31m"))

    shown = gptwatch(watched, "note", "lr-1.log").stdout
    assert shown.rstrip().isprintable()
    assert "caf?" in shown
