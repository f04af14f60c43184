"""Databases and models for the screens of `gptwatch top`."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from oracle import Bench

from watcher.alerts import outbox
from watcher.alerts.lifecycle import FIRING, Alert
from watcher.analysis.pipeline import analyse
from watcher.outputs.text.findings import as_dict
from watcher.outputs.text.headline import headline
from watcher.top.model import Look, Model, Size
from watcher.top.pieces import Lines, as_text, width
from watcher.top.program import Program


def whole(data: bytes) -> bytes:
    """As many lines of some bytes as are whole."""
    return data[: data.rfind(b"\n") + 1]


DEMO = (Path(__file__).parent / "data/demo/demo.log").read_bytes()
WRITTEN_AT = 1_700_000_000
RUNS = {
    "base/exp-1.log": (DEMO, "finished"),
    "base/exp-2.log": (DEMO[:9000], "running"),
    "base/exp-3.log": (DEMO[:3000], "running"),
    "wide/опыт.log": (DEMO[:5000], "stalled"),
    "wide/nan.log": (DEMO[:2000], "crashed"),
}


def watched(folder: Path) -> Path:
    """The state directory of a database with some runs, analysed."""
    bench = Bench(folder)
    for name, (data, _) in RUNS.items():
        path = bench.logs / name
        path.parent.mkdir(exist_ok=True)
        bad = b"iter 60: loss nan, time 40.0ms\n" if "nan" in name else b""
        path.write_bytes(whole(data) + bad)
        os.utime(path, (WRITTEN_AT, WRITTEN_AT))
    bench.look(3)
    for row in bench.store.runs():
        judge(bench, row.name, RUNS[row.name][1])
    bench.stop()
    return bench.state


def judge(bench: Bench, name: str, state: str) -> None:
    """Stores what an analysis finds in a run, as the daemon does."""
    row = bench.rows()[name]
    run, _ = bench.store.load(row.id, ended=False)
    analysis = analyse(run, name=name, path=row.path, ended=False)
    found = [as_dict(finding, "en") for finding in analysis.findings]
    diagnosis = {
        "summary": asdict(analysis.summary),
        "findings": found,
        "headline": headline(analysis),
        "bytes": row.bytes,
    }
    alerts = {
        f"{one['rule']}@{one['step']}": Alert(
            f"{one['rule']}@{one['step']}",
            one["rule"],
            one["severity"],
            FIRING,
            one,
            WRITTEN_AT,
        )
        for one in found
        if one["severity"] != "info"
    }
    made = {"figure": f"/plots/{name}/latest.png"}
    with bench.store.transaction():
        bench.store.set(
            row.id, diagnosis=diagnosis, state={"state": state, "made": made}
        )
        outbox.save(bench.store.outbox, row.id, alerts)


class Screen:
    """`gptwatch top` without a terminal: keys in, lines out."""

    def __init__(self, state: Path, size: tuple[int, int] = (120, 36)) -> None:
        self.size = Size(*size)
        self.program = Program(state, Model(look=Look("en"), host="box-3"))
        self.lines: Lines = []
        self.draw()

    def close(self) -> None:
        """Closes the database."""
        self.program.close()

    @property
    def model(self) -> Model:
        """The model now."""
        return self.program.model

    @property
    def text(self) -> str:
        """What is on the screen."""
        return "\n".join(map(as_text, self.lines))

    def look(self, lang: str, *, ascii_only: bool = False) -> None:
        """Another language, or only ASCII."""
        model = Model(look=Look(lang, ascii=ascii_only), host="box-3")
        program = Program(self.program.folder, model)
        self.program.close()
        self.program = program
        self.draw()

    def press(self, *keys: str) -> str:
        """Types keys; what is on the screen then."""
        for key in keys:
            self.program.press(key)
            self.program.work()
            self.program.refresh()
            self.draw()
        return self.text

    def type(self, text: str) -> str:
        """Types each letter of a text."""
        return self.press(*text)

    def draw(self) -> None:
        """Draws a frame; no line is wider than the screen."""
        self.lines = self.program.frame(self.size)
        assert self.size.rows == len(self.lines)
        assert self.size.columns >= max(map(width, self.lines))

    def styled(self, style: str) -> Sequence[str]:
        """The pieces of text with a style."""
        return [t for line in self.lines for t, s in line if style in s.split()]
