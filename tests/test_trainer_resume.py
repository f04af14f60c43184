"""Checkpoints: nanoGPT's both ways, bit for bit, and safe against their contents."""

import json
import os
import pickle
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trainer import checkpoint, loop, sample
from trainer.errors import TrainerError, guarded
from trainer.model import GPT, GPTConfig


pytestmark = pytest.mark.slow  # models are trained


ROOT = Path(__file__).parents[1]
TINY = [
    *("--dataset=tiny", "--device=cpu", "--threads=1", "--fetch=none"),
    *("--n_layer=2", "--n_head=2", "--n_embd=32", "--block_size=16", "--dropout=0.1"),
    *("--batch_size=4", "--gradient_accumulation_steps=2", "--eval_iters=2"),
    *("--eval_interval=10", "--max_iters=20", "--warmup_iters=2"),
]
CODE = b"cos\nsystem\n(S'touch hacked'\ntR."
Train = Callable[..., int]


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Train on a small generated text; give the exit code."""
    monkeypatch.chdir(tmp_path)
    folder = Path("data/tiny")
    folder.mkdir(parents=True)
    words = random.Random(0).choices(["to", "be", "or", "not", "that", "is"], k=900)
    (folder / "input.txt").write_text(" ".join(words))
    return lambda *more: guarded(lambda: loop.train([*TINY, *more]))


def same(a: Any, b: Any) -> bool:
    """Whether two nested states are equal to the last bit."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def same_run(one: str, other: str) -> bool:
    """Whether two checkpoints hold the same weights, moments and random state."""
    a, b = checkpoint.load(Path(one)), checkpoint.load(Path(other))
    keys = ("model", "optimizer", "iter_num", "best_val_loss", "gptwatch")
    return all(same(a[key], b[key]) for key in keys)


def lines_of(text: str) -> list[str]:
    """The lines with losses, without their times."""
    lines = [line.split(", time")[0] for line in text.splitlines()]
    return [line for line in lines if line.startswith(("iter", "step"))]


def test_a_resumed_run_equals_an_uninterrupted_one(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stopped at a checkpoint and gone on, all that follows is the same to the bit."""
    train("--out_dir=whole")
    whole = lines_of(capsys.readouterr().out)
    train("--out_dir=parts", "--max_iters=10")
    capsys.readouterr()

    train("--out_dir=parts", "--init_from=resume")

    resumed = lines_of(capsys.readouterr().out)
    assert whole[-len(resumed) :] == resumed
    assert "iter 10" == resumed[0].split(":")[0]
    assert same_run("whole/ckpt.pt", "parts/ckpt.pt")


def test_a_signal_saves_at_the_end_of_the_step(
    train: Train, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """SIGTERM between two evaluations loses not one step, and the exit code says so."""
    train("--out_dir=whole")
    plain_step = loop.Run.step

    def step(run: Any) -> None:
        plain_step(run)
        if run.progress.iter_num == 13:
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(loop.Run, "step", step)
        code = train("--out_dir=parts")
    stopped = checkpoint.load(Path("parts/ckpt.pt"))["iter_num"]
    train("--out_dir=parts", "--init_from=auto")

    assert (128 + signal.SIGTERM, 14) == (code, stopped)
    assert '"reason": "SIGTERM"' in capsys.readouterr().out
    assert same_run("whole/ckpt.pt", "parts/ckpt.pt")


@pytest.mark.slow
def test_a_killed_process_goes_on(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`kill -TERM` from outside, at whatever step it comes, loses nothing."""
    more = ["--max_iters=200", "--eval_interval=100"]
    train("--out_dir=whole", *more)
    command = [sys.executable, "-m", "trainer", *TINY, "--out_dir=parts", *more]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, env=env, cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        while not child.stdout.readline().startswith("iter 5:"):
            assert child.poll() is None
        child.send_signal(signal.SIGTERM)
        child.stdout.read()

    train("--out_dir=parts", "--init_from=resume", *more)

    assert 128 + signal.SIGTERM == child.returncode
    assert "Resuming training from parts" in capsys.readouterr().out
    assert same_run("whole/ckpt.pt", "parts/ckpt.pt")


def test_the_best_is_kept_beside_the_last(train: Train) -> None:
    """`ckpt.pt` is the last, `best.pt` the one with the lowest validation loss."""
    train("--learning_rate=1e-2", "--max_iters=40")

    best, last = (
        checkpoint.load(Path("out") / name) for name in ("best.pt", "ckpt.pt")
    )
    assert 40 == last["iter_num"]
    assert last["gptwatch"]["best_iter"] == best["iter_num"]
    assert last["best_val_loss"] == best["best_val_loss"]


def test_a_stop_does_not_overwrite_the_best(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where `ckpt.pt` is the best, a stopped run is saved as `last.pt`, and resumed."""
    plain_step = loop.Run.step

    def step(run: Any) -> None:
        plain_step(run)
        if run.progress.iter_num == 13:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(loop.Run, "step", step)
        code = train("--always_save_checkpoint=False")

    assert 128 + signal.SIGINT == code
    assert 10 == checkpoint.load(Path("out/ckpt.pt"))["iter_num"]
    assert Path("out/last.pt") == checkpoint.newest(Path("out"))


def test_an_earlier_run_is_set_aside(train: Train) -> None:
    """A new run in the same folder does not destroy the old one's checkpoint."""
    train()
    train("--seed=1")

    assert same_run("out/ckpt.old.pt", "out/ckpt.old.pt")
    assert not same_run("out/ckpt.old.pt", "out/ckpt.pt")


def nanogpt_checkpoint(path: Path, best: object = None) -> dict[str, Any]:
    """Write what nanoGPT's train.py writes for the model TINY; give it."""
    sizes = {"n_layer": 2, "n_head": 2, "n_embd": 32, "block_size": 16}
    args = {**sizes, "bias": False, "vocab_size": 11, "dropout": 0.1}
    torch.manual_seed(7)
    model = GPT(GPTConfig(**args))
    weights = list(model.parameters())
    groups = [
        {"params": [p for p in weights if p.dim() >= 2], "weight_decay": 0.1},
        {"params": [p for p in weights if p.dim() < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95))
    model(torch.zeros(1, 16, dtype=torch.long), torch.zeros(1, 16, dtype=torch.long))[
        1
    ].backward()
    optimizer.step()
    state = {f"_orig_mod.{key}": value for key, value in model.state_dict().items()}
    stored = {
        "model": state,
        "optimizer": optimizer.state_dict(),
        "model_args": args,
        "iter_num": 15,
        "best_val_loss": torch.tensor(2.5) if best is None else best,
        "config": {"dataset": "tiny", "n_layer": 2},
    }
    path.parent.mkdir(exist_ok=True)
    torch.save(stored, path)
    return stored


@pytest.mark.parametrize("best", [None, 2.5, np.float64(2.5)], ids=repr)
def test_nanogpts_checkpoint_is_resumed(
    train: Train, capsys: pytest.CaptureFixture[str], best: object
) -> None:
    """Weights, moments and step come from nanoGPT's file, compiled, old or new."""
    weights = nanogpt_checkpoint(Path("out/ckpt.pt"), best)["model"]

    code = train("--init_from=resume", "--learning_rate=0.0", "--decay_lr=False")

    out = capsys.readouterr().out
    stored = checkpoint.load(Path("out/ckpt.pt"))
    assert 0 == code
    assert "iter 15" == lines_of(out)[0].split(":")[0]
    assert '"exact": false' in out
    assert 6 == stored["optimizer"]["state"][0]["step"]  # one there, five here
    assert same(checkpoint.clean(weights), stored["model"])


def test_nanogpt_can_resume_ours(train: Train) -> None:
    """Our file has nanoGPT's keys, in the order and of the types it expects."""
    train("--max_iters=10")

    stored = torch.load("out/ckpt.pt", weights_only=True)

    six = ["model", "optimizer", "model_args", "iter_num", "best_val_loss", "config"]
    model = GPT(GPTConfig(**stored["model_args"]))
    weights = list(model.parameters())
    plain = torch.optim.AdamW([{"params": weights[:10]}, {"params": weights[10:]}])
    assert six == list(stored)[:6]
    assert list(model.state_dict()) == list(stored["model"])
    model.load_state_dict(stored["model"])
    plain.load_state_dict(stored["optimizer"])
    assert {"dataset", "learning_rate", "device"} <= stored["config"].keys()
    assert all(isinstance(v, int | float | str) for v in stored["config"].values())


def spoil(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Make something that changes a good checkpoint and writes it again."""

    def write(path: Path) -> None:
        stored = nanogpt_checkpoint(path)
        change(stored)
        torch.save(stored, path)

    return write


def truncate(path: Path) -> None:
    """Cut a checkpoint in its middle, as a full disk does."""
    nanogpt_checkpoint(path)
    path.write_bytes(path.read_bytes()[:5000])


class Bomb:
    """A pickle that runs a command when it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Ask the reader to run it."""
        return (os.system, ("touch hacked",))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (truncate, "damaged"),
        (lambda path: path.write_bytes(b""), "damaged"),
        (lambda path: path.write_bytes(b"hello"), "damaged"),
        (lambda path: path.write_bytes(CODE), "trust_checkpoint"),
        (lambda path: torch.save({"model": Bomb()}, path), "trust_checkpoint"),
        (lambda path: torch.save([1, 2], path), "a list instead"),
        (spoil(lambda c: c.pop("optimizer")), "optimizer"),
        (spoil(lambda c: c.update(iter_num=-1)), "iter_num"),
        (spoil(lambda c: c["model_args"].update(n_embd=10**9)), "n_embd is 1000000000"),
        (spoil(lambda c: c["model_args"].update(n_layer=10**9)), "n_layer"),
        (spoil(lambda c: c["model_args"].update(n_layer=3)), "is missing"),
        (spoil(lambda c: c["model_args"].update(n_embd=64)), "has shape"),
        (spoil(lambda c: c["model_args"].pop("bias")), "bias"),
        (spoil(lambda c: c["model"].update(x=torch.zeros(1))), "'x' is unknown"),
        (spoil(lambda c: c["model"].update(x="text")), "'x' is a str"),
        (spoil(lambda c: c["optimizer"].update(state="text")), "optimizer does not"),
        (spoil(lambda c: c["optimizer"]["param_groups"].pop()), "optimizer does not"),
        (
            spoil(lambda c: c["optimizer"]["state"][0].update(exp_avg=torch.ones(1))),
            "another shape",
        ),
        (spoil(lambda c: c.update(gptwatch={"ranks": [{}]})), "'gptwatch' is damaged"),
        (spoil(lambda c: c.update(gptwatch={"ranks": 3})), "'gptwatch' is damaged"),
    ],
)
def test_a_bad_checkpoint_is_a_clear_error(
    train: Train,
    capsys: pytest.CaptureFixture[str],
    make: Callable[[Path], None],
    message: str,
) -> None:
    """Truncated, hostile or odd: one line says which file and what; nothing runs."""
    Path("out").mkdir()
    make(Path("out/ckpt.pt"))

    code = train("--init_from=resume")

    error = capsys.readouterr().err
    assert 2 == code
    assert message in error
    assert "out/ckpt.pt" in error
    assert not Path("hacked").exists()


def test_a_checkpoint_is_never_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk is full the old file stays, and the run says what happened."""
    path = tmp_path / "ckpt.pt"
    checkpoint.write({"a": 1}, path)

    def fail(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    writer = checkpoint.Writer(keep_old=False)
    writer.write({"a": 2}, path)

    with pytest.raises(TrainerError, match=r"no space left.*the one before: intact"):
        writer.wait()
    assert {"a": 1} == torch.load(path, weights_only=True)


def test_tied_weights_are_stored_once() -> None:
    """The copy that is written shares what the model shares."""
    weight = torch.ones(3)

    copy = checkpoint.snapshot({"a": weight, "b": [weight]}, {})

    assert copy["a"] is copy["b"][0]
    assert copy["a"].data_ptr() != weight.data_ptr()


def test_a_run_is_sampled(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    """Samples need the checkpoint alone; the same seed gives the same text."""
    train("--max_iters=10")
    Path("data/tiny/meta.json").unlink()
    Path("data/tiny/meta.pkl").unlink()
    ask = ["--out_dir=out", "--device=cpu", "--num_samples=2", "--start=to be"]
    capsys.readouterr()

    texts = []
    for _ in range(2):
        assert 0 == guarded(lambda: sample.main([*ask, "--max_new_tokens=20"]))
        texts.append(capsys.readouterr().out)

    assert texts[0] == texts[1]
    assert 2 == texts[0].count("---------------")
    assert all(
        part.lstrip().startswith("to be") for part in texts[0].split("---\n")[:1]
    )


def test_nanogpts_checkpoint_is_sampled(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tokenizer of nanoGPT's file is the meta.pkl of its data set."""
    nanogpt_checkpoint(Path("out/ckpt.pt"))
    letters = " abehinorst"
    meta = {"vocab_size": 11, "itos": dict(enumerate(letters))}
    Path("data/tiny/meta.pkl").write_bytes(pickle.dumps(meta))

    code = guarded(
        lambda: sample.main(["--num_samples=1", "--start=to", "--max_new_tokens=9"])
    )

    out = capsys.readouterr().out
    assert 0 == code
    assert set(out.split("\n")[0]) <= set(letters)
    assert train is not None


def nanogpt_sample(path: Path, start: list[int], count: int, length: int) -> list[Any]:
    """What nanoGPT's sample.py draws on a CPU: seed, initialize, load, generate."""
    stored = torch.load(path, weights_only=True)
    torch.manual_seed(1337)
    model = GPT(GPTConfig(**{**stored["model_args"], "dropout": 0.0}))
    model.load_state_dict(stored["model"])
    model.eval()
    texts = []
    for _ in range(count):
        idx = torch.tensor([start])
        for _ in range(length):
            hidden = model.hidden(idx[:, -model.config.block_size :])
            logits = model.lm_head(hidden)[:, -1, :] / 0.8
            values, _ = torch.topk(logits, min(200, logits.size(-1)))
            logits[logits < values[:, [-1]]] = -float("inf")
            probs = torch.nn.functional.softmax(logits, dim=-1)
            idx = torch.cat((idx, torch.multinomial(probs, num_samples=1)), dim=1)
        texts.append(idx[0].tolist())
    return texts


def test_a_seed_gives_nanogpts_text(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    """Samples are nanoGPT's to the character, whatever type training was in."""
    train("--max_iters=10")
    capsys.readouterr()
    sample.main(["--device=cpu", "--num_samples=2", "--max_new_tokens=40", "--start=t"])

    chars = json.loads(Path("data/tiny/meta.json").read_text())["chars"]
    with torch.no_grad():
        wanted = nanogpt_sample(Path("out/ckpt.pt"), [chars.index("t")], 2, 40)
    texts = ["".join(chars[token] for token in text) for text in wanted]
    assert "".join(f"{text}\n{sample.RULE}\n" for text in texts) == (
        capsys.readouterr().out
    )


def test_a_short_run_is_sampled(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that kept only `last.pt` needs no --ckpt; the speed is on stderr."""
    train("--max_iters=3", "--always_save_checkpoint=False")
    capsys.readouterr()
    code = guarded(lambda: sample.main(["--start=t", "--num_samples=1"]))

    assert not Path("out/ckpt.pt").exists()
    assert 0 == code
    assert "tokens/s" in capsys.readouterr().err


def test_greedy_sampling_does_not_depend_on_the_seed(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    """Temperature 0 takes the likeliest token."""
    train("--max_iters=10")
    ask = ["--device=cpu", "--temperature=0", "--start=t", "--max_new_tokens=30"]
    texts = set()
    for seed in ("1", "2"):
        capsys.readouterr()
        sample.main([*ask, "--num_samples=2", f"--seed={seed}"])
        lines = capsys.readouterr().out.splitlines()
        texts |= {line for line in lines if line != sample.RULE}

    assert 1 == len(texts)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--start=Zebra", "--start: character 'Z' is not among the 11"),
        ("--start=", "at least one character"),
        ("--temperature=-1", "temperature must be at least 0"),
        ("--top_k=many", "write --top_k=VALUE"),
        ("--ckpt=absent.pt", "no checkpoint there"),
    ],
)
def test_a_bad_sampling_option_is_an_error(
    train: Train, capsys: pytest.CaptureFixture[str], option: str, message: str
) -> None:
    """An unknown character or an impossible option is one line and exit code 2."""
    train("--max_iters=10")
    code = guarded(lambda: sample.main(["--device=cpu", option]))

    assert 2 == code
    assert message in capsys.readouterr().err


def test_resuming_on_other_data_is_an_error(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    """Resuming on data with more tokens than the model knows stops before step 0."""
    train("--max_iters=10")
    meta = {"kind": "char", "vocab_size": 12, "chars": " abehinorstz"}
    Path("data/tiny/meta.json").write_text(json.dumps(meta))

    code = train("--init_from=resume")

    assert 2 == code
    assert "trained on other data" in capsys.readouterr().err
