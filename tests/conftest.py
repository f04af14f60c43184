"""What all tests share."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from examples import examples
from hypothesis import settings


if TYPE_CHECKING:
    from oracle import Bench


# One thread a process: the suite's processes share few cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")


# The same examples for the same tests in CI: a change is judged by what it changes.
# GPTWATCH_RANDOM=1 looks for others.
settings.register_profile(
    "gptwatch",
    max_examples=examples(100),
    deadline=None,
    derandomize="CI" in os.environ and "GPTWATCH_RANDOM" not in os.environ,
)
settings.load_profile("gptwatch")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option that rewrites golden files, to be reviewed as a diff."""
    parser.addoption("--update-golden", action="store_true")


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that starts processes takes seconds.

    In CI it is run once more after a failure, and listed as RERUN: its processes may
    get no CPU for as long as it waits.
    """
    for item in items:
        if item.get_closest_marker("process"):
            item.add_marker("slow")
            if "CI" in os.environ and not item.get_closest_marker("flaky"):
                item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture
def bench(tmp_path: Path) -> "Iterator[Bench]":
    """A watched folder and its reader."""
    from oracle import Bench

    bench = Bench(tmp_path)
    yield bench
    bench.stop()


@pytest.fixture
def log(bench: "Bench") -> Path:
    """The log of most tests of reading, which does not exist yet."""
    return bench.logs / "train.log"
