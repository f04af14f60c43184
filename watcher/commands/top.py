"""`gptwatch top`: the full-screen view."""

import gc
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from watcher.commands import options
from watcher.commands.completion import complete_runs
from watcher.settings import seconds


_LEAST_S: Final = 0.05


class _Every(click.ParamType[float]):
    """Seconds, as 250ms, 1s or 1m."""

    name = "duration"

    def convert(
        self,
        value: str | float,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """Seconds."""
        found = value if isinstance(value, float) else seconds(value)
        if found is None or found < _LEAST_S:
            text = "{value} is not a duration of at least 50ms; write 250ms, 1s or 1m"
            self.fail(options.tr(text, value=repr(value)), param, ctx)
        return found


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
@click.option(
    "--every",
    "every_s",
    type=_Every(),
    default="250ms",
    show_default=True,
    help="Least time between updates of the screen.",
)
@click.option("--once", is_flag=True, help="Print one frame as text, and exit.")
@click.option("--ascii", "plain", is_flag=True, help="Use the characters of ASCII.")
@click.option("--no-color", is_flag=True, help="Use no colours; as NO_COLOR does.")
@click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal.")
@options.output_lang
def top(
    *,
    out: Path,
    state: Path | None,
    text: str,
    name: str | None,
    by: str | None,
    every_s: float,
    once: bool,
    plain: bool,
    no_color: bool,
    no_mouse: bool,
) -> None:
    """Show all runs, their curves, their logs and alerts on the whole terminal.

    Reads the database of `gptwatch start`, whether that is running or not.  Keys: ?
    """
    # Before NumPy is imported: its threads spin as they start, and nothing needs them.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with _collected_later():
        from watcher.top.charset import has_braille
        from watcher.top.model import Look, Model, Size
        from watcher.top.pieces import as_text

        folder = state or out / ".gptwatch"
        look = Look(options.language(), ascii=plain or not has_braille())
        host = os.uname().nodename.partition(".")[0]
        model = Model(look=look, host=host, filter=text, sort=_column(by))
        if once:
            from watcher.top.program import once as shown

            size = Size(*shutil.get_terminal_size((80, 24)))
            for line in shown(folder, model, size, name=name):
                click.echo(as_text(line))
            return
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            text = (
                "top needs a terminal; print one frame with --once, or use: {command}"
            )
            raise click.UsageError(options.tr(text, command="gptwatch status"))
        from watcher.top import kept
        from watcher.top.program import run
        from watcher.top.terminal import Looks

        file = kept.path()
        model = kept.load(model, file)
        if by is not None:
            model = replace(model, sort=by, reverse=False)
        looks = Looks(colour=not no_color and options.colours(), mouse=not no_mouse)
        kept.save(run(folder, model, looks, name=name, every_s=every_s), file)


@contextmanager
def _collected_later() -> Iterator[None]:
    """Until the first frame nothing becomes garbage: looking for it is a tenth."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _column(by: str | None) -> str | None:
    from watcher.top.table import SORTED

    if by is not None and by not in SORTED:
        text = "--sort {column}: no such column; known: {names}"
        names = ", ".join(SORTED)
        raise click.UsageError(options.tr(text, column=repr(by), names=names))
    return by
