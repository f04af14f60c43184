"""The command, run as a person runs it: arguments, output, exit codes, files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command import gptwatch, started


FIXTURE = Path(__file__).parent / "data" / "nanogpt" / "train.log"
HEALTHY = "".join(
    f"step {i * 100}: train loss {4 - i * 0.3:.4f}, val loss {4.05 - i * 0.28:.4f}\n"
    + "".join(
        f"iter {i * 100 + k * 10}: loss {4 - i * 0.3 - k * 0.03:.4f}, "
        f"time {900.0 if k == 0 else 25.0:.2f}ms, mfu 12.00%\n"
        for k in range(10)
    )
    for i in range(9)
)
TURNED = [4.0, 3.0, 2.4, 2.0, 1.8, 1.75, 1.8, 1.9, 2.05, 2.2, 2.4, 2.6, 2.8]
OVERFIT = "".join(
    f"step {i * 100}: train loss {4.0 * 0.8**i:.4f}, val loss {v:.4f}\n"
    for i, v in enumerate(TURNED)
)


def test_the_daemon_refuses_wrong_settings_for_good(tmp_path: Path) -> None:
    """What starts it again should not: the code says that a person is needed."""
    (tmp_path / "gptwatch.toml").write_text("langg = 'ru'")

    done = started("start", cwd=tmp_path)

    assert 78 == done.returncode
    assert b"did you mean 'lang'" in done.stderr


def log(folder: Path, text: str = HEALTHY, name: str | bytes = "train.log") -> Path:
    """A log in a folder."""
    path = folder / os.fsdecode(name)
    path.write_text(text, encoding="utf-8")
    return path


def test_once_leaves_picture_report_and_data(tmp_path: Path) -> None:
    """One command: three files, and the lines that matter with their paths."""
    log(tmp_path)

    done = gptwatch("once", "train.log", cwd=tmp_path)

    made = sorted(p.name for p in (tmp_path / "training_plots").iterdir())
    assert (0, b"") == (done.returncode, done.stderr)
    kinds = ["training_data_", "training_metrics_", "training_summary_"]
    assert all(name.startswith(kind) for name, kind in zip(made, kinds, strict=True))
    assert all(name.encode() in done.stdout for name in made)
    assert b"train loss" in done.stdout


def test_overfitting_is_said_and_makes_the_exit_code(tmp_path: Path) -> None:
    """A script can act on the exit code; a person reads the sentence."""
    log(tmp_path, OVERFIT)

    done = gptwatch("once", "train.log", cwd=tmp_path)
    zero = gptwatch("once", "--exit-zero", "train.log", cwd=tmp_path)

    assert (10, 0) == (done.returncode, zero.returncode)
    assert b"Overfitting since step 500" in done.stdout


def test_once_without_a_name_takes_the_newest(tmp_path: Path) -> None:
    """Without a file the newest log here or in logs/ is analysed, and named."""
    log(tmp_path, name="old.log")
    (tmp_path / "logs").mkdir()
    newer = log(tmp_path / "logs", name="new.log")
    os.utime(newer, (2e9, 2e9))

    done = gptwatch("once", cwd=tmp_path)

    assert (0, b"newest log: logs/new.log\n") == (done.returncode, done.stderr)


def test_once_in_an_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    """Nothing to analyse is an error with a way out."""
    done = gptwatch("once", cwd=tmp_path)

    assert 1 == done.returncode
    assert b"gptwatch once FILE" in done.stderr


def test_russian_by_flag_and_by_locale(tmp_path: Path) -> None:
    """`--lang ru` and a Russian locale give the same Russian text."""
    log(tmp_path)

    by_flag = gptwatch("once", "--lang", "ru", "train.log", cwd=tmp_path)
    by_locale = gptwatch("once", "train.log", cwd=tmp_path, env={"LANG": "ru_RU.UTF-8"})

    for kind in ("график", "отчёт", "данные"):
        assert f"\n{kind} " in by_flag.stdout.decode()
    reports = sorted((tmp_path / "training_plots").glob("*.txt"))
    assert "Соотношение val/train loss:" in reports[0].read_text(encoding="utf-8")
    assert by_flag.stdout.split(b"\n")[:3] == by_locale.stdout.split(b"\n")[:3]


def test_export_gives_the_data_document(tmp_path: Path) -> None:
    """The document holds every point, NaN as null with its step in `nonfinite`."""
    done = gptwatch("export", FIXTURE, cwd=tmp_path)

    document = json.loads(done.stdout)
    assert 0 == done.returncode
    assert document["schema"] == 1
    assert len(document["training"]["iters"]) == len(document["training"]["time"])
    assert document["nonfinite"]["loss"] == [20]
    assert document["validation"]["val_loss"][-1] is None


def test_export_jsonl_gives_one_document_a_log(tmp_path: Path) -> None:
    """Several logs, in the order given, also one without metrics."""
    log(tmp_path)
    log(tmp_path, "no metrics here\n", name="other.txt")

    done = gptwatch("export", "train.log", "other.txt", "--to", "jsonl", cwd=tmp_path)

    documents = [json.loads(line) for line in done.stdout.splitlines()]
    assert 0 == done.returncode
    assert ["train.log", "other.txt"] == [d["source"]["path"] for d in documents]
    assert [] == documents[1]["training"]["iters"]


def test_export_csv_gives_a_row_a_value(tmp_path: Path) -> None:
    """The long form opens in any spreadsheet."""
    log(tmp_path, "step 0: train loss 4.5, val loss 4.25\n")

    done = gptwatch("export", "train.log", "--to", "csv", cwd=tmp_path)

    assert b"metric,step,value,line\ntrain_loss,0,4.5,1\nval_loss,0,4.25,1\n" == (
        done.stdout.replace(b"\r\n", b"\n")
    )


def test_compare_draws_runs_and_tells_what_differs(tmp_path: Path) -> None:
    """Two runs: one picture, one table."""
    log(tmp_path, "learning_rate = 0.001\n" + HEALTHY, name="a.log")
    log(tmp_path, "learning_rate = 0.002\n" + OVERFIT, name="b.log")

    done = gptwatch("compare", "a.log", "b.log", cwd=tmp_path)

    assert 0 == done.returncode, done.stderr
    assert b"0.002" in done.stdout
    assert 1 == len(list((tmp_path / "training_plots").glob("comparison_*.png")))


def test_once_prints_the_document_and_leaves_no_files(tmp_path: Path) -> None:
    """For scripts: the document on standard output, and nothing else anywhere."""
    log(tmp_path, HEALTHY)

    done = gptwatch("once", "train.log", "--json", "--no-files", cwd=tmp_path)

    assert "train.log" == json.loads(done.stdout)["source"]["path"]
    assert ["train.log"] == [entry.name for entry in tmp_path.iterdir()]


def test_once_quiet_leaves_the_files_and_the_exit_code(tmp_path: Path) -> None:
    """Nothing is printed; pictures are made."""
    log(tmp_path, OVERFIT)

    done = gptwatch("once", "--quiet", cwd=tmp_path)

    assert (10, b"", b"") == (done.returncode, done.stdout, done.stderr)
    assert 3 == len(list((tmp_path / "training_plots").iterdir()))


def test_formats_explains_a_log(tmp_path: Path) -> None:
    """Which format, how many lines a shape took, and what was left over."""
    log(tmp_path, HEALTHY + "weird loss: 3.21 at 17\n")

    done = gptwatch("formats", "train.log", cwd=tmp_path)

    assert 0 == done.returncode
    assert b"format: nanogpt" in done.stdout
    assert b"weird loss: 3.21 at 17" in done.stdout


def test_a_format_of_ones_own(tmp_path: Path) -> None:
    """A format in gptwatch.toml is read like the known ones."""
    (tmp_path / "gptwatch.toml").write_text(
        "[[formats]]\nname = 'mylab'\n"
        r"lines = ['ep \d+ it (?P<step>\d+) L=(?P<loss>[\d.]+) V=(?P<val_loss>[\d.]+)']"
    )
    log(tmp_path, "ep 1 it 10 L=4.5 V=4.25\nep 1 it 20 L=3.5 V=3.75\n")

    done = gptwatch("export", "train.log", cwd=tmp_path)

    document = json.loads(done.stdout)
    assert "mylab" == document["source"]["format"]
    assert [4.5, 3.5] == document["training"]["loss"]


def test_pattern_of_user_reads_same_bytes_in_linear_engine(tmp_path: Path) -> None:
    """Groups left out, groups with a suffix, and bytes that are no UTF-8."""
    (tmp_path / "gptwatch.toml").write_text(
        "[[formats]]\nname = 'mylab'\n"
        "lines = ['(?i)шаг (?P<step>\\d+).*l=(?P<loss>[\\d.]+)"
        "(?: lr=(?P<lr>[\\d.]+))?(?: t=(?P<iter_ms__s>[\\d.]+)s)?']\n"
        "scale = {iter_ms__s = 1000}\n",
        encoding="utf-8",
    )
    (tmp_path / "train.log").write_bytes(
        "шаг 10 é L=4.5 lr=0.1\n".encode() + "шаг 20 ".encode() + b"\xff L=3.5 t=2.5s\n"
    )

    done = gptwatch("export", "train.log", cwd=tmp_path)

    metrics = json.loads(done.stdout)["metrics"]
    read = {name: (of["steps"], of["values"]) for name, of in metrics.items()}
    assert ([10, 20], [4.5, 3.5]) == read["loss"]
    assert ([10], [0.1]) == read["lr"]
    assert ([20], [2500.0]) == read["iter_ms"]


def test_pattern_of_user_cannot_hang(tmp_path: Path) -> None:
    """What is exponential for an engine that backtracks is linear here."""
    (tmp_path / "gptwatch.toml").write_text(
        "[[formats]]\nname = 'mylab'\n"
        "lines = ['^(?:x+x+)+ (?P<step>\\d+) L=(?P<loss>[\\d.]+)']\n"
    )
    log(tmp_path, "x" * 5000 + "\nxxx 1 L=4.5\n")

    done = gptwatch("export", "train.log", cwd=tmp_path)

    assert [4.5] == json.loads(done.stdout)["training"]["loss"]


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("langg = 'ru'", b"did you mean 'lang'?"),
        ("window = 'wide'", b"window must be a whole number"),
        ("[rules.overfiting]\n", b"overfitting"),
        ("[[formats]]\nname='x'\nlines=['(?P<loss>7)']", b"treat all digits alike"),
        ("[[formats]]\nname='x'\nlines=['(?P<los>\\d+)']".replace("\\", "\\"), b"loss"),
        ("[[formats]]\nname='X Y'\nlines=['a']", b"lower-case"),
        (
            "[[formats]]\nname='x'\nlines=['(?P<loss>a)', 3]",
            b"lines[1] must be a string",
        ),
        (
            "[[formats]]\nname='x'\nlines=['(?P<loss>\\d)(?=s)']",
            b"formats[0].lines[0] is not usable: b'(?P<loss>\\\\d)(?=s)': RE2 refuses",
        ),
        ("a = ", b"not valid TOML"),
    ],
)
def test_a_wrong_setting_is_an_error_message(
    tmp_path: Path, toml: str, said: bytes
) -> None:
    """A setting that makes no sense stops the command and names the way out."""
    (tmp_path / "gptwatch.toml").write_text(toml)
    log(tmp_path)

    done = gptwatch("once", "train.log", cwd=tmp_path)

    assert 1 == done.returncode
    assert b"gptwatch.toml" in done.stderr
    assert said in done.stderr


@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param(b"", 3, id="empty"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 99, 3, id="picture"),
        pytest.param(b"\0" * 10_000_000, 3, id="zeros"),
        pytest.param(b"hello\n" * 99, 3, id="no metrics"),
    ],
)
def test_a_file_without_metrics_is_an_error_message(
    tmp_path: Path, content: bytes, code: int
) -> None:
    """One clear line, its own exit code, never a traceback."""
    (tmp_path / "odd.log").write_bytes(content)

    done = gptwatch("once", "odd.log", cwd=tmp_path)

    assert code == done.returncode
    assert done.stderr.startswith(b"gptwatch: odd.log: no metrics found")
    assert 1 == done.stderr.count(b"\n")


@pytest.mark.parametrize(
    "name", [b"a\xff\n.log", b"-x.log", "журнал.log".encode(), b"$\\frac{a}$.log"]
)
def test_odd_names_are_fine(tmp_path: Path, name: bytes) -> None:
    """Names with newlines, dashes, other bytes and formulas work everywhere."""
    log(tmp_path, HEALTHY, name)

    once = gptwatch("once", "--", name, cwd=tmp_path)
    export = gptwatch("export", "--to", "jsonl", "--", name, cwd=tmp_path)

    assert (0, b"") == (once.returncode, once.stderr)
    assert json.loads(export.stdout)["source"]["format"] == "nanogpt"


def test_text_of_a_log_is_no_command_to_the_terminal(tmp_path: Path) -> None:
    """Control codes in names and lines never reach the terminal."""
    text = HEALTHY + "Traceback (most recent call last):\nValueError: \x9b31m\x07 bad\n"
    log(tmp_path, text, "evil\x1b[31m.log")

    for command in ("once", "formats"):
        done = gptwatch(command, "evil\x1b[31m.log", cwd=tmp_path)
        shown = (done.stdout + done.stderr).decode()
        assert not set(shown) & {"\x1b", "\x07", "\x9b"}


def test_an_unwritable_output_directory_is_an_error(
    tmp_path: Path,
) -> None:
    """The output folder is a file: one line says so, and the way out."""
    log(tmp_path)
    (tmp_path / "taken").write_text("")

    done = gptwatch("once", "train.log", "--out", "taken/plots", cwd=tmp_path)

    assert 1 == done.returncode
    assert b"--out" in done.stderr
    assert 1 == done.stderr.count(b"\n")


@pytest.mark.parametrize("arguments", [["--bogus"], ["once", "--theme", "pink", "x"]])
def test_wrong_usage_has_its_own_code(tmp_path: Path, arguments: list[str]) -> None:
    """Exit code 2 and a hint, as for any command."""
    done = gptwatch(*arguments, cwd=tmp_path)

    assert 2 == done.returncode
    assert b"Usage" in done.stderr


def test_the_quick_commands_do_not_wait_for_matplotlib(tmp_path: Path) -> None:
    """--help and export import neither matplotlib nor torch."""
    log(tmp_path)
    script = (
        "import sys; sys.argv[0] = 'gptwatch'\n"
        "from watcher.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'matplotlib', 'torch'} & set(sys.modules)), file=sys.stderr)"
    )
    root = str(Path(__file__).parents[1])
    for arguments in (["--help"], ["export", "train.log"]):
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": root},
            capture_output=True,
            check=True,
        )
        assert b"[]\n" == done.stderr


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    """`gptwatch export big.log | head -c 1` ends without complaint."""
    log(tmp_path, HEALTHY * 400)
    root = str(Path(__file__).parents[1])
    with subprocess.Popen(
        [sys.executable, "-m", "watcher", "export", "train.log"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": root},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.read(1)
        child.stdout.close()
        assert b"" == child.stderr.read()
        assert 1 == child.wait()  # as click has it
