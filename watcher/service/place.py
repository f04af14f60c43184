"""The paths of a service, and checks that it can be installed there."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import watcher
from watcher.errors import InputError


UNIT: Final = "gptwatch.service"
PAGE: Final = "gptwatch-web.service"
SOCKET: Final = "gptwatch-web.socket"
_VENV: Final = Path("/opt/gptwatch/venv")
_HOMES: Final = (Path("/home"), Path("/root"), Path("/run/user"))
_BOOTED: Final = Path("/run/systemd/system")


@dataclass(frozen=True, slots=True)
class Place:
    """The paths of a service of the system or of one user.

    Attributes:
        units: directory of unit files.
        config: its settings.
        state, cache: its directories.
        sysusers: the file that creates its user, None where it needs none.
        source: of the unit, below the shipped files.
    """

    units: Path
    config: Path
    state: Path
    cache: Path
    sysusers: Path | None
    source: str

    @property
    def drop_ins(self) -> Path:
        """Directory of the drop-ins."""
        return self.units / f"{UNIT}.d"

    @property
    def page_drop_ins(self) -> Path:
        """Directory of the drop-ins of the page."""
        return self.units / f"{PAGE}.d"

    def systemctl(self, *arguments: str) -> list[str]:
        """A systemctl command for the system or user manager."""
        user = [] if self.sysusers else ["--user"]
        return ["systemctl", *user, *arguments]


SYSTEM: Final = Place(
    units=Path("/etc/systemd/system"),
    config=Path("/etc/gptwatch/gptwatch.toml"),
    state=Path("/var/lib/gptwatch"),
    cache=Path("/var/cache/gptwatch"),
    sysusers=Path("/etc/sysusers.d/gptwatch.conf"),
    source=UNIT,
)


def of_user(environment: Mapping[str, str], home: Path) -> Place:
    """The paths of a per-user service."""

    def base(name: str, usual: str) -> Path:
        return Path(environment.get(name) or home / usual)

    config = base("XDG_CONFIG_HOME", ".config")
    return Place(
        units=config / "systemd/user",
        config=config / "gptwatch/gptwatch.toml",
        state=base("XDG_STATE_HOME", ".local/state") / "gptwatch",
        cache=base("XDG_CACHE_HOME", ".cache") / "gptwatch",
        sysusers=None,
        source=f"user/{UNIT}",
    )


def program() -> Path:
    """The command `gptwatch` of the running interpreter."""
    return Path(sys.executable).with_name("gptwatch")


def source() -> Path:
    """The directory of our packages: a checkout, or site-packages."""
    return Path(watcher.__file__).resolve().parents[1]


def check_program(place: Place) -> None:
    """Checks that the service can run this installation of gptwatch.

    Raises:
        InputError: it cannot; the message says how to install one that it can.
    """
    if not program().exists():
        text = "{program}: not found; install gptwatch into a venv by pip"
        raise InputError(text, program=program())
    parts = (Path(sys.prefix), Path(sys.base_prefix).resolve(), source())
    private = [p for p in parts if any(p.is_relative_to(h) for h in _HOMES)]
    if place.sysusers and private:
        package = source() if (source() / "setup.cfg").exists() else "gptwatch"
        raise InputError(
            "{path}: in a home directory, which the service's user cannot read; "
            "create a venv elsewhere, with the system's Python:\n"
            "  /usr/bin/python3 -m venv {venv}\n"
            "  {venv}/bin/pip install {package}\n"
            "then {venv}/bin/gptwatch service install ..., or use --user",
            path=private[0],
            venv=_VENV,
            package=package,
        )


def check_booted() -> None:
    """Checks that systemd is running.

    Raises:
        InputError: it is not.
    """
    if not _BOOTED.is_dir():
        raise InputError(
            "systemd is not running; use another supervisor to run "
            "gptwatch start --dir DIRECTORY"
        )


def check_systemd(place: Place) -> None:
    """Checks that systemd is running, and that we may change its units.

    Raises:
        InputError: it is not, or root is needed.
    """
    check_booted()
    if place.sysusers and os.geteuid() != 0:
        raise InputError(
            "a system service needs root; use sudo, or --user for a per-user service"
        )
