"""`gptwatch alertrules`: files for Prometheus, Alertmanager and Grafana."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from watcher.commands import options


def _rules(config: Any) -> str:
    from watcher.metrics.alertrules import alert_rules, as_yaml

    return as_yaml(alert_rules(config.alerts, config.rules))


def _board(_: Any) -> str:
    from watcher.metrics.board import as_json

    return as_json()


def _file(name: str) -> Callable[[Any], str]:
    """A file that is shipped as it is."""

    def read(_: Any) -> str:
        from importlib import resources

        folder = resources.files("watcher.metrics") / "files"
        return (folder / name).read_text(encoding="utf-8")

    return read


_FILES: Final[dict[str, Callable[[Any], str]]] = {
    "rules": _rules,
    "alertmanager": _file("alertmanager.yml"),
    "prometheus": _file("prometheus.yml"),
    "grafana": _board,
}


@click.command(short_help="Print alert rules for Prometheus, a board for Grafana.")
@click.argument("what", type=click.Choice(list(_FILES)), default="rules")
@click.option(
    "--out",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write; default: standard output.",
)
@options.output_lang
@click.pass_context
def alertrules(context: click.Context, what: str, target: Path | None) -> None:
    """Print a file for the monitoring of a fleet.

    rules: alert rules for Prometheus, with the thresholds of gptwatch.toml.
    prometheus: what to add to prometheus.yml. alertmanager: an example of its routes
    and inhibitions. grafana: a board.
    """
    text = _FILES[what](context.obj)
    if target is None:
        click.echo(text, nl=False)
        return
    from watcher.files import write_atomically

    write_atomically(target, [text.encode()])
