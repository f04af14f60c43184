"""The command `gptwatch`.

Answers go to standard output, everything else to standard error.  Exit codes: 0 fine,
1 error, 2 wrong usage, 3 no metrics found, 10 overfitting, 11 not finite, 12 diverged,
13 crashed; of `start`, 78 for what only a person can mend.
"""

import sys
from pathlib import Path
from typing import Final

import click

from watcher import __version__
from watcher.commands.alerts import alerts
from watcher.commands.compare import compare
from watcher.commands.completion import completion
from watcher.commands.demo import demo
from watcher.commands.doctor import doctor
from watcher.commands.export import export
from watcher.commands.formats import formats
from watcher.commands.notify import notify
from watcher.commands.once import once
from watcher.commands.options import HOPELESS, NO_METRICS, NoMetricsError, safe
from watcher.commands.run import run
from watcher.commands.service import service
from watcher.commands.show import show
from watcher.commands.silence import silence
from watcher.commands.start import start
from watcher.commands.status import status
from watcher.commands.web import web
from watcher.errors import ConfigError, GptwatchError


_ERROR: Final = 1
_INTERRUPTED: Final = 130


@click.group(context_settings={"auto_envvar_prefix": "GPTWATCH"})
@click.version_option(__version__, prog_name="gptwatch")
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration file; default: ./gptwatch.toml where there is one.",
)
@click.pass_context
def cli(context: click.Context, config_path: Path | None) -> None:
    """Watches training logs, draws their curves, and says when a model overfits."""
    from watcher import config

    try:
        loaded = config.load(config_path)
    except ConfigError as error:
        if context.invoked_subcommand != start.name:
            raise
        context.exit(_complain(error, HOPELESS))
    context.obj = loaded
    options = dict(loaded.options)
    context.default_map = dict.fromkeys(cli.commands, options)


for _command in (
    *(demo, start, run, web, status, show, alerts, silence, notify),
    *(once, compare, export, formats, service, doctor, completion),
):
    cli.add_command(_command)


def main() -> None:
    """Runs the command; errors become one line, never a traceback."""
    try:
        code = cli.main(standalone_mode=False, prog_name="gptwatch")
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except NoMetricsError as error:
        code = _complain(error, NO_METRICS)
    except GptwatchError as error:
        code = _complain(error, _ERROR)
    except (click.Abort, KeyboardInterrupt):
        code = _INTERRUPTED
    sys.exit(code if isinstance(code, int) else 0)


def _complain(error: GptwatchError, code: int) -> int:
    click.echo(f"gptwatch: {safe(str(error))}", err=True)
    return code


if __name__ == "__main__":
    main()
