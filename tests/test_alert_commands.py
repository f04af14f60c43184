"""What the commands about alerts print, and what they leave in the store."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from office import Office

from watcher.alerts.channels import DeliveryError
from watcher.alerts.silences import is_silenced
from watcher.analysis.rules import RULES
from watcher.clock import iso
from watcher.outputs.text.rule_docs import MEANINGS
from watcher.storage.outbox import Silence


pytestmark = pytest.mark.process


ROOT = Path(__file__).parents[1]


class Broken:
    """A channel that takes nothing."""

    name = "broken"

    def send(self, notice: Mapping[str, Any]) -> None:
        """Fails."""
        raise DeliveryError(f"broken: no {notice['kind']} today")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Overfitting in one run, whose notification cannot be delivered."""
    found = Office(tmp_path / ".gptwatch", Broken())
    found.find(100)
    found.settle(1)
    yield found
    found.close()


def gptwatch(
    cwd: Path, *arguments: str, code: int = 0
) -> "subprocess.CompletedProcess[str]":
    """Runs the command beside the daemon's open store."""
    done = subprocess.run(
        [sys.executable, "-m", "watcher", *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert code == done.returncode, done.stderr
    return done


STATE = ("--state", ".gptwatch")


def test_alerts_lists_what_lasts_and_what_to_do(tmp_path: Path, office: Office) -> None:
    """Run, rule, severity, sentence and advice; what was not delivered, too."""
    done = gptwatch(tmp_path, "alerts", *STATE)

    assert done.stdout.startswith("a.log: overfitting (warning, firing, since 2023-11")
    assert done.stdout.endswith("  Overfitting at 100.\n  To do: Stop.\n")
    assert (
        "gptwatch: notifications waiting for a retry: 1: broken: no firing today\n"
        == done.stderr
    )
    assert ["pending"] == office.states()


def test_alerts_in_json_are_for_programs(tmp_path: Path, office: Office) -> None:
    """One object an alert."""
    (alert,) = json.loads(gptwatch(tmp_path, "alerts", "--json", *STATE).stdout)

    assert ("a.log", "overfitting", "firing") == tuple(
        alert[key] for key in ("run", "rule", "state")
    )
    assert iso(office.clock.time) == alert["since"] == alert["notified_at"]


def test_what_is_over_is_listed_on_demand(tmp_path: Path, office: Office) -> None:
    """The list is of what lasts; --all has the history."""
    office.find()
    office.clock.time += 60
    office.find()

    assert gptwatch(tmp_path, "alerts", *STATE).stdout.startswith(
        "no alerts are firing"
    )
    assert "resolved" in gptwatch(tmp_path, "alerts", "--all", *STATE).stdout


def test_without_a_store_nothing_is_made(tmp_path: Path) -> None:
    """Looking leaves no trace, and says where it looked."""
    for command in (["alerts"], ["silence", "--list"], ["silence", "*", "spike"]):
        done = gptwatch(tmp_path, *command, *STATE, code=1)
        assert "store.db: no database" in done.stderr

    assert [] == list(tmp_path.iterdir())


def test_a_silence_begins_is_shown_and_ends(tmp_path: Path, office: Office) -> None:
    """By the command alone, beside a running daemon."""
    done = gptwatch(tmp_path, "silence", "a.log", "overfitting", "--for=3d", *STATE)
    assert done.stdout.startswith("silence 1: overfitting of a.log until 20")
    assert "" == done.stderr
    assert "silenced" in gptwatch(tmp_path, "alerts", *STATE).stdout
    held = office.store.outbox.silences(0.0)
    assert is_silenced(held, "a.log", "overfitting")
    listed = gptwatch(tmp_path, "silence", "--list", *STATE).stdout
    assert listed.startswith("silence 1: overfitting of a.log until 20")

    gptwatch(tmp_path, "silence", "--remove=1", *STATE)

    assert [] == office.store.outbox.silences(0.0)
    gptwatch(tmp_path, "silence", "--remove=1", *STATE, code=1)


def test_a_silence_for_no_run_is_remarked(tmp_path: Path, office: Office) -> None:
    """A name that is mistyped would silence nothing; a run may still come."""
    done = gptwatch(tmp_path, "silence", "b.log", "*", *STATE)

    assert "no run has that name yet" in done.stderr
    assert 1 == len(office.store.outbox.silences(0.0))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.log", "overfiting"], "did you mean 'overfitting'"),
        (["a.log", "spike", "--for", "soon"], "write 30m, 2h or 3d"),
        (["a.log", "spike", "--for", "0h"], "write 30m, 2h or 3d"),
        (["a.log", "spike", "--for", "99999999d"], "to mute it for good"),
        (["a.log"], "name a run and a rule"),
    ],
    ids=["unknown rule", "no duration", "no time", "too long", "no rule"],
)
def test_a_silence_that_makes_no_sense_is_refused(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    """What is wrong, and what to write instead."""
    assert said in gptwatch(tmp_path, "silence", *arguments, *STATE, code=2).stderr


@pytest.mark.parametrize(
    ("run", "pattern", "fits"),
    [
        ("a/[1].log", "a/[1].log", True),
        ("a/b.log", "a/*", True),
        ("a/b.log", "*", True),
        ("a.log", "A.log", False),
        ("a.log#2", "a.log", False),
    ],
    ids=["brackets", "a folder", "all", "case", "the second run"],
)
def test_silences_are_for_names_or_patterns(
    run: str, pattern: str, *, fits: bool
) -> None:
    """A name is itself, whatever characters it has."""
    silences = [Silence(1, pattern, "spike", 0.0)]
    assert fits == is_silenced(silences, run, "spike")
    assert not is_silenced(silences, run, "plateau")


def test_a_rule_is_explained_with_its_settings(tmp_path: Path) -> None:
    """In the words of people, and with what is set now."""
    (tmp_path / "gptwatch.toml").write_text("[rules.slowdown]\nfactor = 2.0\n")

    english = gptwatch(tmp_path, "alerts", "--explain", "slowdown", "--lang=en").stdout
    russian = gptwatch(tmp_path, "alerts", "--explain", "slowdown", "--lang=ru").stdout

    assert "Iterations take longer than before" in english
    assert "[rules.slowdown]\nfactor = 2.0\nlines = 10\n" in english
    assert "Итерации стали устойчиво дольше" in russian
    gptwatch(tmp_path, "alerts", "--explain", "slowdwn", code=2)


def test_every_rule_is_explained() -> None:
    """A new rule needs its sentence."""
    assert {*RULES, "stalled", "crashed", "finished"} - {"ended"} == MEANINGS.keys()


def test_a_trial_goes_through_every_channel(tmp_path: Path) -> None:
    """It says which worked; one that fails makes it fail."""
    (tmp_path / "gptwatch.toml").write_text('[notify]\nurls = ["nosuch://s3cret"]\n')

    done = gptwatch(tmp_path, "notify", "--test", "--on-alert", "exit 5", code=1)

    assert "nosuch://***#" in done.stdout
    assert "s3cret" not in done.stdout + done.stderr
    assert "alerts.jsonl: accepted" in done.stdout
    assert "command: failed: the command of --on-alert ended with code 5" in done.stdout
    assert "channels that failed: 2" in done.stderr
    (line,) = (tmp_path / "training_plots/alerts.jsonl").read_text().splitlines()
    assert "test" == json.loads(line)["kind"]
