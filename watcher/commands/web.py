"""`gptwatch web`: the live page."""

from pathlib import Path

import click

from watcher.commands import options


@click.command(short_help="A live page: every point, and the line it came from.")
@click.option(
    "--listen",
    help="HOST:PORT or unix:PATH; default: [web] listen, else 127.0.0.1:8477.",
)
@options.out
@options.state
@click.pass_context
def web(
    context: click.Context, *, listen: str | None, out: Path, state: Path | None
) -> None:
    """Serve a page with all runs of `gptwatch start`, for a browser.

    It reads the daemon's database in a process of its own, and can change nothing.
    Ctrl-C ends it.  From another machine: ssh -L 8477:127.0.0.1:8477 HOST.
    """
    from watcher.storage.database import Database
    from watcher.web.server import serve

    folder = state or out / ".gptwatch"
    Database(folder, read_only=True).close()
    serve(options.page(context.obj, folder, listen), ready=click.echo)
