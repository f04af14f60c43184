"""A wrong setting is reported with its file, line and key, and what to write."""

import logging
from pathlib import Path
from typing import Any

import pytest

from watcher import config
from watcher.alerts.lifecycle import Settings
from watcher.errors import ConfigError
from watcher.settings import Where, from_table, line_of, seconds


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
        ("[[formats]]\nname = 'X Y'", "2: formats.name must consist of lower-case"),
        (
            "[[formats]]\nname='a'\nlines=['L=(?P<loss>\\d+)']\n[[formats]]\nname='b'",
            "4: formats.lines must be a list",
        ),
        ("[[formats]]\nname='a'\nlines=['(?P<los>\\d+)']", "3: formats.lines name an"),
        ("[[formats]]\nname='a'\nline=['a']", "3: formats: unknown key 'line'; did"),
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
