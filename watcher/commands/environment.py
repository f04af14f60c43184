"""Environment variables that look like settings and are none."""

import difflib
import os
from collections.abc import Iterator
from typing import Final

import click

from watcher.commands.options import tr


# Variables that are no options: the addresses of channels, and those of the trainer.
_VARIABLES: Final = ("GPTWATCH_NOTIFY_URLS", "GPTWATCH_DATA", "GPTWATCH_GPT2_BPE")


def unknown_variables(group: click.Group, prefix: str) -> Iterator[str]:
    """A message for each variable that looks like a setting and is none."""
    given = [name for name in os.environ if name.startswith(f"{prefix}_")]
    known = {*_VARIABLES, *_variables(group, prefix)} if given else set()
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
            text = "{name}: unknown variable; no setting has this name"
            if near:
                text = "{name}: unknown variable; did you mean {near}?"
            yield tr(text, name=name, near="".join(near))


def _variables(command: click.Command, prefix: str) -> Iterator[str]:
    """The variables of a command's options, and of the commands below it."""
    yield from (f"{prefix}_{p.name}".upper() for p in command.params)
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from _variables(below, f"{prefix}_{name}".replace("-", "_"))
