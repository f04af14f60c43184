"""Standard input is a log, too."""

import subprocess
import sys
from pathlib import Path


GPTWATCH = [sys.executable, "-m", "watcher"]
LOG = b"".join(b"step %d loss=%.2f\n" % (i, 3 - i / 10) for i in range(9))


def test_once_reads_standard_input(tmp_path: Path) -> None:
    done = subprocess.run(
        [*GPTWATCH, "once", "-"],
        input=LOG,
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )

    assert 0 == done.returncode, done.stderr
    assert b"stdin" in done.stdout


def test_run_copies_standard_input_to_a_log(tmp_path: Path) -> None:
    done = subprocess.run(
        [*GPTWATCH, "run", "--stdin"],
        input=LOG,
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    (log,) = (tmp_path / "logs").glob("stdin-*.log")

    assert 0 == done.returncode, done.stderr
    assert LOG == done.stdout
    assert log.read_bytes().startswith(LOG)


def test_run_without_a_command_is_a_usage_error(tmp_path: Path) -> None:
    done = subprocess.run(
        [*GPTWATCH, "run"], cwd=tmp_path, capture_output=True, check=False
    )

    assert 2 == done.returncode
    assert b"--stdin" in done.stderr
