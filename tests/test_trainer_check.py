"""`python -m trainer.check`: right on this machine, and wrong where the code is."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from trainer import optimizer
from trainer.check import __main__ as check
from trainer.model import GPT


ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_every_row_is_right_or_not_possible_here(tmp_path: Path) -> None:
    """The command of a new machine: a table, a summary, exit code 0."""
    done = subprocess.run(
        [sys.executable, "-m", "trainer.check"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    *rows, summary = done.stdout.splitlines()
    assert 0 == done.returncode, done.stdout + done.stderr
    assert list(check.ROWS) == [line.split()[1] for line in rows]
    assert "0 WRONG" in summary
    assert torch.cuda.is_available() or "no GPU was at hand" in summary
    assert [] == list(tmp_path.iterdir())


def test_rows_can_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A row says what it measured and how long it took."""
    assert 0 == check.main(["fused"])

    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("right fused ")
    assert "weights differ by" in line


def test_an_unknown_row_lists_the_known(capsys: pytest.CaptureFixture[str]) -> None:
    """A row that does not exist is a usage error."""
    assert 2 == check.main(["fuse"])
    assert "micro_batches" in capsys.readouterr().out


def test_a_wrong_optimizer_is_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """bfloat16 weights rounded to the nearest do not train; the row says so."""
    monkeypatch.setattr(
        optimizer, "round_stochastically", lambda value, _: value.bfloat16().float()
    )

    assert 1 == check.main(["low_mem"])
    assert "WRONG low_mem" in capsys.readouterr().out


def test_a_wrong_gradient_is_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A loss that depends on how a step is divided is found."""
    plain = GPT.loss

    def loss(self: Any, x: torch.Tensor, targets: torch.Tensor) -> Any:
        return plain(self, x, targets) * len(x) ** 0.01

    monkeypatch.setattr(GPT, "loss", loss)

    assert 1 == check.main(["micro_batches"])
    assert "WRONG micro_batches" in capsys.readouterr().out


def test_a_row_that_fails_does_not_end_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An exception is a wrong row with its reason."""

    def fail(_: object) -> str:
        raise RuntimeError("no such kernel")

    monkeypatch.setitem(check.ROWS, "fused", fail)

    assert 1 == check.main(["fused", "environment"])
    out = capsys.readouterr().out
    assert "RuntimeError: no such kernel" in out
    assert "right environment" in out
    assert "1 right, 1 WRONG, 0 no" in out


def test_a_row_in_a_process_of_its_own_has_a_time_limit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a GPU a row that hangs is ended, and the next one runs."""
    monkeypatch.setattr(check.ROWS["environment"], "time_limit_s", 0.01)

    assert "WRONG" == check.run_in_process("environment")
    assert "time limit" in capsys.readouterr().out


@pytest.mark.slow
def test_a_row_in_a_process_of_its_own_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its line and its status come from the process."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    assert "right" == check.run_in_process("environment")
    assert capsys.readouterr().out.startswith("right environment")
