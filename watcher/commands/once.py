"""`gptwatch once`: one analysis, now."""

from pathlib import Path
from typing import Any, Final

import click

from watcher.commands import options
from watcher.errors import InputError


# What a finding makes of the exit code; the gravest, which is the largest, wins.
_EXIT_CODES: Final = {
    "overfitting": 10,
    "not_finite": 11,
    "divergence": 12,
    "crashed": 13,
}
_LOGS: Final = (".log", ".out", ".jsonl", ".txt", ".csv", ".json")
_PACKED: Final = (".gz", ".bz2", ".xz", ".zst")


@click.command(short_help="Analyse one log: picture, report, data.")
@click.argument("file", type=options.file, required=False)
@options.out
@options.lang
@options.theme
@options.window
@click.option("--log-x", is_flag=True, help="Logarithmic step axis.")
@click.option("--exit-zero", is_flag=True, help="Findings do not change the exit code.")
@click.pass_context
def once(
    context: click.Context,
    file: Path | None,
    *,
    out: Path,
    lang: str | None,
    theme: str,
    window: int | None,
    log_x: bool,
    exit_zero: bool,
) -> None:
    """Analyse one log, now: picture, report, data, and the lines that matter.

    Without FILE the newest log of this folder or of logs/ is taken.
    """
    path = file or _newest(out)
    analysis = options.conclude(
        path, context, out=out, lang=lang, theme=theme, window=window, log_x=log_x
    )
    context.exit(0 if exit_zero else _exit_code(analysis))


def _newest(out: Path) -> Path:
    """The newest log here or in logs/; what gptwatch made itself is none."""
    found = [
        entry
        for folder in (Path(), Path("logs"))
        if folder.is_dir()
        for entry in folder.iterdir()
        if entry.is_file() and _is_log(entry.name) and out not in entry.parents
    ]
    if not found:
        raise InputError(
            "no log here or in logs/ (looked for *.log, *.out, *.jsonl, *.txt, ...); "
            "name one: gptwatch once FILE"
        )
    # A text or table is a log only where nothing calls itself one.
    first = [f for f in found if _bare(f.name).endswith(_LOGS[:3])]
    newest = max(first or found, key=lambda f: f.stat().st_mtime)
    click.echo(f"newest log: {options.safe(str(newest))}", err=True)
    return newest


def _is_log(name: str) -> bool:
    return _bare(name).endswith(_LOGS)


def _bare(name: str) -> str:
    stem, dot, suffix = name.lower().rpartition(".")
    return stem if dot and f".{suffix}" in _PACKED else name.lower()


def _exit_code(analysis: Any) -> int:
    lasting = [f.rule for f in analysis.findings if f.cleared_step is None]
    return max((_EXIT_CODES.get(rule, 0) for rule in lasting), default=0)
