"""How the screen was left: kept in a file, which is never needed."""

import os
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from watcher.errors import OutputError
from watcher.files import write_atomically
from watcher.outputs.text.catalog import tr
from watcher.top import charts, table
from watcher.top.model import Model
from watcher.top.update import SMOOTH


# What is kept of a model, and which values it may have.
_KEPT: Final[Mapping[str, Callable[[Any], bool]]] = {
    "sort": lambda value: value in table.SORTED,
    "reverse": lambda value: isinstance(value, bool),
    "axis": lambda value: value in charts.NEXT_AXIS,
    "log_x": lambda value: isinstance(value, bool),
    "log_y": lambda value: isinstance(value, bool),
    "smooth": lambda value: type(value) is int and value in SMOOTH,
    "pinned": lambda value: (
        isinstance(value, list) and all(isinstance(name, str) for name in value)
    ),
}


def path() -> Path | None:
    """The file, in the user's directory of settings; None for a user without one."""
    folder = os.environ.get("XDG_CONFIG_HOME", "")
    # The specification: a relative path is to be ignored.
    if folder.startswith("/"):
        return Path(folder) / "gptwatch/top.toml"
    with suppress(RuntimeError):
        return Path.home() / ".config/gptwatch/top.toml"
    return None


def load(model: Model, file: Path | None) -> Model:
    """A model as the screen was left; what the file has wrong is said, and ignored."""
    if file is None:
        return model
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return model
    except (OSError, ValueError) as error:
        return _ignored(model, file, getattr(error, "strerror", None) or str(error))
    kept = {n: v for n, v in found.items() if n in _KEPT and _KEPT[n](v)}
    values: dict[str, Any] = kept | {"pinned": tuple(kept.get("pinned", ()))}
    model = replace(model, **values)
    wrong = [name for name in found if name not in kept]
    return _ignored(model, file, ", ".join(wrong)) if wrong else model


def save(model: Model, file: Path | None) -> None:
    """Keeps how a screen was left, where that is possible and differs."""
    if file is None:
        return
    values = {name: getattr(model, name) for name in _KEPT}
    text = "".join(
        f"{name} = {_toml(value)}\n"
        for name, value in values.items()
        if value is not None
    )
    with suppress(OSError, OutputError):
        if file.exists() and file.read_bytes() == text.encode():
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, [text.encode()])


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(one) for one in value if one.isprintable())}]"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return str(value).lower()


def _ignored(model: Model, file: Path, problem: str) -> Model:
    text = "{path}: ignored: {problem}"
    return replace(model, message=tr(model.look.lang, text, path=file, problem=problem))
