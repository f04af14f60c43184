"""Each channel says it so that it arrives, or says why it did not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from receiver import Receiver

from watcher.notify import DeliveryError
from watcher.notify.services import Service


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
    Service("service 1", receiver.address).send(NOTICE | {"picture": str(picture)})

    (post,) = receiver.got
    assert ["latest.png"] == [file["filename"] for file in post["attachments"]]
    assert "Validation loss < 2 & rising.\nStop." == post["message"]


def test_without_its_picture_rather_than_not_at_all(
    receiver: Receiver, picture: Path
) -> None:
    """A service that refuses the picture still gets the sentence."""
    receiver.takes_pictures = False

    Service("service 1", receiver.address).send(NOTICE | {"picture": str(picture)})

    assert [[]] == [post["attachments"] for post in receiver.got]


def test_a_picture_that_is_gone_is_left_out(receiver: Receiver, picture: Path) -> None:
    """The picture may be replaced or removed at any moment."""
    picture.unlink()

    Service("service 1", receiver.address).send(NOTICE | {"picture": str(picture)})

    assert 1 == len(receiver.got)


def test_a_refusal_names_its_code(receiver: Receiver) -> None:
    """A wrong token is told apart from a network that is down."""
    receiver.code = 401

    with pytest.raises(DeliveryError, match=r"json://\*\*\*\): refused with error 401"):
        Service("service 1", receiver.address).send(NOTICE)


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
    service = Service("service 1", address)

    with pytest.raises(DeliveryError, match="not an address") as failure:
        service.send(NOTICE)

    assert f"service 1 ({shown})" == service.name
    assert "s3cret" not in str(failure.value)
