"""What `gptwatch start` runs with: flags, variables and the file, in this order."""

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from watcher.commands import options
from watcher.errors import ConfigError, InputError


def reloaded(context: click.Context, given: dict[str, Any], before: Any) -> Any:
    """The settings of the changed configuration file, or the old ones on an error."""
    from watcher import config
    from watcher.alerts.channels.apprise import require

    logger = logging.getLogger("gptwatch")
    try:
        context.obj = config.load(context.obj.path)
        fresh = _with_file(context, given)
        found = settings(context, fresh)
        require(found.notify)
    except (ConfigError, InputError, click.UsageError) as error:
        problem = options.blamed(error)
        logger.error("%s; keeping the old configuration", problem)  # noqa: TRY400
        return before
    if found.state != before.state:
        logger.error(
            "the state directory cannot be changed without a restart; "
            "keeping the old configuration"
        )
        return before
    logger.info("configuration reloaded")
    return found


def _with_file(context: click.Context, given: dict[str, Any]) -> dict[str, Any]:
    """The parameters, with those of the file where no flag and no variable is set."""
    from click.core import ParameterSource

    assert context.parent is not None
    name = context.info_name or ""
    context.parent.default_map = {name: dict(context.obj.options)}
    fresh = context.command.make_context(name, [], parent=context.parent)
    flag = ParameterSource.COMMANDLINE
    return {
        key: value if context.get_parameter_source(key) is flag else fresh.params[key]
        for key, value in given.items()
    }


def settings(context: click.Context, given: dict[str, Any]) -> Any:
    """The settings of the daemon.

    Raises:
        click.UsageError: a root is no directory.
    """
    from watcher.daemon.jobs import Options
    from watcher.daemon.settings import Settings
    from watcher.ingest import discovery

    config = context.obj
    out = given["out"].absolute()
    state = given["state"].absolute() if given["state"] else out / ".gptwatch"
    return Settings(
        roots=_roots(given["dir"]),
        out=out,
        state=state,
        scanner=discovery.Scanner(
            patterns=tuple(given["pattern"]) or discovery.PATTERNS,
            ignore=tuple(given["ignore"]),
            own=(out, state),
        ),
        look=Options(
            state=str(state),
            config=config.judging,
            lang=given["lang"],
            theme=given["theme"],
            window=given["window"],
            log_x=given["log_x"],
            keep=given["keep"],
            html=given["html"],
        ),
        interval_s=given["interval"],
        cron=given["cron"],
        every=given["every"],
        rules=config.rules,
        formats=config.formats,
        alerts=config.alerts,
        notify=_notify(config.notify, given["on_alert"]),
        exports=config.exports,
    )


def _notify(chosen: Any, on_alert: str | None) -> Any:
    return replace(chosen, on_alert=on_alert) if on_alert else chosen


def _roots(dirs: Sequence[Path]) -> tuple[Path, ...]:
    roots = tuple(dict.fromkeys(folder.absolute() for folder in dirs))
    for root in roots:
        if root.exists() and not root.is_dir():
            raise click.UsageError(
                options.tr(
                    "{path}: not a directory; for a single log: {command}",
                    path=root,
                    command=f"gptwatch once {root}",
                )
            )
    return roots


def shown(given: dict[str, Any]) -> str:
    """The effective settings as `gptwatch.toml` would have them."""
    lines = []
    for name, value in given.items():
        if value is None or value == ():
            continue
        kept = value
        if isinstance(value, tuple):
            kept = [str(item) for item in value]
        elif name == "interval":
            kept = f"{value:g}s"
        elif isinstance(value, Path):
            kept = str(value)
        lines.append(f"{name} = {json.dumps(kept, ensure_ascii=False)}\n")
    return "".join(lines)
