"""What all tests share."""

import os

import pytest


# One thread a process: the suite's processes share few cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option that rewrites golden files, to be reviewed as a diff."""
    parser.addoption("--update-golden", action="store_true")
