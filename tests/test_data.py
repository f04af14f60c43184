"""The data document: complete, valid, aligned, and never a second copy of a log."""

import csv
import json
import tracemalloc
from dataclasses import fields, replace
from typing import Any

import analyses
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.batch import Milestone
from watcher.analysis.model import Analysis, Summary
from watcher.outputs.report import json as data


KEYS = [
    "schema",
    "source",
    "model_info",
    "training",
    "validation",
    "metrics",
    "segments",
    "milestones",
    "summary",
    "findings",
    "nonfinite",
    "decimated",
    "about",
]


def parsed(analysis: Analysis, **source: Any) -> dict[str, Any]:
    """The document as another program reads it; NaN in it is an error."""
    text = data.to_json(data.document(analysis, source)).decode("utf-8")
    read: dict[str, Any] = json.loads(text, parse_constant=pytest.fail)
    return read


@pytest.mark.parametrize("name", analyses.ALL)
def test_every_analysis_gives_a_document_of_one_schema(name: str) -> None:
    """Whatever the log, a program finds the same keys, in strict JSON on one line."""
    analysis = analyses.ALL[name]()

    assert list(parsed(analysis)) == KEYS
    assert b"\n" not in data.to_json(data.document(analysis, {}))


def test_a_log_without_metrics_has_empty_columns() -> None:
    """Nothing found is an answer, not an error."""
    document = parsed(analyses.nothing())

    assert document["training"] == {"iters": [], "loss": [], "time": [], "mfu": []}
    assert document["validation"] == {"steps": [], "train_loss": [], "val_loss": []}
    assert document["metrics"] == document["nonfinite"] == {}


def test_two_forms_of_mfu_are_explained() -> None:
    """One is as printed, the other of each iteration; the document names both."""
    document = parsed(analyses.overfit())

    assert document["training"]["mfu"] != document["metrics"]["mfu"]["values"]
    assert {"training.mfu", "metrics.mfu"} <= set(document["about"])


def test_source_says_what_was_read() -> None:
    """Path, format and lines come from the analysis, the rest from its reader."""
    source = parsed(analyses.overfit(), bytes=9000, lines_unread=2)["source"]

    assert source == {
        "path": "logs/shakespeare-char.log",
        "format": "nanogpt",
        "bytes": 9000,
        "lines": 523,
        "lines_unread": 2,
    }


def test_columns_keep_every_point() -> None:
    """Steps and losses stand as in the log."""
    analysis = analyses.overfit()
    document = parsed(analysis)

    assert document["training"]["iters"] == list(range(0, 5001, 10))
    loss = analysis.curves["loss"].values.tolist()
    assert document["training"]["loss"] == loss
    assert document["metrics"]["loss"]["values"] == loss
    assert document["metrics"]["loss"]["unit"] == "nats/token"


def test_time_and_mfu_stand_beside_the_loss_of_their_line() -> None:
    """Alignment is by line: a line without a figure has null, others keep theirs."""
    train = analyses.curve("loss", [0, 1, 1, 2], [4, 3, 3, 2], [3, 5, 7, 9])
    time = analyses.curve("iter_ms", [0, 1, 2], [90, 10, 12], [3, 7, 9])
    mfu = analyses.curve("mfu", [7], [5.5], [8])
    document = parsed(analyses.nothing(train=train, time=time, mfu=mfu))

    assert document["training"]["time"] == [90, None, 10, 12]
    assert document["training"]["mfu"] == [None] * 4


def test_train_loss_of_an_evaluation_is_the_logs_own() -> None:
    """A figure that gptwatch works out never passes for one that the log states."""
    val = analyses.curve("val_loss", [0, 5], [4.0, 3.0], [1, 9])
    worked_out = analyses.nothing(
        val=val, val_train=np.array([3.9, 2.9]), curves={"val_loss": val}
    )
    stated = analyses.curve("train_loss", [5], [2.5], [9])
    with_stated = replace(worked_out, curves={"val_loss": val, "train_loss": stated})

    assert parsed(worked_out)["validation"]["train_loss"] == [None, None]
    assert parsed(with_stated)["validation"]["train_loss"] == [None, 2.5]


def test_values_that_are_not_finite_are_null_and_listed() -> None:
    """NaN and infinity have no JSON; their steps are listed apart."""
    document = parsed(analyses.not_finite())

    assert document["training"]["loss"] == [4.0, 3.9, 3.8, None, None, None]
    assert document["nonfinite"] == {"loss": [30, 40, 50]}


def test_summary_has_every_figure_by_name() -> None:
    """No figure of the report is missing in the document."""
    assert set(parsed(analyses.overfit())["summary"]) == {
        field.name for field in fields(Summary)
    }


def test_findings_carry_their_sentence_and_evidence() -> None:
    """A program gets the words and the numbers behind them."""
    (finding,) = parsed(analyses.overfit())["findings"]

    assert set(finding) == {
        "rule",
        "severity",
        "step",
        "since_step",
        "confirmed_step",
        "cleared_step",
        "message",
        "evidence",
    }
    assert finding["message"]
    assert finding["evidence"]["last_step"] == 5000


@pytest.mark.parametrize("points", [0, 1, (1 << 16) - 1, 1 << 16, (1 << 17) + 1])
def test_long_columns_lose_nothing_between_parts(points: int) -> None:
    """Wherever a part ends, the array is the same."""
    column = np.arange(points)

    assert json.loads(b"".join(data.to_parts(column))) == column.tolist()


def test_writing_in_parts_needs_no_second_copy() -> None:
    """A million points are written in a few megabytes."""
    steps = np.arange(1_000_000)
    train = analyses.curve("loss", steps, steps * 1.0, steps)
    time = analyses.curve("iter_ms", steps, steps * 2.0, steps)
    curves = {"loss": train, "iter_ms": time}
    run = analyses.nothing(train=train, time=time, mfu=time, curves=curves)

    tracemalloc.start()
    size = sum(map(len, data.to_parts(data.document(run, {}))))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert size > 50_000_000
    assert peak < 12_000_000


@given(st.text(st.characters(), max_size=20))
def test_any_text_of_a_log_survives(text: str) -> None:
    """Lone surrogates (names that are not UTF-8) become escapes, the rest stays."""
    sound = text.encode("utf-8", "backslashreplace").decode("utf-8")
    milestone = Milestone("error", 1, None, text)
    run = analyses.nothing(info={text: text}, milestones=(milestone,))
    document = parsed(run, path=text)

    assert document["source"]["path"] == sound
    assert document["model_info"] == {sound: sound}
    assert document["milestones"][0]["text"] == sound


def test_a_surrogate_is_written_as_an_escape() -> None:
    """The example of the law above."""
    assert b"".join(data.to_parts("\udcff")) == b'"\\\\udcff"'


@pytest.mark.parametrize("number", [0, -(2**63), 2**64 - 1, 10**40])
def test_whole_numbers_of_any_size_are_kept(number: int) -> None:
    """A setting longer than 64 bits is still that setting."""
    document = parsed(analyses.nothing(info={"seed": number}))

    assert document["model_info"]["seed"] == number


def test_rows_are_one_point_each() -> None:
    """The long form holds every point of every metric, read back bit for bit."""
    run = analyses.not_finite()
    heading, *points = csv.reader(data.rows(run))

    assert heading == ["metric", "step", "value", "line"]
    assert [row[:2] for row in points] == [
        ["loss", str(step)] for step in range(0, 60, 10)
    ]
    assert [row[2] for row in points] == ["4.0", "3.9", "3.8", "nan", "nan", "inf"]


def test_rows_quote_names_that_need_it() -> None:
    """A metric may be called anything; the columns stay four."""
    curve = analyses.curve("loss", [1], [0.1])
    run = analyses.nothing(curves={'a,"b"': curve})

    assert list(csv.reader(data.rows(run)))[1] == ['a,"b"', "1", "0.1", "1"]
