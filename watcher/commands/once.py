"""`gptwatch once`: analyse one log."""

import time
from pathlib import Path
from typing import Any, Final

import click

from watcher.commands import options
from watcher.errors import InputError


# Exit code of each finding; the largest is the most severe and wins.
_EXIT_CODES: Final = {
    "overfitting": 10,
    "not_finite": 11,
    "zero_loss": 11,  # what overflows is printed as 0, too
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
@click.option("--html", is_flag=True, help="A report in one HTML file, too.")
@click.option(
    "--json", "document", is_flag=True, help="Print the data document instead."
)
@click.option("--no-files", is_flag=True, help="Write no files.")
@click.option("--quiet", is_flag=True, help="Print nothing; the exit code tells.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 whatever the findings.")
@click.pass_context
def once(
    context: click.Context,
    file: Path | None,
    *,
    out: Path,
    lang: str,
    theme: str,
    window: int | None,
    log_x: bool,
    html: bool,
    document: bool,
    no_files: bool,
    quiet: bool,
    exit_zero: bool,
) -> None:
    """Analyse one log: write picture, report and data, and print a summary.

    Without FILE, the newest log in this directory or in logs/.  FILE - is standard
    input: kubectl logs POD | gptwatch once -
    """
    path = file or _newest(out, quiet=quiet)
    analysis = options.conclude(
        path,
        context,
        out=out,
        lang=lang,
        theme=theme,
        window=window,
        log_x=log_x,
        output=options.Output(not no_files, document=document, quiet=quiet),
    )
    if html and not no_files:
        _write_html(analysis, out, lang, quiet=quiet or document)
    context.exit(0 if exit_zero else _exit_code(analysis))


def _write_html(analysis: Any, out: Path, lang: str, *, quiet: bool) -> None:
    """Writes the report in one file, and prints its path."""
    from watcher.files import stamp, write_atomically
    from watcher.html.report import document
    from watcher.outputs.report.artifacts import label

    path = out / f"training_report_{label(analysis.name)}_{stamp(time.time())}.html"
    write_atomically(path, [document(analysis, lang=lang)])
    if not quiet:
        click.echo(options.safe(str(path)))


def _newest(out: Path, *, quiet: bool) -> Path:
    """The newest log here or in logs/, outside of the output directory."""
    found = [
        entry
        for folder in (Path(), Path("logs"))
        if folder.is_dir()
        for entry in folder.iterdir()
        if entry.is_file() and _is_log(entry.name) and out not in entry.parents
    ]
    if not found:
        raise InputError(
            options.tr(
                "no log here or in logs/ (*.log, *.out, *.jsonl, *.txt, ...); "
                "name one: gptwatch once FILE"
            )
        )
    # A text or table counts as a log only where no file has the name of one.
    first = [f for f in found if _bare(f.name).endswith(_LOGS[:3])]
    newest = max(first or found, key=lambda f: f.stat().st_mtime)
    name = options.safe(str(newest))
    if not quiet:
        click.echo(options.tr("newest log: {name}", name=name), err=True)
    return newest


def _is_log(name: str) -> bool:
    return _bare(name).endswith(_LOGS)


def _bare(name: str) -> str:
    stem, dot, suffix = name.lower().rpartition(".")
    return stem if dot and f".{suffix}" in _PACKED else name.lower()


def _exit_code(analysis: Any) -> int:
    lasting = [f.rule for f in analysis.findings if f.cleared_step is None]
    return max((_EXIT_CODES.get(rule, 0) for rule in lasting), default=0)
