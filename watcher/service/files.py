"""The files of the service, as text.

The unit is shipped and never edited; the choices of the user are written to
`gptwatch.toml` and to one drop-in, where they can be read and reverted.
"""

import json
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from watcher import config
from watcher.errors import ConfigError, InputError
from watcher.service.place import PAGE, SOCKET, SYSTEM, UNIT, Place, source


EXTRAS: Final = ("network", "writers", "read-all")
CHOSEN: Final = "install.conf"
_HEAD: Final = "# Written by `gptwatch service install`, which overwrites it.\n"
# PrivateTmp= hides these directories of the system.
_PRIVATE: Final = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108


@dataclass(frozen=True, slots=True)
class Choice:
    """The choices of the user.

    Attributes:
        dirs: directories to watch; empty: those of the existing settings.
        out: output directory, None for the default.
        extras: names of drop-ins.
        web: whether systemd listens for the page, and starts it when it is opened.
    """

    dirs: Sequence[Path] = ()
    out: Path | None = None
    extras: Sequence[str] = ()
    web: bool = False


def files(place: Place, choice: Choice, program: Path) -> dict[Path, str]:
    """Every file of the service, by its path.

    Raises:
        InputError: no directory to watch, or one with a name that systemd rejects.
        ConfigError: edited settings contradict the choices.
    """
    settings = _settings(place, choice)
    found = {place.units / UNIT: _shipped(place.source), place.config: settings}
    if place.sysusers:
        found[place.sysusers] = _shipped("sysusers.conf")
    drop_in = _drop_in(place, tomllib.loads(settings), program)
    if drop_in:
        found[place.drop_ins / CHOSEN] = drop_in
    for name in choice.extras:
        found[place.drop_ins / f"{name}.conf"] = _shipped(f"{UNIT}.d/{name}.conf")
    if choice.web:
        found |= _page(place, program)
    return found


def _page(place: Place, program: Path) -> dict[Path, str]:
    """The units of the page: the service has no network, its socket is systemd's."""
    if not place.sysusers:
        raise InputError(
            '--web is for a service of the system; write listen = "127.0.0.1:8477" '
            "below [web] in {path}",
            path=place.config,
        )
    found = {place.units / name: _shipped(name) for name in (PAGE, SOCKET)}
    if f"ExecStart={program} " not in found[place.units / PAGE]:
        command = f"{_quoted(program, '$')} --config {_quoted(place.config, '$')} web"
        lines = f"[Service]\nExecStart=\nExecStart={command}\n"
        found[place.page_drop_ins / CHOSEN] = _HEAD + lines
    return found


def _shipped(name: str) -> str:
    """A file of `systemd/`: of the checkout, or of the venv that pip filled."""
    folders = (source() / "systemd", Path(sys.prefix) / "share/gptwatch/systemd")
    for folder in folders:
        if (folder / UNIT).exists():
            return (folder / name).read_text(encoding="utf-8")
    raise InputError(
        "{folder}: no unit files; reinstall gptwatch by pip", folder=folders[1]
    )


def _settings(place: Place, choice: Choice) -> str:
    """The text of `gptwatch.toml`; an edited one is not overwritten."""
    dirs = [_named(path) for path in choice.dirs]
    out = _named(choice.out) if choice.out else ""
    if not place.config.exists():
        if not dirs:
            raise InputError("no directory to watch; add --dir DIRECTORY")
        return _filled(place, dirs, out or str(place.state / "plots"))
    text = place.config.read_text(encoding="utf-8")
    options = config.load(place.config).options
    before = options.get("dir", []), options.get("out", str(place.state / "plots"))
    after = dirs or before[0], out or before[1]
    if after == before:
        return text
    if text != _filled(place, *before):
        raise ConfigError(
            "{config}: was edited, with dir = {dirs} and out = "
            "{out}; change them there, then: gptwatch service install",
            config=place.config,
            dirs=before[0],
            out=repr(before[1]),
        )
    return _filled(place, *after)


def _named(path: Path) -> str:
    """An absolute path that systemd accepts."""
    text = str(path.absolute())
    if not text.isprintable():
        raise InputError(
            "{name}: systemd rejects such a name; rename the directory", name=repr(text)
        )
    if path.exists() and not path.is_dir():
        raise InputError("{path}: not a directory", path=text)
    return text


def _filled(place: Place, dirs: Sequence[str], out: str) -> str:
    text = _shipped("gptwatch.toml").replace(str(SYSTEM.config), str(place.config))
    chosen = {"dir": dirs, "out": out, "state": str(place.state / "state")}
    for key, value in chosen.items():
        line = f"{key} = {json.dumps(value, ensure_ascii=False)}"
        text = re.sub(rf"(?m)^{key} = .*$", line.replace("\\", r"\\"), text)
    return text


def _drop_in(place: Place, settings: Mapping[str, Any], program: Path) -> str:
    """What the unit cannot know: the paths of program, output and logs in /tmp."""
    unit = _shipped(place.source)
    lines = []
    if f"ExecStart={program} " not in unit:
        command = f"{_quoted(program, '$')} --config {_quoted(place.config, '$')} start"
        lines += ["ExecStart=", f"ExecStart={command}"]
    if place.sysusers:
        out = settings.get("out", place.state)
        if not Path(out).is_relative_to(place.state):
            lines.append(f"ReadWritePaths=-{_quoted(out)}")
        lines += [
            f"BindReadOnlyPaths=-{_quoted(folder)}"
            for folder in settings.get("dir", ())
            if any(Path(folder).is_relative_to(p) for p in _PRIVATE)
        ]
    if not lines:
        return ""
    return _HEAD + "[Service]\n" + "".join(f"{line}\n" for line in lines)


def _quoted(path: Path | str, doubled: str = "") -> str:
    """One word of a unit file; of a command line, where `$` is doubled too."""
    text = str(path).replace("\\", r"\\").replace('"', r"\"")
    for sign in "%" + doubled:
        text = text.replace(sign, sign * 2)
    return f'"{text}"'
