"""Where a service lives, and whether it can live there."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import watcher
from watcher.errors import InputError


UNIT: Final = "gptwatch.service"
_VENV: Final = Path("/opt/gptwatch/venv")
_HOMES: Final = (Path("/home"), Path("/root"), Path("/run/user"))
_BOOTED: Final = Path("/run/systemd/system")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a service lives: the system's, or one user's.

    Attributes:
        units: folder of unit files.
        config: its settings.
        state, cache: folders that it fills.
        sysusers: the file that makes its user, None where it needs none.
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
        """Folder of the drop-ins."""
        return self.units / f"{UNIT}.d"

    def systemctl(self, *arguments: str) -> list[str]:
        """A command for the manager of this place."""
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
    """The place of a user's own service."""

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
    """The folder that holds our packages: a checkout, or site-packages."""
    return Path(watcher.__file__).resolve().parents[1]


def check_program(place: Place) -> None:
    """Checks that the service may run this very gptwatch.

    Raises:
        InputError: it may not; the text says how to make one that it may.
    """
    if not program().exists():
        raise InputError(f"{program()}: not there; install gptwatch into a venv by pip")
    parts = (Path(sys.prefix), Path(sys.base_prefix).resolve(), source())
    homely = [p for p in parts if any(p.is_relative_to(h) for h in _HOMES)]
    if place.sysusers and homely:
        package = source() if (source() / "setup.cfg").exists() else "gptwatch"
        raise InputError(
            f"{homely[0]}: in a home folder, which the service's own user may not "
            "read; make a venv for it, with a Python from outside:\n"
            f"  /usr/bin/python3 -m venv {_VENV}\n"
            f"  {_VENV}/bin/pip install {package}\n"
            f"then {_VENV}/bin/gptwatch service install ..., or take --user"
        )


def check_booted() -> None:
    """Checks that there is a systemd.

    Raises:
        InputError: there is none.
    """
    if not _BOOTED.is_dir():
        raise InputError(
            "systemd does not run here; let what starts programs here start "
            "gptwatch start --dir FOLDER"
        )


def check_systemd(place: Place) -> None:
    """Checks that there is a systemd, and that we may tell it what to do.

    Raises:
        InputError: there is none, or only root may.
    """
    check_booted()
    if place.sysusers and os.geteuid() != 0:
        raise InputError(
            "only root may change services of the system; take sudo, or --user for a "
            "service of your own"
        )
