"""A format is proposed for a log that none reads, and reads it."""

import subprocess
import sys
from pathlib import Path

from parsers.suggest import suggest


UNKNOWN = [f"tick {i}0 >> L<{3 - i / 10:.3f}> V-loss<{i}.5> ({i}s)" for i in range(9)]


def test_step_and_losses_of_unknown_lines_are_found() -> None:
    found = suggest([text.encode() for text in UNKNOWN])

    assert found is not None
    assert {"loss": 9, "val_loss": 9} == found.points
    assert (0, 3.0) == found.first["loss"]


def test_lines_without_a_loss_give_no_format() -> None:
    assert suggest([b"request %d took 3.5 ms" % i for i in range(9)]) is None


def gptwatch(*arguments: object) -> subprocess.CompletedProcess[str]:
    """A command, run to its end."""
    command = [sys.executable, "-m", "watcher", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_proposed_format_reads_the_log(tmp_path: Path) -> None:
    """What is printed can be pasted into gptwatch.toml as it is."""
    log, config = tmp_path / "a.log", tmp_path / "gptwatch.toml"
    log.write_text("\n".join([*UNKNOWN, ""]))

    proposed = gptwatch("formats", "--suggest", log)
    config.write_text(proposed.stdout)
    read = gptwatch("--config", config, "export", log, "--to", "csv")

    assert 0 == proposed.returncode
    assert "loss,80,2.2" in read.stdout


def test_a_log_that_nothing_reads_leads_to_the_proposal(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("\n".join([*UNKNOWN, ""]))

    shown = gptwatch("formats", log).stdout

    assert "--suggest" in shown
    assert "no other line looks like a metric" not in shown
