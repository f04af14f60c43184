"""The loop: nanoGPT's lines and losses, and what ours says beside them."""

import json
import math
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from trainer import build, loop, machine
from trainer.config import Config
from trainer.errors import guarded
from trainer.optimizer import learning_rate


pytestmark = pytest.mark.slow  # models are trained


ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "data/trainer"
SHAKESPEARE = Path(
    os.environ.get("TINYSHAKESPEARE")
    or Path(__file__).parents[2] / "shared/data/tinyshakespeare.txt"
)
TINY = [
    *("--dataset=tiny", "--device=cpu", "--threads=1", "--fetch=none"),
    *("--n_layer=2", "--n_head=2", "--n_embd=32", "--block_size=16"),
    *("--batch_size=4", "--gradient_accumulation_steps=1", "--eval_iters=2"),
    *("--eval_interval=10", "--max_iters=20", "--warmup_iters=2", "--exact=True"),
]
NANOGPT = re.compile(
    r"step (?P<step>\d+): train loss \d+\.\d{4}, val loss \d+\.\d{4}"
    r"|iter \d+: loss \d+\.\d{4}, time \d+\.\d\dms, mfu -?\d+\.\d\d%"
)
Train = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Train:
    """Train on a small generated text; give the exit code and the log's lines."""
    monkeypatch.chdir(tmp_path)
    folder = Path("data/tiny")
    folder.mkdir(parents=True)
    words = random.Random(0).choices(["to", "be", "or", "not", "that", "is"], k=900)
    (folder / "input.txt").write_text(" ".join(words))

    def run(*more: str) -> tuple[int, list[str]]:
        capsys.readouterr()
        code: int = guarded(lambda: loop.train([*TINY, *more]))
        return code, capsys.readouterr().out.splitlines()

    return run


def notes(lines: list[str], event: str) -> list[dict[str, object]]:
    """All our own lines about one kind of event."""
    found = [json.loads(line[10:]) for line in lines if line.startswith("gptwatch: ")]
    return [note for note in found if note["event"] == event]


def losses(lines: list[str]) -> list[str]:
    """The lines with losses, up to the time, which no two runs share."""
    return [line.split(", time")[0] for line in lines if NANOGPT.fullmatch(line)]


def golden(name: str) -> list[str]:
    """Stored losses; they hold for one build of torch on one kind of CPU."""
    first, *wanted = (GOLDEN / name).read_text().splitlines()
    here = f"# torch {torch.__version__} {torch.backends.cpu.get_cpu_capability()}"
    if here != first:
        pytest.skip(f"the losses stored are of {first[2:]}, this is {here[2:]}")
    return wanted


def test_losses_are_nanogpts(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    """All 201 losses of nanoGPT's small CPU run come out, to the last digit."""
    if not SHAKESPEARE.exists():
        pytest.skip("no tinyshakespeare: set TINYSHAKESPEARE to its path")
    wanted = golden("shakespeare_200.txt")
    monkeypatch.setenv("GPTWATCH_DATA", str(SHAKESPEARE))

    code, lines = train(
        *("config/train_shakespeare_char.py", "--device=cpu", "--compile=False"),
        *("--eval_iters=20", "--log_interval=1", "--block_size=64", "--batch_size=12"),
        *("--n_layer=4", "--n_head=4", "--n_embd=128", "--max_iters=200"),
        *("--lr_decay_iters=200", "--dropout=0.0", "--eval_interval=50"),
        "--dtype=float32",
    )

    assert 0 == code
    assert wanted == losses(lines)
    assert "step 0: train loss 4.1676, val loss 4.1649" in wanted
    assert "iter 200: loss 2.4019" in wanted


def test_losses_stay_what_they_were(train: Train) -> None:
    """A short run on generated text gives the losses stored, wherever it runs."""
    wanted = golden("generated_20.txt")

    _, lines = train("--dropout=0.1", "--gradient_accumulation_steps=2")

    assert wanted == losses(lines)


def test_lines_stand_in_nanogpts_order(train: Train) -> None:
    """Without our own lines the log is nanoGPT's, line for line."""
    _, lines = train("--max_iters=10", "--eval_interval=10", "--log_interval=5")

    rest = [line for line in lines if not line.startswith(("gptwatch: ", "Overriding"))]
    wanted = [
        r"tokens per iteration will be: 64",
        r"found vocab_size = 11 \(inside data/tiny/meta.pkl\)",
        r"Initializing a new model from scratch",
        r"number of parameters: 0.03M",
        r"num decayed parameter tensors: 10, with 25,440 parameters",
        r"num non-decayed parameter tensors: 5, with 160 parameters",
        r"using fused AdamW: (True|False)",
        r"step 0: train loss .*, val loss .*",
        r"iter 0: loss .*, time .*ms, mfu -100.00%",
        r"iter 5: loss .*, time .*ms, mfu .*%",
        r"step 10: train loss .*, val loss .*",
        r"saving checkpoint to out",
        r"iter 10: loss .*, time .*ms, mfu .*%",
    ]
    assert len(wanted) == len(rest)
    assert [] == [
        w for w, r in zip(wanted, rest, strict=True) if not re.fullmatch(w, r)
    ]


def test_our_own_lines_are_json(train: Train) -> None:
    """Whatever is not nanoGPT's is one object of JSON, which says what it is about."""
    _, lines = train("--stats_interval=10")

    stats = notes(lines, "stats")
    assert {"step", "lr", "grad_norm", "tok_s", "epoch", "rss_gb"} <= stats[0].keys()
    assert [0, 10, 20] == [note["step"] for note in stats]
    assert [0, 10, 20] == [note["step"] for note in notes(lines, "eval")]
    assert [10, 20] == [note["step"] for note in notes(lines, "checkpoint")]
    assert ["max_iters"] == [note["reason"] for note in notes(lines, "end")]
    assert "peak_source" in notes(lines, "start")[0]


def documented() -> dict[str, set[str]]:
    """The fields of each event in the README's protocol."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.partition("<!-- protocol -->")[2].partition("<!-- end -->")[0]
    found = {}
    for row in table.strip().splitlines()[2:]:
        names, _, fields = row.strip("| ").split(" | ")
        for name in re.findall(r"`(\w+)`", names):
            found[name] = set(re.findall(r"`(\w+)`", fields))
    return found


def test_the_protocol_is_documented(train: Train) -> None:
    """All events of a run and all their fields stand in the README."""
    _, lines = train("--stats_interval=10", "--eval_iters=50")
    _, more = train("--init_from=resume", "--max_iters=21")

    events = [json.loads(line[10:]) for line in [*lines, *more] if "gptwatch" in line]
    known = documented()
    assert {"start", "stats", "eval", "checkpoint", "resume", "end"} <= {
        event["event"] for event in events
    }
    assert [] == [
        (event["event"], field)
        for event in events
        for field in event.keys() - {"event"} - known[event["event"]]
    ]


def test_expensive_evaluations_are_hinted_at_once(train: Train) -> None:
    """A run that evaluates more than it trains logs a hint, once."""
    _, lines = train("--eval_interval=2", "--eval_iters=40")

    hints = [note["hint"] for note in notes(lines, "eval") if "hint" in note]
    assert 1 == len(hints)
    assert "evaluations take" in str(hints[0])


def test_a_nan_is_still_json() -> None:
    """A loss that is no number is a word: JSON has no NaN."""
    from trainer.log import plain

    assert ["nan", "inf", 1.5, 3, "x"] == [
        plain(value) for value in (math.nan, math.inf, 1.5, 3, "x")
    ]


def test_the_log_is_kept_in_a_file(train: Train) -> None:
    """Every line is in the run's log file, from the first on."""
    _, lines = train("--max_iters=3")

    (path,) = Path("out/logs").iterdir()
    assert lines == path.read_text().splitlines()


def test_a_closed_pipe_does_not_stop_training(train: Train, tmp_path: Path) -> None:
    """`python -m trainer ... | head -1` trains to its end."""
    train("--max_iters=0")  # prepares the data
    command = [sys.executable, "-m", "trainer", *TINY, "--out_dir=piped"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr
        error = child.stderr.read()

    assert (0, b"") == (child.returncode, error)
    (path,) = (tmp_path / "piped/logs").iterdir()
    assert "max_iters" == notes(path.read_text().splitlines(), "end")[0]["reason"]


def test_evaluation_only(train: Train) -> None:
    """`eval_only` evaluates once and trains nothing."""
    code, lines = train("--eval_only=True")

    assert 0 == code
    assert ["step 0"] == [line.split(":")[0] for line in losses(lines)]


def test_a_run_without_a_checkpoint_keeps_its_end(train: Train) -> None:
    """A run shorter than its eval_interval is not lost: its end is saved."""
    train("--max_iters=3")
    train("--max_iters=3", "--out_dir=frugal", "--always_save_checkpoint=False")

    assert Path("out/ckpt.pt").exists()
    assert Path("frugal/last.pt").exists()


def test_early_stopping_has_patience(train: Train) -> None:
    """Training ends after so many evaluations without a new best."""
    code, lines = train(
        *("--early_stopping=2", "--learning_rate=0.0", "--decay_lr=False"),
        *("--eval_interval=1", "--eval_iters=40", "--always_save_checkpoint=False"),
    )

    (end,) = notes(lines, "end")
    assert 0 == code
    assert "early_stopping" == end["reason"]
    assert end["step"] == notes(lines, "eval")[-1]["best_step"] + 2  # type: ignore[operator]


def test_a_loss_that_is_no_number_stops_the_run(train: Train) -> None:
    """A NaN loss ends training with exit code 1; the last good checkpoint stays."""
    code, lines = train("--learning_rate=1e30", "--decay_lr=False", "--grad_clip=0.0")

    (end,) = notes(lines, "end")
    assert 1 == code
    assert "nonfinite" == end["reason"]
    assert "learning_rate" in str(end["hint"])
    assert not Path("out/ckpt.pt").exists()


def test_a_bad_step_can_be_skipped(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`nonfinite=skip` leaves the weights alone where the gradient is no number."""
    plain_clip = torch.nn.utils.clip_grad_norm_
    calls = iter(range(100))

    def clip(weights: object, limit: float) -> torch.Tensor:
        norm = plain_clip(weights, limit)  # type: ignore[arg-type]
        return norm * (math.nan if next(calls) == 3 else 1)

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", clip)
    code, lines = train("--nonfinite=skip", "--max_iters=6")

    assert 0 == code
    assert [3] == [note["step"] for note in notes(lines, "skipped")]


def test_compilation_that_fails_is_no_failure(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where torch.compile does not work the model runs as it is; the log says so."""

    def compile_model(*_: object, **__: object) -> None:
        raise RuntimeError("no compiler here")

    monkeypatch.setattr(torch, "compile", compile_model)
    code, lines = train("--compile=True", "--max_iters=2")

    assert 0 == code
    assert "compiling the model... (takes a ~minute)" in lines
    assert ["no compiler here"] == [note["reason"] for note in notes(lines, "compile")]


def test_trying_threads_leaves_no_trace(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The steps that find the best number of threads change no random number."""
    monkeypatch.setattr(machine, "fastest_threads", lambda step: step() or 1)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    _, plain = train("--dropout=0.1")

    _, tried = train("--dropout=0.1", "--threads=0", "--out_dir=out2")

    assert losses(plain) == losses(tried)


def test_bfloat16_stays_near(train: Train) -> None:
    """The faster number type moves losses by a thousandth, not more."""
    _, exact = train()
    _, fast = train("--exact=False", "--dtype=bfloat16", "--out_dir=out2")

    pairs = zip(losses(exact), losses(fast), strict=True)
    assert all(
        abs(float(a.split()[-1]) - float(b.split()[-1])) < 5e-3 for a, b in pairs
    )


def test_the_training_graph_is_compiled_once(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Probing, training and evaluating compile two graphs: one with gradients."""
    graphs: list[bool] = []

    def backend(graph: Any, _: object) -> Any:
        graphs.append(torch.is_grad_enabled())
        return graph.forward

    plain = torch.compile
    monkeypatch.setattr(
        torch, "compile", lambda model, **_: plain(model, backend=backend)
    )
    code, lines = train("--exact=False", "--compile=True", "--max_iters=12")

    assert 0 == code
    assert [True] == [note["works"] for note in notes(lines, "compile")]
    assert [True, False] == graphs


def test_exact_mode_uses_nanogpts_optimizer(train: Train) -> None:
    """On a CPU nanoGPT's AdamW is not fused: a last digit differs after some steps."""
    _, exact = train("--max_iters=0")
    _, fast = train("--max_iters=0", "--exact=False", "--out_dir=out2")

    assert "using fused AdamW: False" in exact
    assert "using fused AdamW: True" in fast


def test_all_of_a_split_can_be_evaluated(train: Train) -> None:
    """With eval_iters=0 evaluations see every token once and draw no random number."""
    more = ["--eval_iters=0", "--learning_rate=0.0", "--decay_lr=False"]
    _, lines = train(*more, "--batch_size=7")
    _, other = train(*more, "--batch_size=64", "--seed=1337", "--out_dir=out2")

    evals = [line for line in losses(lines) if line.startswith("step")]
    assert 1 == len({line.split(":")[1] for line in evals})  # the weights stay
    assert evals == [line for line in losses(other) if line.startswith("step")]


def test_evaluations_can_come_by_epochs(train: Train) -> None:
    """`eval_epochs=0.5`: twice a pass over the training text, 44 steps of 64 tokens."""
    _, lines = train("--eval_epochs=0.5", "--max_iters=50")

    assert [0, 22, 44] == [note["step"] for note in notes(lines, "eval")]


def test_only_one_process_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rank 0 goes first; the others start when it has finished."""
    calls: list[str] = []
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setattr(build.dist, "barrier", lambda: calls.append("barrier"))
    for rank in (0, 1):
        world = build.World(rank, rank, 2)
        build.first_rank_first(world, lambda rank=rank: calls.append(f"rank {rank}"))

    assert ["rank 0", "barrier", "barrier", "rank 1"] == calls


@pytest.mark.parametrize("module", ["trainer", "trainer.sample", "trainer.prepare"])
def test_without_torch_one_line_names_the_remedy(tmp_path: Path, module: str) -> None:
    """No traceback where PyTorch is missing."""
    command = [sys.executable, "-S", "-m", module, "demo"]  # no site-packages
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (2, "") == (done.returncode, done.stdout)
    assert "trainer: PyTorch is missing: pip install torch\n" == done.stderr


@pytest.mark.slow
def test_two_processes_train_as_one(train: Train, tmp_path: Path) -> None:
    """With torchrun two processes share a step; one of them speaks and saves."""
    train("--max_iters=0")  # prepares the data
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc_per_node=2", "-m", "trainer", *TINY]
    command += ["--gradient_accumulation_steps=4", "--max_iters=10", "--exact=False"]
    env = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
    env |= {"HOME": str(tmp_path), "PYTHONWARNINGS": "ignore"}

    first = subprocess.run(
        command, env=env, capture_output=True, text=True, check=False
    )
    command += ["--init_from=resume", "--max_iters=12"]
    second = subprocess.run(
        command, env=env, capture_output=True, text=True, check=False
    )

    assert 0 == first.returncode, first.stderr
    assert 13 == len(losses(first.stdout.splitlines()))
    assert 2 == notes(first.stdout.splitlines(), "start")[0]["processes"]
    assert 0 == second.returncode, second.stderr
    (resumed,) = notes(second.stdout.splitlines(), "resume")
    assert (10, True) == (resumed["step"], resumed["exact"])


def test_the_learning_rate_is_nanogpts() -> None:
    """Up in a line, down along a cosine, then flat."""
    config = Config(warmup_iters=10, lr_decay_iters=110, learning_rate=1.0, min_lr=0.1)

    rates = [learning_rate(config, step) for step in (0, 9, 10, 60, 110, 111)]

    assert rates == pytest.approx([1 / 11, 10 / 11, 1.0, 0.55, 0.1, 0.1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset=absent"], "trainer.prepare"),
        (["--block_size=4096"], "too few for block_size"),
        (["--init_from=resume"], "no checkpoint there"),
        (["--device=cuda:9"], "torch finds none here"),
        (["--nonsense=1"], "there is no key"),
        (["--out_dir=data/tiny/input.txt"], "change --out_dir"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(
    train: Train,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    """An error that a user can fix is one line on stderr, without traceback."""
    code = guarded(lambda: loop.train([*TINY, *arguments]))

    error = capsys.readouterr().err
    assert 2 == code
    assert message in error
    assert "Traceback" not in error
    assert train is not None
