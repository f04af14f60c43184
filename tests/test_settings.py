"""A wrong setting is reported with its file, line and key, and what to write."""

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from watcher import config
from watcher.alerts.lifecycle import Settings
from watcher.errors import ConfigError
from watcher.settings import Where, from_table, line_of, seconds


ROOT = Path(__file__).parents[1]


def load(tmp_path: Path, text: str) -> config.Config:
    """The configuration in a file with some text."""
    path = tmp_path / "gptwatch.toml"
    path.write_text(text, encoding="utf-8")
    return config.load(path)


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("theme = 'blue'", "1: theme must be one of light, dark, got 'blue'"),
        ("\n\nlang = 'de'", "3: lang must be one of en, ru, got 'de'"),
        ("langg = 'ru'", "1: unknown key 'langg'; did you mean 'lang'?"),
        ("window = 'wide'", "1: window must be a whole number of at least 1, got 'wid"),
        ("every = true", "1: every must be a whole number of at least 0, got True"),
        ("every = 1.5", "1: every must be a whole number of at least 0, got 1.5"),
        ("interval = 'soon'", '1: interval must be a duration (seconds, or "30s", '),
        ("interval = 0", "1: interval must be a duration"),
        ("cron = '* *'", "1: cron '* *': Wrong number of fields; got 2, expected 5"),
        ("dir = 'logs'", "1: dir must be a list of strings"),
        ("on_alert = 'x'", "1: on_alert belongs to [notify]"),
        ("alerts = 3", "1: alerts must be a table: write [alerts]"),
        (
            "lang = 'ru'\n[alerts]\nfor_s = 5\nrepeat = 3",
            "4: alerts: unknown key 'repeat'; did you mean 'repeat_interval_s'?",
        ),
        ("[alerts]\nmin_severity = 'loud'", "2: alerts.min_severity must be one of "),
        ("[alerts]\nfor_s = -1", "2: alerts.for_s must be a duration"),
        ("[alerts]\nfor_s = nan", "2: alerts.for_s must be a duration"),
        ("[alerts]\nmax_per_hour = 0", "2: alerts.max_per_hour must be a whole number"),
        ("[alerts]\nfinished = 1", "2: alerts.finished must be of type bool, got 1"),
        ("[alerts]\nmute = 'spike'", "2: alerts.mute must be a list of strings"),
        ("alerts.mute = 'spike'", "1: alerts.mute must be a list of strings"),
        ("[notify]\nurl = ['a']", "2: notify: unknown key 'url'; did you mean 'urls'"),
        ("[notify]\ndesktop = 'yes'", "2: notify.desktop must be of type bool"),
        ("[rules.overfiting]", "1: rules: unknown key 'overfiting'; did you mean 'ov"),
        ("[rules.spike]\nrise = 0", "2: rules.spike.rise must be a number above 0"),
        ("[rules]\nspike.ris = 1", "2: rules.spike: unknown key 'ris'; did you mean"),
        (
            "[rules.overfitting]\nsensitivity = 'max'",
            "2: rules.overfitting.sensitivity must be one of low, normal, high",
        ),
        ("[rules.stalled]\nleast_s = 'x'", "2: rules.stalled.least_s must be a dura"),
        ("[[formats]]\nname = 'X Y'", "2: formats[0].name must consist of lower-case"),
        (
            "[[formats]]\nname='a'\nlines=['L=(?P<loss>\\d+)']\n[[formats]]\nname='b'",
            "4: formats[1].lines must be a list",
        ),
        (
            "[[formats]]\nname='a'\nlines=['(?P<los>\\d+)']",
            "3: formats[0].lines[0] nam",
        ),
        ("[[formats]]\nname='a'\nline=['a']", "3: formats[0]: unknown key 'line'; d"),
    ],
)
def test_a_wrong_setting_names_file_line_and_key(
    tmp_path: Path, toml: str, message: str
) -> None:
    """Whatever is wrong with it, and in whichever table."""
    with pytest.raises(ConfigError) as error:
        load(tmp_path, toml)

    assert str(error.value).startswith(f"{tmp_path}/gptwatch.toml:{message}")


def test_a_wrong_address_is_not_quoted(tmp_path: Path) -> None:
    """It is a secret, even in the wrong form."""
    with pytest.raises(ConfigError) as error:
        load(tmp_path, "[notify]\nurls = 'tgram://s3cret'")

    assert "notify.urls must be a list" in str(error.value)
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("30", 30.0), ("'30'", 30.0), ("'30s'", 30.0), ("'1.5m'", 90.0), ("2.5", 2.5)],
)
def test_durations_are_numbers_or_text_everywhere(
    tmp_path: Path, value: str, expected: float
) -> None:
    """Of options, alerts and rules alike."""
    loaded = load(
        tmp_path,
        f"interval = {value}\n[alerts]\nfor_s = {value}\n"
        f"[rules.stalled]\nleast_s = {value}\n",
    )

    assert [expected] * 3 == [
        loaded.options["interval"],
        loaded.alerts.for_s,
        loaded.rules.stalled.least_s,
    ]


@pytest.mark.parametrize("text", ["", "s", "-1s", "1w", "1 2", "0x1"])
def test_what_is_no_duration(text: str) -> None:
    """It is refused, not guessed."""
    assert None is seconds(text)


def test_former_names_are_accepted_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A configuration of an earlier gptwatch goes on working."""
    loaded = load(
        tmp_path,
        "[alerts]\nleast = 'info'\nkeep_s = 5\nrepeat_s = 7\nsilence = ['spike']\n",
    )

    assert loaded.alerts == Settings(
        min_severity="info",
        keep_firing_for_s=5,
        repeat_interval_s=7,
        mute=("spike",),
    )
    (record,) = caplog.records
    assert logging.WARNING == record.levelno
    assert (
        f"{tmp_path}/gptwatch.toml:1: alerts: deprecated names; write min_severity "
        "instead of least, keep_firing_for_s instead of keep_s, "
        "repeat_interval_s instead of repeat_s, mute instead of silence"
    ) == record.getMessage()


def test_a_setting_under_both_names_is_refused() -> None:
    """Nobody could know which one counts."""
    table: dict[str, Any] = {"min_severity": "info", "least": "warning"}

    with pytest.raises(ConfigError, match="is set twice"):
        from_table(Settings, table, Where(keys=("alerts",)))


def test_lines_are_found_behind_comments_and_quotes() -> None:
    """However TOML lets a key be written."""
    text = '# a\n[ "alerts" ] # b\n\n  "for_s" = 3\n[rules . spike]\nrise=1\n'

    assert 4 == line_of(text, ("alerts", "for_s"))
    assert 6 == line_of(text, ("rules", "spike", "rise"))
    assert 5 == line_of(text, ("rules", "spike", "deviations"))
    assert None is line_of(text, ("theme",))


def gptwatch(folder: Path, *words: str, **variables: str) -> tuple[int, str]:
    """Exit code and errors of a command."""
    done = subprocess.run(
        [sys.executable, "-m", "watcher", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("toml", "message"),
    [("theme = 'blue'", "theme must be one of light, dark"), ("out = 'x.log'", "out")],
)
def test_a_wrong_value_of_the_file_is_not_blamed_on_a_flag(
    tmp_path: Path, toml: str, message: str
) -> None:
    """The flag was not given: whoever reads of it would look in the wrong place."""
    (tmp_path / "gptwatch.toml").write_text(f"# mine\n{toml}\n")
    (tmp_path / "x.log").touch()

    for command, code in ((["once", "x.log"], 1), (["start"], 78)):
        found, errors = gptwatch(tmp_path, *command)
        assert code == found
        assert errors.startswith(f"gptwatch: gptwatch.toml:2: {message}")
        assert "--" not in errors


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    """With what its value must be; a flag still is blamed for its own."""
    code, errors = gptwatch(tmp_path, "start", GPTWATCH_START_CRON="* *")

    assert 78 == code
    assert errors.startswith("gptwatch: GPTWATCH_START_CRON: '* *': Wrong number of")
    code, errors = gptwatch(tmp_path, "start", "--cron", "* *")
    assert 2 == code
    assert "Invalid value for '--cron'" in errors


def test_a_warning_of_a_command_says_who_warns(tmp_path: Path) -> None:
    """As errors do, on one line of standard error."""
    (tmp_path / "gptwatch.toml").write_text("[alerts]\nleast = 'info'\n")

    _, errors = gptwatch(tmp_path, "alerts", "--explain", "spike")

    assert errors == (
        "gptwatch: gptwatch.toml:1: alerts: deprecated names; write min_severity "
        "instead of least\n"
    )


def test_unknown_variables_are_named(tmp_path: Path) -> None:
    """A name that is mistyped would change nothing, and nobody would know."""
    _, errors = gptwatch(
        tmp_path,
        *("alerts", "--explain", "spike"),
        GPTWATCH_START_EVRY="5",
        GPTWATCH_START_EVERY="5",
        GPTWATCH_SERVICE_INSTALL_USER="1",
        GPTWATCH_NOTIFY_URLS="json://a",
        GPTWATCH_DATA="input.txt",
    )

    assert errors == (
        "gptwatch: GPTWATCH_START_EVRY: unknown variable; did you mean "
        "GPTWATCH_START_EVERY?\n"
    )
