"""The files of the service, as text.

The unit is shipped and never changed; what was chosen stands in `gptwatch.toml` and in
one drop-in, so that a person can read every choice, and take it back.
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
from watcher.service.place import SYSTEM, UNIT, Place, source


EXTRAS: Final = ("network", "writers", "read-all")
CHOSEN: Final = "install.conf"
# Of these the unit has its own, empty ones.
_PRIVATE: Final = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose.

    Attributes:
        dirs: folders to watch; empty: those of the settings that are there.
        out: folder for what is made, None for the usual one.
        extras: names of drop-ins.
    """

    dirs: Sequence[Path] = ()
    out: Path | None = None
    extras: Sequence[str] = ()


def files(place: Place, choice: Choice, program: Path) -> dict[Path, str]:
    """Every file of the service, by its path.

    Raises:
        InputError: nothing says what to watch, or a folder cannot be named.
        ConfigError: settings that a person edited say something else.
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
    return found


def _shipped(name: str) -> str:
    """A file of `systemd/`: of the checkout, or as pip put it into the venv."""
    folders = (source() / "systemd", Path(sys.prefix) / "share/gptwatch/systemd")
    for folder in folders:
        if (folder / UNIT).exists():
            return (folder / name).read_text(encoding="utf-8")
    raise InputError(f"{folders[1]}: no unit files; install gptwatch by pip again")


def _settings(place: Place, choice: Choice) -> str:
    """The text of `gptwatch.toml`; one that a person edited stays as it is."""
    dirs = [_named(path) for path in choice.dirs]
    out = _named(choice.out) if choice.out else ""
    if not place.config.exists():
        if not dirs:
            raise InputError("nothing says what to watch: --dir FOLDER")
        return _filled(place, dirs, out or str(place.state / "plots"))
    text = place.config.read_text(encoding="utf-8")
    held = config.load(place.config).options
    before = held.get("dir", []), held.get("out", str(place.state / "plots"))
    after = dirs or before[0], out or before[1]
    if after == before:
        return text
    if text != _filled(place, *before):
        raise ConfigError(
            f"{place.config}: somebody edited it, with dir = {before[0]} and out = "
            f"{before[1]!r}; change them there, then: gptwatch service install"
        )
    return _filled(place, *after)


def _named(path: Path) -> str:
    """An absolute path that a settings file can hold."""
    text = str(path.absolute())
    if not text.isprintable():
        raise InputError(f"{text!r}: systemd takes no such name; rename the folder")
    if path.exists() and not path.is_dir():
        raise InputError(f"{text}: not a folder")
    return text


def _filled(place: Place, dirs: Sequence[str], out: str) -> str:
    text = _shipped("gptwatch.toml").replace(str(SYSTEM.config), str(place.config))
    chosen = {"dir": dirs, "out": out, "state": str(place.state / "state")}
    for key, value in chosen.items():
        line = f"{key} = {json.dumps(value, ensure_ascii=False)}"
        text = re.sub(rf"(?m)^{key} = .*$", line.replace("\\", r"\\"), text)
    return text


def _drop_in(place: Place, settings: Mapping[str, Any], program: Path) -> str:
    """What the unit cannot know: where program, output and odd folders lie."""
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
    head = "# What was chosen by `gptwatch service install`, which writes it anew.\n"
    return head + "[Service]\n" + "".join(f"{line}\n" for line in lines)


def _quoted(path: Path | str, doubled: str = "") -> str:
    """One word of a unit file; of a command line, where `$` is doubled too."""
    text = str(path).replace("\\", r"\\").replace('"', r"\"")
    for sign in "%" + doubled:
        text = text.replace(sign, sign * 2)
    return f'"{text}"'
