"""A bounded time of coverage-guided fuzzing, where atheris is installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


pytestmark = [pytest.mark.slow, pytest.mark.process]
SECONDS = int(os.environ.get("GPTWATCH_FUZZ_S", "60"))
# One seed in CI: a change is judged by what it changes, not by other random inputs.
SEED = os.environ.get("GPTWATCH_FUZZ_SEED", "1")
SAMPLE_BYTES = 2048
# Wall time, for what never ends: fuzz_parser.py limits the CPU time of an input.
HANG_S = 120


def test_the_parser_survives_any_bytes(tmp_path: Path) -> None:
    """It never raises, never takes long, and cuts change nothing."""
    pytest.importorskip("atheris", reason="pip install atheris, where it has a wheel")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    data = Path(__file__).parents[1] / "data"
    for number, path in enumerate(sorted(data.rglob("*.*"))):
        if path.suffix in {".log", ".txt", ".jsonl", ".csv", ".out"}:
            sample = path.read_bytes()[:SAMPLE_BYTES]
            (corpus / f"{number}{path.suffix}").write_bytes(sample)

    command = [
        sys.executable,
        str(Path(__file__).with_name("fuzz_parser.py")),
        str(corpus),
    ]
    limits = [
        f"-max_total_time={SECONDS}",
        f"-seed={SEED}",
        f"-timeout={HANG_S}",
        f"-max_len={SAMPLE_BYTES}",
    ]
    done = subprocess.run(
        [*command, *limits],
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        cwd=tmp_path,
        env=os.environ | {"PYTHONHASHSEED": "0"},
    )

    inputs = {path.name: path.read_bytes() for path in tmp_path.glob("*-*")}
    assert done.returncode == 0, (
        f"{inputs}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    )
