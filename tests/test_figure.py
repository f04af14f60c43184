"""Pictures: what they say, that it can be read, and that they are reproducible."""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations, pairwise

import matplotlib as mpl
import numpy as np
import pytest
from analyses import curve
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from made_runs import (
    KINDS,
    bare,
    epochs,
    improving,
    in_bits,
    lost,
    nanogpt,
    resumed,
    rewards,
    speedrun,
    started,
    trainer,
    with_curve,
    with_time,
    with_train,
    with_val,
)
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image

from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis
from watcher.outputs.plot.axis_range import loss_scale, steps_scale
from watcher.outputs.plot.canvas import Sheet
from watcher.outputs.plot.compare import compare_figure, draw_together
from watcher.outputs.plot.figure import draw, figure
from watcher.outputs.plot.lines import Look
from watcher.outputs.plot.spread import spread
from watcher.outputs.plot.theme import DARK, LIGHT, THEMES, printable, rc
from watcher.outputs.plot.ticks import Scale, brief, labels, ticks
from watcher.outputs.text.numbers import loss


HEADLINE = "Overfitting since step 2,250: validation loss is 0.34 nats above its best"


def look(
    *runs: Analysis, theme: str = "light", lang: str = "en", log: bool = False
) -> Look:
    """How a picture of the runs is wanted."""
    return Look(THEMES[theme], lang, steps_scale(runs, log=log))


def sheet(
    run: Analysis, *, theme: str = "light", lang: str = "en", log: bool = False
) -> Sheet:
    """A run, drawn and not yet rendered."""
    wanted = look(run, theme=theme, lang=lang, log=log)
    with mpl.rc_context(rc(wanted.theme)):
        return draw(run, wanted, headline=HEADLINE, drawn_by="gptwatch 0.1.0")


def words(drawn: Sheet) -> list[str]:
    """Every text of a picture that is not a number of an axis."""
    return [text.get_text() for text in drawn.figure.texts]


def panel(drawn: Sheet, place: int) -> Axes:
    """One of the four panels."""
    return drawn.figure.axes[place]


def colours(axes: Axes) -> set[str]:
    """The colours of the lines of a panel."""
    return {to_hex(line.get_color()).upper() for line in axes.lines}


def boxes(drawn: Sheet) -> Iterator[tuple[str, Bbox]]:
    """Every text that is seen, and where it stands in pixels."""
    canvas = FigureCanvasAgg(drawn.figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    shown: list[Text] = list(drawn.figure.texts)
    for axes in drawn.figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            shown += [
                tick.label1
                for tick in axis.get_major_ticks()
                if low <= tick.get_loc() <= high
            ]
    for text in shown:
        if text.get_text().strip():
            yield text.get_text(), text.get_window_extent(renderer)


def assert_legible(drawn: Sheet) -> None:
    """No text leaves the canvas, none lies on another."""
    with mpl.rc_context(rc(LIGHT)):
        placed = list(boxes(drawn))
    width, height = drawn.figure.bbox.width, drawn.figure.bbox.height
    outside = [
        name
        for name, box in placed
        if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height
    ]
    touching = [
        (a, b)
        for (a, one), (b, other) in combinations(placed, 2)
        if one.overlaps(other.padded(-1.5))
    ]

    assert [] == outside
    assert [] == touching


# ---- every kind of log


@pytest.mark.parametrize("kind", KINDS)
def test_text_is_legible(kind: str) -> None:
    """Nothing leaves the canvas and no label covers another."""
    assert_legible(sheet(KINDS[kind]()))


@pytest.mark.parametrize("kind", ["overfitting", "bits per byte", "resumed", "NaN"])
def test_russian_text_is_legible(kind: str) -> None:
    """Russian words are longer, and have room too."""
    assert_legible(sheet(KINDS[kind](), lang="ru"))


@pytest.mark.parametrize("kind", ["overfitting", "Keras", "resumed", "awkward"])
def test_equal_runs_give_equal_bytes(kind: str) -> None:
    """An unchanged log leaves an unchanged file."""
    make = KINDS[kind]

    first = figure(make(), headline=HEADLINE, drawn_by="x")

    assert first == figure(make(), headline=HEADLINE, drawn_by="x")


@pytest.mark.parametrize("kind", KINDS)
def test_every_log_of_nanogpt_has_four_panels(kind: str) -> None:
    """The layout never jumps: what such a log lacks keeps its place."""
    drawn = sheet(replace(KINDS[kind](), format="nanogpt"))

    assert 4 == len(drawn.figure.axes)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "empty"])
def test_other_logs_have_no_empty_panel(kind: str) -> None:
    """A panel is drawn where the log fills it; "not in this log" says nothing."""
    drawn = sheet(replace(KINDS[kind](), format="keyvalue"))

    assert "not in this log" not in words(drawn)
    assert all(axes.lines for axes in drawn.figure.axes)


def test_svg_is_reproducible_text() -> None:
    """The SVG holds its words as text, and is the same each time."""
    run = started()

    first = figure(run, headline="Finished", drawn_by="x", to="svg")

    assert first == figure(run, headline="Finished", drawn_by="x", to="svg")
    assert b">Finished</text>" in first


@pytest.mark.parametrize(("theme", "paper"), [("light", LIGHT), ("dark", DARK)])
def test_picture_has_the_colour_of_its_theme(theme: str, paper: object) -> None:
    """1,600 pixels wide, on the theme's paper."""
    data = figure(started(), headline="", drawn_by="x", theme=theme)
    with Image.open(io.BytesIO(data)) as image:
        size, corner = image.size, image.convert("RGB").getpixel((0, 0))

    assert isinstance(corner, tuple)
    assert (1600, 1120) == size
    assert THEMES[theme] is paper
    assert THEMES[theme].paper == "#{:02X}{:02X}{:02X}".format(*map(int, corner))


# ---- what is said


def test_heading_names_run_and_finding() -> None:
    """Name, finding and drawn-at stand on the sheet."""
    said = words(sheet(nanogpt()))

    assert "shakespeare-char" in said
    assert HEADLINE in said
    assert any("drawn 2026-11-22" in line and "gptwatch 0.1.0" in line for line in said)


def test_caption_states_model_and_settings() -> None:
    """SEED's S10: what the log states, nothing else."""
    said = " ".join(words(sheet(nanogpt())))

    for fact in (
        "10.65M parameters",
        "6 layers",
        "6 heads",
        "384 wide",
        "block size 256",
        "vocabulary 65",
        "dataset shakespeare_char",
        "batch size 64",
        "learning rate 0.001",
        "dropout 0.2",
        "max_iters 5,000",
    ):
        assert fact in said
    assert "gradient accumulation" not in said


def test_panels_of_a_nanogpt_log() -> None:
    """Losses, the training loss in detail, time and MFU."""
    said = words(sheet(nanogpt()))

    assert {"Training loss", "Time per iteration", "Utilisation (MFU)"} <= set(said)
    assert "not in this log" not in said


def test_panels_of_a_log_without_times() -> None:
    """A Hugging Face log shows gradient norm and learning rate instead."""
    said = words(sheet(trainer()))

    assert {"Training loss", "Gradient norm", "Learning rate"} <= set(said)


def test_panels_of_a_log_without_training_loss() -> None:
    """A speed run shows the end of validation, its pace, and the clock."""
    said = words(sheet(speedrun()))

    assert "Validation, last half" in said
    assert "Mean time per iteration" in said
    assert "Validation against time" in said
    assert "minutes" in said


def test_absent_series_of_nanogpt_keep_their_panel() -> None:
    """A log of nanoGPT without times: their panel says so."""
    run = replace(nanogpt(), format="nanogpt", time=None, pause=None)

    assert 1 == words(sheet(run)).count("not in this log")


def test_panels_of_an_epoch_log() -> None:
    """A log of Keras shows accuracy and the gap; its losses are in the large panel."""
    said = words(sheet(epochs()))

    assert {"Accuracy", "Validation minus training"} <= set(said)
    assert "Training loss" not in said


def test_a_log_without_metrics_still_gives_a_picture() -> None:
    """Panels that say what is missing."""
    assert 1 == words(sheet(bare())).count("not in this log")
    assert 4 == words(sheet(replace(bare(), format="nanogpt"))).count("not in this log")


def test_russian_labels() -> None:
    """Everything the picture itself says is Russian."""
    said = words(sheet(nanogpt(), lang="ru"))

    assert "переобучение" in said
    assert "Время итерации" in said
    assert any(line.startswith("валидация ") for line in said)
    assert not {"step", "overfitting", "Training loss"} & set(said)


def test_ends_of_lines_are_labelled_in_their_colour() -> None:
    """Direct labels with the last value, no legend."""
    drawn = sheet(improving())
    run = improving()
    assert run.val is not None
    ends = {text.get_text(): text.get_color() for text in drawn.figure.texts}

    assert LIGHT.val == ends[f"validation {loss(float(run.val.values[-1]), 'en')}"]
    assert panel(drawn, 0).get_legend() is None


def test_two_hues_and_ink() -> None:
    """Colour means training or validation, everything else is ink."""
    drawn = sheet(nanogpt())
    ink = {LIGHT.ink, LIGHT.muted, LIGHT.paper}

    for axes in drawn.figure.axes:
        assert colours(axes) <= {LIGHT.train, LIGHT.val, "#1F77B4"} | ink


# ---- overfitting


def test_zone_spans_from_the_best_evaluation_in_all_panels() -> None:
    """While overfitting lasts, four panels are tinted from the best step on."""
    drawn, val = sheet(nanogpt()), nanogpt().val
    assert val is not None
    lowest = float(val.values.min())

    for axes in drawn.figure.axes:
        (zone,) = axes.patches
        assert isinstance(zone, Rectangle)
        assert 2250 == zone.get_x()
        assert LIGHT.val == to_hex(zone.get_facecolor()).upper()
    assert "overfitting" in words(drawn)
    assert f"best {loss(lowest, 'en')} at step 2,250" in words(drawn)


def test_no_zone_while_the_run_is_healthy() -> None:
    """No zone, no word, no ring."""
    drawn = sheet(improving())

    assert [] == [zone for axes in drawn.figure.axes for zone in axes.patches]
    assert "overfitting" not in words(drawn)


def test_no_zone_after_overfitting_has_ended() -> None:
    """A finding that was cleared leaves no trace."""
    run = nanogpt()
    over = replace(run.findings[0], cleared_step=4000)

    assert "overfitting" not in words(sheet(replace(run, findings=(over,))))


# ---- units


def test_bits_and_nats_share_no_panel() -> None:
    """A validation in bits per byte has a panel of its own below training."""
    drawn = sheet(in_bits())

    assert colours(panel(drawn, 0)) & {LIGHT.train, LIGHT.val} == {LIGHT.train}
    assert any(line.startswith("bits/byte") for line in words(drawn))
    assert LIGHT.val in colours(panel(drawn, 1))


def test_overfitting_in_bits_is_the_story() -> None:
    """Where validation in other units overfits, it takes the large panel."""
    over = Finding("overfitting", "warning", 900, since_step=500)
    drawn = sheet(replace(in_bits(), findings=(over,)))

    assert colours(panel(drawn, 0)) & {LIGHT.train, LIGHT.val} == {LIGHT.val}
    assert "overfitting" in words(drawn)


def test_one_evaluation_leaves_training_the_story() -> None:
    """A single evaluation is a dot with its value; training is the bold line."""
    run = with_val(improving(), np.array([0]), np.array([9.0]), np.array([np.nan]))
    drawn = sheet(run)

    bold = [x for x in panel(drawn, 0).lines if x.get_linewidth() == 2]
    assert 1999 == max(np.asarray(line.get_xdata())[-1] for line in bold)
    label = next(t for t in drawn.figure.texts if t.get_text().startswith("validation"))
    assert label.get_position()[0] < 0.2


def test_loss_axes_are_logarithmic() -> None:
    """Losses fall by factors."""
    drawn = sheet(nanogpt())

    assert ["log", "log"] == [panel(drawn, i).get_yscale() for i in (0, 1)]


def test_negative_losses_stand_on_a_linear_axis() -> None:
    """A reward has no logarithm."""
    drawn = sheet(rewards())

    assert "linear" == panel(drawn, 0).get_yscale()
    assert panel(drawn, 0).get_ylim()[0] < 0


def test_steps_on_a_logarithmic_axis() -> None:
    """Step 0 stands at the left edge."""
    drawn = sheet(nanogpt(), log=True)

    assert "log" == panel(drawn, 0).get_xscale()
    assert 1 == panel(drawn, 0).get_xlim()[0]
    assert_legible(drawn)


# ---- pauses, restarts, values that are no numbers


def test_pauses_are_ticked_and_do_not_stretch_the_axis() -> None:
    """Evaluations of 1.65 s do not flatten iterations of 28 ms."""
    axes = panel(sheet(nanogpt()), 2)
    marks = [line for line in axes.lines if line.get_marker() == "|"]

    assert axes.get_ylim()[1] < 60
    assert 20 == sum(len(np.asarray(line.get_xdata())) for line in marks)


def test_a_lone_spike_is_ticked() -> None:
    """A loss a hundred times its neighbours does not flatten them."""
    run = improving()
    assert run.train is not None
    values = run.train.values.copy()
    values[1000] = 600.0

    axes = panel(sheet(with_train(run, run.train.steps, values)), 1)
    marks = [line for line in axes.lines if line.get_marker() == "|"]

    assert axes.get_ylim()[1] < 600
    assert [1000.0] == [float(x) for m in marks for x in np.asarray(m.get_xdata())]


def test_resumption_is_marked() -> None:
    """A thin line and a word where the run was taken up again."""
    drawn = sheet(resumed())

    assert "resumed" in words(drawn)
    for axes in drawn.figure.axes[:2]:
        assert [1000, 1000] in [list(np.asarray(x.get_xdata())) for x in axes.lines]


def test_superseded_points_are_faint() -> None:
    """What was trained again is drawn fainter than what counts."""
    alphas = [
        line.get_alpha()
        for line in panel(sheet(resumed()), 0).lines
        if to_hex(line.get_color()).upper() == LIGHT.val and line.get_alpha()
    ]

    assert [0.25, 1.0] == sorted({float(alpha or 1) for alpha in alphas})


@pytest.mark.parametrize(
    ("rule", "word"),
    [
        ("divergence", "diverged"),
        ("slowdown", "slower"),
        ("skipped_steps", "steps skipped"),
        ("a_rule_of_tomorrow", "a rule of tomorrow"),
    ],
)
def test_findings_are_marked_at_their_step(rule: str, word: str) -> None:
    """A dotted line and a word in the large panel, a pointer in every one."""
    found = Finding(rule, "warning", 700, since_step=700)
    drawn = sheet(replace(improving(), findings=(found,)))

    assert word in words(drawn)
    assert [700, 700] in [
        list(np.asarray(x.get_xdata())) for x in panel(drawn, 0).lines
    ]
    for axes in drawn.figure.axes:
        pointers = [line for line in axes.lines if line.get_marker() == "v"]
        assert [700] == [x for line in pointers for x in np.asarray(line.get_xdata())]


def test_a_crash_is_marked_by_its_cause() -> None:
    """The mark of a run that ended states how."""
    end = Finding("crashed", "critical", 1999, evidence={"outcome": "out of memory"})

    assert "out of memory" in words(sheet(replace(improving(), findings=(end,))))


def test_events_close_together_share_a_word() -> None:
    """Twenty spikes in a row are one word with their number, and stay legible."""
    spikes = [Finding("spike", "info", step) for step in range(1000, 1200, 10)]
    drawn = sheet(replace(improving(), findings=tuple(spikes)))

    assert "spike ×20" in words(drawn)
    assert_legible(drawn)


def _borders(drawn: Sheet) -> list[float]:
    grid = to_hex(LIGHT.grid)
    lines = [x for x in panel(drawn, 0).lines if to_hex(x.get_color()) == grid]
    return [float(np.asarray(line.get_xdata())[0]) for line in lines]


def test_epochs_have_thin_borders() -> None:
    """A border where each pass over the data begins, for two ranks that print too."""
    run = improving()
    steps = np.repeat(np.arange(0, 2000, 10), 2)
    run = with_curve(run, "epoch", steps, steps / 500)

    assert [500, 1000, 1500] == _borders(sheet(run))


def test_epochs_without_curves_have_no_borders() -> None:
    """Where each record is an epoch a border would stand at each point."""
    run = with_curve(epochs(), "epoch", np.arange(1, 13), np.arange(1.0, 13))

    assert [] == _borders(sheet(run))


def test_a_long_title_wraps() -> None:
    """Nothing of a headline is cut while it has room for another line."""
    headline = f"Diverged at step 100: {'training loss is back up ' * 6}at step 25"
    with mpl.rc_context(rc(LIGHT)):
        drawn = draw(nanogpt(), look(nanogpt()), headline=headline, drawn_by="x")

    assert headline in " ".join(words(drawn))
    assert_legible(drawn)


def test_what_was_superseded_leaves_the_axis_to_what_counts() -> None:
    """A run that has just begun again is not squeezed by the long one before it."""
    steps = np.r_[np.arange(5000), np.arange(100)]
    run = with_train(bare(), steps, 2 + np.exp(-steps / 900), window=1)
    assert run.train is not None
    current = np.arange(5100) >= 5000
    train = replace(run.train, current=current)
    run = replace(run, train=train, curves={"loss": train})

    assert 100 >= steps_scale([run], log=False).high


def test_few_points_are_all_inside() -> None:
    """With a dozen evaluations the first is seen, however high it is."""
    at = np.arange(0, 1300, 100.0)
    values = 3.3 + 7.5 * np.exp(-at / 40)

    scale = loss_scale([(at, values)], Scale(0, 1200))

    assert scale is not None
    assert scale.high > values[0]


def test_nan_is_marked_where_it_began() -> None:
    """The finite part is drawn; the rest is tinted and named."""
    drawn = sheet(lost())

    assert "NaN or inf from step 1,300" in words(drawn)
    assert [1] * 4 == [len(axes.patches) for axes in drawn.figure.axes]


def test_single_nan_is_pointed_out() -> None:
    """One NaN among numbers is marked with its step."""
    run = improving()
    assert run.train is not None
    values = run.train.values.copy()
    values[700] = np.nan

    drawn = sheet(with_train(run, run.train.steps, values))

    assert "NaN or inf at step 700" in words(drawn)


def test_losses_that_are_all_nan_are_said_to_be() -> None:
    """A log of NaN is another thing than a log without losses."""
    said = words(sheet(_only(np.nan, np.nan)()))

    assert 1 == said.count("nothing but NaN or inf")
    assert "not in this log" not in said


def test_no_line_goes_back() -> None:
    """Where steps go back without a known restart, the style is lifted."""
    steps = np.array([0, 100, 200, 50, 150])
    run = with_val(bare(), steps, np.array([4.0, 3.0, 2.0, 3.5, 2.5]))

    line = next(x for x in panel(sheet(run), 0).lines if x.get_linewidth() == 2)

    assert (~(np.diff(np.asarray(line.get_xdata())) < 0)).all()


def _only(*values: float) -> Callable[[], Analysis]:
    steps = np.arange(len(values))
    return lambda: with_train(bare(), steps, np.array(values), window=1)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(_only(), id="no point"),
        pytest.param(_only(2.5), id="one point"),
        pytest.param(_only(2.5, 2.5, 2.5), id="constant"),
        pytest.param(_only(0.0, 0.0, 0.0), id="zeros"),
        pytest.param(_only(np.nan, np.nan), id="all NaN"),
        pytest.param(_only(np.inf, -np.inf, 1.0), id="infinite"),
        pytest.param(_only(1e300, 1e-300, 1.0), id="huge and tiny"),
        pytest.param(_only(1e308, -1e308, 1e308), id="huge of both signs"),
        pytest.param(_only(1e-40, 2e-40, 3e-40), id="tiny"),
        pytest.param(_only(3.0, 0.0, 2.0), id="a zero"),
        pytest.param(_only(1.0, 1.0 + 1e-15, 1.0), id="hardly different"),
    ],
)
def test_strange_values_give_a_picture(make: Callable[[], Analysis]) -> None:
    """Whatever a log holds, the picture is drawn and legible."""
    assert_legible(sheet(make()))


@settings(max_examples=examples(20), deadline=None)
@given(st.lists(st.floats(), min_size=1, max_size=40), st.booleans())
def test_any_values_give_a_picture(values: list[float], log: bool) -> None:  # noqa: FBT001
    """No float stops the drawing."""
    steps = np.arange(len(values))
    column = np.array(values)
    run = with_val(with_train(bare(), steps, column, window=3), steps, column, column)
    run = with_time(run, steps, column, steps % 3 == 0)

    assert 1 <= len(sheet(run, log=log).figure.axes) <= 4


def test_last_point_and_spikes_of_a_long_run_are_drawn() -> None:
    """A run of 200,000 points ends where its log ends, its spike on the picture."""
    run = nanogpt(200_000)
    assert run.train is not None
    run.train.values[123_456] = 9.9

    raw = next(x for x in panel(sheet(run), 1).lines if x.get_alpha() == 0.3)

    assert 199_999 == np.asarray(raw.get_xdata())[-1]
    assert 9.9 in np.asarray(raw.get_ydata())
    assert len(np.asarray(raw.get_xdata())) < 2000


# ---- names


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("$x_1$", "$x_1$"),
        ("a\x1b[31m\nb", "a[31m b"),
        ("训练", "\\u8bad\\u7ec3"),
        ("caf\udce9", "caf\\udce9"),
        ("прогон-1", "прогон-1"),
        ("a\u202eb", "ab"),
    ],
)
def test_names_are_shown_as_they_are(name: str, shown: str) -> None:
    """No formula, no control code, no missing glyph; Cyrillic as it is."""
    assert shown == printable(name)
    assert shown in words(sheet(replace(bare(), name=name)))


# ---- numbers


@pytest.mark.parametrize(
    ("low", "high", "log", "expected"),
    [
        (0, 5000, False, ["0", "1k", "2k", "3k", "4k", "5k"]),
        (0, 1, False, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (3.2, 10.9, True, ["4", "5", "6", "8", "10"]),
        (0.001, 30, True, ["0.001", "0.01", "0.1", "1", "10"]),
        (0, 10_000_000, False, ["0", "2M", "4M", "6M", "8M", "10M"]),
    ],
)
def test_ticks_are_plain_round_numbers(
    *, low: float, high: float, log: bool, expected: list[str]
) -> None:
    """Plain decimals, several of them within a decade too."""
    assert expected == labels(ticks(Scale(low, high, log)))


@given(st.floats(1e-6, 1e6), st.floats(1.01, 1e6), st.booleans())
def test_ticks_are_several_and_distinct(low: float, factor: float, log: bool) -> None:  # noqa: FBT001
    """Every range gets at least two different labels, in order, inside it."""
    scale = Scale(low, low * factor, log)
    found = ticks(scale)

    assert sorted(set(found)) == found
    assert len(set(labels(found))) == len(found) >= 2
    assert all(-1e-6 <= scale.at(tick) <= 1 + 1e-6 for tick in found)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_brief_numbers_are_brief(value: float) -> None:
    """No number is wider than its margin."""
    assert len(brief(value)) <= 10


def test_early_steps_do_not_flatten_the_rest() -> None:
    """The first fall leaves at the top; what follows fills the panel."""
    steps = np.arange(1000.0)
    values = 3.3 + 7.0 * np.exp(-steps / 5)

    scale = loss_scale([(steps, values)], Scale(0, 1000))

    assert scale is not None
    assert scale.high < 4


@given(st.lists(st.floats(0, 10), max_size=12))
def test_labels_are_pushed_apart_within_bounds(wanted: list[float]) -> None:
    """Labels at equal heights stand one above another, in their order."""
    placed = spread(sorted(wanted), 0.5, 0, 10)

    assert len(wanted) == len(placed)
    assert all(b - a >= 0.5 - 1e-6 for a, b in pairwise(placed))
    assert all(-1e-6 <= y <= 10 + 1e-6 for y in placed)


def test_labels_with_room_stay_where_they_are() -> None:
    """A label stands at its line."""
    assert [1.0, 4.0, 8.0] == spread([1, 4, 8], 0.5, 0, 10)


# ---- several runs


def together(
    runs: Sequence[Analysis], *, theme: str = "light", lang: str = "en"
) -> Sheet:
    """Runs drawn over one another."""
    wanted = look(*runs, theme=theme, lang=lang)
    with mpl.rc_context(rc(wanted.theme)):
        return draw_together(runs, wanted)


def variants(count: int) -> list[Analysis]:
    """Runs that are worse and slower one by one."""
    runs = []
    for i in range(count):
        run = nanogpt(1000 + 100 * (i % 3), seed=i, name=f"run-{i}")
        assert run.val is not None
        val = run.val.values * (1 + 0.06 * i)
        runs.append(with_val(run, run.val.steps, val, run.val_train))
    return runs


@pytest.mark.parametrize("lang", ["en", "ru"])
@pytest.mark.parametrize("count", [1, 2, 8, 12])
def test_comparison_is_legible(count: int, lang: str) -> None:
    """From one run to twelve, nothing collides."""
    assert_legible(together(variants(count), lang=lang))


def test_comparison_names_the_best_run() -> None:
    """The headline says which run validates best, and where."""
    said = words(together(variants(3)))

    assert "3 runs compared" in said
    assert any(line.startswith("Lowest validation: run-0, ") for line in said)


def test_one_hue_a_run() -> None:
    """Eight runs have eight colours, and their names beside their lines."""
    drawn = together(variants(8))
    names = {text.get_text().split()[0] for text in drawn.figure.texts}

    assert set(LIGHT.runs) == colours(panel(drawn, 0)) & set(LIGHT.runs)
    assert {f"run-{i}" for i in range(8)} <= names


def test_more_than_eight_runs_leave_the_worst_grey() -> None:
    """The best eight have a colour; up to twenty keep a name that can be read."""
    drawn = together(variants(20))
    names = {text.get_text().split()[0]: text for text in drawn.figure.texts}

    assert {f"run-{i}" for i in range(20)} <= set(names)
    assert LIGHT.muted == names["run-19"].get_color() != names["run-7"].get_color()
    assert LIGHT.muted in colours(panel(drawn, 0))
    assert_legible(drawn)


def test_of_many_runs_the_coloured_ones_are_named() -> None:
    """With more than twenty runs names would cover one another."""
    names = {t.get_text().split()[0] for t in together(variants(22)).figure.texts}

    assert "run-7" in names
    assert "run-8" not in names


def test_no_winner_among_runs_of_other_data() -> None:
    """The headline names the reason instead of a run."""
    first, second = variants(2)
    said = words(together([first, replace(second, info={"dataset": "other"})]))

    assert "Runs have different data: no run is ranked." in said
    assert not any(line.startswith("Lowest") for line in said)


def test_runs_in_another_unit_are_left_out_and_named() -> None:
    """Bits per byte never stand on the axis of nats."""
    said = words(together([*variants(2), in_bits()]))

    assert any("not drawn: nanochat-d20" in line for line in said)


def test_comparison_without_validation() -> None:
    """Training losses take the large panel."""
    runs = [replace(run, val=None, val_train=None) for run in variants(2)]
    said = words(together(runs))

    assert "Training loss, last half" in said
    assert "Time per iteration" in said


def test_every_kind_can_be_compared() -> None:
    """Logs of different programs overlay without failing."""
    assert_legible(together([make() for make in KINDS.values()], theme="dark"))


def test_equal_comparisons_give_equal_bytes() -> None:
    """Comparing twice gives the same file."""
    assert compare_figure(variants(2)) == compare_figure(variants(2))


def test_steps_of_a_metric_alone_span_the_axis() -> None:
    """A log with nothing but a gradient norm has an axis of its steps."""
    norm = curve("grad_norm", np.array([5, 500]), np.array([1.0, 2.0]))
    run = replace(bare(), curves={"grad_norm": norm})

    assert Scale(5, 500) == steps_scale([run], log=False)
