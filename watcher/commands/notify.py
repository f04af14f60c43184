"""`gptwatch notify`: whether alerts would arrive."""

from datetime import datetime
from pathlib import Path

import click

from watcher.commands import options
from watcher.errors import GptwatchError


@click.command(short_help="Show the channels, or try them with --test.")
@click.option("--test", is_flag=True, help="Send a test through each, now.")
@click.option("--on-alert", help="Try this command, too.")
@options.out
@click.pass_context
def notify(
    context: click.Context, /, *, test: bool, on_alert: str | None, out: Path
) -> None:
    """Show through which channels alerts are told, and with --test whether it works.

    Channels are set up in [notify] of gptwatch.toml: on_alert = "COMMAND", desktop =
    true, urls = [...] or urls_file for the services of Apprise (Telegram, Slack,
    e-mail, ...), which may also stand in GPTWATCH_NOTIFY_URLS.
    """
    from dataclasses import replace

    from watcher.alerts.channels import DeliveryError, channels

    chosen = context.obj.notify
    if on_alert:
        chosen = replace(chosen, on_alert=on_alert)
    failed = 0
    for channel in channels(chosen, out):
        if not test:
            click.echo(channel.name)
            continue
        try:
            channel.send(_trial())
            click.echo(f"{channel.name}: accepted")
        except DeliveryError as error:
            failed += 1
            why = str(error).removeprefix(f"{channel.name}: ")
            click.echo(f"{channel.name}: failed: {options.safe(why)}")
    if failed:
        raise GptwatchError(f"{failed} of the channels did not work")


def _trial() -> dict[str, object]:
    text = "This is a test; alerts would arrive like this."
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    return {
        "schema": 1,
        "kind": "test",
        "run": "test",
        "log": "",
        "rule": "test",
        "severity": "info",
        "step": 0,
        "since_step": None,
        "confirmed_step": None,
        "cleared_step": None,
        "title": "gptwatch: test",
        "message": text,
        "advice": "",
        "text": f"test: {text}",
        "evidence": {},
        "picture": "",
        "raised_at": now,
        "at": now,
        "fingerprint": "test",
    }
