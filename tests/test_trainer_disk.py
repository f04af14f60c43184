"""A full disk: the run ends with a message, and what was saved stays intact."""

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest
import torch


ROOT = Path(__file__).parents[1]
TINY = [
    *("--dataset=tiny", "--device=cpu", "--threads=1", "--fetch=none"),
    *("--n_layer=2", "--n_head=2", "--n_embd=32", "--block_size=16"),
    *("--batch_size=4", "--gradient_accumulation_steps=1", "--eval_iters=2"),
    *("--eval_interval=10", "--max_iters=30", "--exact=True"),
]
# The size of any file is limited, as by a full disk; training begins afterwards.
LIMITED = """
import resource, sys
from trainer import checkpoint, loop
from trainer.errors import guarded

plain, calls = checkpoint.write, []

def write(*arguments):
    calls.append(arguments)
    if len(calls) == {good} + 1:
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
    plain(*arguments)

checkpoint.write = write
sys.exit(guarded(lambda: loop.train(sys.argv[1:])))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a text."""
    text = tmp_path / "data/tiny/input.txt"
    text.parent.mkdir(parents=True)
    words = random.Random(0).choices(["to", "be", "or", "not", "that", "is"], k=900)
    text.write_text(" ".join(words))
    return tmp_path


def run(
    folder: Path,
    program: list[str],
    *more: str,
    stdout: IO[str] | int = subprocess.PIPE,
) -> subprocess.CompletedProcess[str]:
    """Run Python in the folder."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *program, *TINY, *more],
        cwd=folder,
        env=env,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


def test_a_checkpoint_that_does_not_fit_leaves_the_one_before(folder: Path) -> None:
    """The second write fails: one line, exit code 2, the first file, no leftovers."""
    done = run(folder, ["-c", LIMITED.format(good=1, limit=100_000)])

    stored = torch.load(folder / "out/ckpt.pt", weights_only=True)
    assert 2 == done.returncode
    assert 1 == len(done.stderr.splitlines())
    assert "out/ckpt.pt: checkpoint not written: [Errno 27] File too" in done.stderr
    assert "the one before: intact" in done.stderr
    assert 10 == stored["iter_num"]
    assert {"ckpt.pt", "best.pt", "logs"} >= {
        p.name for p in (folder / "out").iterdir()
    }


def test_the_run_ends_where_the_failure_is_noticed(folder: Path) -> None:
    """A failed write is noticed at the next logged step, not at the next checkpoint."""
    program = ["-c", LIMITED.format(good=0, limit=100_000)]
    done = run(folder, program, "--eval_interval=500", "--max_iters=1000")

    assert 2 == done.returncode
    assert "the one before: none" in done.stderr
    assert "iter 500:" in done.stdout
    assert "iter 999:" not in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_log_that_cannot_be_written_saves_the_run(folder: Path) -> None:
    """`> train.log` on a full disk: the state is saved at the end of the step."""
    with Path("/dev/full").open("w") as full:
        done = run(folder, ["-m", "trainer"], stdout=full)

    assert 2 == done.returncode
    assert 1 == len(done.stderr.splitlines())
    assert "log not written: [Errno 28]" in done.stderr
    assert "--init_from=auto" in done.stderr
    assert (folder / "out/ckpt.pt").exists()


PREPARE = """
import resource, sys
from trainer import prepare
from trainer.errors import guarded

resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
sys.exit(guarded(lambda: prepare.main(["data/tiny/input.txt"])))
"""


def test_data_that_do_not_fit_leave_no_leftovers(folder: Path) -> None:
    """Preparing on a full disk is one line; no dataset looks complete afterwards."""
    done = run(folder, ["-c", PREPARE])

    assert 2 == done.returncode
    assert 1 == len(done.stderr.splitlines())
    assert "File too large" in done.stderr
    names = {path.name for path in (folder / "data/input").iterdir()}
    assert {"meta.pkl", "meta.json", "val.bin"} >= names
