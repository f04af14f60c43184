"""Each channel says it so that it arrives, or says why it did not."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from oracle import until
from receiver import Receiver

from watcher.alerts.channels import DeliveryError, Settings, channels
from watcher.alerts.channels.apprise import Service, addresses, require
from watcher.alerts.channels.command import Command
from watcher.alerts.channels.desktop import Desktop
from watcher.alerts.channels.jsonl import JsonLines
from watcher.errors import ConfigError
from watcher.service.senders import one_sender


NOTICE: dict[str, Any] = {
    "kind": "firing",
    "severity": "warning",
    "title": "gptwatch: a.log",
    "message": "Validation loss < 2 & rising.",
    "advice": "Stop.",
    "picture": "",
}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A picture of the second run of a log; its name is no URL."""
    path = tmp_path / "a.log#2" / "latest.png"
    path.parent.mkdir()
    path.write_bytes(b"\x89PNG")
    return path


def test_the_picture_goes_with_the_word(receiver: Receiver, picture: Path) -> None:
    """A service that takes files gets the run's picture."""
    Service(receiver.address).send(NOTICE | {"picture": str(picture)})

    (post,) = receiver.got
    assert ["latest.png"] == [file["filename"] for file in post["attachments"]]
    assert "Validation loss < 2 & rising.\nStop." == post["message"]


def test_without_its_picture_rather_than_not_at_all(
    receiver: Receiver, picture: Path
) -> None:
    """A service that refuses the picture still gets the sentence."""
    receiver.takes_pictures = False

    Service(receiver.address).send(NOTICE | {"picture": str(picture)})

    assert [[]] == [post["attachments"] for post in receiver.got]


def test_a_picture_that_is_gone_is_left_out(receiver: Receiver, picture: Path) -> None:
    """The picture may be replaced or removed at any moment."""
    picture.unlink()

    Service(receiver.address).send(NOTICE | {"picture": str(picture)})

    assert 1 == len(receiver.got)


def test_a_refusal_names_its_code(receiver: Receiver) -> None:
    """A wrong token differs from a network that is down."""
    receiver.code = 401

    with pytest.raises(
        DeliveryError, match=r"json://\*\*\*#\w+: refused with error 401"
    ):
        Service(receiver.address).send(NOTICE)


def test_nobody_answers(receiver: Receiver) -> None:
    """Without a code it may be the network; the notification was not accepted."""
    receiver.close()

    with pytest.raises(DeliveryError, match=r"network"):
        Service(receiver.address).send(NOTICE)


@pytest.mark.parametrize(
    ("kind", "severity", "shown"),
    [
        ("resolved", "critical", "success"),
        ("firing", "critical", "failure"),
        ("firing", "warning", "warning"),
        ("firing", "info", "info"),
    ],
)
def test_a_service_shows_how_bad_it_is(
    receiver: Receiver, kind: str, severity: str, shown: str
) -> None:
    """By its colour or sign for each type; what is over is good news."""
    Service(receiver.address).send(NOTICE | {"kind": kind, "severity": severity})

    assert [shown] == [post["type"] for post in receiver.got]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("nosuch://s3cret", "nosuch://***"),
        ("s3cret", "?://***"),
        ("token=s3cret json://here", "?://***"),
    ],
    ids=["unknown scheme", "no scheme", "something before the scheme"],
)
def test_of_what_is_no_address_nothing_is_shown(address: str, shown: str) -> None:
    """A secret in a wrong place stays one."""
    service = Service(address)

    with pytest.raises(DeliveryError, match="not an address") as failure:
        service.send(NOTICE)

    assert shown == service.shown
    assert "s3cret" not in str(failure.value)


def test_half_a_line_spoils_only_itself(tmp_path: Path) -> None:
    """What a full disk left of a line is not glued to the next alert."""
    path = tmp_path / "out" / "alerts.jsonl"
    channel = JsonLines(path)
    channel.send(NOTICE)
    with path.open("ab") as file:
        file.write(b'{"kind": "fir')

    channel.send(NOTICE)

    first, _, last = path.read_text("utf-8").splitlines()
    assert NOTICE == json.loads(first) == json.loads(last)


def test_a_full_disk_is_a_failure_of_the_file() -> None:
    """The error names the file; the delivery is retried."""
    with pytest.raises(DeliveryError, match="/dev/full: cannot be written"):
        JsonLines(Path("/dev/full")).send(NOTICE)


def test_a_command_that_hangs_is_ended_with_all_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its time both the shell and its children are gone."""
    monkeypatch.setattr("watcher.alerts.channels.command._TIMEOUT_S", 0.5)
    pid = tmp_path / "pid"

    with pytest.raises(DeliveryError, match="took longer"):
        Command(f"sleep 600 & echo $! > {pid}; wait").send(NOTICE)

    child = Path(f"/proc/{pid.read_text().strip()}/stat")
    until(lambda: not child.exists() or ") Z " in child.read_text())


def test_a_command_that_leaves_a_child_has_ended(tmp_path: Path) -> None:
    """What goes on in the background, with all its files, is not waited for."""
    pid = tmp_path / "pid"

    Command(f"sleep 600 & echo $! > {pid}; cat > {tmp_path}/got").send(NOTICE)

    child = int(pid.read_text())
    assert NOTICE == json.loads((tmp_path / "got").read_text())
    os.kill(child, signal.SIGKILL)  # it is still there


def test_a_command_that_reads_nothing_has_succeeded() -> None:
    """Whether it cares for the alert is its own business."""
    Command("true").send(NOTICE | {"evidence": {"text": "x" * 1_000_000}})


def test_a_command_shows_no_address(receiver: Receiver) -> None:
    """What it says when it fails may hold an address, and its secret."""
    failing = f"echo cannot reach {receiver.address} now >&2; exit 7"

    with pytest.raises(DeliveryError, match=r"code 7: cannot reach json://\*\*\* now$"):
        Command(failing).send(NOTICE)


def test_a_long_complaint_of_a_command_is_cut() -> None:
    """Its last line may be a page of HTML."""
    failing = "printf '%0300d' 0 >&2; exit 7"

    with pytest.raises(DeliveryError, match=r"code 7: 0{200}$"):
        Command(failing).send(NOTICE)


def test_two_addresses_of_one_service_have_two_names() -> None:
    """By name, which stays the same and gives nothing away."""
    names = [Service(f"tgram://s3cret/{chat}").name for chat in (1, 2, 1)]

    assert names[0] == names[2] != names[1]
    assert all(name.startswith("tgram://***#") for name in names)


def test_a_missing_urls_file_is_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The other channels work; the daemon starts."""
    chosen = Settings(on_alert="true", urls_file=str(tmp_path / "none"))

    found = channels(chosen, tmp_path)

    assert ["log", "alerts.jsonl", "command"] == [channel.name for channel in found]
    (record,) = caplog.records
    assert f"urls_file {tmp_path}/none: cannot be read (No such file" in record.message


def test_channels_that_are_set(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each is made, its file where people look for it; nothing is warned of."""
    found = channels(Settings(on_alert="true", desktop=True), tmp_path)
    found[1].send(NOTICE)

    names = [channel.name for channel in found]
    assert ["log", "alerts.jsonl", "command", "desktop"] == names
    assert [tmp_path / "alerts.jsonl"] == list(tmp_path.iterdir())
    assert [] == caplog.records


def test_addresses_need_apprise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever they stand; without addresses it may be missing."""
    path = tmp_path / "urls"
    path.write_text("json://a\n")
    monkeypatch.setitem(sys.modules, "apprise", None)

    require(Settings(on_alert="true"))
    require(Settings(urls_file=str(tmp_path / "none")))
    for chosen in Settings(urls=("json://a",)), Settings(urls_file=str(path)):
        with pytest.raises(ConfigError, match=r"pip install 'gptwatch\[notify\]'"):
            require(chosen)


def test_addresses_of_file_and_list_are_joined(tmp_path: Path) -> None:
    """Comments and empty lines aside; what stands twice counts once."""
    path = tmp_path / "urls"
    path.write_text("# phone\n\n json://b \njson://a\n")
    chosen = Settings(urls=("json://a",), urls_file=str(path))

    assert ["json://a", "json://b"] == addresses(chosen)


def test_the_desktop_gets_the_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through notify-send, however the run is called."""
    program = tmp_path / "notify-send"
    program.write_text(f"#!/bin/sh\nprintf '%s|' \"$@\" > {tmp_path}/said\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    Desktop().send(NOTICE | {"severity": "critical", "text": "-r: NaN."})

    said = (tmp_path / "said").read_text()
    assert "-u|critical|--|gptwatch|-r: NaN.|" == said


@pytest.mark.parametrize(
    ("script", "text"),
    [("exit 1", "is there a desktop"), ("exec sleep 600", "longer than 0 s")],
)
def test_a_desktop_that_shows_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, text: str
) -> None:
    """Without a session notify-send fails, or waits for one."""
    program = tmp_path / "notify-send"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    if "sleep" in script:
        monkeypatch.setattr("watcher.alerts.channels.desktop._TIMEOUT_S", 0.1)

    with pytest.raises(DeliveryError, match=text):
        Desktop().send(NOTICE | {"text": "a.log: NaN."})


def test_without_a_desktop_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing program is named."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(DeliveryError, match="install libnotify-bin"):
        Desktop().send(NOTICE | {"text": "a.log: NaN."})


def test_alertmanager_is_the_only_sender(tmp_path: Path) -> None:
    """`[notify] prometheus = true`: nobody is notified twice, and the log has all."""
    chosen = Settings(on_alert="true", urls=("json://a",), prometheus=True)

    names = [channel.name for channel in channels(chosen, tmp_path)]

    assert ["log", "alerts.jsonl"] == names


@pytest.mark.parametrize(
    ("chosen", "verdict", "text"),
    [
        (Settings(), "ok", "only in the log"),
        (Settings(on_alert="true"), "ok", "on_alert"),
        (Settings(prometheus=True), "ok", "Alertmanager"),
        (Settings(prometheus=True, urls=("json://a",)), "warning", "urls"),
    ],
    ids=["none", "own", "prometheus", "both"],
)
def test_doctor_warns_of_two_senders(chosen: Settings, verdict: str, text: str) -> None:
    """What is set and gets nothing is a mistake; addresses are in no message."""
    found = one_sender(chosen)

    assert verdict == found.verdict
    assert text in found.text
    assert "json://" not in found.text
    assert bool(found.advice) == (verdict == "warning")
