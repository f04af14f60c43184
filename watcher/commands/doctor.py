"""`gptwatch doctor`: check this machine's setup."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from watcher.commands import options


_PROBLEM: Final = 1
_WIDTH: Final = 8
_COLOURS: Final = {"ok": "green", "warning": "yellow", "problem": "red"}


@click.command(short_help="Check this machine's setup.")
@click.option(
    "--dir",
    "folder",
    type=options.folder,
    default="logs",
    show_default=True,
    help="Directory to watch.",
)
@options.out
@options.state
@options.output_lang
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def doctor(
    context: click.Context,
    *,
    folder: Path,
    out: Path,
    state: Path | None,
    as_json: bool,
) -> None:
    """Check directories, limits, disk space, fonts, clock and more.

    Nothing is written.  The exit code is 1 if a check finds a problem; warnings do not
    count.
    """
    from watcher.service.checks import examine
    from watcher.service.network import service_network
    from watcher.service.place import SYSTEM
    from watcher.service.senders import one_sender

    checks = []
    for check in (
        *examine(folder, out, state or out / ".gptwatch", options.tr),
        one_sender(context.obj.notify, options.tr),
        service_network(SYSTEM, options.tr),
    ):
        if check is None:
            continue
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
    mark = click.style(f"{options.tr(verdict):{_WIDTH}}", fg=colour)
    click.echo(f"{mark} {options.tr(name)}: {options.safe(text)}")
    if advice:
        click.echo(f"{'':{_WIDTH}} -> {options.safe(advice)}")
