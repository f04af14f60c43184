"""The name of a log: the configuration of its training, and the keys that it changes.

python train.py config/char.py --max_iters=1000    ->    char-max_iters=1000
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Final


_SCRIPTS: Final = (".py", ".sh")
_CONFIGS: Final = (".py", ".yaml", ".yml", ".toml", ".json")
_WORD: Final = re.compile(r"[A-Za-z][\w.-]*")
_KEY: Final = re.compile(r"[A-Za-z][\w.-]*")
_UNUSUAL: Final = re.compile(r"[^\w.,+=@-]+")
# Their values are no part of a name that others see.
_SECRET: Final = re.compile(r"token|secret|password|api_?key|credential", re.IGNORECASE)
# With the time behind it a name stays far below the 255 bytes of a file system.
_LONGEST: Final = 100
_VALUE: Final = 24


def named(command: Sequence[str]) -> str:
    """The name of a command's log, without an ending."""
    program, arguments = _trained(command)
    changed = list(_changed(arguments))
    config = next((text for text in changed if "=" not in text), "")
    parts = [config or program, *(text for text in changed if text != config)]
    name = parts[0]
    for part in parts[1:]:
        if len(name) + len(part) < _LONGEST:
            name += f"-{part}"
    return usable(name)


def usable(name: str) -> str:
    """A file name that is not hidden."""
    return name.replace("/", "_").lstrip(".-") or "run"


def _trained(command: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The script's name or the module's, else the program's; and its arguments."""
    program = command[0]
    if program.endswith(_SCRIPTS):
        return PurePath(program).stem, command[1:]
    for at, word in enumerate(command[1:], 1):
        before = command[at - 1]
        if before == "-c":
            break  # what follows is code, not a name
        if before == "-m":
            return word.rpartition(".")[2], command[at + 1 :]
        if word.endswith(_SCRIPTS):
            return PurePath(word).stem, command[at + 1 :]
    return PurePath(program).stem, ()


def _changed(arguments: Sequence[str]) -> Iterator[str]:
    """The configuration's name, and each key that is set as `key=value`."""
    words = iter(range(len(arguments)))
    for at in words:
        word = arguments[at]
        if word == "--":
            return
        if not word.startswith("-"):
            yield from _positional(word)
            continue
        key, equals, value = word.lstrip("-").partition("=")
        following = arguments[at + 1 : at + 2]
        if not equals and following and _is_value(following[0]):
            value = following[0]
            next(words)
        yield from _setting(key, value)


def _is_value(word: str) -> bool:
    """Whether a word belongs to the option before it: not to the next one."""
    return not word.startswith("-") or bool(re.fullmatch(r"-[\d.]+(e-?\d+)?", word))


def _positional(word: str) -> Iterator[str]:
    key, equals, value = word.partition("=")
    if equals:
        yield from _setting(key, value)
    elif word.endswith(_CONFIGS):
        yield _UNUSUAL.sub("_", PurePath(word).stem)
    elif _WORD.fullmatch(word):
        yield word


def _setting(key: str, value: str) -> Iterator[str]:
    if not _KEY.fullmatch(key):
        return
    shown = "" if _SECRET.search(key) else PurePath(value).name[:_VALUE]
    yield f"{key}={_UNUSUAL.sub('_', shown)}"
