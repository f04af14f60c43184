"""Rows about whole runs: checkpoints, resuming, errors, processes."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import torch

from trainer import checkpoint, loop, machine
from trainer.check.rows import GPT2, STEP, TINY, difference, events, expect, row
from trainer.errors import TrainerError


@row(40)
def checkpoints(setup):
    """Our file in nanoGPT's loop, and a file as nanoGPT writes it in ours."""
    settings = setup.settings(TINY | {"dataset": "char"}, max_iters=10, dropout=0.0)
    setup.train(**settings)
    stored = torch.load("out/ckpt.pt", weights_only=True, map_location="cpu")
    plain = setup.plain(**settings)
    plain.model.load_state_dict(stored["model"])
    plain.optimizer.load_state_dict(stored["optimizer"])
    weights = {f"_orig_mod.{key}": value for key, value in stored["model"].items()}
    stored.pop("gptwatch")
    torch.save({**stored, "model": weights}, "out/ckpt.pt")
    resumed = setup.run(**settings, init_from="resume", compile=False)
    with torch.no_grad(), resumed.precision():
        a = resumed.model(resumed.x, resumed.y)[1].item()
        b = plain.model(resumed.x, resumed.y)[1].item()
    expect(abs(a - b) < 1e-3, f"losses {a} and {b}")
    return f"losses {a:.5f} and {b:.5f}"


@row(120)
def resume(setup):
    """30 steps in one go against SIGTERM at 15 and --init_from=auto."""
    settings = setup.settings(max_iters=30, dropout=0.2, eval_interval=10)
    whole = setup.losses(**settings, out_dir="whole")
    plain_step = loop.Run.step

    def step(run):
        plain_step(run)
        if run.progress.iter_num == 15:
            signal.raise_signal(signal.SIGTERM)

    loop.Run.step = step
    try:
        code, lines = setup.train(**settings, out_dir="parts")
    finally:
        loop.Run.step = plain_step
    expect(code == 128 + signal.SIGTERM, f"exit code {code}")
    first = [float(m[1]) for m in map(STEP.match, lines) if m]
    rest = setup.losses(**settings, out_dir="parts", init_from="auto")
    worst = difference(whole, first + rest)
    a, b = (
        checkpoint.load(Path(name, "ckpt.pt"))["model"] for name in ("whole", "parts")
    )
    same = all(torch.equal(a[key], b[key]) for key in a)
    expect(worst <= 1e-4 or setup.cuda, f"losses differ by {worst:.1e}")
    expect(worst <= 5e-3, f"losses differ by {worst:.1e}")
    return f"losses differ by {worst:.1e}; weights bit for bit: {same}"


@row(30)
def nonfinite(setup):
    """A loss that is not finite ends the run with exit code 1."""
    more = {"learning_rate": 1e30, "decay_lr": False, "grad_clip": 0.0}
    code, lines = setup.train(**setup.settings(max_iters=30, compile=False) | more)
    reason = events(lines, "end")[0]["reason"]
    expect((code, reason) == (1, "nonfinite"), f"exit code {code}, {reason}")
    return f"exit code {code}, {reason}"


@row(90)
def memory(setup):
    """The estimate against the peak: 124M, and gpt2-xl's shape with --low_mem."""
    setup.need_cuda()
    large = {"n_layer": 48, "n_head": 25, "n_embd": 1600, "bias": True, "low_mem": True}
    large |= {"batch_size": 1, "gradient_accumulation_steps": 32, "compile": False}
    texts, ratios = [], []
    for name, more in {"124M": {}, "xl": large}.items():
        run = setup.run(**setup.settings(GPT2, **more))
        torch.cuda.reset_peak_memory_stats()
        run.step()
        peak = torch.cuda.max_memory_allocated()
        rows = run.plan.rows
        guess = machine.memory_estimate(run.model.config, run.config, rows)
        ratios.append(guess / peak)
        texts.append(f"{name} estimate {guess / 1e9:.1f} GB, peak {peak / 1e9:.1f} GB")
        del run
    text = "; ".join(texts)
    expect(all(0.75 < ratio < 1.25 for ratio in ratios), text)
    return text


@row(40)
def out_of_memory(setup):
    """512 x 1024 tokens at once do not fit; the advice, followed, does."""
    setup.need_cuda()
    more = {"batch_size": 512, "gradient_accumulation_steps": 1, "max_iters": 0}
    settings = setup.settings(GPT2, **more, compile=False)
    rows, tries = 512, 0
    while True:
        try:
            setup.train(**settings, micro_batch=rows)
        except TrainerError as error:
            found = re.search(r"--micro_batch=(\d+)", str(error))
            expect(found, f"no advice in: {error}")
            rows, tries = int(found[1]), tries + 1
        else:
            return f"{rows} rows fit after {tries} pieces of advice"


@row(60)
def processes(setup):
    """One process under torchrun gives the losses of a plain run."""
    settings = setup.settings(TINY | {"dataset": "char"}, max_iters=20, compile=False)
    settings |= {"gradient_accumulation_steps": 1, "dtype": "float32"}
    wanted = setup.losses(**settings)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc_per_node=1", "-m", "trainer", "--out_dir=out2"]
    command += [f"--{key}={value}" for key, value in settings.items()]
    paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(  # noqa: S603 - our own interpreter
        command,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    expect(done.returncode == 0, done.stderr[-300:])
    got = [float(m[1]) for m in map(STEP.match, done.stdout.splitlines()) if m]
    worst = difference(wanted, got)
    expect(worst <= 1e-3, f"losses differ by {worst:.1e}")
    return f"losses differ by {worst:.1e}"
