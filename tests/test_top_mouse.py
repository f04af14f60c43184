"""The mouse in `gptwatch top`: every click, wheel and drag, without a terminal."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from screens import DEMO, Screen, watched

from watcher.top.model import Mouse


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that no test changes."""
    return watched(tmp_path_factory.mktemp("mouse"))


@pytest.fixture
def screen(state: Path) -> Iterator[Screen]:
    """The list of runs, 120 x 36."""
    found = Screen(state)
    yield found
    found.close()


def use(screen: Screen, kind: str, column: int, row: int) -> str:
    """An event of the mouse; what is on the screen then."""
    screen.program.press(Mouse(kind, column, row))
    screen.program.work()
    screen.draw()
    return screen.text


def drag(screen: Screen, start: tuple[int, int], end: tuple[int, int]) -> str:
    """Presses the button at one cell and releases it at another."""
    use(screen, "press", *start)
    return use(screen, "release", *end)


def row_of(screen: Screen, text: str) -> int:
    """The last row of the screen that holds a text."""
    return max(i for i, row in enumerate(screen.text.splitlines()) if text in row)


def selected(screen: Screen) -> str:
    """The selected row."""
    return "".join(screen.styled("selected"))


def test_a_click_selects_a_run_and_another_opens_it(screen: Screen) -> None:
    """On its row, or on its alert above the table; elsewhere it does nothing."""
    at = 5, row_of(screen, "exp-3.log")
    drag(screen, at, at)
    assert "exp-3.log" in selected(screen)
    drag(screen, (5, 33), (5, 33))
    drag(screen, (5, 0), (5, 0))
    drag(screen, at, (5, 3))
    assert "exp-3.log" in selected(screen)
    drag(screen, (5, 1), (5, 1))
    assert "nan.log" in selected(screen)
    drag(screen, at, at)
    assert "base/exp-3.log · running" in drag(screen, at, at)


def test_the_wheel_moves_rows_and_zooms_charts(screen: Screen) -> None:
    """Three rows a notch; in a chart as the keys + and - do."""
    screen.press("g")
    use(screen, "wheel down", 5, 5)
    assert "опыт.log" in selected(screen)
    use(screen, "wheel up", 5, 5)
    assert "nan.log" in selected(screen)
    screen.press("j", "enter")
    use(screen, "wheel up", 5, 5)
    assert screen.model.window is not None
    use(screen, "wheel down", 5, 5)
    assert screen.model.window is None


def test_a_click_puts_the_crosshair_there(screen: Screen) -> None:
    """On the point at that column; the lens shows its line."""
    screen.press("j", "enter")
    lowest = screen.text.splitlines()[5].index("│") + 1
    drag(screen, (lowest, 5), (lowest, 5))
    assert 0 == screen.model.line or "iter 0:" in line_at(screen)
    drag(screen, (lowest + 30, 5), (lowest + 30, 5))
    middle = screen.text.splitlines()[5].rindex("│")
    assert abs(middle - lowest - 30) <= 1


def line_at(screen: Screen) -> str:
    """The line of the log at the crosshair."""
    assert screen.model.line is not None
    return DEMO.splitlines()[screen.model.line - 1].decode()


def test_a_drag_zooms_into_a_chart(screen: Screen) -> None:
    """Either way; `0` shows all again."""
    screen.press("j", "enter")
    keys = row_of(screen, " 0 ")
    drag(screen, (40, 6), (20, 9))
    assert screen.model.window is not None
    low, high = screen.model.window
    assert 0 < low < high < 200
    shown = screen.text.splitlines()[keys].split()
    assert [str(round(low)), str(round(high))] == shown[:2]
    before = screen.model.window
    drag(screen, (20, 6), (40, 9))
    assert screen.model.window is not None
    assert screen.model.window[1] - screen.model.window[0] < before[1] - before[0]
    screen.press("0")
    assert screen.model.window is None


def test_a_click_selects_a_line_and_an_alert(screen: Screen) -> None:
    """In the lens the crosshair follows."""
    screen.press("j", "enter", "left", "enter")
    text = DEMO.splitlines()[(screen.model.line or 0) - 4].decode()
    at = 3, row_of(screen, text)
    drag(screen, at, at)
    assert text in selected(screen)
    screen.press("esc", "esc", "A")
    second = screen.text.splitlines()[2].split()[1]
    drag(screen, (3, 2), (3, 2))
    assert second in selected(screen)
    assert 1 == screen.model.item


def test_the_mouse_does_nothing_where_there_is_nothing(screen: Screen) -> None:
    """A prompt, the help, a release without a press, every cell of every screen."""
    screen.press("/")
    before = screen.model
    use(screen, "press", 5, 10)
    assert before == screen.model
    screen.press("esc", "?")
    drag(screen, (1, 1), (9, 9))
    assert "help" == screen.model.screen
    screen.press("esc")
    use(screen, "release", 5, 10)
    ways: tuple[tuple[str, ...], ...] = ((), ("enter",), ("enter", "enter"), ("A",))
    for way in (*ways, ("g", " ", " ", "c")):
        for row in range(36):
            screen.press("esc", "esc", "esc", "g", "j", *way)
            drag(screen, (row * 3, row), (119, row))
            drag(screen, (row * 3, row), (row * 3, row))
