"""`gptwatch notify`: the notification channels, and a test of them."""

from datetime import datetime
from pathlib import Path

import click

from watcher.commands import options
from watcher.errors import GptwatchError


@click.command(short_help="List the notification channels, or test them.")
@click.option("--test", is_flag=True, help="Send a test notification through each.")
@click.option("--on-alert", help="Include this command as a channel.")
@options.out
@options.output_lang
@click.pass_context
def notify(
    context: click.Context,
    /,
    *,
    test: bool,
    on_alert: str | None,
    out: Path,
) -> None:
    """List the channels that alerts are sent to; with --test, send a test to each.

    Channels are configured under [notify] in gptwatch.toml: on_alert = "COMMAND",
    desktop = true, and urls = [...] or urls_file for the services of Apprise (Telegram,
    Slack, e-mail, ...); GPTWATCH_NOTIFY_URLS works, too.
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
            channel.send(_test_notification())
            click.echo(options.tr("{channel}: accepted", channel=channel.name))
        except DeliveryError as error:
            failed += 1
            why = options.said(error).removeprefix(f"{channel.name}: ")
            text = "{channel}: failed: {reason}"
            reason = options.safe(why)
            click.echo(options.tr(text, channel=channel.name, reason=reason))
    if test and _is_unreachable_for_the_service(context.obj.path):
        failed += 1
    if failed:
        raise GptwatchError(options.tr("channels that failed: {n}", n=failed))


def _is_unreachable_for_the_service(path: Path | None) -> bool:
    """Whether the service, whose settings these are, lacks the network; prints it."""
    from watcher.service.network import service_network
    from watcher.service.place import SYSTEM

    if path is None or path.resolve() != SYSTEM.config:
        return False
    check = service_network(SYSTEM, options.tr)
    if check is None or check.verdict == "ok":
        return False
    text = f"{options.tr(check.name)}: {check.text}; {check.advice}"
    click.echo(options.safe(text), err=True)
    return True


def _test_notification() -> dict[str, object]:
    text = options.tr("This is a test: alerts will look like this.")
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
