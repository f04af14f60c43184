"""The summary on the terminal: within its width, in letters only, deterministic."""

import re
from dataclasses import replace

import analyses
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from watcher.analysis.model import Analysis
from watcher.outputs.report.braille import chart, joined
from watcher.outputs.report.terminal import clean, summary


ARTIFACTS = {
    "figure": "training_plots/training_metrics_20261122_190000.png",
    "report": "training_plots/training_summary_20261122_190000.txt",
    "data": "training_plots/training_data_20261122_190000.json",
}
COLOUR = re.compile(r"\x1b\[[0-9;]+m")


def shown(analysis: Analysis, *, lang: str = "en", width: int = 80) -> str:
    """The summary without colours."""
    return summary(analysis, ARTIFACTS, lang=lang, width=width, colour=False)


def drawn(analysis: Analysis, *, dots: bool = True) -> list[str]:
    """The chart's rows as text."""
    lines = chart(analysis, lang="en", width=60, rows=9, dots=dots)
    return ["".join(text for text, _ in line) for line in lines]


@pytest.mark.parametrize("lang", ["en", "ru"])
@pytest.mark.parametrize("width", [2, 3, 20, 40, 60, 80, 120, 400])
@pytest.mark.parametrize("name", analyses.ALL)
def test_no_line_is_wider_than_the_terminal(name: str, width: int, lang: str) -> None:
    """Whatever the run and the width, nothing wraps by itself."""
    lines = shown(analyses.ALL[name](), lang=lang, width=width).splitlines()

    assert max(map(cell_len, lines)) <= width


@given(
    st.text(st.characters(), max_size=60),
    st.integers(2, 90),
    st.booleans(),
    st.sampled_from(["utf-8", "ascii", "koi8-r", "cp1251"]),
)
def test_no_text_of_a_log_is_obeyed(
    text: str,
    width: int,
    colour: bool,  # noqa: FBT001 (the property's input)
    encoding: str,
) -> None:
    """Names, paths and error lines stay letters, within the width, in the encoding."""
    run = analyses.with_summary(
        analyses.nothing(name=text, format=text, info={text: text}),
        last_step=1,
        outcome="killed",
        outcome_text=text,
    )
    shown = summary(
        run, {text: text}, lang="en", width=width, colour=colour, encoding=encoding
    )
    lines = COLOUR.sub("", shown).split("\n")

    assert lines == [clean(line) for line in lines]
    assert max(map(cell_len, lines)) <= width
    assert shown.encode(encoding)


def test_colours_only_where_they_are_wanted() -> None:
    """Without colours there is no control code; with them the text is the same."""
    run = analyses.overfit()
    plain = shown(run)
    painted = summary(run, ARTIFACTS, lang="en", width=80, colour=True)

    assert "\x1b" not in plain
    assert "\x1b[94m" in painted
    assert COLOUR.sub("", painted) == plain


def test_no_line_ends_in_spaces() -> None:
    """What is copied from the screen carries no blanks."""
    lines = shown(analyses.overfit()).splitlines()

    assert [line for line in lines if line != line.rstrip()] == []


def test_neighbours_of_one_style_are_painted_once() -> None:
    """A chart does not send a colour for every cell."""
    cells = [("a", "train"), ("b", "train"), ("o", "val")]

    assert joined(cells) == [("ab", "train"), ("o", "val")]


def test_two_summaries_of_a_run_are_equal() -> None:
    """The same analysis at the same width gives the same text."""
    assert shown(analyses.overfit()) == shown(analyses.overfit())


def test_the_lines_that_matter_are_there() -> None:
    """Run, steps, losses, best, verdict, time, speed, files."""
    text = shown(analyses.overfit())

    for line in (
        "shakespeare-char · nanogpt · step 5,000 of 5,000 · finished",
        "train loss  4.2500 → 0.0662 (64.16\N{MULTIPLICATION SIGN})",
        "val loss    6.3447, best 1.5131 at step 1,250",
        "val/train   95.79 (overfitting confirmed)",
        "speed       138,847 tokens/s, MFU 10.1%",
        f"figure  {ARTIFACTS['figure']}",
        f"data    {ARTIFACTS['data']}",
    ):
        assert line in text.splitlines()


def test_figures_that_a_log_lacks_are_left_out() -> None:
    """No label stands without a value."""
    text = shown(analyses.three_points())

    assert "\nval loss" not in text
    assert "\nspeed" not in text
    assert "None" not in text


def test_a_bad_end_shows_the_line_of_the_log() -> None:
    """The reason of a crash is on the screen, a good end needs none."""
    crashed = analyses.out_of_memory()
    fine = analyses.with_summary(crashed, outcome="finished")

    assert "error       torch.OutOfMemoryError: CUDA out of memory." in shown(crashed)
    assert "OutOfMemory" not in shown(fine)


def test_not_finite_values_are_named() -> None:
    """In a row of their own: they may be those of training or of validation."""
    text = shown(analyses.not_finite())

    assert "not finite  3 values, the first at step 30" in text
    assert "not finite" not in shown(analyses.overfit())


@pytest.mark.parametrize(
    ("severity", "code"),
    [("critical", "1;31"), ("warning", "1;33"), ("info", "1")],
)
def test_the_headline_has_the_colour_of_the_worst_finding(
    severity: str, code: str
) -> None:
    """Red for what is critical, yellow for a warning, none for what is mild."""
    run = analyses.nothing(
        findings=(analyses.spike("info", 1), analyses.spike(severity, 2))
    )
    lines = summary(run, {}, lang="en", width=80, colour=True).splitlines()

    assert lines[1].startswith(f"\x1b[{code}m")


def test_a_matter_that_passed_does_not_alarm() -> None:
    """The headline is coloured by what lasts."""
    past = analyses.spike("warning", 1, cleared_step=5)
    run = analyses.nothing(findings=(past,))
    lines = summary(run, {}, lang="en", width=80, colour=True).splitlines()

    assert lines[1].startswith("\x1b[1m")


def test_a_long_path_is_folded_not_cut() -> None:
    """Joined again, the pieces are the path."""
    path = "/very" * 40 + "/long.png"
    text = summary(
        analyses.nothing(), {"figure": path}, lang="en", width=40, colour=False
    )

    assert path in text.replace("\n", "").replace(" ", "")


def test_an_ascii_terminal_gets_ascii() -> None:
    """No question marks: dots, arrows and signs have plainer forms."""
    text = summary(
        analyses.overfit(),
        ARTIFACTS,
        lang="en",
        width=80,
        colour=False,
        encoding="ascii",
    )

    assert text.isascii()
    assert "4.2500 -> 0.0662 (64.16x)" in text
    assert "\\" not in text


def test_chart_shows_both_curves_and_the_best() -> None:
    """Dots for training, letters for evaluations, a star for the best, both named."""
    rows = drawn(analyses.overfit())
    text = "\n".join(rows)

    assert len(rows) == 10
    assert text.count("*") == 1
    assert text.count("o") >= 15
    assert re.search("[\u2801-\u28ff]", text)
    assert rows[0].endswith(" val 6.3447")
    assert rows[8].endswith(" train 0.0662")


def test_chart_names_its_ends() -> None:
    """Highest and lowest figure on the left, first and last step below."""
    rows = drawn(analyses.overfit())

    assert rows[0].startswith("6.3447 ┤")
    assert rows[8].startswith("0.0662 ┤")
    assert rows[9].split() == ["0", "5,000"]


@pytest.mark.parametrize(
    ("width", "shown"),
    [(60, ["0", "5,000,000,000"]), (34, ["5,000,000,000"]), (33, [])],
)
def test_chart_drops_steps_that_do_not_fit(width: int, shown: list[str]) -> None:
    """A number is shown in full or not at all, the last before the first."""
    train = analyses.curve("loss", [0, 5_000_000_000], [2.0, 1.0])
    lines = chart(
        analyses.nothing(train=train), lang="en", width=width, rows=9, dots=True
    )

    assert "".join(text for text, _ in lines[9]).split() == shown


def test_chart_is_logarithmic() -> None:
    """A loss that halves evenly falls on a straight line."""
    steps = np.arange(101)
    train = analyses.curve("loss", steps, 2.0 ** (-steps / 10))
    rows = drawn(analyses.nothing(train=train, train_smooth=train.values))
    inked = [
        [at for at, char in enumerate(row[8:]) if char >= "\u2801"] for row in rows
    ]
    centres = [np.mean(at) for at in inked[1:8]]

    assert np.ptp(np.diff(centres)) < 1


def test_chart_of_a_figure_below_zero_is_linear() -> None:
    """A log-likelihood has no logarithm, and still a chart."""
    train = analyses.curve("loss", [0, 1, 2], [-3.0, 0.0, 2.0])
    rows = drawn(analyses.nothing(train=train, train_smooth=train.values))

    assert rows[4].startswith("-0.5000 ┤")


def test_chart_without_training_draws_validation() -> None:
    """A log that prints validation alone has its line through it."""
    rows = drawn(analyses.only_validation())

    assert rows[8].endswith("* val 3.2877")
    assert re.search("[\u2801-\u28ff]", "".join(rows))


@pytest.mark.parametrize("level", range(30, 90, 7))
def test_marks_stand_on_their_line(level: int) -> None:
    """Where evaluations stay on one level, the line runs through all of them."""
    values = [90.0, *[float(level)] * 5, 30.0]
    val = analyses.curve("val_loss", range(0, 700, 100), values)
    rows = drawn(analyses.nothing(val=val))[:9]
    flat = [row for row in rows if row.count("o") >= 4]

    assert len(flat) == 1
    assert re.search("o[\u2801-\u28ff]+o", flat[0])


def test_chart_leaves_room_for_steps_without_a_figure() -> None:
    """A run that ends in NaN is not stretched over its end."""
    rows = drawn(analyses.not_finite())
    ends = [max((i for i, c in enumerate(r) if c >= "\u2801"), default=0) for r in rows]

    assert rows[9].split() == ["0", "50"]
    assert max(ends[:8]) < 30


def test_chart_draws_only_what_stands() -> None:
    """Points that a restart trained again are not drawn."""
    train = analyses.curve("loss", [0, 1, 2, 1, 2], [4, 3, 99, 3, 2])
    train = replace(train, current=np.array([True, False, False, True, True]))
    rows = drawn(analyses.nothing(train=train, train_smooth=train.values))

    assert rows[0].startswith("4.0000")


@pytest.mark.parametrize(
    ("train", "val", "places"),
    [(1.0, 1.01, [7, 8]), (1.01, 1.0, [8, 7]), (9.0, 9.0, [1, 0]), (1.0, 5.0, [2, 8])],
)
def test_names_of_curves_that_meet_stand_apart(
    train: float, val: float, places: list[int]
) -> None:
    """The higher curve has the higher name, beside where it ends."""
    run = analyses.nothing(
        train=analyses.curve("loss", [0, 1, 2], [9.0, 1.0, train]),
        val=analyses.curve("val_loss", [2], [val]),
    )
    rows = drawn(run)
    named = [next(i for i, r in enumerate(rows) if n in r) for n in ("val ", "train ")]

    assert named == places


def test_a_mean_that_tells_nothing_new_is_left_out() -> None:
    """Without pauses typical and mean are the same."""
    run = analyses.with_summary(analyses.nothing(), typical_ms=5.0, mean_ms=5.0)

    assert "5.00 ms per step\n" in shown(run)


def test_findings_are_marked_by_severity() -> None:
    """What is mild has a dash, the rest a warning sign."""
    found = (analyses.spike("info", 1), analyses.spike("warning", 2))
    lines = shown(analyses.nothing(findings=found)).splitlines()

    assert [x[:2] for x in lines if x.startswith(("! ", "- "))] == ["! ", "- "]


@pytest.mark.parametrize(
    "analysis",
    [
        analyses.nothing(),
        analyses.nothing(train=analyses.curve("loss", [0], [1.0])),
        analyses.nothing(train=analyses.curve("loss", [0, 1], [float("nan")] * 2)),
        analyses.nothing(
            train=analyses.curve("loss", [0], [1.0]),
            val=analyses.curve("val_loss", [0], [2.0]),
        ),
    ],
    ids=["nothing", "one point", "only NaN", "one of each"],
)
def test_a_curve_that_is_none_is_not_drawn(analysis: Analysis) -> None:
    """One point is no curve."""
    assert drawn(analysis) == []


@pytest.mark.parametrize("points", [2, 3, 50, 30_000])
def test_any_number_of_points_makes_a_chart(points: int) -> None:
    """A constant loss, of any length, lies on one row."""
    train = analyses.curve("loss", range(points), [2.0] * points)
    rows = drawn(analyses.nothing(train=train, train_smooth=train.values))

    assert [i for i, row in enumerate(rows) if re.search("[\u2801-\u28ff]", row)] == [4]


@given(
    st.lists(
        st.tuples(
            st.integers(-(2**62), 2**62),
            st.floats(allow_nan=True, allow_infinity=True),
            st.booleans(),
        ),
        min_size=1,
        max_size=8,
    ),
    st.integers(1, 120),
    st.booleans(),
)
def test_any_points_can_be_drawn(
    points: list[tuple[int, float, bool]],
    width: int,
    dots: bool,  # noqa: FBT001 (the property's input)
) -> None:
    """Steps that go back, NaN, numbers from both ends: a chart within its width."""
    steps, values, current = zip(*points, strict=True)
    train = analyses.curve("loss", steps, values)
    train = replace(train, current=np.array(current))
    run = analyses.nothing(train=train, val=train)
    lines = chart(run, lang="en", width=width, rows=9, dots=dots)

    assert all(sum(len(text) for text, _ in line) <= width for line in lines)
