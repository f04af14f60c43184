"""`gptwatch demo`: train a small model until the overfitting alert fires."""

import sys
import time
from pathlib import Path
from typing import Any, Final

import click

from watcher.commands import options
from watcher.outputs.text.catalog import message


_EVERY_S: Final = 0.5
_WIDE: Final = 76
_HIGH: Final = 12
_COLOURS: Final = {"critical": "red", "warning": "yellow", "info": "cyan"}


@click.command(short_help="Train and watch a small model, for a minute.")
@click.option(
    "--dir",
    "folder",
    type=options.folder,
    default="gptwatch-demo",
    show_default=True,
    help="Directory for its log, pictures and checkpoint.",
)
@options.lang
@options.theme
def demo(folder: Path, lang: str, theme: str) -> None:
    """Train a small model in one process, watch it in another, and show both live.

    The model memorises a short text and overfits; the alert fires soon after validation
    loss turns.  Needs PyTorch, but no GPU.
    """
    from watcher.launch.demo import Demo

    shown = Demo(folder.absolute(), lang=lang, theme=theme)
    with shown.running():
        view = _watch(shown, lang) if sys.stdout.isatty() else _print(shown)
    click.echo(_ending(view, shown, folder))


def _watch(shown: Any, lang: str) -> Any:
    """A live screen until the training ends."""
    from rich.console import Console, Group
    from rich.live import Live

    with Live(console=Console(highlight=False), auto_refresh=False) as live:
        while True:
            view = shown.view()
            live.update(Group(*_screen(view, lang)), refresh=True)
            if view is not None and view.over:
                return view
            time.sleep(_EVERY_S)


def _print(shown: Any) -> Any:
    """The same as lines, each printed once; an alert again when it is confirmed."""
    printed: set[tuple[str, object]] = set()
    while True:
        view = shown.view()
        if view is not None:
            evaluations = ("evaluation", view.analysis.summary.evaluations)
            if view.val_loss is not None and evaluations not in printed:
                printed.add(evaluations)
                click.echo(_progress(view))
            for finding in view.findings:
                alert = (finding["rule"], finding["confirmed_step"] is not None)
                if alert not in printed and finding["severity"] != "info":
                    printed.add(alert)
                    click.echo(f"! {finding['message']}")
            if view.over:
                return view
        time.sleep(_EVERY_S)


def _screen(view: Any, lang: str) -> list[Any]:
    from rich.text import Text

    if view is None:
        return [Text(options.tr("starting: the trainer is importing PyTorch ..."))]
    parts: list[Any] = [
        Text(_bar(view), style="cyan"),
        Text(_progress(view)),
        *(Text(row) for row in _chart(view, lang)),
    ]
    for finding in view.findings:
        if finding["severity"] != "info":
            style = _COLOURS[finding["severity"]]
            parts.append(Text(f"! {finding['message']}", style=style))
    return parts


def _bar(view: Any) -> str:
    done = (view.step or 0) / (view.max_steps or 1)
    return ("━" * round(done * _WIDE)).ljust(_WIDE, "╌")


def _chart(view: Any, lang: str) -> list[str]:
    from watcher.outputs.report.braille import chart

    lines = chart(view.analysis, lang=lang, width=_WIDE, rows=_HIGH, dots=True)
    return ["".join(text for text, _ in line) for line in lines]


def _progress(view: Any) -> str:
    from watcher.outputs.text.numbers import integer, loss, plain

    lang = options.language()
    text = options.tr("step {last}", last=integer(view.step or 0, lang))
    if view.max_steps:
        last, most = integer(view.step or 0, lang), integer(view.max_steps, lang)
        text = options.tr("step {last} of {most}", last=last, most=most)
    parts = []
    if view.loss is not None:
        parts.append(f"{options.tr('train loss')} {loss(float(view.loss), lang)}")
    if view.val_loss is not None:
        parts.append(f"{options.tr('val loss')} {loss(view.val_loss, lang)}")
    return plain(": ".join(filter(None, [text, ", ".join(parts)])))


_NEXT: Final = message("""Now with your own logs:
  gptwatch start --dir logs/         watch a directory
  gptwatch once FILE.log             analyse one log
  gptwatch run -- python train.py    train, log the output and watch it""")


def _ending(view: Any, shown: Any, folder: Path) -> str:
    """Where the files are, and what to do next."""
    log = str(folder / "logs" / shown.log.name)
    rows = [(message("log"), log)]
    rows += [(kind, view.made.get(kind, "")) for kind in ("figure", "report", "data")]
    made = "\n".join(
        f"  {options.tr(kind):8} {_near(path)}" for kind, path in rows if path
    )
    return f"\n{made}\n\n{options.tr(_NEXT)}"


def _near(path: str) -> str:
    """A path from here, where it is below."""
    here = Path.cwd()
    found = Path(path)
    return str(found.relative_to(here)) if found.is_relative_to(here) else path
