"""The interface for Python: stable names, arrays, data frames, a notebook's figure."""

import base64
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from oracle import Bench, append, lines

import watcher
from watcher import read
from watcher.errors import InputError, StorageMissingError


DEMO = Path(__file__).parent / "data/demo/demo.log"


def test_a_log_is_a_run_with_arrays() -> None:
    """Metrics by name, each with steps and values."""
    run = read(DEMO)

    steps, values, at = run.series("val_loss")
    assert {"loss", "val_loss", "train_loss"} <= set(run.metrics)
    assert np.int64 == steps.dtype
    assert np.float64 == values.dtype
    assert len(steps) == len(values) == len(at)
    assert 175 == steps[values.argmin()] == run.summary.best_val_step
    assert ("demo", str(DEMO), "nanogpt") == (run.name, run.path, run.format)
    assert "n_layer" in run.hyperparameters


def test_findings_come_with_their_sentences() -> None:
    """The rules' findings, the most severe first."""
    run = read(DEMO)

    assert "overfitting" in [finding.rule for finding in run.findings]
    assert len(run.findings) == len(run.messages)
    assert any("Overfitting since step 175" in message for message in run.messages)
    assert "Overfitting" in repr(run)


def test_superseded_points_are_left_out_on_request(tmp_path: Path) -> None:
    """After a restart from step 20."""
    log = tmp_path / "train.log"
    log.write_bytes(lines(0, 30) + lines(20, 40))

    run = read(log)

    assert 50 == len(run.series("loss").steps)
    assert [*range(40)] == run.series("loss", superseded=False).steps.tolist()
    assert 2 == len(run.segments)


def test_an_unknown_metric_names_the_known_ones() -> None:
    """So that one need not look them up."""
    with pytest.raises(KeyError, match=r"'vall_loss'.*val_loss"):
        read(DEMO).series("vall_loss")


def test_pandas_and_polars_get_all_points(tmp_path: Path) -> None:
    """In the long form, both alike."""
    log = tmp_path / "train.log"
    log.write_bytes(lines(0, 30) + lines(20, 40))
    run = read(log)

    frame, other = run.to_pandas(), run.to_polars()

    assert ["metric", "step", "value", "line", "segment", "current"] == [*frame.columns]
    assert [*frame.columns] == other.columns
    assert len(run.metrics) * 50 == len(frame)
    assert [tuple(row) for row in frame.itertuples(index=False)] == other.rows()
    loss = frame[(frame.metric == "loss") & frame.current]
    assert run.series("loss", superseded=False).values.tolist() == [*loss.value]


def test_a_notebook_shows_figure_and_findings() -> None:
    """As HTML with the picture in it, and nothing of the log as markup."""
    shown = read(DEMO)._repr_html_()

    data = re.search(r"data:image/png;base64,([^\"]+)", shown)
    assert data
    assert base64.b64decode(data[1]).startswith(b"\x89PNG")
    assert "<li>Overfitting since step 175" in shown


def test_a_hostile_name_is_no_markup(tmp_path: Path) -> None:
    """A log's name is text."""
    log = tmp_path / '<img src=x onerror="a">.log'
    log.write_bytes(lines(0, 30))

    assert "<img src=x" not in read(log)._repr_html_()


def test_a_log_without_metrics_is_a_run_without(tmp_path: Path) -> None:
    """It has no figure."""
    log = tmp_path / "a.log"
    log.write_text("hello\n")

    run = read(log)

    assert () == run.metrics
    assert "<img" not in run._repr_html_()
    with pytest.raises(ValueError, match="no metrics"):
        run.to_pandas()


def test_a_directory_is_the_runs_of_the_database(bench: Bench, log: Path) -> None:
    """By name, each read when it is asked for."""
    append(log, lines(0, 50))
    append(bench.logs / "b.log", lines(0, 20))
    bench.settle()
    bench.stop()

    runs = read(dir=bench.logs, state=bench.state)

    assert {"train.log", "b.log"} == set(runs)
    assert [*range(50)] == runs["train.log"].series("loss").steps.tolist()
    assert 2 == len(runs)


def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    """With a message for people."""
    with pytest.raises(InputError, match="nothing"):
        read(tmp_path / "nothing.log")
    with pytest.raises(StorageMissingError, match="no database"):
        read(dir=tmp_path, state=tmp_path)
    with pytest.raises(TypeError, match="either"):
        read()  # type: ignore[call-overload]


def test_import_is_light() -> None:
    """The interface is loaded when it is asked for."""
    code = (
        "import sys, watcher; assert not {'numpy', 'matplotlib'} & set(sys.modules);"
        "from watcher import read; assert callable(read);"
        "assert not {'matplotlib', 'pandas', 'polars'} & set(sys.modules)"
    )

    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode
    with pytest.raises(AttributeError, match="nothing"):
        watcher.nothing  # noqa: B018
