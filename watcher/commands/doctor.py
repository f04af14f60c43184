"""`gptwatch doctor`: whether this box has what gptwatch needs."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from watcher.commands import options


_PROBLEM: Final = 1
_COLOURS: Final = {"ok": "green", "warning": "yellow", "problem": "red"}


@click.command(short_help="Whether this box has what gptwatch needs.")
@click.option(
    "--dir",
    "folder",
    type=options.folder,
    default="logs",
    show_default=True,
    help="Folder that is, or will be, watched.",
)
@options.out
@options.state
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_context
def doctor(
    context: click.Context,
    *,
    folder: Path,
    out: Path,
    state: Path | None,
    as_json: bool,
) -> None:
    """Look at folders, limits, disk, font, clock and the like, and say what to do.

    Nothing is written.  Exit code 1 where something is a problem; a warning is none.
    """
    from watcher.service.checks import examine

    checks = []
    for check in examine(folder, out, state or out / ".gptwatch"):
        checks.append(check)
        if not as_json:
            _show(check.name, check.verdict, check.text, check.advice)
    if as_json:
        found = [asdict(check) for check in checks]
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    bad = any(check.verdict == "problem" for check in checks)
    context.exit(_PROBLEM if bad else 0)


def _show(name: str, verdict: str, text: str, advice: str) -> None:
    colour = _COLOURS[verdict] if options.colours() else None
    mark = click.style(f"{verdict:8}", fg=colour)
    click.echo(f"{mark} {name}: {options.safe(text)}")
    if advice:
        click.echo(f"         -> {options.safe(advice)}")
