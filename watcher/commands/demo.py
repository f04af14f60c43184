"""`gptwatch demo`: from nothing to an overfitting alert in a minute."""

import sys
import time
from pathlib import Path
from typing import Any, Final

import click

from watcher.commands import options


_EVERY_S: Final = 0.5
_WIDE: Final = 76
_HIGH: Final = 12
_COLOURS: Final = {"critical": "red", "warning": "yellow", "info": "cyan"}


@click.command(short_help="A minute: a model trains, and is watched.")
@click.option(
    "--dir",
    "folder",
    type=options.folder,
    default="gptwatch-demo",
    show_default=True,
    help="Folder for its log, pictures and checkpoint.",
)
@options.lang
@options.theme
def demo(folder: Path, lang: str | None, theme: str) -> None:
    """Train a small model in one process, watch it in another, and see both live.

    The model learns a short text by heart, so that it overfits; the alert comes about
    when validation has turned.  Needs PyTorch, no GPU.
    """
    from watcher.launch.demo import Demo

    language = options.language(lang)
    shown = Demo(folder.absolute(), lang=language, theme=theme)
    with shown.running():
        view = _watch(shown, language) if sys.stdout.isatty() else _print(shown)
    click.echo(_ending(view, shown, folder))


def _watch(shown: Any, lang: str) -> Any:
    """A live screen until the training is over."""
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
    """The same as lines, each said once."""
    said: set[str] = set()
    while True:
        view = shown.view()
        if view is not None:
            evaluations = f"{view.analysis.summary.evaluations} evaluations"
            if view.val_loss is not None and evaluations not in said:
                said.add(evaluations)
                click.echo(_progress(view))
            for finding in view.findings:
                if finding["rule"] not in said and finding["severity"] != "info":
                    said.add(finding["rule"])
                    click.echo(f"! {finding['message']}")
            if view.over:
                return view
        time.sleep(_EVERY_S)


def _screen(view: Any, lang: str) -> list[Any]:
    from rich.text import Text

    if view is None:
        return [Text("starting: the trainer loads PyTorch ...")]
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
    step = 0 if view.step is None else view.step
    of = f" of {view.max_steps:,}" if view.max_steps else ""
    text = f"step {step:,}{of}"
    if view.loss is not None:
        text += f": training loss {float(view.loss):.4f}"
    if view.val_loss is not None:
        text += f", validation loss {view.val_loss:.4f}"
    return text


def _ending(view: Any, shown: Any, folder: Path) -> str:
    """Where everything is, and what to do next."""
    log = folder / "logs" / shown.log.name
    rows = [
        ("log", str(log)),
        *((kind, view.made.get(kind, "")) for kind in ("figure", "report", "data")),
    ]
    made = "\n".join(
        f"  {'picture' if kind == 'figure' else kind:8} {_near(path)}"
        for kind, path in rows
        if path
    )
    return (
        f"\n{made}\n\nNow with your own logs:\n"
        "  gptwatch start --dir logs/         watch a folder\n"
        "  gptwatch once FILE.log             one analysis, now\n"
        "  gptwatch run -- python train.py    train, keep the output, watch it"
    )


def _near(path: str) -> str:
    """A path from here, where it is below."""
    here = Path.cwd()
    found = Path(path)
    return str(found.relative_to(here)) if found.is_relative_to(here) else path
