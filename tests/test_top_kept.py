"""How `gptwatch top` was left: kept, read again, and never needed."""

from pathlib import Path

import pytest

from watcher.top import kept
from watcher.top.model import Look, Model


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a user whose settings have a directory of their own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    found = kept.path()
    assert found == tmp_path / "config/gptwatch/top.toml"
    return found


LEFT = Model(
    sort="val",
    reverse=True,
    axis="time",
    log_x=True,
    log_y=False,
    smooth=50,
    pinned=("mfu", 'loss "a\\b" é'),
)


def test_the_screen_is_as_it_was_left(file: Path) -> None:
    """Order, scales and average; not the run nor the filter."""
    kept.save(LEFT, file)
    kept.save(Model(filter="x", run=3), file.with_name("other.toml"))

    assert kept.load(Model(), file) == LEFT
    assert kept.load(Model(), file.with_name("other.toml")) == Model()


def test_a_name_that_no_terminal_shows_is_not_kept(file: Path) -> None:
    """Nor does it break the file."""
    kept.save(Model(pinned=("a\nb", "\udc80", "mfu")), file)

    assert kept.load(Model(), file) == Model(pinned=("mfu",))


def test_nothing_is_written_while_nothing_changes(file: Path) -> None:
    """The file stays the one that it was."""
    kept.save(LEFT, file)
    before = file.stat().st_ino
    kept.save(LEFT, file)
    assert before == file.stat().st_ino
    kept.save(Model(), file)
    assert before != file.stat().st_ino


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b'sort = 1\nsmooth = true\naxis = "steps"\nlog_y = false\n', "sort, smooth"),
        (b'sort = "picture"\nlog_y = false\nwidth = 3\n', "sort, width"),
        (b'pinned = "mfu"\nlog_y = false\n', "pinned"),
        (b"pinned = [1]\n", "pinned"),
        (b"sort = [\n", "at end of document"),
        (b"\xff\xfe", "codec"),
    ],
)
def test_what_is_broken_is_said_and_ignored(
    file: Path, text: bytes, problem: str
) -> None:
    """In the language of the screen; what is right counts."""
    file.parent.mkdir(parents=True)
    file.write_bytes(text)
    english, russian = (kept.load(Model(look=Look(n)), file) for n in ("en", "ru"))

    assert f"{file}: ignored: " in english.message
    assert problem in english.message
    assert f"{file}: не учтено: " in russian.message
    assert (b"false" in text) == (not english.log_y)
    assert (None, 0, "steps") == (english.sort, english.smooth, english.axis)


def test_it_is_never_needed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No home, no right to write, a directory in its place: the screen is as usual."""
    assert kept.load(Model(), file) == Model()
    file.parent.parent.write_text("a file where a directory should be")
    kept.save(LEFT, file)
    assert "ignored" in kept.load(Model(), file).message
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert Path("/home/somebody/.config/gptwatch/top.toml") == kept.path()
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert Path("/home/somebody/.config/gptwatch/top.toml") == kept.path()
    monkeypatch.setattr(Path, "home", _homeless)
    assert kept.path() is None
    kept.save(LEFT, None)
    assert kept.load(Model(), None) == Model()


def _homeless() -> Path:
    raise RuntimeError("no home")
