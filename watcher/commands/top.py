"""`gptwatch top`: the full-screen view."""

import shutil
import sys
from pathlib import Path

import click

from watcher.commands import options
from watcher.commands.completion import complete_runs


@click.command(short_help="The full-screen view of all runs.")
@options.out
@options.state
@click.option(
    "--filter", "text", default="", help="Only runs whose name or state holds TEXT."
)
@click.option(
    "--run", "name", help="Open this run at once.", shell_complete=complete_runs
)
@click.option("--sort", "by", help="Sort by this column.")
@click.option("--once", is_flag=True, help="Print one frame as text, and exit.")
@click.option("--ascii", "plain", is_flag=True, help="Use the characters of ASCII.")
@click.option("--no-color", is_flag=True, help="Use no colours; as NO_COLOR does.")
@options.output_lang
def top(
    *,
    out: Path,
    state: Path | None,
    text: str,
    name: str | None,
    by: str | None,
    once: bool,
    plain: bool,
    no_color: bool,
) -> None:
    """Show all runs, their curves, their logs and alerts on the whole terminal.

    Reads the database of `gptwatch start`, whether that is running or not.  Keys: ?
    """
    from watcher.top.charset import has_braille
    from watcher.top.model import Look, Model, Size
    from watcher.top.pieces import as_text

    folder = state or out / ".gptwatch"
    look = Look(options.language(), ascii=plain or not has_braille())
    model = Model(look=look, filter=text, sort=_column(by))
    if once:
        from watcher.top.program import once as shown

        size = Size(*shutil.get_terminal_size((80, 24)))
        for line in shown(folder, model, size, name=name):
            click.echo(as_text(line))
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        text = "top needs a terminal; print one frame with --once, or use: {command}"
        raise click.UsageError(options.tr(text, command="gptwatch status"))
    from watcher.top.program import run

    run(folder, model, name=name, colour=not no_color and options.colours())


def _column(by: str | None) -> str | None:
    from watcher.top.table import SORTED

    if by is not None and by not in SORTED:
        text = "--sort {column}: no such column; known: {names}"
        names = ", ".join(SORTED)
        raise click.UsageError(options.tr(text, column=repr(by), names=names))
    return by
