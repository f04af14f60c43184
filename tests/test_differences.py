"""The compare table: what differs, what came of it, and who did best."""

from dataclasses import replace
from typing import Any

import analyses
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from watcher.analysis.model import Analysis
from watcher.outputs.report.differences import table
from watcher.outputs.text.escape import clean


def run(name: str, info: dict[str, Any] | None = None, **figures: Any) -> Analysis:
    """A run with a validation curve and some figures."""
    base = replace(analyses.overfit(), name=name, info=info or {})
    return analyses.with_summary(base, **figures)


def row(text: str, label: str) -> list[str]:
    """The cells of a row, [] where the table has none."""
    found = [x for x in text.splitlines() if x.startswith(label + " ")]
    return found[0][len(label) :].split() if found else []


def test_only_settings_that_differ_are_shown() -> None:
    """What all runs share says nothing about them."""
    text = table(
        [run("a", {"n_layer": 6, "lr": 1}), run("b", {"n_layer": 12, "lr": 1})],
        lang="en",
    )

    assert row(text, "n_layer") == ["6", "12"]
    assert row(text, "lr") == []


def test_a_setting_that_one_log_omits_is_no_difference() -> None:
    """Not to say is not to differ."""
    text = table([run("a", {"dropout": 0.2}), run("b")], lang="en")

    assert row(text, "dropout") == []
    assert "The settings stated in the logs are the same." in text


def test_the_best_is_marked() -> None:
    """Lowest validation, shortest iteration, highest throughput."""
    fast = run("a", best_val=1.6, typical_ms=50.0, tokens_per_s=2000.0)
    good = run("b", best_val=1.4, typical_ms=90.0, tokens_per_s=900.0)
    text = table([fast, good], lang="en")

    assert row(text, "best val") == ["1.6000", "1.4000", "*"]
    assert row(text, "typical iteration") == ["50.0", "ms", "*", "90.0", "ms"]
    assert row(text, "throughput")[:3] == ["2,000", "tokens/s", "*"]
    assert "* best of the row" in text


@pytest.mark.parametrize("other", [None, 1.5, float("nan")])
def test_there_is_no_best_of_one(other: float | None) -> None:
    """A figure that one run lacks, or that all share, has no winner."""
    text = table([run("a", best_val=1.5), run("b", best_val=other)], lang="en")

    assert "*" not in row(text, "best val")


def test_losses_in_other_units_have_no_best() -> None:
    """Bits per byte and nats per token do not compete."""
    text = table([analyses.only_validation(), analyses.bits_per_byte()], lang="en")

    assert row(text, "best val") == ["3.2797", "1.1000"]
    assert "Validation losses have different units: no best is marked." in text


@pytest.mark.parametrize("name", ["vocab_size", "dataset"])
def test_losses_over_other_data_have_no_best(name: str) -> None:
    """A loss per character is not one per word piece; speed still compares."""
    small = run("char", {name: 65}, best_val=1.4, typical_ms=15.0)
    large = run("bpe", {name: 50304}, best_val=3.1, typical_ms=135.0)
    text = table([small, large], lang="en")

    assert "*" not in row(text, "best val")
    assert "*" in row(text, "typical iteration")
    assert "Data or vocabulary differ: losses are not comparable." in text


def test_runs_of_one_name_get_different_names() -> None:
    """Where names are the same, paths stand instead."""
    first = replace(run("train"), path="a/train.log")
    text = table([first, replace(first, path="b/train.log")], lang="en")

    assert row(text, "run") == ["a/train.log", "b/train.log"]


def test_figures_end_in_one_column() -> None:
    """Every run's cells are set flush right."""
    lines = table([run("a"), run("b")], lang="ru").splitlines()
    ends = {len(x.removesuffix(" *")) for x in lines if x.startswith(("шаг", "MFU"))}
    ends |= {len(lines[0])}

    assert len(ends) == 1


@pytest.mark.parametrize("lang", ["en", "ru"])
@pytest.mark.parametrize("width", [60, 80, 120])
def test_many_runs_stand_in_blocks(width: int, lang: str) -> None:
    """No line is wider than asked for; every run is there once."""
    text = table([run(f"run-{n:02}") for n in range(12)], lang=lang, width=width)
    lines = text.splitlines()
    headings = [x for x in lines if "run-" in x]

    assert max(map(cell_len, lines)) <= width
    assert " ".join(headings).count("run-") == 12
    assert len(headings) > 1


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_every_kind_of_run_can_be_compared(lang: str) -> None:
    """Runs without any figure stand beside full ones, and nothing says None."""
    text = table([make() for make in analyses.ALL.values()], lang=lang)

    assert "None" not in text
    assert text == text.rstrip()


@given(st.text(st.characters(), max_size=60))
def test_no_text_of_a_log_is_obeyed(text: str) -> None:
    """Names and settings stay letters."""
    shown = table([run(text, {text: text}), run("b", {text: 1})], lang="en")
    lines = shown.split("\n")

    assert lines == [clean(line) for line in lines]


def test_a_long_name_loses_its_middle() -> None:
    """Both ends of a name tell more than its middle."""
    text = table([run("start" + "-" * 60 + "end"), run("b")], lang="en")

    assert row(text, "run")[0].startswith("start--")
    assert row(text, "run")[0].endswith("--end")
    assert len(row(text, "run")[0]) < 30
