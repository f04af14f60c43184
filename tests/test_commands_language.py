"""The commands in Russian: by --lang, by the configuration and by the locale."""

import re
from pathlib import Path

import command
import pytest

from watcher.storage.database import Database


ROOT = Path(__file__).parents[1]
LOG = ROOT / "tests/data/demo/demo.log"
RUSSIAN = {"LANG": "ru_RU.UTF-8"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with an empty database of the daemon."""
    state = tmp_path / "training_plots/.gptwatch"
    state.mkdir(parents=True)
    Database(state).close()
    return tmp_path


def gptwatch(folder: Path, *arguments: str, **environment: str) -> str:
    """Both outputs of a command; the locale is English unless it is set."""
    done = command.gptwatch(*arguments, cwd=folder, env=environment)
    return (done.stdout + done.stderr).decode()


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (("status",), "gptwatch не запущен"),
        (("alerts",), "активных алертов нет"),
        (("silence", "--list"), "ничего не заглушено"),
        (("silence", "a", "b"), "неизвестное правило"),
        (("notify", "--test"), "принято"),
        (("formats", str(LOG)), "формат: nanogpt"),
        (("doctor",), "часы"),
        (("once", "--exit-zero", str(LOG)), "Переобучение с шага 175"),
        (("once", str(ROOT / "LICENSE")), "метрик не найдено"),
        (("compare", str(LOG)), "укажите хотя бы два лога"),
        (("run", "--", "no-such-program"), "команда не найдена"),
        (("run", "--", "true"), "вывод пишется в"),
        (("start", "--interval", "soon"), "не длительность"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_each_command_speaks_russian(
    folder: Path, command: tuple[str, ...], text: str
) -> None:
    """In a Russian locale, and in another with --lang; English otherwise."""
    by_option = (command[0], "--lang", "ru", *command[1:])

    assert text in gptwatch(folder, *command, **RUSSIAN)
    assert text in gptwatch(folder, *by_option)
    assert not re.search("[а-яё]", gptwatch(folder, *command))


def test_the_configuration_chooses_the_language(folder: Path) -> None:
    """It goes before the locale, and behind --lang."""
    (folder / "gptwatch.toml").write_text('lang = "ru"\n')

    assert "не запущен" in gptwatch(folder, "status")
    assert "is not running" in gptwatch(folder, "status", "--lang", "en", **RUSSIAN)


def test_help_is_in_the_language_of_the_locale(tmp_path: Path) -> None:
    """Commands, their options and their arguments."""
    shown = gptwatch(tmp_path, "--help", **RUSSIAN)

    assert "Проверить настройку этой машины" in shown
    assert "Каталог вывода" in gptwatch(tmp_path, "start", "--help", **RUSSIAN)
    assert not re.search("[а-яё]", gptwatch(tmp_path, "start", "--help"))
