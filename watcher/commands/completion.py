"""`gptwatch completion`: shell completion of commands and options."""

import contextlib
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from watcher.errors import GptwatchError


@click.command(short_help="Print the completion script for a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands, options and files with the tab key.

    \b
    bash: gptwatch completion bash > ~/.local/share/bash-completion/completions/gptwatch
    zsh:  gptwatch completion zsh > a directory in $fpath, as _gptwatch
    fish: gptwatch completion fish > ~/.config/fish/completions/gptwatch.fish
    """  # noqa: D301 - \b keeps click from wrapping the lines
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None
    cli = context.find_root().command
    click.echo(made(cli, {}, "gptwatch", "_GPTWATCH_COMPLETE").source())


def complete_runs(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[str]:
    """Names of runs that begin so, from the database; none without one."""
    from watcher.storage.database import Database

    folder = context.params.get("state")
    out = context.params.get("out") or "training_plots"
    try:
        store = Database(folder or Path(out) / ".gptwatch", read_only=True)
    except GptwatchError:
        return []
    with contextlib.closing(store):
        return [r.name for r in store.runs() if r.name.startswith(incomplete)]


def complete_runs_and_files(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Names of runs, and files, which the shell completes itself."""
    names = complete_runs(context, parameter, incomplete)
    return [*map(CompletionItem, names), CompletionItem(incomplete, type="file")]


def complete_rules(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Names of rules that begin so."""
    from watcher.outputs.text.rule_docs import MEANINGS

    return [rule for rule in MEANINGS if rule.startswith(incomplete)]


def complete_formats(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Names of formats that begin so, and files."""
    from parsers.formats import FORMATS

    known = context.find_root().obj.formats if context.find_root().obj else FORMATS
    names = [form.name for form in known if form.name.startswith(incomplete)]
    return [*map(CompletionItem, names), CompletionItem(incomplete, type="file")]


def complete_places(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Names of runs with the `@` before a step."""
    return [f"{name}@" for name in complete_runs(context, parameter, incomplete)]
