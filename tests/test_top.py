"""`gptwatch top` without a terminal: what each key does, and what each screen shows."""

import ctypes
import os
import random
import re
import select
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from oracle import Bench, append, lines
from screens import DEMO, RUNS, Screen, judge, watched, whole

from watcher.host.lock import locked
from watcher.outputs.text.cells import cell_len
from watcher.storage.database import Database
from watcher.top import keymap, pieces
from watcher.top.model import Effect, Model, Mouse, Size
from watcher.top.program import Program
from watcher.top.update import ACTIONS


GOLDEN = Path(__file__).parent / "data/top"
SIZES = ((80, 24), (120, 40), (40, 10))


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that no test changes."""
    return watched(tmp_path_factory.mktemp("top"))


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times on the screen do not depend on the machine."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def screen(state: Path) -> Iterator[Screen]:
    """The list of runs, 120 x 36."""
    found = Screen(state)
    yield found
    found.close()


def lined(screen: Screen, text: str) -> str:
    """The line of the screen that holds a text."""
    [found] = [line for line in screen.text.splitlines() if text in line]
    return found


def selected(screen: Screen) -> str:
    """The selected row."""
    return "".join(screen.styled("selected"))


ALL_LOOKS = ("en", "ru", "en-ascii", "ru-ascii")
FRAMES = [
    *(("list", "", size, look) for size in SIZES for look in ALL_LOOKS),
    *(("run", "j enter", size, look) for size in SIZES[:2] for look in ("en", "ru")),
    ("run", "j enter", (80, 24), "en-ascii"),
    ("lens", "j enter left left enter", (80, 24), "en"),
    ("lens", "j enter left left enter", (120, 40), "ru"),
    ("lens", "j enter left left enter", (80, 24), "en-ascii"),
    ("alerts", "A", (80, 24), "en"),
    ("alerts", "A", (80, 24), "ru"),
    ("compare", "j space space c left", (120, 40), "en"),
    ("compare", "j space space c left", (60, 20), "ru"),
    ("alerts", "A", (60, 20), "ru"),
    ("run", "j enter", (60, 20), "ru"),
    ("list", "", (60, 20), "ru"),
    ("help", "?", (60, 20), "ru"),
    ("palette", ":", (60, 20), "en"),
    ("help", "?", (80, 24), "en"),
    ("help", "?", (80, 24), "ru"),
]


@pytest.mark.parametrize(
    ("name", "keys", "size", "look"),
    FRAMES,
    ids=lambda value: "x".join(map(str, value)) if isinstance(value, tuple) else value,
)
def test_frames(
    request: pytest.FixtureRequest,
    state: Path,
    *,
    name: str,
    keys: str,
    size: tuple[int, int],
    look: str,
) -> None:
    """Each screen as it was looked at: sizes, languages, with and without braille."""
    screen = Screen(state, size)
    screen.look(look[:2], ascii_only=look.endswith("ascii"))
    shown = screen.press(*(" " if k == "space" else k for k in keys.split())) + "\n"
    screen.close()
    shown = re.sub(r"(?m)^[/…~]\S.*", "PATH:LINE", shown)
    path = GOLDEN / f"{name}-{size[0]}x{size[1]}-{look}.txt"
    if request.config.getoption("--update-golden"):
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(shown, encoding="utf-8")
        pytest.skip("rewritten; run again to compare")

    assert path.read_text(encoding="utf-8") == shown
    assert look != "en-ascii" or shown.isascii()


def test_the_title_says_where_and_as_of_when(tmp_path: Path) -> None:
    """The machine, and when the daemon last reported, as far as there is room."""
    state = watched(tmp_path)
    screen = Screen(state)
    assert "box-3" not in screen.text.splitlines()[0]

    with locked(state):
        report(screen, at=time.time() - 10)
        assert re.fullmatch(
            r"gptwatch · 5 runs · .* · 2 over +box-3 · \d\d(:\d\d){2}",
            screen.text.splitlines()[0],
        )
        screen.size = Size(60, 20)
        screen.draw()
        assert re.search(r"2 over +\d\d(:\d\d){2}$", screen.text.splitlines()[0])
        screen.size = Size(50, 20)
        screen.draw()
        assert screen.text.splitlines()[0].endswith("2 over")
    screen.close()


def test_a_daemon_that_hangs_is_said(tmp_path: Path) -> None:
    """It has the lock, and has reported nothing for a minute."""
    state = watched(tmp_path)
    screen = Screen(state)
    with locked(state):
        report(screen, at=time.time() - 60)
        at = time.strftime("%H:%M:%S", time.localtime(screen.model.fleet.at))
        assert f"said nothing since {at}" in screen.text.splitlines()[0]
        report(screen, at=time.time())
        assert "said nothing" not in screen.text
    screen.close()


def report(screen: Screen, *, at: float) -> None:
    """The daemon notes something of itself, and the screen takes it in."""
    store = Database(screen.program.folder)
    with store.transaction():
        store.keep_note("daemon", {"at": at})
    store.close()
    screen.program.hurry()
    screen.program.refresh()
    screen.draw()


def test_runs_that_need_attention_come_first(screen: Screen) -> None:
    """With a mark and a sentence, without colour, too."""
    lines = screen.text.splitlines()

    assert lines[1].startswith("! wide/nan.log  ")
    assert "Probably overfitting since step 175" in screen.text
    rows = [line for line in lines if "  running  " in line or "  crashed  " in line]
    assert ["wide/nan.log", "base/exp-2.log", "base/exp-3.log"] == [
        next(word for word in row.split() if word.endswith(".log")) for row in rows
    ]


def test_keys_move_the_selection(screen: Screen) -> None:
    """Down, up, to the ends; never past them."""
    assert "nan.log" in selected(screen)
    screen.press("j", "down")
    assert "exp-3.log" in selected(screen)
    screen.press("k")
    assert "exp-2.log" in selected(screen)
    screen.press("G", "j")
    assert "exp-1.log" in selected(screen)
    screen.press("g", "up")
    assert "nan.log" in selected(screen)


def test_the_filter_is_applied_while_it_is_typed(screen: Screen) -> None:
    """Esc shows all again; a filter without a match says how to undo it."""
    screen.press("/")
    screen.type("exp")
    assert "nan.log  " not in "\n".join(screen.text.splitlines()[4:])
    screen.type("xyz")
    assert "no run matches expxyz; esc shows all" in screen.text
    screen.press("enter", "esc")
    assert "nan.log" in selected(screen)


def test_the_list_is_sorted_by_the_chosen_column(screen: Screen) -> None:
    """Arrows choose it, `o` sorts and marks it, `r` reverses, `o` again ends it."""
    screen.press("right", "right", "o")
    head = next(line for line in screen.text.splitlines() if "state" in line)
    assert "▼" in head
    first = selected(screen)
    screen.press("r", "g")
    assert first != selected(screen)
    screen.press("o")
    assert "▼" not in screen.text
    assert "▲" not in screen.text


def test_finished_runs_are_folded_when_they_are_many(tmp_path: Path) -> None:
    """Enter on the fold shows them; esc folds them again."""
    bench = Bench(tmp_path)
    for number in range(12):
        append(bench.logs / f"done-{number:02}.log", whole(DEMO[:3000]))
    bench.look(2)
    with bench.store.transaction():
        for row in bench.store.runs():
            bench.store.set(row.id, state={"state": "finished"})
    bench.stop()
    screen = Screen(bench.state)

    assert "12 finished: enter shows them" in screen.text
    assert "done-03.log" not in screen.text
    # 500 folded runs as text would be half of the time to the first frame.
    assert not any("cells" in vars(entry) for entry in screen.model.fleet.entries)
    assert "  ✓  done-03.log" in screen.press("enter")
    assert "done-03.log" not in screen.press("esc")
    screen.close()


def test_a_run_shows_curves_figures_and_the_end_of_its_log(screen: Screen) -> None:
    """Losses as dots, the best marked, small charts, and the last lines."""
    shown = screen.press("j", "enter")

    assert "base/exp-2.log · running" in shown
    assert any("\u2800" < c < "\u2900" for c in shown)
    assert {"◆", "┊"} <= set(shown)
    assert "best val" in shown
    assert "iter_ms" in shown
    last = whole(RUNS["base/exp-2.log"][0]).splitlines()[-1].decode()
    assert shown.splitlines()[-2] == last


def test_the_crosshair_walks_from_point_to_point(screen: Screen) -> None:
    """Left from the end; right past the last point leaves it."""
    screen.press("j", "enter", "left")
    assert screen.model.line is not None
    at = screen.model.line
    text = DEMO.splitlines()[at - 1].decode()
    assert f"train {float(text.split('loss ')[1].split(',')[0]):.4f}" in lined(
        screen, f"line {at} · step {text.split()[1].rstrip(':')} ·"
    )
    screen.press("left")
    assert screen.model.line < at
    assert "axis: step" in screen.press("right", "right")


def test_a_moved_crosshair_reads_no_curve(screen: Screen) -> None:
    """Of ten million points, averaged, that took seconds at each key."""
    screen.press("j", "enter", "s", "left")
    before = screen.model.loaded
    after = (screen.press("left"), screen.model.loaded)[1]
    assert before is not after
    assert before.points != after.points
    pairs = zip(before.curves, after.curves, strict=True)
    assert all(old is new for (_, old), (_, new) in pairs)
    screen.press("+")
    assert before.curves[0][1] is not screen.model.loaded.curves[0][1]


def test_the_lens_opens_on_the_line_of_the_point(screen: Screen) -> None:
    """The marked line of the log is the one that printed the values above it."""
    screen.press("j", "enter", "left", "left", "left", "enter")
    at = screen.model.line
    assert at is not None

    line = DEMO.splitlines()[at - 1].decode()
    assert line in selected(screen)
    assert f"{at} ● " in selected(screen)
    screen.press("up")
    assert DEMO.splitlines()[at - 2].decode() in selected(screen)
    assert f"line {at - 1} ·" in screen.text


def test_moving_in_the_log_moves_the_crosshair(screen: Screen) -> None:
    """The column of the crosshair follows the line, both ways."""
    screen.press("j", "enter", "left", "enter")

    def column() -> int:
        rows = [line for line in screen.text.splitlines()[1:8] if line.count("│") > 1]
        return rows[0].rindex("│")

    last = column()
    screen.press("pgup", "pgup")
    assert column() < last
    screen.press("g")
    screen.type("1")
    screen.press("enter")
    assert 1 == screen.model.line
    assert "iter 0" in selected(screen) or "1 " in selected(screen)
    screen.press("g", *"9999", "enter")
    assert whole(RUNS["base/exp-2.log"][0]).splitlines()[-1].decode() in selected(
        screen
    )


def test_the_log_is_searched_both_ways(screen: Screen) -> None:
    """The match is marked; `n` and `N` go on; no match is a message."""
    screen.press("j", "enter", "enter", "g")
    screen.type("1")
    screen.press("enter", "/")
    screen.type("STEP 100:")
    screen.press("enter")
    assert ["step 100:"] == screen.styled("found")
    first = screen.model.line
    screen.press("n")
    assert "step 100:: not found" not in screen.text
    assert "STEP 100:: not found" in screen.text
    screen.press("G", "N")
    assert first == screen.model.line


def test_the_end_of_the_log_is_followed(tmp_path: Path) -> None:
    """New lines come in without a key."""
    bench = Bench(tmp_path)
    append(bench.logs / "train.log", DEMO[:3000])
    bench.look(2)
    screen = Screen(bench.state)
    screen.press("enter", "enter")
    append(bench.logs / "train.log", b"\niter 9999: loss 1.25, time 40.0ms, mfu 1.0%\n")
    bench.look()
    screen.program.hurry()
    screen.program.refresh()
    screen.draw()

    assert "iter 9999" in selected(screen)
    screen.close()
    bench.stop()


def test_a_small_curve_is_read_again_when_it_has_another_cell(tmp_path: Path) -> None:
    """Not at each line: of 50 running logs that was most of what the list cost."""
    bench = Bench(tmp_path)
    append(bench.logs / "train.log", lines(0, 200))
    bench.look(2)
    screen = Screen(bench.state)

    def after(start: int, end: int) -> Sequence[float]:
        append(bench.logs / "train.log", lines(start, end))
        bench.look()
        screen.program.hurry()
        screen.program.refresh()
        screen.draw()
        [found] = screen.model.loaded.sparks.values()
        return found

    first = after(200, 201)
    assert first is after(201, 202)
    assert "201" in selected(screen)
    assert first is not after(202, 220)
    screen.close()
    bench.stop()


def test_small_curves_leave_no_points_in_memory(tmp_path: Path) -> None:
    """Sixteen of them are shown; of hundreds of runs the rest would be most of all."""
    bench = Bench(tmp_path)
    data = lines(0, 20_000)
    for number in range(8):
        append(bench.logs / f"{number}.log", data)
    bench.look(8)
    bench.stop()
    program = Program(bench.state, Model())
    tracemalloc.start()
    program.frame(Size(120, 36))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    program.close()
    assert 8 == len(program.model.loaded.sparks)
    assert held < 8 * 20_000 * 24 / 2


def test_it_waits_for_changes_without_asking(tmp_path: Path) -> None:
    """The system tells of a commit; until then, and after it was read, nothing does."""
    bench = Bench(tmp_path)
    append(bench.logs / "train.log", DEMO[:3000])
    bench.look(2)
    program = Program(bench.state, Model(), every_s=60)

    def is_told() -> bool:
        fd = program.wait().fd
        assert fd is not None
        return bool(select.select([fd], [], [], 0)[0])

    program.hurry()
    program.refresh()
    assert not is_told()
    append(bench.logs / "train.log", b"iter 9999: loss 1.25, time 40.0ms, mfu 1.0%\n")
    bench.look()
    assert is_told()
    program.hurry()
    program.refresh()
    rest = program.wait()
    assert rest.fd is None
    assert 50 < rest.seconds <= 60
    program.hurry()
    assert not is_told()
    program.close()
    bench.stop()


def test_it_asks_where_the_system_does_not_tell(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four times a second, less often the longer nothing changes."""
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    program = Program(state, Model())
    monkeypatch.undo()
    program.hurry()
    assert (0.25, None) == program.wait()
    at = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: at + 20)
    assert (1.0, None) == program.wait()
    monkeypatch.setattr(time, "monotonic", lambda: at + 90)
    assert (2.0, None) == program.wait()
    program.press("p")
    assert (5.0, None) == program.wait()
    program.close()


def test_nothing_is_read_or_drawn_while_it_is_paused(tmp_path: Path) -> None:
    """It says so; `p` goes on."""
    bench = Bench(tmp_path)
    append(bench.logs / "a.log", DEMO[:3000])
    bench.look(2)
    screen = Screen(bench.state)
    assert "paused: p goes on" in screen.press("p")
    append(bench.logs / "b.log", DEMO[:3000])
    bench.look(2)
    screen.program.hurry()
    screen.program.refresh()
    screen.draw()
    assert "b.log" not in screen.text
    screen.press("p")
    assert "b.log" in screen.text
    screen.close()
    bench.stop()


def test_a_chart_is_zoomed_around_the_crosshair(screen: Screen) -> None:
    """In, out, and all of it again; other scales and axes."""
    screen.press("j", "enter", "left", "left", "+", "+")
    assert screen.model.window is not None
    low, high = screen.model.window
    assert (high - low) < 100
    screen.press("-", "-", "-", "f")
    assert "axis: step" == screen.text.splitlines()[2].split("  ")[0]
    assert "axis: line" in screen.press("x")
    assert "logarithmic" in screen.press("l")
    assert "axis: training time, logarithmic" in screen.press("x")
    assert "average of 10" in screen.press("s")


def test_other_metrics_are_shown_in_turn(screen: Screen) -> None:
    """Tab goes through all and comes back to the losses; z gives the whole screen."""
    screen.press("j", "enter")
    names = []
    for _ in range(len(screen.model.loaded.metrics) - 1):
        names.append(screen.model.loaded.curves[0][1].metric)
        screen.press("tab")
    assert {"loss", "iter_ms", "lr", "mfu"} <= set(names)
    assert "loss" == screen.model.loaded.curves[0][1].metric
    assert "iter_ms" not in screen.press("z")
    assert "iter_ms" in screen.press("esc")


def test_a_metric_is_chosen_by_its_name(screen: Screen) -> None:
    """Of a list that is narrowed by typing; the space bar puts it first below."""
    screen.press("j", "enter")
    assert "  losses" in screen.press("m")
    assert "grad_norm" in screen.text
    screen.type("l")
    screen.press("down")
    assert "losses" not in selected(screen)
    screen.press("backspace")
    screen.type("mfu")
    screen.press("enter")
    assert ["mfu"] == [curve.metric for _, curve in screen.model.loaded.curves]
    screen.press("m", "enter")
    assert "loss" == screen.model.loaded.curves[0][1].metric
    first = screen.model.loaded.small[0].metric
    assert "lr" != first
    screen.press("m", *"lr", " ")
    assert "● lr" in selected(screen)
    screen.press("esc")
    assert "lr" == screen.model.loaded.small[0].metric
    screen.press("m", *"lr", " ", "esc")
    assert first == screen.model.loaded.small[0].metric


def test_an_action_of_the_palette_is_chosen_by_arrows(screen: Screen) -> None:
    """Down, up; typing begins again at the first one."""
    screen.press(":", "down", "down")
    assert "a page down" in selected(screen)
    screen.press("up", "up", "up")
    assert "next row" in selected(screen)
    screen.press("pgdn", "backspace")
    screen.type("help")
    screen.press("enter")
    assert "help" == screen.model.screen


def test_marked_runs_are_compared(screen: Screen) -> None:
    """A letter a curve, the best first, settings that differ."""
    assert "mark at least two runs" in screen.press("c")
    shown = screen.press("j", " ", " ", "c")

    rows = [line for line in shown.splitlines() if ".log" in line]
    assert [True, True] == [row[0] in "AB" for row in rows]
    assert "step 0 · A 4.3310 · B 4.3310" in screen.press(*["<"] * 30)
    assert 2 == len(screen.press("esc").split("●")) - 1
    assert "●" not in screen.press("u")


def test_names_of_wide_letters_keep_the_columns(tmp_path: Path) -> None:
    """In the list and in a comparison: a letter of two cells counts as two."""
    bench = Bench(tmp_path)
    for name in ("数据.log", "a.log"):
        append(bench.logs / name, whole(DEMO[:3000]))
    bench.look(2)
    for name in ("数据.log", "a.log"):
        judge(bench, name, "running")
    bench.stop()
    screen = Screen(bench.state)
    for keys in ((), (" ", " ", "c")):
        screen.press(*keys)
        rows = [row for row in screen.text.splitlines() if ".log" in row]
        at = {cell_len(row[: row.index("2.6617")]) for row in rows}
        assert 2 == len(rows)
        assert 1 == len(at)
    screen.close()


def beside_demo(folder: Path, other: bytes) -> Screen:
    """The demo's log, and another one."""
    bench = Bench(folder)
    append(bench.logs / "a.log", whole(DEMO[:3000]))
    append(bench.logs / "b.log", other)
    bench.look(2)
    for name in ("a.log", "b.log"):
        judge(bench, name, "running")
    bench.stop()
    return Screen(bench.state)


def test_losses_in_other_units_are_not_ranked(tmp_path: Path) -> None:
    """Nats beside bits per byte: as `gptwatch compare` does."""
    folder = Path(__file__).parent / "data/autoresearch"
    screen = beside_demo(tmp_path, (folder / "train.log").read_bytes())
    shown = screen.press("g", " ", " ", "c").splitlines()
    assert "Losses have different units: no run is ranked." == shown[-2]
    screen.close()


def test_losses_on_other_data_are_not_ranked(tmp_path: Path) -> None:
    """It says why; the runs keep the order of their letters."""
    other = DEMO.replace(b'"dataset": "demo"', b'"dataset": "other"')
    assert other != DEMO
    screen = beside_demo(tmp_path, whole(other[:9000]))
    shown = screen.press("g", " ", " ", "c").splitlines()
    assert ["A", "B"] == [row.split()[0] for row in shown if ".log" in row]
    assert "Runs have different data: no run is ranked." == shown[-2]
    screen.look("ru")
    assert "места не присвоены" in screen.press("g", " ", " ", "c").splitlines()[-2]
    screen.close()


def test_an_alert_leads_to_its_line(screen: Screen) -> None:
    """Evidence and advice stand below; enter opens the log at its step."""
    shown = screen.press("A")
    assert "To do: " in shown
    item = screen.model.loaded.alerts[0]
    screen.press("enter")
    assert "lens" == screen.model.screen
    assert str(item.step) in selected(screen)
    assert "A" == screen.press("esc")[0] or "alerts" in screen.text


def test_a_silence_is_asked_for_and_stored(tmp_path: Path) -> None:
    """It is the only thing that is written; any other key writes nothing."""
    state = watched(tmp_path)
    screen = Screen(state)
    item_text = screen.press("A", "S")
    assert "1 an hour, 4 four hours, o until it is over" in item_text
    assert "nothing was silenced" in screen.press("x")
    screen.press("S", "4")
    run, rule = (getattr(screen.model.loaded.alerts[0], n) for n in ("run", "rule"))
    assert f"{rule} of {run} is silenced" in screen.text
    screen.program.hurry()
    screen.program.refresh()
    screen.draw()
    assert "silenced" in screen.text.splitlines()[1]
    store = Database(state, read_only=True)
    [silence] = store.outbox.silences(time.time())
    store.close()
    screen.close()
    assert (run, rule) == (silence.run, silence.rule)
    assert 3.9 < (silence.until - time.time()) / 3600 <= 4.0


def test_next_alert_goes_from_run_to_run(screen: Screen) -> None:
    """From the list and from a run."""
    screen.press("G", "a")
    assert "nan.log" in selected(screen)
    screen.press("enter", "a")
    assert "base/exp-2.log" in screen.text.splitlines()[0]


def test_the_path_of_the_picture_is_copied(screen: Screen) -> None:
    """It is shown, too: not every terminal copies."""
    screen.program.press("e")
    [effect] = screen.program.work()
    screen.draw()

    assert ("copy", ("/plots/wide/nan.log/latest.png",)) == effect
    assert "/plots/wide/nan.log/latest.png" in screen.text


def test_the_path_of_the_report_is_copied(tmp_path: Path) -> None:
    """Where the daemon writes one it is asked which; any other key copies nothing."""
    state = watched(tmp_path)
    made = {"figure": "/plots/latest.png", "html": "/plots/latest.html"}
    store = Database(state)
    with store.transaction():
        for row in store.runs():
            store.set(row.id, state={"state": "running", "made": made})
    store.close()
    screen = Screen(state)

    def asked(*keys: str) -> Sequence[Effect]:
        for key in keys:
            screen.program.press(key)
        return screen.program.work()

    assert "p of the picture, h of the report" in screen.press("e")
    assert [] == asked("x")
    assert [Effect("copy", ("/plots/latest.png",))] == asked("e", "p")
    assert [Effect("copy", ("/plots/latest.html",))] == asked("e", "h")
    screen.press("enter")
    assert [Effect("copy", ("/plots/latest.html",))] == asked("e", "h")
    screen.close()


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_line_is_shown_as_it_was_read(tmp_path: Path, end: bytes) -> None:
    """Its byte in the file, its format, and each value that stands in it."""
    bench = Bench(tmp_path)
    data = b"\x1b[32mhello\x1b[0m" + end + lines(0, 30).replace(b"\n", end)
    append(bench.logs / "train.log", data)
    bench.look(2)
    screen = Screen(bench.state)
    shown = screen.press("enter", "left", "left", "enter", "o")
    line = screen.model.line
    assert line is not None
    text = data.split(end)[line - 1]
    assert text.decode() in selected(screen)
    value = float(text.split()[3].rstrip(b","))
    read = f"nanogpt · iter_ms 25.{line - 2} · loss {value:.10g} · mfu 12"
    assert f"byte {format(data.index(text), ',')} · {read}" in shown
    screen.press("g", "1", "enter")
    assert "byte 0 · nanogpt · no values were read of this line" in screen.text
    assert "byte" not in screen.press("o")
    screen.close()
    bench.stop()


def test_small_charts_say_the_value_at_the_crosshair(screen: Screen) -> None:
    """The last one without a crosshair."""
    screen.press("j", "enter")
    title = lined(screen, "lr ")
    screen.press("<", "<")
    assert title != lined(screen, "lr ")


def test_a_long_path_is_cut_at_its_front(tmp_path: Path) -> None:
    """The name and the line number of the log stay, with what follows them."""
    folder = tmp_path / ("deep" * 20)
    folder.mkdir()
    state = watched(folder)
    for mark, ascii_only in (("…", False), ("~", True)):
        screen = Screen(state, (60, 24))
        screen.look("en", ascii_only=ascii_only)
        screen.press("j", "enter", "left", "left", "enter")
        shown = lined(screen, f"/base/exp-2.log:{screen.model.line} of ")
        screen.close()
        assert shown.startswith(mark)
        assert 60 == len(shown)


@pytest.mark.parametrize(
    ("text", "room", "shown"),
    [("a/b.log", 7, "a/b.log"), ("a/b.log", 6, "…b.log"), ("данные/b", 3, "…/b")],
)
def test_the_end_of_a_path_fits(text: str, room: int, shown: str) -> None:
    """In a headline's line, too; letters of two cells are not split."""
    assert shown == pieces.ending(text, room)
    assert "…b.log" == pieces.wrapped("see 数据/b.log", 6)[1]
    assert "…/b" == pieces.ending("数据/b", 4)


def test_every_action_has_a_name_in_help_and_palette(screen: Screen) -> None:
    """What a key does stands in `?`, and `:` does it by its name."""
    assert {b.action for b in keymap.BINDINGS} == set(ACTIONS)
    for name in keymap.ALL[:5]:
        texts = [b.help for b in keymap.of(name)]
        assert len(texts) == len({(b.action, b.keys) for b in keymap.of(name)})
        keys = [key for b in keymap.of(name) for key in b.keys]
        assert len(keys) == len(set(keys)), f"two actions on one key of {name}"
    shown = screen.press("?")
    for binding in keymap.of("list"):
        assert binding.help in shown
    screen.press("esc", ":")
    assert "sort by the column" in screen.type("sort by")
    screen.press("enter")
    assert screen.model.sort is not None


def test_all_keys_of_the_help_are_shown(state: Path) -> None:
    """Where they are more than the rows of the screen, it scrolls to its end."""
    screen = Screen(state, (60, 20))
    assert "suspend the program" not in screen.press("?")
    shown = screen.press("pgdn", "pgdn", "down")
    assert "suspend the program" in shown
    assert "quit" in shown.splitlines()[18]
    assert "next row" not in screen.press("up").splitlines()[1]
    assert "next row" in screen.press("pgup").splitlines()[1]
    screen.press("esc", "?")
    assert 0 == screen.model.scrolled
    screen.close()


def test_no_key_breaks_any_screen(state: Path) -> None:
    """Thousands of random keys: no error, no line too wide."""
    dice = random.Random(7)
    keys = sorted({key for b in keymap.BINDINGS for key in b.keys} - {"q", "^Z"})
    screen = Screen(state, (100, 30))
    for _ in range(1500):
        if dice.random() < 0.1:
            kind = dice.choice(["press", "release", "wheel up", "wheel down"])
            screen.program.press(Mouse(kind, dice.randint(0, 210), dice.randint(0, 61)))
        screen.press(dice.choice([*keys, "x", "1", "0"]))
        if dice.random() < 0.02:
            screen.size = type(screen.size)(dice.randint(1, 200), dice.randint(1, 60))
    screen.close()


LONG = (
    "sweep-1/lr-3e-4-weight-decay-0.1-dropout-0.0-seed-0017/train.log",
    "sweep-1/lr-3e-4-weight-decay-0.1-dropout-0.0-seed-0018/train.log",
)


@pytest.fixture
def long_names(tmp_path: Path) -> Iterator[Screen]:
    """Two runs with alerts, whose long names differ near their ends; 60 x 24."""
    bench = Bench(tmp_path)
    for name in LONG:
        (bench.logs / name).parent.mkdir(parents=True)
        append(bench.logs / name, DEMO)
    bench.look(4)
    for name in LONG:
        judge(bench, name, "stalled")
        bench.store.remarks.tag(bench.rows()[name].id, name[-14:-10], time.time())
    bench.stop()
    screen = Screen(bench.state, (60, 24))
    yield screen
    screen.close()


@pytest.mark.parametrize(("lang", "state"), [("en", "stalled"), ("ru", "зависло")])
def test_the_title_has_the_end_of_a_long_name_and_the_state(
    long_names: Screen, lang: str, state: str
) -> None:
    """Whatever else it says."""
    long_names.look(lang)
    title = long_names.press("enter").splitlines()[0]
    assert f"seed-0017/train.log · {state} " in title


def test_long_names_stay_apart_among_the_alerts(long_names: Screen) -> None:
    """What differs is shown, not what all begin with."""
    rows = long_names.press("A").splitlines()[1:3]
    assert ["7/train", "8/train"] == [row.split("  ")[0][-7:] for row in rows]


def test_a_silence_says_its_keys_on_a_narrow_screen(long_names: Screen) -> None:
    """The name is cut, not the keys."""
    last = long_names.press("A", "S").splitlines()[-1]
    assert last.startswith("1 an hour, 4 four hours, o until it is over: ")
    long_names.look("ru")
    last = long_names.press("A", "S").splitlines()[-1]
    assert last.startswith("1 — на час, 4 — на четыре, o — до конца: ")


def test_what_people_said_of_runs_is_compared_in_their_language(
    long_names: Screen,
) -> None:
    """Tags and notes have no name in the log."""
    long_names.size = Size(120, 30)
    assert "tags" in long_names.press(" ", " ", "c")
    long_names.look("ru")
    shown = long_names.press(" ", " ", "c")
    assert "tags" not in shown
    assert "метки" in shown
    assert "пробел" in long_names.press("esc", "?")


def test_a_chart_without_values_says_so(tmp_path: Path) -> None:
    """The rest of the screen is as usual."""
    bench = Bench(tmp_path)
    append(bench.logs / "train.log", b"iter 60: loss nan, time 40.0ms\n" * 3)
    bench.look(2)
    screen = Screen(bench.state)
    assert "no finite values to draw" in screen.press("enter")
    screen.close()
    bench.stop()


def test_the_end_of_the_log_fills_the_lens(screen: Screen) -> None:
    """The last line is the lowest one, as in a pager that follows."""
    screen.press("j", "enter", "enter")
    rows = screen.text.splitlines()
    last = whole(RUNS["base/exp-2.log"][0]).splitlines()[-1].decode()
    assert rows[-3].endswith(last)
    screen.press("up")
    assert screen.text.splitlines()[-4] in selected(screen)


def test_wide_letters_are_as_wide_in_ascii(tmp_path: Path) -> None:
    """Columns stay below their titles; what is typed has an end."""
    bench = Bench(tmp_path)
    for name in ("数据.log", "a.log"):
        append(bench.logs / name, whole(DEMO[:3000]))
    bench.look(2)
    bench.stop()
    screen = Screen(bench.state)
    for lang in ("en", "ru"):
        screen.look(lang, ascii_only=True)
        rows = [row for row in screen.text.splitlines() if ".log" in row]
        assert 2 == len(rows)
        assert 1 == len({row.index("2.3854") for row in rows})
        assert screen.press("/", "x").splitlines()[-1].endswith(": x_")
    screen.close()


def test_hostile_names_and_lines_stay_letters(tmp_path: Path) -> None:
    """No control code of a log or of a name reaches the terminal."""
    bench = Bench(tmp_path)
    name = os.fsdecode(b"evil\x1b[31m\xff.log")
    append(bench.logs / name, whole(DEMO[:2000]) + b"\x1b]0;title\x07 \x00 \xff\xfe\n")
    bench.look(2)
    screen = Screen(bench.state)

    for keys in ((), ("enter",), ("enter",)):
        assert screen.press(*keys).replace("\n", "").isprintable()
    assert r"evil\x1b[31m\xff.log" in screen.text
    screen.close()
    bench.stop()


def test_a_deleted_log_is_a_message(tmp_path: Path) -> None:
    """The curve stays; the lens says why there are no lines."""
    state = watched(tmp_path)
    for path in (tmp_path / "logs/base").iterdir():
        path.unlink()
    screen = Screen(state)
    screen.press("j", "enter", "left", "enter")

    assert "they were deleted or overwritten" in " ".join(screen.text.split())
    screen.close()


def test_a_deleted_database_is_a_message_until_it_is_back(tmp_path: Path) -> None:
    """The runs stay on the screen, and a banner says what is wrong."""
    state = watched(tmp_path)
    screen = Screen(state)
    away = state.rename(tmp_path / "away")
    screen.program.hurry()
    screen.program.refresh()
    screen.draw()
    assert "exp-2.log" in screen.text
    assert "the database cannot be read now" in screen.text.splitlines()[0]
    assert "was deleted or replaced" in screen.text
    away.rename(state)
    screen.program.hurry()
    screen.program.refresh()
    screen.draw()
    assert "cannot be read" not in screen.text
    screen.close()


def test_update_is_pure(state: Path) -> None:
    """The same model and key give the same model; the old one is unchanged."""
    from watcher.top.update import update

    screen = Screen(state)
    before = screen.model
    copy = before
    first, second = update(before, "j"), update(before, "j")
    screen.close()

    assert first == second != before
    assert copy is before
    assert isinstance(first, Model)


def test_the_axis_is_time_where_the_log_states_it(screen: Screen) -> None:
    """The crosshair stays on its line; the chart ends at seconds of training."""
    screen.press("j", "enter", "left", "left")
    line = screen.model.line
    shown = screen.press("x", "x")
    assert line == screen.model.line
    low, high = re.findall(r"(?m)^ +(\d[\d.]* m?s) .* (\d[\d.]* s) ", shown)[0]
    assert low.endswith("ms")
    assert float(high.removesuffix(" s")) > 1
    assert "axis: line (no times are known)" in screen.press("f", "x")
    assert screen.press("x").count("axis: step")
