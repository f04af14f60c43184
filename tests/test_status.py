"""How all runs are, for people and programs, with the daemon at work or without."""

import json
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from oracle import Bench, append, lines
from rich.cells import cell_len

from watcher.alerts import outbox
from watcher.alerts.lifecycle import FIRING, RESOLVED, Alert
from watcher.cli import cli
from watcher.daemon.status import Line, status
from watcher.errors import GptwatchError
from watcher.host.lock import locked
from watcher.outputs.report.status_table import SORTS, table


DIAGNOSIS = {
    "summary": {
        "max_steps": 5000,
        "final_val": 1.7,
        "best_val": 1.5,
        "best_val_step": 250,
        "tokens_per_s": 123_000.0,
        "eta_s": 3600.0,
    },
}


def ask(bench: Bench, *arguments: str) -> Result:
    """Runs `gptwatch status`."""
    environment = {"COLUMNS": "200", "LANG": "C.UTF-8", "NO_COLOR": "1"}
    command = ["status", "--state", str(bench.state), *arguments]
    return CliRunner().invoke(cli, command, env=environment, obj=None)


def answered(bench: Bench, *arguments: str) -> dict[str, Any]:
    """What `gptwatch status --json` prints."""
    result = ask(bench, "--json", *arguments)
    assert 0 == result.exit_code
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def judged(bench: Bench, name: str, state: str = "running") -> None:
    """Gives a run what a judgement would."""
    with bench.store.transaction():
        bench.store.set(
            bench.rows()[name].id, diagnosis=DIAGNOSIS, state={"state": state}
        )


def alerted(bench: Bench, name: str, *alerts: tuple[str, str, str]) -> None:
    """Gives a run alerts: severity, state and sentence of each."""
    made = {
        text: Alert(text, "rule", severity, state, {"message": text}, 1.0, 1.0)
        for severity, state, text in alerts
    }
    with bench.store.transaction():
        outbox.save(bench.store.outbox, bench.rows()[name].id, made)


def test_a_missing_database_is_named(tmp_path: Path) -> None:
    """Who asks in the wrong place learns which place it was."""
    with pytest.raises(GptwatchError, match=r"no database; .* name its --out"):
        status(tmp_path)


def test_without_the_daemon(bench: Bench, log: Path) -> None:
    """The last known state is shown, and that the daemon is not running."""
    append(log, lines(0, 10))
    bench.look()

    found = answered(bench)
    shown = ask(bench).stdout

    assert None is found["pid"]
    assert shown.startswith("gptwatch is not running (start it with: gptwatch start)")
    assert "train.log" in shown


def test_with_the_daemon(bench: Bench, log: Path) -> None:
    """It names the process that keeps the store."""
    append(log, lines(0, 10))
    bench.look()

    with locked(bench.state):
        found = answered(bench)
        shown = ask(bench).stdout

    assert os.getpid() == found["pid"]
    assert f"gptwatch is running (pid {os.getpid()}): 1 run\n" == shown.split("\n")[
        0
    ] + ("\n")


def test_all_that_is_known_of_a_run(bench: Bench, log: Path) -> None:
    """State, steps, losses, speed, what is left, and alerts, the worst first."""
    append(log, lines(0, 10))
    bench.look()
    judged(bench, "train.log")
    alerted(
        bench,
        "train.log",
        ("info", FIRING, "so what"),
        ("warning", FIRING, "hm"),
        ("critical", FIRING, "oh"),
        ("critical", RESOLVED, "over"),
    )

    [run] = answered(bench)["runs"]

    picked = ("state", "step", "max_steps", "loss", "val_loss", "best_val", "best_step")
    assert ["running", 9, 5000, 9.0009, 1.7, 1.5, 250] == [run[k] for k in picked]
    assert (["oh", "hm"], "critical") == (run["alerts"], run["severity"])
    shown = ask(bench).stdout
    for text in ("9 / 5,000", "1.5000 @ 250", "123.00K", "oh", "hm"):
        assert text in shown
    for text in ("so what", "over"):
        assert text not in shown


def test_what_is_not_read_yet(bench: Bench, log: Path) -> None:
    """Bytes that wait in the log, and none when they were read."""
    append(log, lines(0, 10))
    bench.look()
    append(log, lines(10, 12))

    [before] = answered(bench)["runs"]
    bench.look()
    [after] = answered(bench)["runs"]

    assert len(lines(10, 12)) == before["lag_bytes"]
    assert (0, 0.0) == (after["lag_bytes"], after["lag_s"])


@pytest.mark.parametrize(("word", "shown"), [("nan", "nan"), ("inf", "inf")])
def test_losses_that_are_no_numbers(
    bench: Bench, log: Path, word: str, shown: str
) -> None:
    """They are shown as such; programs get null."""
    append(log, lines(0, 5) + f"iter 5: loss {word}, time 2ms, mfu 1%\n".encode())
    bench.look()

    [run] = answered(bench)["runs"]

    assert (5, None) == (run["step"], run["loss"])
    assert shown in ask(bench).stdout.lower().replace("∞", "inf")


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("журнал обучения.log".encode(), "журнал обучения.log"),
        (b"a\xff.log", "a"),
        (b"[red]x[bold].log", "[red]x[bold].log"),
        (b"a\n\x1b[31mb.log", "b.log"),
    ],
)
def test_odd_names(bench: Bench, raw: bytes, shown: str) -> None:
    """A name is printed, whatever it holds, and commands nothing to the terminal."""
    append(bench.logs / os.fsdecode(raw), lines(0, 5))
    bench.look()

    plain, found = ask(bench), answered(bench)

    assert 0 == plain.exit_code
    assert shown in plain.stdout
    assert "\x1b" not in plain.stdout
    assert [os.fsdecode(raw)] == [run["run"] for run in found["runs"]]


def test_runs_that_go_on_come_first(bench: Bench) -> None:
    """Those in progress by name; then those that are over, the last changed first."""
    for at, name in enumerate(("a.log", "b.log", "c.log", "d.log")):
        append(bench.logs / name, lines(0, 5))
        os.utime(bench.logs / name, (1e9 + at, 1e9 + at))
    bench.look()
    for name in ("c.log", "d.log"):
        judged(bench, name, "finished")

    runs = [run["run"] for run in answered(bench)["runs"]]

    assert ["a.log", "b.log", "d.log", "c.log"] == runs


def test_earlier_runs_are_counted_and_shown_when_asked_for(
    bench: Bench, log: Path
) -> None:
    """A run whose path another took is not lost."""
    append(log, lines(0, 30))
    bench.look()
    log.write_bytes(lines(500, 510))
    bench.settle()

    assert 1 == answered(bench)["earlier_runs"]
    assert "1 earlier (--all)" in ask(bench).stdout
    states = {r["run"]: r["state"] for r in answered(bench, "--all")["runs"]}
    assert {"train.log": "replaced", "train.log#2": "new"} == states


def test_logs_without_metrics_are_counted(bench: Bench, log: Path) -> None:
    """A file that is no training log takes no line."""
    append(bench.logs / "notes.txt", b"milk\nbread\n")
    append(log, lines(0, 5))
    bench.look()

    assert 1 == answered(bench)["logs_without_metrics"]
    assert "1 run, 1 file without metrics (notes.txt)" in ask(bench).stdout


def test_f21_f22_copies_and_deleted_logs_are_said(bench: Bench, log: Path) -> None:
    """What the daemon noted of folders and logs stands below the table."""
    append(log, lines(0, 20))
    bench.look()
    (bench.logs / "train.bak.log").write_bytes(log.read_bytes())
    bench.look()
    with bench.store.transaction():
        bench.store.keep_note("daemon", {"problems": bench.reader.warnings()})

    with locked(bench.state):
        shown = ask(bench).stdout

    assert "train.bak.log: a copy of" in shown


def test_what_is_wrong_with_the_daemon(bench: Bench, log: Path) -> None:
    """Each problem that it noted has a line; what is well has none."""
    append(log, lines(0, 20))
    bench.look()
    note = {"events_error": "", "output_error": "disk full", "late_s": 75.2}
    with bench.store.transaction():
        bench.store.keep_note("daemon", note)

    with locked(bench.state):
        shown = ask(bench).stdout

    assert "disk full" in shown
    assert "logs are read 1 min 15 s late" in shown


def test_a_daemon_without_cpu_is_named(bench: Bench, log: Path) -> None:
    """It is running, so its last report is what there is to go by."""
    append(log, lines(0, 20))
    bench.look()
    with bench.store.transaction():
        bench.store.keep_note("daemon", {"at": time.time() - 120, "late_s": 0.0})

    with locked(bench.state):
        shown = ask(bench).stdout

    assert "the daemon last reported 2 min" in shown


def test_equal_names_below_two_directories(bench: Bench, tmp_path: Path) -> None:
    """The directory stands before the name, and only where it must."""
    with bench.store.transaction():
        for root, name in (("gpu0", "a.log"), ("gpu1", "a.log"), ("gpu1", "b.log")):
            run = bench.store.begin(str(tmp_path / root), name, reason="found", now=0.0)
            bench.store.set(run, format="nanogpt")

    names = [run["run"] for run in answered(bench)["runs"]]

    assert ["b.log", "gpu0/a.log", "gpu1/a.log"] == sorted(names)


def test_status_changes_nothing(bench: Bench, log: Path) -> None:
    """Looking on leaves the store as it is."""
    append(log, lines(0, 5))
    bench.look()
    bench.stop()
    before = {p.name: p.read_bytes() for p in bench.state.iterdir()}

    ask(bench)

    after = {p.name: p.read_bytes() for p in bench.state.iterdir()}
    assert before == {name: after[name] for name in before}
    bench.start()


def finished(bench: Bench, count: int) -> None:
    """Runs of names a file each, the last changed last, all over."""
    for at in range(count):
        log = bench.logs / f"done-{at:02}.log"
        append(log, lines(0, 3))
        os.utime(log, (1e9 + at, 1e9 + at))
    bench.look()
    for at in range(count):
        judged(bench, f"done-{at:02}.log", "finished")


def test_many_finished_runs_are_folded(bench: Bench, log: Path) -> None:
    """They are one line, with the names of the last; `--all` shows each."""
    append(log, lines(0, 5))
    finished(bench, 12)

    folded = ask(bench).stdout

    assert "12 finished (--all), the last: done-11.log, done-10.log" in folded
    assert "train.log" in folded
    assert "done-03.log" not in folded
    assert "done-03.log" in ask(bench, "--all").stdout


def test_a_run_that_needs_attention_comes_first(bench: Bench) -> None:
    """With a mark in its row, whatever its name."""
    for name in ("a.log", "z.log"):
        append(bench.logs / name, lines(0, 5))
    bench.look()
    alerted(bench, "z.log", ("critical", FIRING, "loss is NaN"))

    assert ["z.log", "a.log"] == [run["run"] for run in answered(bench)["runs"]]
    [row] = [x for x in ask(bench).stdout.splitlines() if "z.log  " in x]
    assert row.startswith("!")


def test_filter_and_sort(bench: Bench) -> None:
    """Words of the name or state; a column, missing values last."""
    for at, name in enumerate(("lr-1.log", "lr-2.log", "base.log")):
        append(bench.logs / name, lines(0, 5 + 10 * at))
    bench.look()

    def runs(*arguments: str) -> list[str]:
        return [run["run"] for run in answered(bench, *arguments)["runs"]]

    assert ["lr-1.log", "lr-2.log"] == runs("--filter", "LR")
    assert ["base.log", "lr-2.log", "lr-1.log"] == runs("--sort", "step")
    assert 2 == ask(bench, "--sort", "nothing").exit_code


def test_one_run_whole(bench: Bench, log: Path) -> None:
    """Its name, or a part that no other has, gives all that is known of it."""
    append(log, lines(0, 10))
    append(bench.logs / "train-2.log", lines(0, 5))
    bench.look()
    judged(bench, "train.log")
    alerted(bench, "train.log", ("warning", FIRING, "hm"))

    shown = ask(bench, "train.log").stdout

    for text in (str(log), "9 / 5,000", "1.5000 @ 250", "running", "hm"):
        assert text in shown
    assert "train-2.log" in ask(bench, "n-2").stdout
    assert "no such run" in str(ask(bench, "other").exception)
    assert "train.log, train-2.log" in str(ask(bench, "train").exception)


def test_times_in_json_are_iso(bench: Bench, log: Path) -> None:
    """A program reads them without knowing their unit."""
    append(log, lines(0, 5))
    os.utime(log, (1_700_000_000, 1_700_000_000))
    bench.look()

    [run] = answered(bench)["runs"]

    assert 1_700_000_000 == datetime.fromisoformat(run["updated"]).timestamp()


def test_piped_output_is_not_wrapped(bench: Bench) -> None:
    """A row is a line, however long its name."""
    name = "sweep/" + "x" * 180 + ".log"
    (bench.logs / "sweep").mkdir()
    append(bench.logs / name, lines(0, 5))
    bench.look()

    assert name in ask(bench).stdout


def _line(run: str, **known: Any) -> Line:
    row: dict[str, Any] = dict.fromkeys(Line.__dataclass_fields__)
    row |= {"run": run, "path": run, "format": "nanogpt", "state": "running"}
    row |= {"lag_bytes": 0, "lag_s": 0.0, "alerts": (), "severity": "", "picture": ""}
    return Line(**row | known)


FULL = {
    "step": 123_456,
    "max_steps": 600_000,
    "loss": 2.3456,
    "val_loss": 2.4567,
    "best_val": 2.4001,
    "best_step": 120_000,
    "tokens_per_s": 123_456.0,
    "eta_s": 7200.0,
    "age_s": 12.0,
    "elapsed_s": 86_400.0,
    "lag_bytes": 4096,
    "tags": ("base",),
}


@pytest.mark.parametrize("lang", ["en", "ru"])
@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_table_fits_its_width(width: int, lang: str) -> None:
    """Columns are dropped by importance, the name and the state never."""
    runs = [_line(f"experiments/2026/gpt2-lr-{i}e-4.log", **FULL) for i in range(3)]

    made = table(runs, lang=lang, width=width)

    assert all(cell_len("  ".join(row)) <= width for row in made.rows)
    assert {"run", "state", "step"} <= set(made.names)
    assert all(f"{i}e-4" in row[0] for i, row in enumerate(made.rows[1:]))


def test_names_stay_apart_in_a_narrow_table() -> None:
    """Rather than two rows of one name there is a column less."""
    names = [f"sweep-{i}/lr-3e-4-wd-0.1-seed-{i:03}/train.log" for i in range(9)]
    names += [f"опыты/прогон-{i:03}.log" for i in range(9)]
    known = {"step": 400, "max_steps": 400, "best_val": 2.1621, "best_step": 175}
    runs = [_line(n, state="crashed", severity="warning", **known) for n in names]

    made = table(runs, lang="ru", width=60)

    assert all(cell_len("  ".join(row)) <= 60 for row in made.rows)
    at = made.names.index("run")
    assert len(names) == len({row[at] for row in made.rows[1:]})


def test_wide_table_drops_nothing() -> None:
    """At 200 columns every figure that is known is shown."""
    made = table([_line("a.log", **FULL)], lang="en", width=200)

    assert [n for n in SORTS if n != "alert"] == list(made.names)


def test_columns_without_values_are_left_out() -> None:
    """A run without evaluations has no columns for them."""
    made = table([_line("a.log", step=5, loss=2.0)], lang="en", width=None)

    assert ("run", "state", "step", "loss") == made.names


@pytest.mark.parametrize("width", [50, 60, 70])
def test_shortened_names_stay_apart(width: int) -> None:
    """What names share is left out before what tells them apart."""
    names = [f"sweeps/gpt2-124M-lr-{i:03}e-5-warmup.log" for i in range(30)]
    runs = [_line(name, **FULL) for name in names]

    made = table(runs, lang="en", width=width)

    assert 30 == len({row[0] for row in made.rows[1:]})
    assert all(cell_len("  ".join(row)) <= width for row in made.rows)


def test_alerts_are_in_the_language_of_the_command(bench: Bench, log: Path) -> None:
    """Not in that of the daemon, which kept them; JSON has them as they are kept."""
    append(log, lines(0, 10))
    bench.look()
    finding = {"rule": "spike", "severity": "warning", "step": 7, "since_step": 7}
    kept = {**finding, "evidence": {}, "message": "Loss spike at step 7.", "advice": ""}
    alert = Alert("spike@7", "spike", "warning", FIRING, kept, 1.0, 1.0)
    with bench.store.transaction():
        outbox.save(bench.store.outbox, bench.rows()["train.log"].id, {"k": alert})

    assert "Скачок loss на шаге 7." in ask(bench, "--lang", "ru").stdout
    assert "Loss spike at step 7." in ask(bench).stdout
    assert ["Loss spike at step 7."] == answered(bench, "--lang", "ru")["runs"][0][
        "alerts"
    ]


def test_the_shell_completes_names_of_runs(bench: Bench) -> None:
    """Of the store that the line names; rules, too."""
    for name in ("lr-1.log", "lr-2.log", "base.log"):
        append(bench.logs / name, lines(0, 5))
    bench.look()

    def offered(words: str, at: int) -> list[str]:
        asked = {"COMP_WORDS": words, "COMP_CWORD": str(at)}
        asked["_GPTWATCH_COMPLETE"] = "bash_complete"
        done = CliRunner().invoke(
            cli, prog_name="gptwatch", env=asked, complete_var="_GPTWATCH_COMPLETE"
        )
        return [line.split(",", 1)[1] for line in done.stdout.splitlines()]

    assert ["lr-1.log", "lr-2.log"] == offered(
        f"gptwatch status --state {bench.state} lr", 4
    )
    assert ["overfitting"] == offered("gptwatch alerts --explain overf", 3)
    offered_runs = offered(f"gptwatch silence --state {bench.state} ba", 4)
    assert ["base.log"] == offered_runs
    assert "spike" in offered(f"gptwatch silence --state {bench.state} lr-1.log s", 5)
    assert ["base.log@"] == offered(f"gptwatch show --state {bench.state} ba", 4)
    assert "nanogpt" in offered("gptwatch formats nano", 2)
