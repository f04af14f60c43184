"""The command `gptwatch`.

Answers go to standard output, everything else to standard error.  Exit codes: 0 fine,
1 error, 2 wrong usage, 3 no metrics found, 10 overfitting, 11 not finite, 12 diverged,
13 crashed; of `start`, 78 for an error in the configuration.
"""

import inspect
import logging
import sys
from collections import UserDict
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

import click

from watcher import __version__
from watcher.commands.environment import unknown_variables
from watcher.commands.options import (
    CONFIG_ERROR,
    NO_METRICS,
    NoMetricsError,
    blamed,
    choose_language,
    language,
    safe,
)
from watcher.errors import ConfigError, GptwatchError
from watcher.outputs.text.catalog import tr
from watcher.outputs.text.errors import said
from watcher.settings import FILE


_PREFIX: Final = "GPTWATCH"
_ERROR: Final = 1
_INTERRUPTED: Final = 130
# Of the configuration these need only options: none without a file.
_OPTIONS_ONLY: Final = ("top", "status", "note")
_START: Final = "start"
# In the order of the help; each is the module of its name.
_COMMANDS: Final = (
    *("demo", _START, "run", "top", "web", "status", "show", "alerts", "silence"),
    *("note", "notify", "once", "compare", "export", "push", "formats", "alertrules"),
    *("service", "doctor", "completion"),
)


class _Commands(UserDict[str, click.Command]):
    """Commands by name, each imported when it is used: most of them never are."""

    def __missing__(self, name: str) -> click.Command:
        """Imports a command."""
        if name not in _COMMANDS:
            raise KeyError(name)
        module = import_module(f"watcher.commands.{name}")
        command: click.Command = getattr(module, name)
        self[name] = command
        return command

    def __contains__(self, name: object) -> bool:
        return name in _COMMANDS

    def __iter__(self) -> Iterator[str]:
        return iter(_COMMANDS)

    def __len__(self) -> int:
        return len(_COMMANDS)


class Cli(click.Group):
    """Commands that are imported when they are used.

    Attributes:
        language: of a command that failed: its context has ended by then.
        help_language: of the help.
    """

    language: str | None = None
    help_language = "en"

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """A command, its help translated."""
        command = super().get_command(context, name)
        if command is not None:
            translate(command, self.help_language)
        return command

    def invoke(self, context: click.Context) -> object:
        """Runs the command."""
        try:
            return super().invoke(context)
        except Exception:
            with context.scope(cleanup=False):
                self.language = language()
            raise


@click.group(
    cls=Cli, commands=_Commands(), context_settings={"auto_envvar_prefix": _PREFIX}
)
@click.version_option(__version__, prog_name="gptwatch")
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration file; default: ./gptwatch.toml, if it exists.",
)
@click.pass_context
def cli(context: click.Context, config_path: Path | None) -> None:
    """Watch training logs, draw their curves, and alert when a model overfits."""
    # Warnings of commands that keep no log go to standard error, as errors do.
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(logging.Formatter("gptwatch: %(message)s"))
    for problem in unknown_variables(cli, _PREFIX):
        click.echo(f"gptwatch: {safe(problem)}", err=True)
    has_file = config_path is not None or Path(FILE).is_file()
    if context.invoked_subcommand in _OPTIONS_ONLY and not has_file:
        return
    from watcher import config

    try:
        loaded = config.load(config_path)
    except ConfigError as error:
        if context.invoked_subcommand != _START:
            raise
        context.exit(_report(error, CONFIG_ERROR))
    context.obj = loaded
    choose_language(context, None, loaded.options.get("lang"))
    options = dict(loaded.options)
    context.default_map = dict.fromkeys(cli.commands, options)


def main() -> None:
    """Runs the command; errors become one line, never a traceback."""
    cli.help_language = language()
    translate(cli, cli.help_language)
    if cli.help_language != "en":
        from watcher.commands import click_texts

        click_texts.translate(cli.help_language)
    try:
        code = cli.main(standalone_mode=False, prog_name="gptwatch")
        sys.stdout.flush()
    except click.ClickException as error:
        code = _report_usage(error)
    except NoMetricsError as error:
        code = _report(error, NO_METRICS)
    except GptwatchError as error:
        code = _report(error, _ERROR)
    except (click.Abort, KeyboardInterrupt):
        code = _INTERRUPTED
    sys.exit(code if isinstance(code, int) else 0)


def translate(command: click.Command, lang: str) -> None:
    """Puts the help of a command, its options and its subcommands in a language.

    Those of `gptwatch` itself follow as they are imported.
    """
    command.help = _paragraphs(lang, command.help or "")
    command.short_help = tr(lang, command.short_help or "") or None
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            parameter.help = tr(lang, parameter.help or "") or None
    if isinstance(command, click.Group) and command is not cli:
        for sub in command.commands.values():
            translate(sub, lang)


def _paragraphs(lang: str, text: str) -> str:
    """The help with each paragraph translated, but for blocks that click keeps."""
    parts = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(
        part if part.startswith("\b") else tr(lang, " ".join(part.split()))
        for part in parts
    )


def _report_usage(error: click.ClickException) -> int:
    """Prints an error of an option, or of the file or variable that set it."""
    cause = blamed(error)
    if not isinstance(cause, GptwatchError):
        error.show()
        return error.exit_code
    context = getattr(error, "ctx", None)
    is_start = context is not None and context.info_name == _START
    return _report(cause, CONFIG_ERROR if is_start else _ERROR)


def _report(error: GptwatchError, code: int) -> int:
    text = said(error, cli.language or language())
    click.echo(f"gptwatch: {safe(text)}", err=True)
    return code


if __name__ == "__main__":
    main()
