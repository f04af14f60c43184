"""The commands in Russian: by --lang, by the configuration and by the locale."""

import re
from pathlib import Path

import command
import pytest
from click.testing import CliRunner

from watcher.cli import cli
from watcher.config import load
from watcher.errors import ConfigError, GptwatchError
from watcher.outputs.text.errors import said
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
        (("once", "no-such.log"), "нет такого файла"),
        (("status", "--state", "nowhere"), "базы нет; её создаёт gptwatch start"),
        (("top", "--once"), "прогонов с метриками пока нет"),
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


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("top --help", "Использование: gptwatch top"),
        ("top --help", "[по умолчанию: training_plots]"),
        ("tpo", "Ошибка: Нет команды 'tpo'. Может быть, 'top'?"),
        ("status --sort x", "Неверное значение '--sort': 'x' — не из 'alert'"),
        ("show", "Не задан аргумент 'RUN@STEP'."),
        ("show a@1 --around -5", "-5 — вне пределов 0<=x<=100000."),
        ("once a b c", "Лишние аргументы (b c)"),
    ],
)
def test_wrong_usage_is_said_in_the_language_of_the_locale(
    tmp_path: Path, words: str, text: str
) -> None:
    """Also what the library of the command line says by itself."""
    shown = gptwatch(tmp_path, *words.split(), **RUSSIAN)

    assert text in " ".join(shown.split())
    assert not re.search("Usage|Options:|Error|Invalid|default", shown)


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (("once", "."), "это каталог, а не лог"),
        (("formats", "no-such.log"), "нет такого файла"),
        (("note", "no-such-run"), "прогона 'no-such-run' нет"),
        (("show", "no-such-run@3"), "прогона 'no-such-run' нет"),
        (("export", "no-such-run", "--to", "json"), "прогона с таким именем нет"),
        (("alerts", "--state", "nowhere"), "базы нет; её создаёт gptwatch start"),
    ],
)
def test_errors_are_in_the_language_of_the_locale(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], text: str
) -> None:
    """What is wrong and what to do; the message itself is English, as in logs."""
    monkeypatch.chdir(folder)
    error = CliRunner().invoke(cli, list(command), env={"LANG": "C.UTF-8"}).exception

    assert isinstance(error, GptwatchError)
    assert text in said(error, "ru")
    assert said(error, "en") == str(error)
    assert not re.search("[а-яё]", str(error))


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("window = 0", "gptwatch.toml:1: window нужно целое число, не меньше 1"),
        ("windw = 5", "неизвестный ключ 'windw'; может быть, 'window'?"),
        ("[alerts]\nfor_s = 'soon'", "alerts.for_s нужно время (секунды"),
        ("formats = 3", "formats должны быть таблицы: [[formats]]"),
        ("cron = '* *'", "нужно пять полей"),
        ("lang = ", "не TOML"),
    ],
)
def test_errors_of_settings_are_in_the_language_of_the_locale(
    tmp_path: Path, setting: str, text: str
) -> None:
    """The key, what is wrong with it and what to do."""
    path = tmp_path / "gptwatch.toml"
    path.write_text(setting + "\n")
    with pytest.raises(ConfigError) as error:
        load(path)

    assert text in said(error.value, "ru")
    assert said(error.value, "en") == str(error.value)
