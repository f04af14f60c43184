"""The line of a step, without reading the run."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from test_views_series import Store

from watcher.storage import lookup
from watcher.storage.lookup import line_of


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty database with one run; columns are read in small pieces."""
    monkeypatch.setattr(lookup, "_BLOCK", 16)
    made = Store(tmp_path)
    yield made
    made.reader.close()
    made.database.close()


def test_the_line_of_a_step_or_of_the_one_before(store: Store) -> None:
    """Of the first metric that the run has."""
    store.add(range(0, 1000, 10), loss=np.ones(100))
    store.add([500, 1000], val_loss=np.ones(2))

    def line(step: int, *metrics: str) -> int | None:
        return line_of(store.reader, store.run, step, metrics)

    assert 51 == line(500, "loss")
    assert 51 == line(507, "lr", "loss")
    assert 101 == line(500, "val_loss", "loss")
    assert 102 == line(5000, "val_loss")
    assert line(-1, "loss") is None
    assert line(500, "lr") is None


def test_of_steps_that_were_trained_again_the_last_counts(store: Store) -> None:
    """Lines with one more metric stand among those without."""
    store.add(range(100), loss=np.ones(100))
    store.add(range(50, 80), loss=np.ones(30))
    store.add([80], loss=[1.0], lr=[1.0])

    assert 111 == line_of(store.reader, store.run, 60, ("loss",))
    assert 131 == line_of(store.reader, store.run, 80, ("loss",))
    assert 41 == line_of(store.reader, store.run, 40, ("loss",))
