"""`gptwatch completion`: shell completion of commands and options."""

import click


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
